"""Why each task has its weight: splits that add up, and what it would take to move a zero."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture.kkt import Bordered
from taskpgm_core.mixture.path import SolutionPath
from taskpgm_core.mixture.problem import Problem
from taskpgm_core.mixture.solution import Solution
from taskpgm_core.records import Array, Tabular, heaviest, or_nan, read_only

PRESENT = 1e-9


@dataclass(frozen=True, eq=False)
class Reason:
    """Why one task has its weight.

    ``anchor`` + ``diversity`` = ``weight``: what the anchor (or the measured utility) asks for
    and what diversity asks for, invariant under S + c11'. ``unary`` + sum of ``pairwise`` + sum
    of ``constraints`` = ``weight``, in the stated convention of ``Explanation.offset``; pairwise
    (n,) is each neighbour's push, 0 for the task itself; constraints hold ``simplex`` (the price
    of summing to 1) and, where they act, ``floor``, ``cap``, ``group:NAME`` and ``pull``.
    ``reduced_cost``: of a zero, the rise of tau u that would bring it in, units of S; None where a
    cap of 0, its own or its group's, keeps it out.
    ``enters_at``: of a zero, the nearest balance beyond which it has weight; None if never.
    """

    task: str
    weight: float
    anchor: float
    diversity: float
    unary: float
    pairwise: Array = field(repr=False)
    constraints: dict[str, float]
    reduced_cost: float | None
    enters_at: float | None


@dataclass(frozen=True, eq=False)
class Explanation(Tabular):
    """Reasons in task order. ``offset``: the c of s = S + mu I + c11' that the neighbour split
    reads (ln 2 for JSD, so that s = ln 2 - D; 1 for a kernel K, so that s = K).
    ``contributions``: (n,) p_i (sp)_i, each task's part of p'sp."""

    tasks: tuple[str, ...]
    balance: float
    reasons: tuple[Reason, ...]
    offset: float
    contributions: Array

    def __repr__(self) -> str:
        weights = np.array([reason.weight for reason in self.reasons])
        head = f"Explanation of {len(self.tasks)} weights, balance {self.balance:g}"
        return f"{head}: {heaviest(self.tasks, weights)}"

    def table(self) -> tuple[str, Sequence[Any], Mapping[str, Any]]:
        """A row a task: its weight and the parts of it, and what a zero would take."""
        names = ("weight", "anchor", "diversity", "reduced_cost", "enters_at")
        columns = {name: or_nan([getattr(r, name) for r in self.reasons]) for name in names}
        return "task", self.tasks, columns | {"contribution": self.contributions}


def explain(problem: Problem, solution: Solution, path: SolutionPath | None = None) -> Explanation:
    """The reasons of an optimal ``solution``; with a ``path``, also where zeros enter.

    The invariant split: with the constraints that are active here, the optimum is linear in the
    balance, p(r) = r p(1) + (1 - r) p(0) extrapolated; the first part is the anchor's, the
    second diversity's (for a measured utility, r dp/dr and p(0)). By neighbours, for each task

        p_i = (tau u_i - sum_{j != i} s_ij p_j - nu + floor_i - cap_i - groups_i) / s_ii.

    Raises MixtureError for an infeasible problem or an infinite balance. Source: method: arXiv
    2507.12612; additive splits after reverse optimisation in portfolio theory.
    """
    r = solution.balance
    if not np.isfinite(r):
        raise MixtureError("An explanation needs a finite balance; lambda = 0 has no neighbours.")
    p, n = solution.p, problem.n
    rate = Bordered(problem, solution).by_balance
    start = p - r * rate
    anchor = r * rate if problem.utility is not None else r * (start + rate)
    offset = convention(problem)
    s = problem.similarity.matrix + offset + problem.convexity.shift * np.eye(n)
    rho, toward = (problem.pull.rho, problem.pull.mixture) if problem.pull else (0.0, np.zeros(n))
    curvature = np.diagonal(s) + rho
    tau_u = r / n * problem.utility if problem.utility is not None else r * (s @ problem.anchor)
    gradient = tau_u - s @ p + rho * (toward - p)
    prices = np.array([solution.multipliers.get(f"group:{g.name}", 0.0) for g in problem.groups])
    priced = gradient - prices @ problem.incidence
    free = (p > problem.lo) & (p < problem.hi)
    nu = float(np.median(priced[free])) if free.any() else _price(solution, problem, r, offset)
    slack = nu - priced
    pairwise = -(s - np.diag(np.diagonal(s))) * p / curvature[:, None]
    shut = np.array([group.hi <= 0 for group in problem.groups], dtype=float) @ problem.incidence
    allowed = (problem.hi > 0) & (shut == 0)
    entry = _entries(path, r) if path is not None else [None] * n
    reasons = []
    for i, task in enumerate(problem.tasks):
        constraints = {"simplex": -nu / curvature[i]}
        if not free[i]:
            constraints["floor" if slack[i] >= 0 else "cap"] = slack[i] / curvature[i]
        for k, group in enumerate(problem.groups):
            if prices[k] and problem.incidence[k, i]:
                constraints[f"group:{group.name}"] = -prices[k] / curvature[i]
        if rho:
            constraints["pull"] = rho * toward[i] / curvature[i]
        zero = p[i] <= 0
        reasons.append(
            Reason(
                task,
                float(p[i]),
                float(anchor[i]),
                float(p[i] - anchor[i]),
                float(tau_u[i] / curvature[i]),
                read_only(pairwise[i]),
                {name: float(value) for name, value in constraints.items()},
                float(max(slack[i], 0.0)) if zero and allowed[i] else None,
                entry[i] if zero else None,
            )
        )
    return Explanation(problem.tasks, r, tuple(reasons), offset, read_only(p * (s @ p)))


def convention(problem: Problem) -> float:
    """The c of s = S + mu I + c11': the largest divergence there can be (ln 2 for JSD), else the
    least c >= 0 that leaves no s_ij negative and every s_ii positive."""
    most = problem.similarity.reading.most
    if most is not None:
        return most
    S, mu = problem.similarity.matrix, problem.convexity.shift
    H = S + mu * np.eye(problem.n)
    least = max(0.0, -float(H.min()))
    smallest = float(np.diagonal(H).min()) + least
    rounding = 1e-9 * float(np.abs(H).max())
    return least if smallest > rounding else least + (problem.convexity.scale or 1.0)


def _price(solution: Solution, problem: Problem, r: float, offset: float) -> float:
    """nu in the convention's units where no task is free."""
    moved = offset if problem.utility is not None else (1.0 - r) * offset
    return solution.multipliers["simplex"] - moved


def _entries(path: SolutionPath, r: float) -> list[float | None]:
    """Of each task, the nearest balance beyond which it has weight; None if it never has."""
    here = path.at(r) > PRESENT
    present = path.weights > PRESENT
    entries: list[float | None] = []
    for j in range(len(path.tasks)):
        known = []
        right = np.flatnonzero(present[:, j] & (path.balances > r))
        left = np.flatnonzero(present[:, j] & (path.balances < r))
        if len(right):
            known.append(max(float(path.balances[max(right[0] - 1, 0)]), r))
        if len(left):
            known.append(min(float(path.balances[min(left[-1] + 1, len(present) - 1)]), r))
        nearest = min(known, key=lambda b: abs(b - r), default=None)
        entries.append(r if here[j] else nearest)
    return entries
