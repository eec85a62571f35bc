"""A problem in the coordinates in which it is solved: centred on its anchor, in units of S."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from taskpgm_core.mixture.convexity import Convexity, tangent
from taskpgm_core.records import Array

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


def centre(
    matrix: Array,
    shape: Convexity,
    *,
    anchor: Array,
    unary: Array,
    utility: Array | None,
    pull_to: Array | None,
    rho: float,
    lo: Array,
    hi: Array,
    incidence: Array,
    group_lo: Array,
    group_hi: Array,
    always_free: bool,
) -> Centred:
    """The numerical form of a problem over the matrix S of ``shape`` (its shift applied).

    ``unary``: (n,) u without the shift. ``incidence``: (groups, n) ones where a task belongs.
    ``always_free``: some weight is off its bounds at every balance, so that 1'z = 0 needs no ridge.
    """
    n, w = len(anchor), anchor
    worth = utility if utility is not None else np.zeros(n)
    unit = max(shape.scale, rho) or float(np.abs(worth - worth.mean()).max()) or 1.0
    G, offset = tangent(matrix, shape.scale)
    G, offset = G * (shape.scale / unit), offset * (shape.scale / unit)
    away = w - 1.0 / n
    noise = 64 * np.finfo(float).eps * float(np.abs(unary).max()) / (n * unit)
    start = offset + G @ away + (shape.shift / unit) * away
    if np.abs(start).max() <= noise:
        start = np.zeros(n)
    slope = start
    if utility is not None:
        slope = (worth - worth.mean()) / (n * unit)
    if np.abs(slope).max() <= noise:
        slope = np.zeros(n)
    if pull_to is not None:
        start = start + (rho / unit) * (w - pull_to)
    rows = np.vstack([np.ones(n), incidence])
    items = n + len(rows)
    Q = np.zeros((items, items), order="F")
    Q[:n, :n] = G
    Q[np.arange(n), np.arange(n)] += (shape.shift + rho) / unit
    Q[:n, :n] += max(float(np.trace(Q)) / max(n - 1, 1), 1e-3) / n
    Q[n:, :n], Q[:n, n:] = rows, rows.T
    ridge = np.zeros(items)
    ridge[:n] = RIDGE if shape.singular else 0.0
    ridge[n:] = 0.0 if always_free else -RIDGE
    Q[np.arange(items), np.arange(items)] += ridge
    none = np.zeros(len(rows))
    at_anchor = incidence @ w
    return Centred(
        n,
        unit,
        Q,
        ridge,
        np.concatenate([start, none]),
        np.concatenate([slope, none]),
        lo - w,
        hi - w,
        np.concatenate([[0.0], group_lo - at_anchor]),
        np.concatenate([[0.0], group_hi - at_anchor]),
    )
