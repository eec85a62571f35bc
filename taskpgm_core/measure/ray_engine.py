"""The same units on Ray: one actor a device, results through the same store, failures retried."""

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from taskpgm_core.errors import MeasurementError
from taskpgm_core.measure.agenda import Agenda, Joining
from taskpgm_core.measure.base_model import Weights, find_weights, load_base, use_threads
from taskpgm_core.measure.engine import Engine
from taskpgm_core.measure.measurement import Measurement
from taskpgm_core.measure.probe_pool import Batch
from taskpgm_core.measure.worker import Event, Job, Worker

TRIES = 4  # how often one piece of work may lose its worker before the build gives up
POLL = 0.2  # seconds between looks at a worker that starts anew
PATIENCE = 120.0  # seconds that a lost worker has to start anew


class Station:
    """A worker in a process of its own, on a device of its own: loads the base model there."""

    def __init__(self, agenda: Agenda, base: str, card: str, models: str, threads: int) -> None:
        self._agenda, self._base, self._card = agenda, base, card
        self._models, self._threads = Path(models), threads

    @cached_property
    def _worker(self) -> Worker:
        use_threads(self._threads)
        dtype = self._agenda.plan.dtype
        found = load_base(find_weights(self._base), dtype=dtype, models=self._models)
        if found.digest + found.tokenizer_digest != self._card:
            raise MeasurementError(
                f"A Ray worker finds other weights under {self._base} than this machine; give "
                f"every machine the same files."
            )
        return Worker(replace(self._agenda, base=found), self._models)

    def about(self) -> tuple[str, int]:
        """The kind of device and the process id."""
        return self._worker.base.device.type, os.getpid()

    def do(self, job: Job) -> Iterator[Event]:
        yield from self._worker.do(job)

    def compare(self, *arguments: Any) -> npt.NDArray[np.float64]:
        return self._worker.compare(*arguments)

    def drift(self, batch: int, hidden: npt.NDArray[np.float32]) -> float:
        return self._worker.drift(batch, hidden)


class OnRay(Engine):
    """Runs a plan's units on ``workers`` actors of a Ray cluster, each with the base model.

    ``address``: of a running cluster (every machine with this checkout and the same weights); by
    default a cluster of this machine alone, for this build only. Units are stored by this process
    as they arrive, so a lost worker costs at most the unit it was at.
    """

    address: str | None = None
    workers: int | None = None

    def run(self) -> Measurement:
        import ray

        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # what matters is raised here
        own: dict[str, Any] = {
            "num_cpus": self.workers or os.cpu_count(),
            "include_dashboard": False,
        }
        ray.init(
            address=self.address or "local",
            log_to_driver=False,
            logging_level=logging.ERROR,
            **({} if self.address else own),
        )
        try:
            return super().run()
        finally:
            ray.shutdown()

    def _run(self) -> Measurement:
        self._open()
        return super()._run()

    def _open(self) -> None:
        """Start one station a device, and take the kind of device that they have for our own."""
        import ray

        has = ray.cluster_resources()
        gpus = int(has.get("GPU", 0))
        count = self.workers or gpus or max(int(has.get("CPU", 1)) // self.plan.threads, 1)
        if gpus and self.base.device.type == "cuda":
            self.base.model.to("cpu")  # this process only keeps units
            torch.cuda.empty_cache()
        place = Path(self.plan.base)
        name = str(place.resolve()) if place.exists() else self.plan.base
        # Kept for as long as the stations may have to start anew.
        self._shared = ray.put(replace(self.agenda, base=None))  # type: ignore[arg-type]
        card = self.base.digest + self.base.tokenizer_digest
        actor: Any = ray.remote(Station).options(
            num_cpus=1, num_gpus=1 if gpus else 0, max_restarts=TRIES, max_task_retries=0
        )
        models, threads = str(self.models_folder.resolve()), self.plan.threads
        self._stations: list[Any] = [
            actor.remote(self._shared, name, card, models, threads) for _ in range(count)
        ]
        device, _ = self._get(self._stations[0].about.remote())
        if device != self.base.device.type:
            self.base = replace(self.base, device=torch.device(device))
            self.agenda = replace(self.agenda, base=self.base)

    def pids(self) -> list[int]:
        """The workers' process ids."""
        return [self._get(station.about.remote())[1] for station in self._stations]

    def _get(self, reference: Any) -> Any:
        """The answer of a worker; what it raised is raised here as it was there."""
        import ray

        try:
            return ray.get(reference)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, Exception):
                raise error.cause from None
            raise

    def _share(self, pieces: Sequence[Any], serve: Callable[[Any, Any], None]) -> None:
        """Bring every piece to a free station with ``serve(station, piece)``; again if it dies."""
        import ray

        todo = deque((piece, 1) for piece in pieces)
        left, failures, lock = [len(todo)], list[BaseException](), threading.Lock()

        def attend(station: Any) -> None:
            while left[0] and not failures:
                with lock:
                    piece, tries = todo.popleft() if todo else (None, 0)
                if not tries:
                    time.sleep(POLL)  # another station may still fail
                    continue
                try:
                    serve(station, piece)
                except ray.exceptions.RayActorError as error:
                    with lock:
                        todo.appendleft((piece, tries + 1))
                        if tries == TRIES:
                            failures.append(error)
                    if not self._is_back(station, lambda: bool(left[0]) and not failures):
                        return
                except BaseException as error:
                    failures.append(error)
                else:
                    with lock:
                        left[0] -= 1

        threads = [threading.Thread(target=attend, args=(s,)) for s in self._stations]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures and not isinstance(failures[0], ray.exceptions.RayActorError):
            raise failures[0]
        if left[0]:
            raise MeasurementError(
                f"Ray lost its workers ({TRIES} times at one piece of work, or for good); look at "
                f"their machines' memory. Finished work is kept."
            )

    @staticmethod
    def _is_back(station: Any, needed: Callable[[], bool]) -> bool:
        """Wait until a lost station answers again; False where it is given up or not needed."""
        import ray

        deadline, reference = time.monotonic() + PATIENCE, station.about.remote()
        while needed() and time.monotonic() < deadline:
            if not ray.wait([reference], timeout=POLL)[0]:
                continue
            try:
                ray.get(reference)
            except ray.exceptions.RayActorError:
                time.sleep(POLL)
                reference = station.about.remote()
            else:
                return True
        return False

    def _measure(self) -> None:
        lock = threading.Lock()
        seen: set[int] = set()

        def serve(station: Any, index: int) -> None:
            with lock:
                job = self._job(index)
                if index not in seen:
                    self._accept(job)
                    seen.add(index)
            if job.missing or (job.model is None and job.spec.task):
                for reference in station.do.options(num_returns="streaming").remote(job):
                    event = self._get(reference)
                    with lock:
                        self._hear(job, event)

        self._share(range(len(self.agenda.models)), serve)

    def _divergences(self, wanted: Sequence[tuple[Batch, Joining]]) -> None:
        lock = threading.Lock()

        def serve(station: Any, piece: tuple[Batch, Joining]) -> None:
            with lock:
                asked = self._comparison(*piece)
            D = self._get(station.compare.remote(*asked))
            with lock:
                self._compared(*piece, D)

        self._share(wanted, serve)

    def _worker(self) -> "_Everyone":
        return _Everyone(self)


class _Everyone:
    """Small questions: a comparison, or the drift, of whichever stations are free."""

    def __init__(self, engine: OnRay) -> None:
        self._engine = engine

    def compare(
        self,
        hidden: Sequence[npt.NDArray[np.float32]],
        checkpoints: Sequence[Weights | None],
        pairs: Sequence[tuple[int, int]],
    ) -> npt.NDArray[np.float64]:
        answers: list[npt.NDArray[np.float64]] = []

        def serve(station: Any, piece: int) -> None:
            answers.append(self._engine._get(station.compare.remote(hidden, checkpoints, pairs)))

        self._engine._share([0], serve)
        return answers[0]

    def drift(self, batch: int, hidden: npt.NDArray[np.float32]) -> float:
        answers: list[float] = []

        def serve(station: Any, piece: int) -> None:
            answers.append(self._engine._get(station.drift.remote(batch, hidden)))

        self._engine._share(range(len(self._engine._stations)), serve)
        return max(answers)
