"""A study's measurement, unit by unit: what is finished is never done again, and never lost."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from taskpgm_core.digest import digest_of, sha256
from taskpgm_core.errors import MeasurementError
from taskpgm_core.measure.adapters import (
    Adapter,
    applied,
    checkpoint_digest,
    read_adapter,
    read_checkpoint,
)
from taskpgm_core.measure.base_model import BaseModel, Weights, head_of, load_base
from taskpgm_core.measure.divergence import LN2, all_pairs
from taskpgm_core.measure.probe_pool import Batch, ProbeTokens
from taskpgm_core.measure.progress import Progress
from taskpgm_core.measure.rendering import RenderedExample
from taskpgm_core.measure.scoring import score
from taskpgm_core.measure.training import task_seed, train
from taskpgm_core.plan import Plan
from taskpgm_core.store.units import Units

CODE = "1"  # raise it whenever the same inputs would give other numbers
BACKWARD = 3.0  # a training step costs about three forward passes
PAIR_TOKENS = 2e-6  # forward tokens that one vocabulary entry of one pair costs (measured on CPU)


@dataclass(frozen=True)
class ModelSpec:
    """One model to score: a task's (replicate 0, 1 = second seed), or the base (task None)."""

    task: str | None
    replicate: int = 0


@dataclass(frozen=True)
class Measurement:
    """Everything measured, models in task order with the base last; see ``store.arrays``.

    ``divergence``: (pairs, positions) of the n(n-1)/2 task pairs; ``base``: (n, positions) of each
    model from the base model; ``noise``: (second seeds, positions). All JSD in nats.
    """

    divergence: npt.NDArray[np.float64]
    base: npt.NDArray[np.float64]
    noise: npt.NDArray[np.float64]
    noise_tasks: npt.NDArray[np.int64]
    gold: npt.NDArray[np.float32]
    top_ids: npt.NDArray[np.int32]
    top_log_probability: npt.NDArray[np.float32]
    curves: pd.DataFrame
    units: tuple[str, ...]


class InProcess:
    """Runs a plan's units one after another on one resident base model."""

    def __init__(
        self,
        plan: Plan,
        base: BaseModel,
        *,
        training: Mapping[str, Sequence[RenderedExample]],
        pool: ProbeTokens,
        units: Units,
        progress: Progress,
    ) -> None:
        self.plan, self.base, self.pool = plan, base, pool
        self.training, self.units, self.progress = training, units, progress
        self.batches = pool.batches(plan.probe.batch)
        self.used: list[str] = []
        self.names = [task.id for task in plan.tasks]
        self.models = [
            *(ModelSpec(name) for name in self.names),
            ModelSpec(None),
            *(ModelSpec(name, 1) for name in plan.training.second_seed),
        ]
        self._curves: list[pd.DataFrame] = []

    def _common_key(self) -> dict[str, Any]:
        base = self.base
        return {
            "base": base.digest,
            "tokenizer": base.tokenizer_digest,
            "template": self.plan.template,
            "dtype": base.dtype,
            "device": base.device.type,
            "code": CODE,
        }

    def _training_key(self, spec: ModelSpec) -> dict[str, Any]:
        assert spec.task is not None
        examples = self.training[spec.task]
        training = self.plan.training.model_dump(mode="json", exclude={"second_seed"})
        data = sha256(json.dumps([[e.prompt, e.completion] for e in examples]).encode())
        return {
            **self._common_key(),
            "training": training,
            "seed": task_seed(self.plan.seed, spec.task, spec.replicate),
            "examples": data,
        }

    def _score_key(self, model: str, batch: Batch) -> dict[str, Any]:
        arrays = (batch.ids, batch.rows, batch.columns, batch.gold)
        return {
            **self._common_key(),
            "model": model,
            "batch": [sha256(np.ascontiguousarray(a).tobytes()) for a in arrays],
            "top": self.plan.probe.top,
        }

    def _take(self, kind: str, key: Mapping[str, Any]) -> dict[str, np.ndarray] | None:
        found = self.units.get(kind, key)
        if found is not None:
            self._use(kind, key)
        return found

    def _put(self, kind: str, key: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        self.units.put(kind, key, arrays)
        self._use(kind, key)

    def _use(self, kind: str, key: Mapping[str, Any]) -> None:
        self.used.append(str(self.units.path(kind, key).relative_to(self.units.folder)))

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Task pairs, then (model, base), then (model, its second seed), as model indices."""
        n = len(self.names)
        tasks = list(zip(*(x.tolist() for x in np.triu_indices(n, 1)), strict=True))
        base = [(i, n) for i in range(n)]
        second = [
            (self.names.index(name), n + 1 + k)
            for k, name in enumerate(self.plan.training.second_seed)
        ]
        return [*tasks, *base, *second]

    def work(self) -> dict[str, float]:
        """Forward tokens (or what costs as much) of each stage."""
        training = self.plan.training
        trained = [s for s in self.models if s.task and not self._brought(s.task)]
        tokens = 0.0
        for spec in trained:
            mean = np.mean([e.length for e in self.training[spec.task or ""]])
            tokens += float(mean) * training.steps * training.batch
        vocabulary = self.base.vocabulary
        return {
            "train": tokens * BACKWARD,
            "score": float(len(self.models) * sum(b.ids.size for b in self.batches)),
            "compare": len(self.pairs) * self.pool.positions * vocabulary * PAIR_TOKENS,
        }

    def _brought(self, task: str) -> bool:
        entry = self.plan.tasks[self.names.index(task)]
        return bool(entry.adapter or entry.checkpoint)

    def run(self) -> Measurement:
        """Train, score and compare all that is not finished; MeasurementError on a failed check."""
        self.progress.plan(self.work())
        digests, checkpoints = [], {}
        for index, spec in enumerate(self.models):
            model = self._model(spec)
            if isinstance(model, Weights):
                digests.append(checkpoint_digest(model))
                checkpoints[index] = model
            else:
                digests.append(model.digest if model else "base")
            self._score_all(spec, model, digests[-1])
        self._check_restored(digests)
        return self._compare(digests, checkpoints)

    def _model(self, spec: ModelSpec) -> Adapter | Weights | None:
        if spec.task is None:
            return None
        entry = self.plan.tasks[self.names.index(spec.task)]
        if spec.replicate == 0 and entry.adapter:
            return read_adapter(entry.adapter)
        if spec.replicate == 0 and entry.checkpoint:
            return read_checkpoint(entry.checkpoint, self.base)
        return self._trained(spec)

    def _trained(self, spec: ModelSpec) -> Adapter:
        assert spec.task is not None
        from taskpgm_core.measure.adapters import lora_config

        key, training = self._training_key(spec), self.plan.training
        found = self._take("train", key)
        reused = found is not None
        if found is None:
            made = train(
                self.base,
                self.training[spec.task],
                training,
                seed=key["seed"],
                name=spec.task,
                on_step=lambda tokens: self.progress.advance("train", tokens * BACKWARD),
            )
            found = {
                **{f"weights/{k}": v for k, v in made.adapter.weights.items()},
                "loss": made.loss,
                "learning_rate": made.learning_rate,
            }
            self._put("train", key, found)
        if reused:
            mean = float(np.mean([e.length for e in self.training[spec.task]]))
            tokens = mean * training.steps * training.batch
            self.progress.advance("train", tokens * BACKWARD, reused=True)
        self._curves.append(
            pd.DataFrame(
                {
                    "task": spec.task,
                    "replicate": spec.replicate,
                    "step": np.arange(len(found["loss"])),
                    "loss": found["loss"],
                    "learning_rate": found["learning_rate"],
                }
            )
        )
        weights = {
            k.removeprefix("weights/"): v for k, v in found.items() if k.startswith("weights/")
        }
        return Adapter(lora_config(training), weights)

    @contextmanager
    def _resident(self, spec: ModelSpec, model: Adapter | Weights | None) -> Iterator[BaseModel]:
        if isinstance(model, Adapter):
            with applied(self.base, model, spec.task or ""):
                yield self.base
        elif isinstance(model, Weights):
            yield load_base(
                model,
                dtype=self.base.dtype,
                models=self.units.folder.parent / ".models",
                device=str(self.base.device),
            )
        else:
            yield self.base

    def _score_all(self, spec: ModelSpec, model: Adapter | Weights | None, digest: str) -> None:
        keys = [self._score_key(digest, batch) for batch in self.batches]
        missing = []
        for key, batch in zip(keys, self.batches, strict=True):
            if self._take("score", key) is None:
                missing.append((key, batch))
            else:
                self.progress.advance("score", batch.ids.size, reused=True)
        if not missing:
            return
        with self._resident(spec, model) as resident:
            for key, batch in missing:
                arrays = score(resident, batch, self.plan.probe.top)
                for name in ("hidden", "gold"):
                    if not np.isfinite(arrays[name]).all():
                        who = f"the model of task '{spec.task}'" if spec.task else "the base model"
                        raise MeasurementError(
                            f"Scoring {who} gave a number that is not finite ({name}); try dtype "
                            f"float32, or train it with a lower learning rate."
                        )
                self._put("score", key, arrays)
                self.progress.advance("score", batch.ids.size)

    def _check_restored(self, digests: Sequence[str]) -> None:
        """D_ii = 0: the base model scored again, after all adapters, must give the same bits."""
        batch = self.batches[-1]
        first = self._take("score", self._score_key(digests[len(self.names)], batch))
        again = score(self.base, batch, self.plan.probe.top)
        assert first is not None
        head = head_of(self.base.model)
        D = all_pairs(
            [first["hidden"], again["hidden"]], [head, head], [(0, 1)], device=self.base.device
        )
        if D.max() > 1e-12:
            raise MeasurementError(
                f"The base model scored twice differs from itself (D = {D.max():.3g} nats, must "
                f"be 0); a library or a device here does not repeat its own results."
            )

    def _scored(self, digest: str, batch: Batch) -> dict[str, np.ndarray]:
        found = self.units.get("score", self._score_key(digest, batch))
        if found is None:
            raise MeasurementError(
                "A finished unit was damaged while the build ran; run the same build again, it "
                "measures just that unit."
            )
        return found

    def _compare(self, digests: Sequence[str], checkpoints: Mapping[int, Weights]) -> Measurement:
        n, pairs, positions = len(self.names), self.pairs, self.pool.positions
        heads = [head_of(self.base.model)] * len(self.models)
        for index, weights in checkpoints.items():
            with self._resident(self.models[index], weights) as other:
                heads[index] = head_of(other.model)
        D = np.empty((len(pairs), positions))
        gold = np.empty((n + 1, positions), dtype=np.float32)
        top = self.plan.probe.top
        top_ids = np.empty((n + 1, positions, top), dtype=np.int32)
        top_values = np.empty((n + 1, positions, top), dtype=np.float32)
        vocabulary = self.base.vocabulary
        for batch in self.batches:
            scored = [self._scored(digest, batch) for digest in digests]
            for model in range(n + 1):
                gold[model, batch.places] = scored[model]["gold"]
                top_ids[model, batch.places] = scored[model]["top_ids"]
                top_values[model, batch.places] = scored[model]["top_log_probability"]
            key = {
                "scores": [digest_of(self._score_key(digest, batch)) for digest in digests],
                "pairs": digest_of(pairs),
            }
            found = self._take("compare", key)
            work = len(pairs) * len(batch.places) * vocabulary * PAIR_TOKENS
            if found is None:
                values = all_pairs(
                    [s["hidden"] for s in scored], heads, pairs, device=self.base.device
                )
                found = {"jsd": values}
                self._put("compare", key, found)
                self.progress.advance("compare", work)
            else:
                self.progress.advance("compare", work, reused=True)
            D[:, batch.places] = found["jsd"]
        self._check(D)
        m = n * (n - 1) // 2
        seconds = [self.names.index(name) for name in self.plan.training.second_seed]
        curves = pd.concat(self._curves, ignore_index=True) if self._curves else _no_curves()
        return Measurement(
            divergence=D[:m],
            base=D[m : m + n],
            noise=D[m + n :],
            noise_tasks=np.array(seconds, dtype=np.int64),
            gold=gold,
            top_ids=top_ids,
            top_log_probability=top_values,
            curves=curves,
            units=tuple(self.used),
        )

    def _check(self, D: npt.NDArray[np.float64]) -> None:
        n = len(self.names)
        if not np.isfinite(D).all() or D.max() > LN2 + 1e-6:
            pair = int(
                np.unravel_index(np.nanargmax(np.where(np.isfinite(D), D, np.inf)), D.shape)[0]
            )
            i, j = self.pairs[pair]
            raise MeasurementError(
                f"The divergence of models {i} and {j} is {D[pair].max()}, outside [0, ln 2]; "
                f"nothing was stored."
            )
        moved = D[n * (n - 1) // 2 : n * (n - 1) // 2 + n].max(axis=1)
        for name, most in zip(self.names, moved, strict=True):
            if most == 0.0:
                raise MeasurementError(
                    f"The model of task '{name}' answers exactly like the base model: its adapter "
                    f"changes nothing; check that it was trained and saved."
                )


def _no_curves() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "task": pd.Series(dtype=str),
            "replicate": pd.Series(dtype=np.int64),
            "step": pd.Series(dtype=np.int64),
            "loss": pd.Series(dtype=np.float64),
            "learning_rate": pd.Series(dtype=np.float64),
        }
    )


def token_strings(tokenizer: Any, ids: npt.NDArray[np.int32]) -> dict[int, str]:
    """The text of every token id in ``ids``, as the tokenizer decodes it alone."""
    return {int(i): tokenizer.decode([int(i)]) for i in np.unique(ids)}


def device_facts(device: torch.device) -> dict[str, Any]:
    """What a manifest says of where it ran."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return {"device": name, "threads": torch.get_num_threads(), "torch": torch.__version__}
