"""Breakpoints of a path with their certificates, and how what is missing is filled in."""

import numpy as np

from taskpgm_core.mixture.feasibility import duality_gap
from taskpgm_core.mixture.problem import Problem
from taskpgm_core.mixture.solver import limit, minimise
from taskpgm_core.records import Array

SAME = 1e-12
"""Breakpoints nearer than this (relative to 1 + balance) are one."""
CERTIFIED = 5e-10
"""Relative gaps above this are closed by separate solves."""
ROUNDS = 40
MOST = 400
"""Solves after which the gaps that are left are reported as they are."""
DOUBLINGS = 60
"""Balances tried, each twice as far, for the end of a path that following did not reach."""
ROWS = 256
"""Breakpoints certified at a time."""


class Knots:
    """Breakpoints as they are found: balances, mixtures and group prices, ascending."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.balances: list[float] = []
        self.weights: list[Array] = []
        self.prices: list[Array] = []

    def add(self, balance: float, p: Array, prices: Array) -> None:
        """Adds a knot at the end, in the place of the last one where that has the same balance."""
        if self.balances and balance - self.balances[-1] <= SAME * (1.0 + balance):
            balance = self.balances.pop()
            self.weights.pop()
            self.prices.pop()
        self.balances.append(balance)
        self.weights.append(p)
        self.prices.append(prices)

    def end(self, step: float) -> None:
        """Adds the mixture of lambda = 0 where it is certified, a ``step`` or more beyond the last
        knot; ``close`` finds what lies between."""
        last, count = self.balances[-1], len(self.balances)
        for _ in range(DOUBLINGS):
            self._replace(count, len(self.balances), [])
            found = limit(self.problem, last + step)
            self.add(last + step, found.p, found.prices)
            if self.gap_at_end() <= CERTIFIED:
                break
            step *= 2.0

    def gap_at_end(self) -> float:
        """The last knot's own relative gap."""
        balances, weights, prices = (part[-1:] for part in self.table())
        g = self.gradients(balances, weights)
        return float(duality_gap(self.problem, g, weights, prices)[0]) / self.problem.centred.unit

    def table(self) -> tuple[Array, Array, Array]:
        """(balances (m,), weights (m, n), prices (m, groups))."""
        m = len(self.balances)
        return (
            np.array(self.balances),
            np.array(self.weights).reshape(m, self.problem.n),
            np.array(self.prices).reshape(m, len(self.problem.groups)),
        )

    def gradients(self, balances: Array, weights: Array) -> Array:
        """(m, n) minus the gradient of the energy at each knot, from S itself, less a constant."""
        problem, shape = self.problem, self.problem.convexity
        unary = problem.solved_unary - problem.solved_unary.mean()
        g: Array = (balances / problem.n)[:, None] * unary
        if shape.shift:
            g -= shape.shift * weights
        if shape.scale:
            g -= weights @ problem.similarity.matrix
        if problem.pull:
            g += problem.pull.rho * (problem.pull.mixture - weights)
        return g

    def gaps(self) -> tuple[Array, Array]:
        """(m,) relative gaps at the knots, and halfway to the next (0 for the last).

        On a segment p, the gradient and the prices are linear, so that the gap anywhere on it is
        at most the greater end's plus the middle's.
        """
        balances, weights, prices = self.table()
        m, unit = len(balances), self.problem.centred.unit
        own, between = np.zeros(m), np.zeros(m)
        for first in range(0, m, ROWS):
            rows = slice(first, first + ROWS + 1)  # one more, for the last one's segment
            parts = (self.gradients(balances[rows], weights[rows]), weights[rows], prices[rows])
            own[rows] = duality_gap(self.problem, *parts) / unit
            middle = [(part[:-1] + part[1:]) / 2 for part in parts]
            span = slice(first, first + len(middle[0]))
            between[span] = duality_gap(self.problem, *middle) / unit
        return own, between

    def close(self) -> tuple[Array, int]:
        """Closes what gaps following left, stretch by stretch: ((m,) gaps, solves it took).

        Where the energy is flat the mixture may jump at one balance, which the ridge drew out
        into a stretch: its ends are then both optimal at the balance where their energies are
        equal. Any other stretch gets solves at its knots or amid its segments.
        """
        solves = 0
        for _ in range(ROUNDS):
            own, between = self.gaps()
            bad = np.maximum(np.maximum(own[:-1], own[1:]), between[:-1]) > CERTIFIED
            alone = len(own) == 1 and own[0] > CERTIFIED
            if alone:
                solves += self._halve(0, 0, own)
            if solves > MOST or not (bad.any() or alone):
                break
            turns = np.flatnonzero(np.diff(np.concatenate([[False], bad, [False]]).astype(int)))
            for first, last in reversed(turns.reshape(-1, 2)):
                if not self._jump(int(first), int(last)):
                    solves += self._halve(int(first), int(last), own)
        return np.maximum(*self.gaps()), solves

    def _replace(self, first: int, last: int, knots: list[tuple[float, Array, Array]]) -> None:
        self.balances[first:last] = [knot[0] for knot in knots]
        self.weights[first:last] = [knot[1] for knot in knots]
        self.prices[first:last] = [knot[2] for knot in knots]

    def _jump(self, first: int, last: int) -> bool:
        """Whether the stretch from knot ``first`` to ``last`` is a jump; makes it one if so."""
        ends = [first, last]
        (a, b), weights, prices = (part[ends] for part in self.table())
        g = self.gradients(np.array([a, b]), weights)
        unary = self.problem.solved_unary / self.problem.n
        step = weights[1] - weights[0]
        gain = float(unary @ step)
        if gain <= 0.0:
            return False
        # the ends' energies are equal where the mean gradient is level along the step
        r = (a + b) / 2 - float(g.mean(axis=0) @ step) / gain
        if not a - SAME <= r <= b + SAME:
            return False
        r = min(max(r, a), b)
        there = g + np.outer(r - np.array([a, b]), unary)
        gap = duality_gap(self.problem, there, weights, prices) / self.problem.centred.unit
        if gap.max() > CERTIFIED:
            return False
        stretch = [
            (r, weights[0], prices[0]),
            (float(np.nextafter(r, np.inf)), weights[1], prices[1]),
        ]
        if a < r:
            stretch.insert(0, (a, weights[0], prices[0]))
        if r < b:
            stretch.append((b, weights[1], prices[1]))
        self._replace(first, last + 1, stretch)
        return True

    def _halve(self, first: int, last: int, own: Array) -> int:
        """Solves where the stretch's knots are not optimal, else amid its segments."""
        wrong = [k for k in range(first, last + 1) if own[k] > CERTIFIED]
        for k in reversed(wrong or range(first, last)):
            r = self.balances[k] if wrong else (self.balances[k] + self.balances[k + 1]) / 2
            found = minimise(self.problem, r)
            self._replace(k if wrong else k + 1, k + 1, [(r, found.p, found.prices)])
        return len(wrong) or last - first
