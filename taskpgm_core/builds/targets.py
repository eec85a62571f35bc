"""A plan's targets: what every model is scored on, apart from all that is trained on or probed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from taskpgm_core.builds.target_examples import HeldOut
from taskpgm_core.errors import MeasurementError
from taskpgm_core.plans.plan import Plan
from taskpgm_core.records import Array, Target
from taskpgm_core.store import example_checksums, target_files

if TYPE_CHECKING:
    from taskpgm_core.measure import BaseModel, Measurement, ProbeTokens


def target_cards(plan: Plan) -> tuple[Target, ...]:
    """What the study says of its targets."""
    return tuple(Target(entry.id, entry.family, entry.source) for entry in plan.targets)


def target_tokens(
    plan: Plan, found: Mapping[str, HeldOut], base: "BaseModel"
) -> "ProbeTokens | None":
    """The targets' examples as tokens, target by target; None where there are none."""
    from taskpgm_core import measure

    if not found:
        return None
    return measure.probe_tokens(
        list(found),
        [measure.render(held.chosen, base.tokenizer, plan.template) for held in found.values()],
        [held.rows for held in found.values()],
        most=plan.probe.max_completion_tokens,
        context=base.context,
        what="target",
    )


def scored_files(
    plan: Plan, found: Mapping[str, HeldOut], pool: "ProbeTokens", result: "Measurement"
) -> dict[str, bytes]:
    """What the study keeps of its targets, from the log-probabilities that were measured."""
    from taskpgm_core import measure

    assert result.targets is not None
    if not np.isfinite(result.targets).all():
        raise MeasurementError("A loss on a target is not finite; nothing is kept.")
    text = [example for held in found.values() for example in held.chosen]
    first = len(plan.tasks) + 1
    tables = []
    for table in _losses(result.targets, pool):
        tables.append(measure.seed_means(table[:first], table[first:], result.second_tasks))
    return target_files(
        pool={
            "target": pool.task,
            "row": pool.row,
            "first": pool.first,
            "tokens": pool.tokens,
            "spans": np.array([s for e in pool.examples for s in e.spans], dtype=np.int64),
            "checksum": example_checksums(text),
        },
        per_sequence=tables[0],
        per_token=tables[1],
        gold=result.targets[:first],
        second=result.targets[first:],
        second_tasks=result.second_tasks,
        text=text if plan.publish_text else None,
    )


def _losses(gold: npt.NDArray[np.float32], pool: "ProbeTokens") -> tuple[Array, Array]:
    """(models, targets) per sequence and per token, as ``measure.loss_tables`` has them.

    Each target is added up by itself, so that no bit depends on which others there are.
    """
    from taskpgm_core import measure

    per_token = measure.example_means(-gold, pool)
    tables = []
    for values in (per_token * pool.tokens, per_token):
        apart = (np.ascontiguousarray(values[:, pool.task == t]) for t in np.unique(pool.task))
        tables.append(np.stack([own.mean(axis=1) for own in apart], axis=1))
    return tables[0], tables[1]
