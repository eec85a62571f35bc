"""The examples of a plan's targets: read, drawn, and kept apart from those of its tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from taskpgm_core.errors import SourceError
from taskpgm_core.plans.plan import Plan
from taskpgm_core.records import Example
from taskpgm_core.tasks import held_out, load_task, normalised


@dataclass(frozen=True)
class HeldOut:
    """A target's examples, and the indices of those that are scored."""

    examples: Sequence[Example]
    rows: tuple[int, ...]

    @property
    def chosen(self) -> list[Example]:
        return [self.examples[k] for k in self.rows]


def gather_targets(plan: Plan, tasks: Mapping[str, Sequence[Example]]) -> dict[str, HeldOut]:
    """Load every target of a plan and draw its ``probe.examples_per_task`` examples.

    ``tasks``: all examples of each task. SourceError where a source cannot be read, holds too few
    examples, or where an example that is drawn is one of a task.
    """
    if not plan.targets:
        return {}
    owner = {normalised(e): name for name, rows in tasks.items() for e in rows}
    found = {}
    for entry in plan.targets:
        rows = load_task(entry, plan)
        chosen = held_out(rows, count=plan.probe.examples_per_task, seed=plan.seed, name=entry.id)
        for k in chosen:
            if (task := owner.get(normalised(rows[k]))) is not None:
                raise SourceError(
                    f"An example of target '{entry.id}' is an example of task '{task}': "
                    f"{rows[k].prompt[:60]!r}; remove it from one of them."
                )
        found[entry.id] = HeldOut(rows, chosen)
    return found
