"""How sure a mixture is: the bootstrap over probe examples."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture.problem import Problem
from taskpgm_core.mixture.solver import solve
from taskpgm_core.records import Array, Similarity, Tabular, heaviest, read_only

PRESENT = 1e-9


@dataclass(frozen=True, eq=False)
class Uncertainty(Tabular):
    """What the bootstrap says of the mixture ``weight`` (n,).

    ``low``, ``high``: (n,) ends of each weight's percentile interval at ``level``, widened where
    needed to hold the weight itself. ``inclusion``: (n,) share of replicates in which the task
    has weight. ``distance``: (draws,) L1 of each replicate's mixture from it. ``half_width_l1``:
    their quantile at ``level``. ``stability``: the share of the budget that a replicate leaves
    where it was, on average (1 - mean distance / 2).
    """

    tasks: tuple[str, ...]
    level: float
    weight: Array
    low: Array
    high: Array
    inclusion: Array
    distance: Array

    def __repr__(self) -> str:
        spread = f"{self.level:.0%} of {self.draws} draws within L1 {self.half_width_l1:.3f}"
        head = f"Uncertainty of {len(self.tasks)} weights: {heaviest(self.tasks, self.weight)}"
        return f"{head}\n  {spread}; {self.stability:.1%} of the budget stays on average"

    def table(self) -> tuple[str, Sequence[Any], Mapping[str, Any]]:
        """A row a task: its weight, the ends of its interval, how often it has weight."""
        names = ("weight", "low", "high", "inclusion")
        return "task", self.tasks, {name: getattr(self, name) for name in names}

    @property
    def draws(self) -> int:
        return len(self.distance)

    @property
    def half_width_l1(self) -> float:
        return float(np.quantile(self.distance, self.level))

    @property
    def stability(self) -> float:
        return 1.0 - float(self.distance.mean()) / 2.0


def resampled(task: npt.NDArray[np.integer], draws: int, seed: int) -> Array:
    """(draws, E) weights of probe examples drawn with replacement within each task.

    Each row sums to 1 with tasks equal, as in the estimate itself. MixtureError for no draws.
    """
    if draws < 1:
        raise MixtureError(f"A bootstrap needs at least 1 draw, not {draws}.")
    generator = np.random.default_rng(seed)
    weights = np.empty((draws, len(task)))
    tasks = int(task.max()) + 1
    for k in range(tasks):
        own = np.flatnonzero(task == k)
        counts = generator.multinomial(len(own), np.full(len(own), 1.0 / len(own)), size=draws)
        weights[:, own] = counts / (len(own) * tasks)
    return weights


def divergence_replicates(
    divergence: npt.NDArray[np.floating], task: npt.NDArray[np.integer], draws: int, seed: int
) -> Array:
    """(draws, n, n) replicates of S = -D from per-example divergences.

    ``divergence``: (pairs, E) nats, pairs in the order of ``numpy.triu_indices(n, 1)``; ``task``:
    (E,) each example's task. One resampling serves all pairs, so every replicate is as convex on
    the simplex as S is.
    """
    n = round((1 + np.sqrt(1 + 8 * len(divergence))) / 2)
    D = np.zeros((draws, n, n))
    above = np.triu_indices(n, 1)
    D[:, above[0], above[1]] = resampled(task, draws, seed) @ divergence.T.astype(np.float64)
    return read_only(-(D + D.transpose(0, 2, 1)))


def pmi_replicates(
    losses: npt.NDArray[np.floating], task: npt.NDArray[np.integer], draws: int, seed: int
) -> Array:
    """(draws, n, n) replicates of S by PMI from per-example losses of the task models.

    ``losses``: (n, E) nats of each model on each probe example; ``task``: (E,).
    """
    n = len(losses)
    weights = resampled(task, draws, seed) * n
    table = np.empty((draws, n, n))
    for k in range(n):
        own = task == k
        table[:, :, k] = weights[:, own] @ losses[:, own].T.astype(np.float64)
    excess = table - np.diagonal(table, axis1=1, axis2=2)[:, None, :]
    return read_only(-(excess + excess.transpose(0, 2, 1)) / 2)


def uncertainty(
    problem: Problem,
    balance: float,
    replicates: npt.NDArray[np.float64],
    *,
    level: float = 0.9,
    heard: Callable[[int], None] = lambda done: None,
) -> Uncertainty:
    """The spread of the optimum over ``replicates`` (draws, n, n) of S, each solved exactly.

    Anchor, constraints and margin stay; a replicate that is not convex gets its own shift.
    ``heard`` is told how many replicates are solved. Raises MixtureError for an infeasible
    problem or a level outside (0, 1).
    """
    if not 0 < level < 1:
        raise MixtureError(f"The level must lie between 0 and 1, not {level}.")
    found = solve(problem, balance)
    if found.status != "optimal":
        raise MixtureError(found.message)
    mixtures = np.empty((len(replicates), problem.n))
    for k, S in enumerate(replicates):
        similarity = Similarity(problem.tasks, S, problem.similarity.measure)
        again = replace(problem, similarity=similarity)
        mixtures[k] = solve(again, balance, warm=found).p
        heard(k + 1)
    low, high = np.quantile(mixtures, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return Uncertainty(
        problem.tasks,
        level,
        found.p,
        read_only(np.minimum(low, found.p)),
        read_only(np.maximum(high, found.p)),
        read_only((mixtures > PRESENT).mean(axis=0)),
        read_only(np.abs(mixtures - found.p).sum(axis=1)),
    )
