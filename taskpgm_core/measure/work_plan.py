"""What a plan asks to be measured: its models, batches and pairs, and the key of every unit."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from taskpgm_core.files.hashing import digest_of, sha256
from taskpgm_core.measure.base_model import BaseModel
from taskpgm_core.measure.finetuning import task_seed
from taskpgm_core.measure.probe_pool import Batch, ProbeTokens
from taskpgm_core.measure.tokenization import RenderedExample
from taskpgm_core.plans.plan import Plan, TaskEntry

CODE = "2"  # raise it whenever the same inputs would give other numbers
BACKWARD = 3.0  # a training step costs about three forward passes
PAIR_TOKENS = 2e-6  # forward tokens that one vocabulary entry of one pair costs (measured on CPU)
AGAIN = 4  # every fourth probe example is scored under a second batch plan


@dataclass(frozen=True)
class ModelSpec:
    """One model to score: a task's (replicate 0, 1 = second seed), or the base (task None)."""

    task: str | None
    replicate: int = 0

    def __str__(self) -> str:
        return f"the model of task '{self.task}'" if self.task else "the base model"


@dataclass(frozen=True)
class Joining:
    """The pairs that came with one generation of tasks (``TaskEntry.joined``).

    ``models``: indices of all models there were by then; ``pairs``: its new pairs, as places in
    ``models``; ``rows``: where these pairs stand among all pairs of the study.
    """

    models: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...]
    rows: tuple[int, ...]


@dataclass(frozen=True)
class Agenda:
    """Models in task order, then the base, then the second seeds; batches longest first.

    Tasks that joined a study later (add-task) have batches and comparisons of their own, so that
    the units of the earlier study stay what they were. ``batch``: probe examples a batch.
    ``targets``: what every model is scored on beside the pool, target by target; None for nothing.
    """

    plan: Plan
    base: BaseModel
    training: Mapping[str, Sequence[RenderedExample]]
    pool: ProbeTokens
    batch: int
    targets: ProbeTokens | None = None

    @cached_property
    def names(self) -> list[str]:
        return [task.id for task in self.plan.tasks]

    @cached_property
    def models(self) -> list[ModelSpec]:
        return [
            *(ModelSpec(name) for name in self.names),
            ModelSpec(None),
            *(ModelSpec(name, 1) for name in self.plan.second_seeds),
        ]

    def entry(self, spec: ModelSpec) -> TaskEntry:
        return self.plan.tasks[self.names.index(spec.task or "")]

    def is_trained(self, spec: ModelSpec) -> bool:
        """Whether the model is trained here, rather than the base or brought along."""
        return spec.task is not None and not self.entry(spec).brought

    def _joined(self, spec: ModelSpec) -> int:
        return self.entry(spec).joined if spec.task else 0

    @cached_property
    def _generations(self) -> list[int]:
        return sorted({task.joined for task in self.plan.tasks})

    # Batches

    @cached_property
    def _waves(self) -> list[npt.NDArray[np.int64]]:
        """The examples that came together: with one generation of tasks, or in one round."""
        came = self.pool.round
        if came is None:
            came = np.array([self.plan.tasks[t].joined for t in self.pool.task])
        return [np.flatnonzero(came == wave) for wave in np.unique(came)]

    @cached_property
    def batches(self) -> list[Batch]:
        """The one batch plan that every model is scored under."""
        return [batch for wave in self._waves for batch in self.pool.planned(wave, self.batch)]

    @cached_property
    def again(self) -> list[Batch]:
        """A second batch plan, over every fourth of the first examples, for the batch noise."""
        return self.pool.planned(self._waves[0][::AGAIN], max(self.batch // 2, 1))

    @cached_property
    def target_batches(self) -> list[Batch]:
        """A batch plan for each target of its own, so that no target changes another's units."""
        if self.targets is None:
            return []
        every = self.targets.task
        return [
            replace(batch, of_target=True)
            for target in np.unique(every)
            for batch in self.targets.planned(np.flatnonzero(every == target), self.batch)
        ]

    def batches_of(self, spec: ModelSpec) -> list[Batch]:
        again = self.again if spec.task is None else []
        return self.batches + again + self.target_batches

    # Pairs

    @cached_property
    def pairs(self) -> list[tuple[int, int]]:
        """All pairs of models, as indices: every replicate of a task meets every one of another,
        its own second seed, and the base."""
        first, second = (x.tolist() for x in np.triu_indices(len(self.models), 1))
        return list(zip(first, second, strict=True))

    @cached_property
    def joinings(self) -> list[Joining]:
        """All pairs, by the generation that brought them; see ``Joining``."""
        joined = [self._joined(spec) for spec in self.models]
        found = []
        for g in self._generations:
            models = [k for k, j in enumerate(joined) if j <= g]
            rows = [r for r, (i, j) in enumerate(self.pairs) if max(joined[i], joined[j]) == g]
            place = {model: k for k, model in enumerate(models)}
            pairs = [(place[self.pairs[r][0]], place[self.pairs[r][1]]) for r in rows]
            if pairs:
                found.append(Joining(tuple(models), tuple(pairs), tuple(rows)))
        return found

    # Keys: everything a unit's value depends on

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

    def training_key(self, spec: ModelSpec) -> dict[str, Any]:
        examples = self.training[spec.task or ""]
        training = self.plan.training.model_dump(mode="json", exclude={"second_seed"})
        data = sha256(json.dumps([e.value for e in examples]).encode())
        return {
            **self._common_key(),
            "training": training,
            "seed": task_seed(self.plan.seed, spec.task or "", spec.replicate),
            "examples": data,
        }

    def score_key(self, model: str, batch: Batch) -> dict[str, Any]:
        arrays = (batch.ids, batch.rows, batch.columns, batch.gold)
        return {
            **self._common_key(),
            "model": model,
            "batch": [sha256(np.ascontiguousarray(a).tobytes()) for a in arrays],
            **({"kept": "gold"} if batch.of_target else {"top": self.plan.probe.top}),
        }

    def compare_key(self, digests: Sequence[str], batch: Batch, joining: Joining) -> dict[str, Any]:
        return {
            "scores": [digest_of(self.score_key(digests[k], batch)) for k in joining.models],
            "pairs": digest_of(joining.pairs),
            **({"kept": self.plan.probe.kept} if self.plan.probe.kept else {}),
        }

    # How much there is to do

    @property
    def forward_passes(self) -> int:
        """Of one example through one model each, to score them all."""
        return sum(len(b.ids) for spec in self.models for b in self.batches_of(spec))

    def training_tokens(self, spec: ModelSpec) -> float:
        """Forward tokens of one model's training, before its backward passes are counted."""
        mean = float(np.mean([e.length for e in self.training[spec.task or ""]]))
        return mean * self.plan.training.steps * self.plan.training.batch

    def compare_work(self, joining: Joining, positions: int) -> float:
        kept, vocabulary = self.plan.probe.kept, self.base.vocabulary
        entries = len(joining.pairs) * (kept or vocabulary)
        if kept:  # every model's whole distribution once, to sum up what is not kept
            entries += len(joining.models) * vocabulary
        return entries * positions * PAIR_TOKENS

    def work(self) -> dict[str, float]:
        """Forward tokens (or what costs as much) of each stage."""
        trained = [spec for spec in self.models if self.is_trained(spec)]
        return {
            "train": BACKWARD * sum(self.training_tokens(spec) for spec in trained),
            "score": float(
                sum(batch.ids.size for spec in self.models for batch in self.batches_of(spec))
            ),
            "compare": sum(self.compare_work(j, self.pool.positions) for j in self.joinings),
        }

    def count(self) -> dict[str, int]:
        """Units of each stage."""
        return {
            "train": sum(self.is_trained(spec) for spec in self.models),
            "score": sum(len(self.batches_of(spec)) for spec in self.models),
            "compare": len(self.batches) * len(self.joinings),
        }
