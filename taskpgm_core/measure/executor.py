"""A study's measurement, unit by unit: what is finished is never done again, and never lost."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from taskpgm_core.errors import MeasurementError
from taskpgm_core.measure.adapters import Adapter, has_own_head, read_adapter
from taskpgm_core.measure.base_model import BaseModel, Weights
from taskpgm_core.measure.brought_models import read_checkpoint
from taskpgm_core.measure.probe_pool import Batch, ProbeTokens
from taskpgm_core.measure.progress import Progress
from taskpgm_core.measure.replicate_means import SAME, ReplicateMeans
from taskpgm_core.measure.result import Measurement, no_curves
from taskpgm_core.measure.tokenization import RenderedExample
from taskpgm_core.measure.work_plan import BACKWARD, Agenda, Joining, ModelSpec
from taskpgm_core.measure.worker import Event, ModelJob, Scored, TrainingUnit, adapter_of
from taskpgm_core.plans.plan import Plan
from taskpgm_core.records import PAIRS_OF_TASKS
from taskpgm_core.store.unit_cache import Units


class Engine(ABC):
    """What every engine shares: which units there are, which are missing, and what they give.

    An engine says how jobs and comparisons reach a worker; units are kept here, in one place, so
    every engine stores the same bytes.
    """

    def __init__(
        self,
        plan: Plan,
        base: BaseModel,
        *,
        training: Mapping[str, Sequence[RenderedExample]],
        pool: ProbeTokens,
        units: Units,
        progress: Progress,
        targets: ProbeTokens | None = None,
    ) -> None:
        self.plan, self.base, self.units, self.progress = plan, base, units, progress
        self.agenda = Agenda(plan, base, training, pool, plan.probe.batch, targets)
        self.models_folder = units.folder.parent / ".models"
        self._begin()

    def _begin(self) -> None:
        self.used: set[str] = set()
        self.digests: list[str] = [""] * len(self.agenda.models)
        self.own_heads: dict[int, Adapter | Weights] = {}
        self._curves: dict[int, pd.DataFrame] = {}
        self.rows_at_once = self.plan.training.batch

    @abstractmethod
    def _measure(self) -> None:
        """Bring every model's job (``_job``) to a worker, and every event to ``_hear``."""

    @abstractmethod
    def _divergences(self, wanted: Sequence[tuple[Batch, Joining]]) -> None:
        """Bring every comparison (``_comparison``) to a worker, and its answer to ``_compared``."""

    @abstractmethod
    def _worker(self) -> Any:
        """A worker here or elsewhere, for small questions."""

    def run(self) -> Measurement:
        """Train, score and compare all that is not finished; MeasurementError on a failed check.

        Where the memory of a GPU runs out, the batch plan of all models is halved.
        """
        while True:
            try:
                return self._run()
            except torch.OutOfMemoryError as error:
                batch = self.agenda.batch
                if batch == 1:
                    raise MeasurementError(
                        f"The device has too little memory for one probe example at a time "
                        f"({str(error).splitlines()[0]}); shorten the examples."
                    ) from None
                self.progress.say(
                    f"Memory ran out with {batch} probe examples a batch; going on with "
                    f"{batch // 2} for all models."
                )
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self.agenda = replace(self.agenda, batch=batch // 2)
            self._begin()

    def _run(self) -> Measurement:
        agenda = self.agenda
        self.progress.plan(agenda.work(), agenda.count())
        self._measure()
        self._check_restored()
        return self._compare()

    # Units

    def _take(self, kind: str, key: Mapping[str, Any]) -> dict[str, np.ndarray] | None:
        damaged = len(self.units.damaged)
        found = self.units.get(kind, key)
        if found is not None:
            self._use(kind, key)
        elif len(self.units.damaged) > damaged:
            self.progress.say(
                f"The unit {self.units.damaged[-1]} is damaged; it is measured again."
            )
        return found

    def _put(self, kind: str, key: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        self.units.put(kind, key, arrays)
        self._use(kind, key)

    def _use(self, kind: str, key: Mapping[str, Any]) -> None:
        self.used.add(str(self.units.path(kind, key).relative_to(self.units.folder)))

    def missing(self) -> dict[str, dict[str, float]]:
        """``work`` and ``units`` of each stage that are not finished yet; measures nothing."""
        agenda, units = self.agenda, self.units
        work, count = dict.fromkeys(agenda.work(), 0.0), dict.fromkeys(agenda.count(), 0.0)
        for index, spec in enumerate(agenda.models):
            model = self._found(spec)
            digest = self._digest(spec, model)
            self.digests[index] = digest
            if agenda.is_trained(spec) and model is None:
                work["train"] += BACKWARD * agenda.training_tokens(spec)
                count["train"] += 1
            for batch in agenda.batches_of(spec):
                if not digest or not units.has("score", agenda.score_key(digest, batch)):
                    work["score"] += batch.ids.size
                    count["score"] += 1
        for batch in agenda.batches:
            for joining in agenda.joinings:
                known = all(self.digests[k] for k in joining.models)
                key = agenda.compare_key(self.digests, batch, joining) if known else {}
                if not known or not units.has("compare", key):
                    work["compare"] += agenda.compare_work(joining, len(batch.places))
                    count["compare"] += 1
        return {"work": work, "units": count}

    # Models

    def _found(self, spec: ModelSpec) -> Adapter | Weights | None:
        """The model where it was brought along or is trained already."""
        if spec.task is None:
            return None
        entry = self.agenda.entry(spec)
        if spec.replicate == 0 and entry.adapter:
            return read_adapter(entry.adapter)
        if spec.replicate == 0 and entry.checkpoint:
            return read_checkpoint(entry.checkpoint, self.base)
        arrays = self._take("train", self.agenda.training_key(spec))
        if arrays is None:
            return None
        self._learn(spec, arrays)
        return adapter_of(self.agenda, arrays)

    def _digest(self, spec: ModelSpec, model: Adapter | Weights | None) -> str:
        """What names the model in its scores' keys; empty where it is not trained yet."""
        if model is not None:
            return model.digest
        return "" if spec.task else "base"

    def _learn(self, spec: ModelSpec, arrays: Mapping[str, np.ndarray]) -> None:
        if "at_once" in arrays:
            self.rows_at_once = min(self.rows_at_once, int(arrays["at_once"]))
        self._curves[self.agenda.models.index(spec)] = pd.DataFrame(
            {
                "task": spec.task,
                "replicate": spec.replicate,
                "step": np.arange(len(arrays["loss"])),
                "loss": arrays["loss"],
                "learning_rate": arrays["learning_rate"],
            }
        )

    def _job(self, index: int) -> ModelJob:
        """What is missing of one model, with what is there of it."""
        agenda, spec = self.agenda, self.agenda.models[index]
        model = self._found(spec)
        if isinstance(model, Weights) or (model is not None and has_own_head(self.base, model)):
            self.own_heads[index] = model
        digest = self.digests[index] = self._digest(spec, model)
        batches = agenda.batches_of(spec)
        if not digest:
            return ModelJob(index, spec, model, tuple(range(len(batches))))
        keys = [agenda.score_key(digest, batch) for batch in batches]
        missing = tuple(k for k, key in enumerate(keys) if self._take("score", key) is None)
        return ModelJob(index, spec, model, missing)

    def _accept(self, job: ModelJob) -> None:
        """Count what a job finds finished."""
        agenda = self.agenda
        if agenda.is_trained(job.spec) and job.model is not None:
            tokens = agenda.training_tokens(job.spec)
            self.progress.advance("train", BACKWARD * tokens, reused=True)
            self.progress.finish("train")
        for k, batch in enumerate(agenda.batches_of(job.spec)):
            if k not in job.missing:
                self.progress.advance("score", batch.ids.size, reused=True)
                self.progress.finish("score")

    def _hear(self, job: ModelJob, event: Event) -> None:
        """Keep a finished unit."""
        agenda = self.agenda
        if isinstance(event, TrainingUnit):
            self._put("train", agenda.training_key(job.spec), event.arrays)
            self._learn(job.spec, event.arrays)
            if "at_once" in event.arrays:
                self.progress.say(
                    f"Memory ran out in training {job.spec}; its batches went through the model "
                    f"{int(event.arrays['at_once'])} rows at a time."
                )
            self.digests[job.index] = adapter_of(agenda, event.arrays).digest
            self.progress.advance("train", BACKWARD * event.tokens)
            self.progress.finish("train")
        elif isinstance(event, Scored):
            batch = agenda.batches_of(job.spec)[event.batch]
            key = agenda.score_key(self.digests[job.index], batch)
            self._put("score", key, event.arrays)
            self.progress.timed(event.forward, event.total)
            self.progress.advance("score", batch.ids.size)
            self.progress.finish("score")

    def _scored(self, model: int, batch: Batch) -> dict[str, np.ndarray]:
        found = self._take("score", self.agenda.score_key(self.digests[model], batch))
        if found is None:
            raise MeasurementError(
                "A finished unit was damaged while the build ran; run the same build again, it "
                "measures just that unit."
            )
        return found

    def _check_restored(self) -> None:
        """D_ii = 0: the base model scored again must give the same bits.

        That it has its old weights was checked after each model (``measure.loan``); this asks
        whether device and libraries repeat their results.
        """
        last, base = len(self.agenda.batches) - 1, len(self.agenda.names)
        drift = self._worker().drift(last, self._scored(base, self.agenda.batches[last])["hidden"])
        if drift > SAME:
            raise MeasurementError(
                f"The base model scored twice differs from itself (D = {drift:.3g} nats, must "
                f"be 0); a library or a device here does not repeat its own results."
            )

    def _batch_noise(self) -> float:
        """Mean JSD of the base model from itself under a second batch plan, nats."""
        agenda, base = self.agenda, len(self.agenda.names)
        plans = []
        for batches in (agenda.batches, agenda.again):
            scored = [self._scored(base, batch)["hidden"] for batch in batches]
            hidden = np.zeros((agenda.pool.positions, scored[0].shape[1]), dtype=np.float32)
            for batch, values in zip(batches, scored, strict=True):
                hidden[batch.places] = values
            plans.append(hidden)
        places = np.concatenate([batch.places for batch in agenda.again])
        hidden_twice = [hidden[places] for hidden in plans]
        D = self._worker().compare(hidden_twice, [None, None], [(0, 1)])[0]
        return float(np.average(D, weights=agenda.pool.weights[places]))

    def _on_targets(self) -> npt.NDArray[np.float32] | None:
        """(models, positions) gold log-probabilities on the targets; None where there are none."""
        agenda = self.agenda
        if agenda.targets is None:
            return None
        gold = np.empty((len(agenda.models), agenda.targets.positions), dtype=np.float32)
        for batch in agenda.target_batches:
            for model in range(len(agenda.models)):
                gold[model, batch.places] = self._scored(model, batch)["gold"]
        return gold

    # Comparisons

    def _comparison(
        self, batch: Batch, joining: Joining
    ) -> tuple[list[np.ndarray], list[Adapter | Weights | None], Sequence[tuple[int, int]], int]:
        """What ``Worker.divergences`` asks for."""
        hidden = [self._scored(k, batch)["hidden"] for k in joining.models]
        own_heads = [self.own_heads.get(k) for k in joining.models]
        return hidden, own_heads, joining.pairs, joining.models.index(len(self.agenda.names))

    def _compared(self, batch: Batch, joining: Joining, arrays: Mapping[str, np.ndarray]) -> None:
        self._put("compare", self.agenda.compare_key(self.digests, batch, joining), arrays)
        self.progress.advance("compare", self.agenda.compare_work(joining, len(batch.places)))
        self.progress.finish("compare")

    def _compare(self) -> Measurement:
        agenda, n = self.agenda, len(self.agenda.names)
        wanted = []
        for batch in agenda.batches:
            for joining in agenda.joinings:
                if self._take("compare", agenda.compare_key(self.digests, batch, joining)) is None:
                    wanted.append((batch, joining))
                    continue
                work = agenda.compare_work(joining, len(batch.places))
                self.progress.advance("compare", work, reused=True)
                self.progress.finish("compare")
        self._divergences(wanted)
        positions, top = agenda.pool.positions, self.plan.probe.top
        seconds = [agenda.names.index(name) for name in self.plan.second_seeds]
        means = ReplicateMeans(agenda, by_task=bool(seconds) and n <= PAIRS_OF_TASKS)
        gold = np.empty((len(agenda.models), positions), dtype=np.float32)
        top_ids = np.empty((n + 1, positions, top), dtype=np.int32)
        top_values = np.empty((n + 1, positions, top), dtype=np.float32)
        for batch in agenda.batches:
            for model in range(len(agenda.models)):
                scored = self._scored(model, batch)
                gold[model, batch.places] = scored["gold"]
                if model <= n:
                    top_ids[model, batch.places] = scored["top_ids"]
                    top_values[model, batch.places] = scored["top_log_probability"]
            for joining in agenda.joinings:
                key = agenda.compare_key(self.digests, batch, joining)
                found = self._take("compare", key)
                assert found is not None
                means.add(batch, joining, found)
        means.finish()
        curves = [self._curves[k] for k in sorted(self._curves)]
        return Measurement(
            divergence=means.divergence,
            upper=means.upper,
            by_task=means.by_task,
            base=means.base,
            noise=means.noise,
            second_tasks=np.array(seconds, dtype=np.int64),
            batch_noise=self._batch_noise(),
            gold=gold[: n + 1],
            second_gold=gold[n + 1 :],
            targets=self._on_targets(),
            top_ids=top_ids,
            top_log_probability=top_values,
            curves=pd.concat(curves, ignore_index=True) if curves else no_curves(),
            units=tuple(sorted(self.used)),
            batch=agenda.batch,
            rows_at_once=self.rows_at_once,
        )
