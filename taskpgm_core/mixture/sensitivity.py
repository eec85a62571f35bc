"""Derivatives of the mixture: by the balance, by one similarity."""

from dataclasses import dataclass

import numpy as np

from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture.kkt import Bordered
from taskpgm_core.mixture.problem import Problem
from taskpgm_core.mixture.solution import Solution
from taskpgm_core.records import Array, read_only


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """How p moves while the same tasks stay in the mixture (one-sided at a breakpoint).

    ``by_balance``: (n,) dp/dr (dp/dtau is n times that). ``response``: (n, n) dp_i/dg_j
    for a change of the gradient g = (r/n) u - Hp. ``aim``: (n,) r w - p, by which a change of S
    acts (-p for a measured utility). The shift is held.
    Where the minimiser is not unique, moves that change no energy are left out.
    """

    tasks: tuple[str, ...]
    by_balance: Array
    response: Array
    aim: Array

    def by_similarity(self, i: int, j: int) -> Array:
        """(n,) dp per unit of S_ij = S_ji; the unary term u = nSw moves along."""
        moved = self.aim[j] * self.response[:, i]
        return read_only(moved if i == j else moved + self.aim[i] * self.response[:, j])


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
    return Sensitivity(problem.tasks, bordered.by_balance, M, read_only(aim))
