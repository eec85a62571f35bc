"""How the optimum answers a small change: the bordered system of its active constraints."""

from functools import cached_property

import numpy as np
import scipy.linalg

from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture.problem import Problem
from taskpgm_core.mixture.qp.block_pivoting import Block
from taskpgm_core.mixture.solution import Solution
from taskpgm_core.records import Array, read_only

FLAT = 1e-9
"""Curvatures up to this, in units of max|S - mean S|, count as none."""


class Bordered:
    """The system [H_FF + rho I, B_F'; B_F, 0] of a solution's free tasks F and binding rows B.

    As long as the same tasks are free and the same rows bind, a change dg of the gradient
    tau u - Hp (n, in the units of S) moves the optimum by dp = ``moves`` @ dg.
    """

    def __init__(self, problem: Problem, solution: Solution) -> None:
        if solution.basis is None:
            raise MixtureError(f"There is no mixture to explain: {solution.message}")
        self.problem, self.form = problem, problem.centred
        self.basic = solution.basis.basic
        self.block = Block(self.form, self.basic)

    def answer(self, push: Array) -> Array:
        """(n,) dp for a change ``push`` (n,) of the gradient, refined to rounding level."""
        n = self.form.n
        right = np.zeros(self.form.items)
        right[:n] = push / self.form.unit
        right = np.where(self.basic, right, 0.0)
        x = self.block.solve(right)
        for _ in range(2):
            x = x + self.block.solve(np.where(self.basic, right - self.form.product(x), 0.0))
        return x[:n]

    @cached_property
    def moves(self) -> Array:
        """(n, n) dp_i / dg_j, symmetric; zero wherever i or j is not free.

        Directions in which the energy is flat have no derivative and are left out.
        """
        form, n = self.form, self.form.n
        free, rows = np.flatnonzero(self.basic[:n]), n + np.flatnonzero(self.basic[n:])
        plane = scipy.linalg.null_space(form.Q[np.ix_(rows, free)], rcond=1e-12)
        inner = form.Q[np.ix_(free, free)] - np.diag(form.ridge[free])
        values, vectors = np.linalg.eigh(plane.T @ inner @ plane)
        curved = values > FLAT
        plane = plane @ vectors[:, curved]
        M = np.zeros((n, n))
        M[np.ix_(free, free)] = (plane / values[curved]) @ plane.T / form.unit
        return read_only((M + M.T) / 2)

    @cached_property
    def by_balance(self) -> Array:
        """(n,) dp/dr on the side where the same tasks stay free."""
        n = self.problem.n
        return read_only(self.answer(self.form.slope[:n] * self.form.unit))
