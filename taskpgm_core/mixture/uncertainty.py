"""How sure a mixture is: the bootstrap over probe examples and training seeds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtrit

from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture.problem import Problem
from taskpgm_core.mixture.solver import solve
from taskpgm_core.records import Array, Similarity, Tabular, heaviest, read_only

PRESENT = 1e-9
Indices = npt.NDArray[np.int64]
NONE: Indices = np.zeros(0, dtype=np.int64)
"""The tasks with a second model where there are none."""


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


def drawn_seeds(second_tasks: npt.NDArray[np.integer], n: int, draws: int, seed: int) -> Indices:
    """(draws, n) which of its models each task has: one of its two by a fair coin, else its one.

    A draw of one of two models varies about their mean as much as that mean does itself (a
    half-sample), so that no more seeds are needed to tell.
    """
    drawn: Indices = np.zeros((draws, n), dtype=np.int64)
    shape = (draws, len(second_tasks))
    drawn[:, second_tasks] = np.random.default_rng([seed, 1]).integers(0, 2, shape)
    return drawn


def divergence_replicates(
    divergence: npt.NDArray[np.floating],
    task: npt.NDArray[np.integer],
    draws: int,
    seed: int,
    *,
    by_task: npt.NDArray[np.floating] | None = None,
    second_tasks: npt.NDArray[np.integer] = NONE,
) -> Array:
    """(draws, n, n) replicates of S = -D from per-example divergences.

    ``divergence``: (pairs, E) nats, pairs in the order of ``numpy.triu_indices(n, 1)``, means over
    the models of each task; ``task``: (E,) each example's task. One resampling serves all pairs, so
    every replicate is as convex on the simplex as S is. With two models of the ``second_tasks``
    (R,), ``by_task`` (pairs, 4, n) is what each pair of models gives on each task's examples, at
    2 r + s for model r of the pair's first task and s of its second: a draw then has one model a
    task, and its D is moved by what these two give more than the mean of all, but not below 0.
    """
    n = round((1 + np.sqrt(1 + 8 * len(divergence))) / 2)
    above = np.triu_indices(n, 1)
    values = resampled(task, draws, seed) @ divergence.T.astype(np.float64)
    if by_task is not None:
        models = by_task.astype(np.float64).mean(axis=2)
        moved = models - np.nanmean(models, axis=1, keepdims=True)
        drawn = drawn_seeds(second_tasks, n, draws, seed)
        chosen = 2 * drawn[:, above[0]] + drawn[:, above[1]]
        values = np.maximum(values + moved[np.arange(len(moved)), chosen], 0.0)
    D = np.zeros((draws, n, n))
    D[:, above[0], above[1]] = values
    return read_only(-(D + D.transpose(0, 2, 1)))


def root_replicates(
    roots: Array,
    task: npt.NDArray[np.integer],
    tokens: npt.NDArray[np.integer],
    draws: int,
    seed: int,
    *,
    second_tasks: npt.NDArray[np.integer] = NONE,
    second: Array | None = None,
) -> Array:
    """(draws, n, n) replicates of S = -d by the measure gold, one model a task in each.

    ``roots``: (n, positions) roots of the probabilities of the true tokens, ``second``
    (R, positions) those of the second models of the ``second_tasks`` (R,); ``task``, ``tokens``:
    (E,) each example's task and positions.
    """
    n = len(roots)
    weights = resampled(task, draws, seed)
    drawn = drawn_seeds(second_tasks, n, draws, seed)
    d = np.empty((draws, n, n))
    for k in range(draws):
        chosen = roots.copy()
        if second is not None:
            again = drawn[k, second_tasks] == 1
            chosen[second_tasks[again]] = second[again]
        chosen *= np.sqrt(np.repeat(weights[k] / tokens, tokens))
        gram = chosen @ chosen.T
        own = np.diagonal(gram)
        d[k] = np.maximum(own[:, None] + own - (gram + gram.T), 0.0)
        np.fill_diagonal(d[k], 0.0)
    return read_only(-d)


def widened(
    S: npt.NDArray[np.floating],
    drawn: Array,
    of_examples: Array,
    *,
    per_task: int,
    level: float,
) -> Array:
    """(draws, n, n) the replicates ``drawn``, moved away from S for what two seeds cannot tell.

    Two models tell with one degree of freedom how far a task's seeds lie apart, ``per_task``
    examples with one less than their number. ``of_examples`` (fewer draws, n, n): replicates over
    the examples alone, so that the share that seeds have in an entry's variance is known. Welch's
    and Satterthwaite's degrees of freedom of an entry of the mean share then give a quantile of
    Student's t; all deviations grow by what it is above the normal one at ``level``.

    Source: Satterthwaite, "An approximate distribution of estimates of variance components" (1946).
    """
    off = ~np.eye(len(S), dtype=bool)
    all_of_it, examples = (x[:, off].var(axis=0).mean() for x in (drawn, of_examples))
    if not all_of_it > 0:
        return drawn
    share = float(np.clip(1.0 - examples / all_of_it, 0.0, 1.0))
    ends = (1.0 + level) / 2
    of_freedom = 1.0 / (share**2 / 2 + (1.0 - share) ** 2 / (2 * max(per_task - 1, 1)))
    return read_only(S + (drawn - S) * (stdtrit(of_freedom, ends) / ndtri(ends)))


def pmi_replicates(
    losses: npt.NDArray[np.floating],
    task: npt.NDArray[np.integer],
    draws: int,
    seed: int,
    *,
    second_tasks: npt.NDArray[np.integer] = NONE,
    second: npt.NDArray[np.floating] | None = None,
) -> Array:
    """(draws, n, n) replicates of S by PMI from per-example losses of the task models.

    ``losses``: (n, E) nats of each model on each probe example, ``second`` (R, E) those of the
    second models of the ``second_tasks`` (R,), of which a draw has one; ``task``: (E,).
    """
    n = len(losses)
    weights = resampled(task, draws, seed) * n
    table = _tables(losses, task, weights, n)
    if second is not None:
        again = drawn_seeds(second_tasks, n, draws, seed)[:, second_tasks, None] == 1
        of_second = _tables(second, task, weights, n)
        table[:, second_tasks] = np.where(again, of_second, table[:, second_tasks])
    excess = table - np.diagonal(table, axis1=1, axis2=2)[:, None, :]
    return read_only(-(excess + excess.transpose(0, 2, 1)) / 2)


def _tables(
    losses: npt.NDArray[np.floating], task: npt.NDArray[np.integer], weights: Array, n: int
) -> Array:
    """(draws, models, n) the loss tables of examples weighed by ``weights`` (draws, E)."""
    table = np.empty((len(weights), len(losses), n))
    for k in range(n):
        own = task == k
        table[:, :, k] = weights[:, own] @ losses[:, own].T.astype(np.float64)
    return table


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
