"""The default engine: one device, one unit after another."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from taskpgm_core.measure.base_model import BaseModel
from taskpgm_core.measure.executor import Engine
from taskpgm_core.measure.probe_pool import Batch
from taskpgm_core.measure.work_plan import BACKWARD, Joining, ModelSpec
from taskpgm_core.measure.worker import ModelJob, Worker


class InProcess(Engine):
    """Runs a plan's units one after another on one resident base model."""

    def _worker(self) -> Worker:
        return Worker(self.agenda, self.models_folder)

    def _measure(self) -> None:
        worker, count = self._worker(), len(self.agenda.models)

        def on_step(tokens: int) -> None:
            self.progress.advance("train", BACKWARD * tokens)

        with ThreadPoolExecutor(1) as ahead:  # the next model is read while this one runs
            coming = ahead.submit(self._job, 0)
            for index in range(count):
                job = coming.result()
                if index + 1 < count:
                    coming = ahead.submit(self._job, index + 1)
                self._accept(job)
                for event in worker.do(job, on_step):
                    self._hear(job, event)

    def models(self) -> Iterator[tuple[ModelSpec, BaseModel]]:
        """Every model of the plan, ready to answer; one that is not trained yet is, and is kept."""
        worker = self._worker()
        for index, spec in enumerate(self.agenda.models):
            model = self._found(spec)
            if model is None and spec.task is not None:
                job = ModelJob(index, spec, None, ())
                for event in worker.do(job):
                    self._hear(job, event)
                model = self._found(spec)
            with worker.resident(spec, model) as resident:
                yield spec, resident

    def _divergences(self, wanted: Sequence[tuple[Batch, Joining]]) -> None:
        worker = self._worker()
        for batch, joining in wanted:
            arrays = worker.divergences(*self._comparison(batch, joining))
            self._compared(batch, joining, arrays)
