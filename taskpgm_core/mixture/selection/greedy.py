"""The best few tasks of many: greedy for every number of tasks, with what it guarantees."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture.problem import Problem
from taskpgm_core.mixture.selection.exact import (
    TIE,
    Restricted,
    best_subset,
    least_curvature,
    restricted,
    rise,
    value,
)
from taskpgm_core.records import Array, Tabular, brief, or_nan, read_only

EFFORT = 500_000
"""Sets times their size cubed that are looked at for one curvature; beyond, all tasks' stands."""
NODES = 20000
"""Nodes of the exact search for one k; beyond, the exact value stays unknown."""
TIED = 1e-9
"""Single tasks whose values differ by less, relative to max|S - mean S|, tie for the start."""


@dataclass(frozen=True, eq=False)
class Step:
    """The choice of k tasks and what is known of it; values are F in the units of S.

    ``added``: the task that came last; ``tasks``: those chosen, in the order they came; ``p``
    (n,): the best mixture of them, zero elsewhere; ``value`` = F(p). ``gamma``: lower bound in
    [0, 1] on the submodularity ratio, None at k = 1. ``guarantee``: what greedy was bound to
    reach, F(A_1) + (1 - exp(-gamma (k-1)/k)) (best - F(A_1)), best being ``exact`` where it is
    known and else ``value``. ``upper_bound``: no k tasks reach more. ``exact``,
    ``exact_tasks``: the best value of any k tasks and who they are, None where not computed.
    """

    k: int
    added: str
    tasks: tuple[str, ...] = field(repr=False)
    p: Array = field(repr=False)
    value: float
    gamma: float | None
    guarantee: float
    upper_bound: float
    exact: float | None
    exact_tasks: tuple[str, ...] | None = field(repr=False)


@dataclass(frozen=True, eq=False)
class Selection(Tabular):
    """Greedy selections of 1, 2, ... of ``tasks``, each keeping the one before.

    ``start``: the first task, the best single one, or of several that tie for it the one that
    makes the best pair. ``best``: F of all tasks together; ``steps[k - 1]`` is the choice of k.
    """

    tasks: tuple[str, ...]
    balance: float
    start: str
    best: float
    steps: tuple[Step, ...]

    def __repr__(self) -> str:
        first = ", ".join(
            f"{brief(step.added)} {self.captured(step.value):.1%}" for step in self.steps[:3]
        )
        more = f" and {len(self.steps) - 3} more" if len(self.steps) > 3 else ""
        head = f"Selection from {len(self.tasks)} tasks, balance {self.balance:g}"
        return f"{head}\n  of the way from the first task to all: {first}{more}"

    def table(self) -> tuple[str, Sequence[Any], Mapping[str, Any]]:
        """A row a number of tasks k: who comes, and what is reached, as in ``Step``."""
        names = ("added", "value", "gamma", "guarantee", "upper_bound", "exact")
        columns = {name: or_nan([getattr(step, name) for step in self.steps]) for name in names}
        reached = [self.captured(step.value) for step in self.steps]
        return "k", [step.k for step in self.steps], columns | {"captured": reached}

    def captured(self, value: float) -> float:
        """Where ``value`` lies between the first task alone (0) and all tasks together (1)."""
        alone = self.steps[0].value
        span = self.best - alone
        return (value - alone) / span if span > 0 else 1.0


def select(
    problem: Problem, balance: float = 1.0, *, k_max: int | None = None, exact_up_to: int = 0
) -> Selection:
    """For each k the k tasks that greedy chooses, maximising F(A), and how good they must be.

    F(A) = max of tau u'p - p'Hp/2 over mixtures p of the tasks in A (less rho/2 ||p - p0||^2
    where there is a pull); tau = balance/n, the shift applied. ``k_max``: how far to go (default
    all n). ``exact_up_to``: studies of at most so many tasks also get the best value of any k
    tasks, by branch and bound. Raises MixtureError for a balance or k_max that makes no sense and
    for problems with floors, caps, pins or groups.

    Source: method: arXiv 2507.12612; weak submodularity: Das and Kempe (2011), Bian et al. (2017).
    """
    if not (math.isfinite(balance) and balance >= 0):
        raise MixtureError(f"The balance must be a finite number of at least 0, not {balance}.")
    n, tasks = problem.n, problem.tasks
    if k_max is None:
        k_max = n
    if not 1 <= k_max <= n:
        raise MixtureError(f"k must lie between 1 and the number of tasks, {n}, not {k_max}.")
    form, factor = restricted(problem, balance)
    order, mixtures = _greedy(form, k_max)
    values = [value(problem, balance, p) for p in mixtures]
    whole = form.best(np.ones(n, dtype=bool), mixtures[-1])
    best = value(problem, balance, whole)
    flattest = problem.convexity.curvature / problem.centred.unit
    curvatures = _Curvatures(form, order, flattest)
    gammas = _gammas(form, mixtures, curvatures)
    uppers = _upper_bounds(form, mixtures, [v / factor for v in values], curvatures)
    exact: list[Array | None] = [None] * k_max
    if n <= exact_up_to:
        exact = _exact(form, mixtures, whole)
    steps = []
    for k, (p, reached, gamma, upper, top) in enumerate(
        zip(mixtures, values, gammas, uppers, exact, strict=True), start=1
    ):
        known = None if top is None else max(reached, value(problem, balance, top))
        certain = 0.0 if gamma is None else -math.expm1(-gamma * (k - 1) / k)
        aim = reached if known is None else known
        steps.append(
            Step(
                k,
                tasks[order[k - 1]],
                tuple(tasks[i] for i in order[:k]),
                read_only(p),
                reached,
                gamma,
                values[0] + certain * (aim - values[0]),
                max(reached, min(best, upper * factor)),
                known,
                None if top is None else tuple(tasks[i] for i in np.flatnonzero(top > 0)),
            )
        )
    return Selection(tasks, float(balance), tasks[order[0]], best, tuple(steps))


def _first(form: Restricted) -> int:
    """The best single task; of several, the one whose best pair is best."""
    alone = form.q - np.diagonal(form.K) / 2
    tied = np.flatnonzero(alone >= alone.max() - TIED)
    if len(tied) == 1:
        return int(tied[0])
    slope = form.q - form.K[tied] - (form.q[tied] - form.K[tied, tied])[:, None]
    bend = form.K[tied, tied][:, None] + np.diagonal(form.K) - 2 * form.K[tied]
    share = np.clip(slope / np.maximum(bend, np.finfo(float).tiny), 0.0, 1.0)
    pairs = (alone[tied][:, None] + share * slope - share**2 * bend / 2).max(axis=1)
    return int(tied[_leading(pairs)])


def _leading(values: Array) -> int:
    """The first of those within rounding of the greatest."""
    top = values.max()
    return int(np.flatnonzero(values >= top - TIE * (1.0 + abs(top)))[0])


def _greedy(form: Restricted, k_max: int) -> tuple[list[int], list[Array]]:
    """(tasks in the order chosen, the best mixture of the first 1, 2, ...)."""
    order = [_first(form)]
    chosen = np.zeros(form.n, dtype=bool)
    chosen[order] = True
    mixtures = [form.single(order[0])]
    while len(order) < k_max:
        p, prices = mixtures[-1], form.prices(mixtures[-1])
        if np.where(chosen, 0.0, prices).max() <= TIE:
            added = _leading(np.where(chosen, -np.inf, prices))  # nothing gains: the nearest to it
        else:
            added = _leading(form.with_one_more(chosen, p))
            p = form.best(chosen | (np.arange(form.n) == added), p)
        chosen[added] = True
        order.append(added)
        mixtures.append(p)
    return order, mixtures


class _Curvatures:
    """Least curvature over the first i chosen tasks and any k others, from below."""

    def __init__(self, form: Restricted, order: list[int], flattest: float) -> None:
        self.form, self.order, self.flattest = form, np.array(order), flattest
        self.known: dict[tuple[int, int], float] = {}

    def __call__(self, i: int, k: int) -> float:
        if (i, k) not in self.known:
            found = least_curvature(self.form, self.order[:i], k, EFFORT)
            self.known[i, k] = self.flattest if found is None else max(found, self.flattest)
        return self.known[i, k]


def _gammas(form: Restricted, mixtures: list[Array], curvature: _Curvatures) -> list[float | None]:
    """For k = 1, 2, ...: the least of m / d_j^2 over the iterates before and what gains there."""
    farthest = []
    for p in mixtures:
        Kp = form.K @ p
        distance = np.diagonal(form.K) - 2 * Kp + float(p @ Kp)
        gaining = form.prices(p) > TIE
        farthest.append(float(distance[gaining].max()) if gaining.any() else 0.0)
    gammas: list[float | None] = [None]
    for k in range(2, len(mixtures) + 1):
        ratios = [curvature(i, k) / farthest[i - 1] for i in range(1, k) if farthest[i - 1] > 0.0]
        gammas.append(min([1.0, *ratios]))
    return gammas


def _upper_bounds(
    form: Restricted, mixtures: list[Array], values: list[float], curvature: _Curvatures
) -> list[float]:
    """For k = 1, 2, ...: what no k tasks exceed, by every iterate's own certificate."""
    prices = [form.prices(p) for p in mixtures]
    wanting = sum(float(delta.max()) > TIE for delta in prices)
    prices = prices[: wanting + 1]  # after the first choice that lacks nothing all are alike
    bounds = [
        min(
            reached + rise(delta, k, curvature(i, k) if i <= k else curvature.flattest)
            for i, (reached, delta) in enumerate(zip(values, prices, strict=False), start=1)
        )
        for k in range(1, len(mixtures) + 1)
    ]
    return [float(bound) for bound in np.minimum.accumulate(bounds[::-1])[::-1]]


def _exact(form: Restricted, mixtures: list[Array], whole: Array) -> list[Array | None]:
    """For k = 1, 2, ...: the best mixture of any k tasks, None where the search was cut off."""
    alone = form.q - np.diagonal(form.K) / 2
    found: list[Array | None] = [form.single(_leading(alone))]
    for k, p in enumerate(mixtures[1:], start=2):
        if np.count_nonzero(whole) <= k:
            found.append(whole)
            continue
        known = p
        if found[-1] is not None:
            chosen = found[-1] > 0
            more = form.with_one_more(chosen, found[-1])
            other = form.best(chosen | (np.arange(form.n) == more.argmax()), found[-1])
            known = max(p, other, key=form.value)
        found.append(best_subset(form, k, known, NODES))
    return found
