"""Derivatives of the mixture: by the balance, by a task's utility, by one similarity."""

from dataclasses import dataclass

import numpy as np

from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture.problem import Problem
from taskpgm_core.mixture.qp.bordered import Bordered
from taskpgm_core.mixture.solution import Solution
from taskpgm_core.records import Array, read_only


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """How p moves while the same tasks stay in the mixture (one-sided at a breakpoint).

    ``by_balance``: (n,) dp/dr (dp/dtau is n times that). ``by_utility``: (n, n) dp_i/du_j, u in
    the units of S. ``response``: (n, n) dp_i/dg_j for a change of the gradient. ``aim``: (n,)
    r w - p, by which a change of S acts (-p for a measured utility). The shift is held.
    Where the minimiser is not unique, moves that change no energy are left out.
    """

    tasks: tuple[str, ...]
    by_balance: Array
    by_utility: Array
    response: Array
    aim: Array

    def by_similarity(self, i: int, j: int) -> Array:
        """(n,) dp per unit of S_ij = S_ji; the unary term u = nSw moves along."""
        moved = self.aim[j] * self.response[:, i]
        return read_only(moved if i == j else moved + self.aim[i] * self.response[:, j])

    def by_similarity_norms(self) -> Array:
        """(n, n) ||dp||_1 per unit of every S_ij = S_ji; zeros on the diagonal."""
        n, M = len(self.tasks), self.response
        norms = np.empty((n, n))
        for i in range(n):
            moved = M[:, i, None] * self.aim[None, :] + self.aim[i] * M
            norms[i] = np.abs(moved).sum(axis=0)
        np.fill_diagonal(norms, 0.0)
        return read_only(norms)


def sensitivity(problem: Problem, solution: Solution) -> Sensitivity:
    """All derivatives of ``solution`` from its bordered system.

    With g = tau u - Hp on the free tasks, dS moves g by dS (r w - p) where u = nSw, so that
    dp = M dS (r w - p). Raises MixtureError for an infeasible problem or an infinite balance.
    Source: method: arXiv 2507.12612; implicit differentiation of the optimality conditions.
    """
    if not np.isfinite(solution.balance):
        raise MixtureError("Derivatives need a finite balance; at lambda = 0 the mixture jumps.")
    bordered = Bordered(problem, solution)
    r, M = solution.balance, bordered.moves
    aim = -solution.p if problem.utility is not None else r * problem.anchor - solution.p
    return Sensitivity(
        problem.tasks, bordered.by_balance, read_only(r / problem.n * M), M, read_only(aim)
    )
