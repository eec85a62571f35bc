"""One device with the base model resident: makes units, and keeps nothing."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from taskpgm_core.errors import MeasurementError
from taskpgm_core.measure.adapters import Adapter, applied, lora_config
from taskpgm_core.measure.base_model import (
    BaseModel,
    Weights,
    find_weights,
    load_base,
    use_threads,
)
from taskpgm_core.measure.finetuning import train
from taskpgm_core.measure.jsd import all_pairs
from taskpgm_core.measure.jsd_bounds import between
from taskpgm_core.measure.lm_head import Head, head_of
from taskpgm_core.measure.probe_pool import Batch
from taskpgm_core.measure.scoring import score
from taskpgm_core.measure.work_plan import Agenda, ModelSpec

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class WorkerConfig:
    """Where a worker finds the base model ``base``, whose digests must be ``card``."""

    base: str
    dtype: str
    card: str
    models: str
    threads: int

    @classmethod
    def of(cls, base: BaseModel, name: str, *, models: Path, threads: int) -> "WorkerConfig":
        """Of the resident ``base``, which the plan calls ``name``."""
        return cls(
            str(Path(name).resolve()) if Path(name).exists() else name,
            base.dtype,
            base.digest + base.tokenizer_digest,
            str(models.resolve()),
            threads,
        )

    def load(self) -> BaseModel:
        """The base model on this process's device; MeasurementError where it is another one."""
        use_threads(self.threads)
        found = load_base(find_weights(self.base), dtype=self.dtype, models=Path(self.models))
        if found.digest + found.tokenizer_digest != self.card:
            raise MeasurementError(
                f"A worker finds other weights under {self.base} than this process; give "
                f"every machine the same files."
            )
        return found


@dataclass(frozen=True)
class ModelJob:
    """What is still to be done for one model.

    ``model``: the adapter or checkpoint where there is one already, None for the base or where it
    is to be trained; ``missing``: indices into the model's batches.
    """

    index: int
    spec: ModelSpec
    model: Adapter | Weights | None
    missing: tuple[int, ...]


@dataclass(frozen=True)
class TrainingUnit:
    """A finished training unit; ``tokens`` of forward pass that no ``on_step`` was told of.

    ``arrays["at_once"]``: rows that shared a forward pass, fewer than a batch where memory ran out.
    """

    arrays: Mapping[str, np.ndarray]
    tokens: int


@dataclass(frozen=True)
class Scored:
    """A finished scoring unit of the job's batch ``batch``; seconds in the model and in all."""

    batch: int
    arrays: Mapping[str, np.ndarray]
    forward: float
    total: float


Event = TrainingUnit | Scored


def adapter_of(agenda: Agenda, arrays: Mapping[str, np.ndarray]) -> Adapter:
    """The adapter that a training unit holds."""
    weights = {k.removeprefix("weights/"): v for k, v in arrays.items() if k.startswith("weights/")}
    return Adapter(lora_config(agenda.plan.training), weights)


class Worker:
    """Trains, scores and compares for one agenda. ``models``: where unpacked weights lie."""

    def __init__(self, agenda: Agenda, models: Path) -> None:
        self.agenda, self.base, self.models = agenda, agenda.base, models
        self._heads: dict[str, Head] = {}

    def do(self, job: ModelJob, on_step: Callable[[int], None] | None = None) -> Iterator[Event]:
        """Train the model where it has to be, then score the job's batches, unit by unit.

        ``on_step`` hears the tokens of each training step as it goes by.
        """
        model = job.model
        if model is None and job.spec.task is not None:
            made = self._train(job.spec, on_step)
            model = adapter_of(self.agenda, made.arrays)
            yield made
        if not job.missing:
            return
        batches = self.agenda.batches_of(job.spec)
        started = time.monotonic()
        with self.resident(job.spec, model) as resident, _Clock(resident) as clock:
            for k in job.missing:
                arrays = self._score(resident, batches[k], job.spec)
                now = time.monotonic()
                yield Scored(k, arrays, clock.take(), now - started)
                started = time.monotonic()

    def _train(self, spec: ModelSpec, on_step: Callable[[int], None] | None) -> TrainingUnit:
        training, at_once = self.agenda.plan.training, self.agenda.plan.training.batch
        while True:
            untold: list[int] = []
            try:
                made = train(
                    self.base,
                    self.agenda.training[spec.task or ""],
                    training,
                    seed=self.agenda.training_key(spec)["seed"],
                    name=spec.task or "",
                    on_step=on_step or untold.append,
                    at_once=at_once,
                    packed=True,
                )
                break
            except torch.OutOfMemoryError as error:
                if at_once == 1:
                    raise MeasurementError(
                        f"The device has too little memory to train on one row at a time "
                        f"({str(error).splitlines()[0]}); lower training.max_tokens."
                    ) from None
            at_once //= 2
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        arrays = {f"weights/{k}": v for k, v in made.adapter.weights.items()}
        arrays |= {"loss": made.loss, "learning_rate": made.learning_rate}
        if at_once < training.batch:
            arrays["at_once"] = np.array(at_once)
        return TrainingUnit(arrays, sum(untold))

    def _score(self, resident: BaseModel, batch: Batch, spec: ModelSpec) -> Arrays:
        arrays = score(resident, batch, self.agenda.plan.probe.top)
        for name in ("hidden", "gold"):
            if not np.isfinite(arrays[name]).all():
                raise MeasurementError(
                    f"Scoring {spec} gave a number that is not finite ({name}); try dtype "
                    f"float32, or train it with a lower learning rate."
                )
        return {"gold": arrays["gold"]} if batch.of_target else arrays

    @contextmanager
    def resident(self, spec: ModelSpec, model: Adapter | Weights | None) -> Iterator[BaseModel]:
        """Within the block, the model as it answers: the base model, adapted or replaced."""
        if isinstance(model, Adapter):
            with applied(self.base, model, spec.task or ""):
                yield self.base
        elif isinstance(model, Weights):
            yield self._loaded(model)
        else:
            with self.base.lent("Scoring the base model"):
                yield self.base

    def _loaded(self, weights: Weights) -> BaseModel:
        device = str(self.base.device)
        return load_base(weights, dtype=self.base.dtype, models=self.models, device=device)

    def _head(self, model: Adapter | Weights | None) -> Head:
        key = model.digest if model else ""
        if key not in self._heads:
            if isinstance(model, Adapter):
                with applied(self.base, model, "its output layer"):
                    self._heads[key] = head_of(self.base.model)
            else:
                self._heads[key] = head_of((self._loaded(model) if model else self.base).model)
        return self._heads[key]

    def compare(
        self,
        hidden: Sequence[npt.NDArray[np.float32]],
        own_heads: Sequence[Adapter | Weights | None],
        pairs: Sequence[tuple[int, int]],
    ) -> npt.NDArray[np.float64]:
        """(pairs, positions) JSD from hidden states; ``own_heads`` where a head is its own."""
        with _memory_to_compare(len(hidden)):
            heads = [self._head(model) for model in own_heads]
            return all_pairs(hidden, heads, pairs, device=self.base.device)

    def divergences(
        self,
        hidden: Sequence[npt.NDArray[np.float32]],
        own_heads: Sequence[Adapter | Weights | None],
        pairs: Sequence[tuple[int, int]],
        keeper: int,
    ) -> Arrays:
        """A comparison's unit: ``jsd``, or where the plan keeps tokens its lower bound and
        ``upper``. ``keeper``: the place of the base model, whose likeliest tokens are kept."""
        kept = self.agenda.plan.probe.kept
        if kept is None:
            return {"jsd": self.compare(hidden, own_heads, pairs)}
        device = self.base.device
        with _memory_to_compare(len(hidden)):
            heads = [self._head(model) for model in own_heads]
            lower, upper = between(hidden, heads, pairs, keeper=keeper, k=kept, device=device)
        return {"jsd": lower, "upper": upper}

    def drift(self, batch: int, hidden: npt.NDArray[np.float32]) -> float:
        """Largest JSD of the base model now from the base model when it gave ``hidden``."""
        again = score(self.base, self.agenda.batches[batch], self.agenda.plan.probe.top)
        return float(self.compare([hidden, again["hidden"]], [None, None], [(0, 1)]).max())


@contextmanager
def _memory_to_compare(models: int) -> Iterator[None]:
    """MeasurementError with the cause where memory runs out; smaller batches would not help."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise MeasurementError(
            f"The device has too little memory to compare {models} models "
            f"({str(error).splitlines()[0]}); the base model and every output layer of a brought "
            f"model are held at once."
        ) from None


class _Clock:
    """Seconds that pass in a model's body, read off its forward pass."""

    def __init__(self, base: BaseModel) -> None:
        self._body, self._device = base.model.base_model, base.device
        self._began = self._seconds = 0.0

    def __enter__(self) -> "_Clock":
        self._hooks = (
            self._body.register_forward_pre_hook(self._start),
            self._body.register_forward_hook(self._stop),
        )
        return self

    def __exit__(self, *exception: Any) -> None:
        for hook in self._hooks:
            hook.remove()

    def _start(self, *arguments: Any) -> None:
        self._began = time.monotonic()

    def _stop(self, *arguments: Any) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        self._seconds += time.monotonic() - self._began

    def take(self) -> float:
        seconds, self._seconds = self._seconds, 0.0
        return seconds
