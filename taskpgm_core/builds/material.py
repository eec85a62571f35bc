"""The examples of a plan, split: what is trained on, what is held out, and its words compared."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import chain

import numpy as np

from taskpgm_core.builds.target_examples import HeldOut, gather_targets
from taskpgm_core.errors import PlanError, SourceError, install_command
from taskpgm_core.files.hashing import digest_of, sha256
from taskpgm_core.plans.plan import Plan
from taskpgm_core.records import Example
from taskpgm_core.tasks import Split, TaskRows, normalised, read_task, split
from taskpgm_core.tasks.text_distance import text_distances


@dataclass(frozen=True)
class Material:
    """A plan's examples, split: what is trained on and what is held out for the probe pool.

    ``targets``: the examples of each target, of which none is trained on.
    """

    examples: Mapping[str, Sequence[Example]]
    splits: Mapping[str, Split]
    rows: Mapping[str, TaskRows]
    targets: Mapping[str, HeldOut] = field(default_factory=dict)

    def training(self, task: str) -> list[Example]:
        return [self.examples[task][k] for k in self.splits[task].train_indices]

    def probe(self, task: str) -> list[Example]:
        return [self.examples[task][k] for k in self.splits[task].probe_indices]

    @property
    def said(self) -> list[str]:
        """What was read, a sentence for each file and data set."""
        found = (rows.said() for rows in self.rows.values())
        return [sentence for sentence in found if sentence]

    @property
    def digest(self) -> str:
        scored = ((name, held.examples) for name, held in self.targets.items())
        return digest_of(
            {
                name: sha256(json.dumps([e.value for e in rows]).encode())
                for name, rows in chain(self.examples.items(), scored)
            }
        )


def gather(plan: Plan) -> Material:
    """Load every task and target of a plan and hold out their probe examples.

    SourceError where a source cannot be read, holds too few examples, or where a probe example of
    one task is a training example of another (but for white space), or one of a target any example
    of a task.
    """
    examples, splits, read = {}, {}, {}
    for entry in plan.tasks:
        read[entry.id] = read_task(entry, plan)
        rows = examples[entry.id] = read[entry.id].examples
        splits[entry.id] = split(
            rows, probe=plan.probe.examples_per_task, seed=plan.seed, name=entry.id
        )
    material = Material(examples, splits, read, gather_targets(plan, examples))
    held_out = {normalised(e): name for name in examples for e in material.probe(name)}
    for name in examples:
        for example in material.training(name):
            if (owner := held_out.get(normalised(example))) is not None:
                raise SourceError(
                    f"A training example of task '{name}' is a probe example of task "
                    f"'{owner}': {example.prompt[:60]!r}; remove it from one of them."
                )
    return material


def check_probes(plan: Plan) -> None:
    """PlanError where a plan holds out nothing, so that no models can be compared."""
    if not plan.probe.examples_per_task:
        raise PlanError(
            f"{plan.slug} holds out no examples to compare models on (probe.examples_per_task is "
            f"0); raise that number, or build it with --measure text."
        )


def check_words() -> None:
    """SourceError where the measure ``text`` cannot be taken, before anything else is measured."""
    if find_spec("sklearn") is None:
        needed = "sklearn" if find_spec("torch") else "torch"  # what brings torch brings both
        raise SourceError(
            f"Every study also compares its tasks by words alone, for which scikit-learn is not "
            f"installed; run: {install_command(needed)}"
        )


def text_matrices(material: Material, seed: int) -> dict[str, np.ndarray]:
    """What ``matrices.npz`` holds of the measure ``text``, by the training rows of every task.

    Rows that are too long for a model are among them: without a tokenizer nobody knows which.
    """
    found = text_distances({t: material.training(t) for t in material.examples}, seed=seed)
    return {
        "text": found.divergence,
        "text-noise": found.noise,
        "text-noise-tasks": found.noise_tasks,
    }
