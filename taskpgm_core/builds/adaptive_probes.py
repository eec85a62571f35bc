"""Probe examples measured in rounds: a first pool, then more where the mixture is least sure."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from taskpgm_core.analysis.replicates import DRAWS, LEVEL
from taskpgm_core.files.hashing import generator_from
from taskpgm_core.mixture import pose, solve
from taskpgm_core.mixture.probe_allocation import influences, spend
from taskpgm_core.mixture.sensitivity import sensitivity
from taskpgm_core.mixture.uncertainty import divergence_replicates, uncertainty
from taskpgm_core.plans.plan import Adaptive, Plan
from taskpgm_core.records import Similarity

if TYPE_CHECKING:
    from taskpgm_core.measure import Engine, Measurement, ProbeTokens

Counts = npt.NDArray[np.int64]
"""(n,) probe examples of each task."""


@dataclass(frozen=True)
class Round:
    """``examples``: of each task, measured so far; ``half_width``: of the mixture they give, the
    bootstrap's L1 over examples alone (more of them say nothing of training seeds);
    ``forward_passes``: of one example through one model, made so far."""

    examples: tuple[int, ...]
    half_width: float
    forward_passes: int


def in_rounds(
    plan: Plan, reserve: "ProbeTokens", engine_of: Callable[["ProbeTokens"], "Engine"]
) -> tuple["ProbeTokens", "Measurement", tuple[Round, ...]]:
    """Measure ``reserve`` as the plan's ``probe.adaptive`` says: the pool, its measurement, how.

    Every round measures one more batch plan, of the examples that it adds; what earlier rounds
    measured is found as finished units, so that a killed build repeats one unit and chooses the
    same examples again. All examples at once where the plan has no rounds.
    """
    rule = plan.probe.adaptive
    if rule is None:
        return reserve, engine_of(reserve).run(), ()
    names = tuple(task.id for task in plan.tasks)
    order = _orders(plan, reserve)
    history = [np.full(len(names), rule.first)]
    rounds: list[Round] = []
    while True:
        pool = _pool(reserve, order, history)
        engine = engine_of(pool)
        result = engine.run()
        width, moves = _unsure(rule, names, pool, result, plan.seed)
        counts = history[-1]
        passes = engine.agenda.forward_passes
        rounds.append(Round(tuple(counts.tolist()), width, passes))
        left = np.array([len(own) for own in order]) - counts
        if width <= rule.target_half_width or not left.any():
            return pool, result, tuple(rounds)
        further = min(rule.step * len(names), int(left.sum()))
        history.append(counts + spend(moves, pool.task, further, left=left).counts)


def rounds_facts(plan: Plan, rounds: Sequence[Round]) -> dict[str, Any]:
    """What a manifest says of the rounds; empty where there were none."""
    rule = plan.probe.adaptive
    if rule is None:
        return {}
    return {
        "rounds": [asdict(r) for r in rounds],
        "target_reached": rounds[-1].half_width <= rule.target_half_width,
    }


def _orders(plan: Plan, reserve: "ProbeTokens") -> list[Counts]:
    """Of each task, its places in the reserve in the order in which they are taken."""
    found = []
    for index, task in enumerate(plan.tasks):
        own = np.flatnonzero(reserve.task == index)
        found.append(generator_from(plan.seed, task.id, "rounds").permutation(own))
    return found


def _pool(
    reserve: "ProbeTokens", order: Sequence[Counts], history: Sequence[Counts]
) -> "ProbeTokens":
    """The examples of all rounds so far, each with the round that brought it."""
    brought = np.full(len(reserve.task), -1)
    for number, counts in reversed(list(enumerate(history))):
        for own, count in zip(order, counts, strict=True):
            brought[own[:count]] = number
    chosen = np.flatnonzero(brought >= 0)
    return reserve.part(chosen, brought[chosen])


def _unsure(
    rule: Adaptive,
    names: tuple[str, ...],
    pool: "ProbeTokens",
    result: "Measurement",
    seed: int,
) -> tuple[float, npt.NDArray[np.float64]]:
    """The mixture's half-width, and (E, n) how far each example moves it."""
    from taskpgm_core import measure

    D = measure.example_means(result.divergence, pool)
    mean = measure.symmetric(result.divergence @ pool.weights, len(names))
    problem = pose(Similarity(names, -mean, "jsd"))
    draws = divergence_replicates(D, pool.task, DRAWS, seed)
    sure = uncertainty(problem, rule.balance, draws, level=LEVEL)
    found = solve(problem, rule.balance)
    return sure.half_width_l1, influences(sensitivity(problem, found), D)
