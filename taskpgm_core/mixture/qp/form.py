"""A problem in the coordinates in which it is solved: centred on its anchor, in units of S."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from taskpgm_core.mixture.convexity import tangent
from taskpgm_core.records import Array

if TYPE_CHECKING:
    from taskpgm_core.mixture.problem import Problem

RIDGE = 1e-10
"""Strict convexity lent to a singular problem (pulling to the anchor) and to constraint rows,
which may depend on one another; every answer is refined against the system without it."""


@dataclass(frozen=True, eq=False)
class Centred:
    """Minimise (1/2) z'Kz + (start - r slope)'z over lo <= z <= hi, row_lo <= Bz <= row_hi.

    z = p - w, everything divided by ``unit``; K = P (H + rho I) P / unit plus a multiple of 11',
    which changes nothing where 1'z = 0 but leaves K positive definite wherever H is so on that
    plane. Rows of B: ones (bounds 0 and 0), then one a group. Variables and rows together are
    ``items``: ``Q`` = [[K, B'], [B, 0]] + diag(ridge) with a negative ridge on rows, so that every
    principal block is invertible; (items, items), columns contiguous.
    """

    n: int
    unit: float
    Q: Array
    ridge: Array
    start: Array
    slope: Array
    lo: Array
    hi: Array
    row_lo: Array
    row_hi: Array

    @property
    def items(self) -> int:
        return len(self.ridge)

    def linear(self, balance: float) -> Array:
        """(items,) the linear term at a balance r; exactly 0 at r = 1 for an anchor's unary."""
        return self.start - balance * self.slope

    def ridged(self, extra: float) -> Centred:
        """The same problem with ``extra`` added to every weight's curvature."""
        Q, ridge, weights = self.Q.copy(order="F"), self.ridge.copy(), np.arange(self.n)
        Q[weights, weights] += extra
        ridge[: self.n] += extra
        return replace(self, Q=Q, ridge=ridge)

    def exact_rows(self, x: Array) -> Array:
        """Q x without the rows' ridge."""
        out = self.Q @ x
        out[self.n :] -= self.ridge[self.n :] * x[self.n :]
        return out

    def product(self, x: Array) -> Array:
        """[[K, B'], [B, 0]] x, without the ridge."""
        return self.Q @ x - self.ridge * x


def centre(problem: Problem) -> Centred:
    """The numerical form of ``problem`` (its shift applied)."""
    n, w, shape = problem.n, problem.anchor, problem.convexity
    rho = problem.pull.rho if problem.pull else 0.0
    worth = problem.utility if problem.utility is not None else np.zeros(n)
    unit = max(shape.scale, rho) or float(np.abs(worth - worth.mean()).max()) or 1.0
    G, offset = tangent(problem.similarity.matrix, shape.scale)
    G, offset = G * (shape.scale / unit), offset * (shape.scale / unit)
    away = w - 1.0 / n
    noise = 64 * np.finfo(float).eps * float(np.abs(problem.unary).max()) / (n * unit)
    start = offset + G @ away + (shape.shift / unit) * away
    if np.abs(start).max() <= noise:
        start = np.zeros(n)
    slope = start
    if problem.utility is not None:
        slope = (worth - worth.mean()) / (n * unit)
    if np.abs(slope).max() <= noise:
        slope = np.zeros(n)
    if problem.pull:
        start = start + (rho / unit) * (w - problem.pull.mixture)
    rows = np.vstack([np.ones(n), problem.incidence])
    items = n + len(rows)
    Q = np.zeros((items, items), order="F")
    Q[:n, :n] = G
    Q[np.arange(n), np.arange(n)] += (shape.shift + rho) / unit
    Q[:n, :n] += max(float(np.trace(Q)) / max(n - 1, 1), 1e-3) / n
    Q[n:, :n], Q[:n, n:] = rows, rows.T
    ridge = np.zeros(items)
    ridge[:n] = RIDGE if shape.singular else 0.0
    plain = not problem.groups and problem.hi.min() >= 1.0 and (problem.lo <= w).all()
    ridge[n:] = 0.0 if plain else -RIDGE  # plain: some weight is always free
    Q[np.arange(items), np.arange(items)] += ridge
    none = np.zeros(len(rows))
    at_anchor = problem.incidence @ w
    return Centred(
        n,
        unit,
        Q,
        ridge,
        np.concatenate([start, none]),
        np.concatenate([slope, none]),
        problem.lo - w,
        problem.hi - w,
        np.concatenate([[0.0], [g.lo for g in problem.groups] - at_anchor]),
        np.concatenate([[0.0], [g.hi for g in problem.groups] - at_anchor]),
    )
