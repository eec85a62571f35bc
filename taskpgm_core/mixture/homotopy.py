"""Following an optimum exactly while its linear term moves: a parametric active-set method.

With c(t) = c0 - t b the optimal x is piecewise linear in t. Between two breakpoints the basis
stands; at a breakpoint one item is exchanged and the inverse of the basis's block gets a rank-one
update in place. Ties are broken by the least index (Murty's rule), which is finite for a P-matrix.
Sources: critical line method, Markowitz (1956); parametric active set, Best (1996) and Ferreau,
Bock and Diehl (2008).
"""

import numpy as np
from scipy.linalg.blas import dsymv, dsyr

from taskpgm_core.mixture.centred import RIDGE, Centred
from taskpgm_core.mixture.complementarity import (
    Block,
    Point,
    at_bounds,
    exchange,
    first_basis,
    flipped,
    intervals,
)
from taskpgm_core.mixture.solution import Basis
from taskpgm_core.records import Array

STILL_WEIGHT = 1e-11
STILL_COST = 1e-13
"""Rates below these, relative to the greatest of their kind, are rounding."""
SAME = 1e-13
"""Steps nearer to one another than this, relative to 1 + t, are a tie."""
FRAIL = 1e-7
"""Pivots below this lose too many digits in an update; the inverse is made anew instead."""
REFRESH = 32
"""Pivots after which accumulated rounding is taken out of x."""


class Homotopy:
    """An optimum of ``form`` at c, which ``advance`` moves along c - t b, b = ``toward``.

    ``inverse`` (items, items) holds the inverse of the basis's block of Q in its lower triangle,
    zero elsewhere, in the items' own order.
    """

    def __init__(self, form: Centred, c: Array, point: Point, toward: Array) -> None:
        self.form, self.toward = form, toward
        self.t, self.c = 0.0, c.copy()
        self.basis = Basis(point.basis.basic.copy(), point.basis.upper.copy())
        self.x, self.v = point.x.copy(), point.v.copy()
        self.pivots = 0
        self.careful = bool(form.ridge[form.n])
        if not self.basis.basic[: form.n].any():
            self._free_one()
        self._invert()
        self._rates()

    def _free_one(self) -> None:
        """Frees the weight whose reduced cost vanishes first as the simplex row's price moves."""
        n, upper = self.form.n, self.basis.upper[: self.form.n]
        movable = self.form.lo < self.form.hi
        side = upper if not (movable & ~upper).any() else ~upper
        item = int(np.where(movable & side, np.abs(self.v[:n]), np.inf).argmin())
        self.x[n] -= self.v[item]
        self.v[:n] -= self.v[item]
        self.basis.basic[item] = True

    def _invert(self) -> None:
        kept = np.flatnonzero(self.basis.basic)
        self.inverse = np.zeros((self.form.items, self.form.items), order="F")
        block = np.linalg.inv(self.form.Q[np.ix_(kept, kept)])
        self.inverse[np.ix_(kept, kept)] = (block + block.T) / 2

    def _times_inverse(self, right: Array) -> Array:
        return dsymv(1.0, self.inverse, right, lower=1)

    def _times_q(self, x: Array) -> Array:
        out = dsymv(1.0, self.form.Q, x, lower=1)
        if self.careful:
            out[self.form.n :] -= self.form.ridge[self.form.n :] * x[self.form.n :]
        return out

    def _rates(self) -> None:
        """dx/dt and dv/dt; refined, so that the zero rates of basic v stay at rounding level."""
        n, basic = self.form.n, self.basis.basic
        self.dx = self._times_inverse(self.toward)
        for _ in range(2 if self.careful else 1):
            residual = np.where(basic, self.toward - self._times_q(self.dx), 0.0)
            self.dx += self._times_inverse(residual)
        self.dv = self._times_q(self.dx) - self.toward
        self.rate = np.where(basic, self.dx, self.dv)
        self.low, self.high = intervals(self.form, self.basis)
        weight = STILL_WEIGHT * float(np.abs(self.dx[:n]).max())
        cost = STILL_COST * float(np.abs(self.dv[:n]).max())
        self.still = np.where(basic, weight, cost)
        if self.careful:
            price = STILL_COST * float(np.abs(self.dx[n:]).max())
            self.still[n:] = np.where(basic[n:], price, weight)

    def advance(self, until: float) -> bool:
        """Moves to the next exchange or to ``until``, whichever is nearer; False at ``until``
        or when nothing is left to exchange."""
        value = np.where(self.basis.basic, self.x, self.v)
        down, up = self.rate < -self.still, self.rate > self.still
        room = np.full(len(value), np.inf)
        room[down] = (self.low[down] - value[down]) / self.rate[down]
        room[up] = (self.high[up] - value[up]) / self.rate[up]
        np.maximum(room, 0.0, out=room)
        step = float(room.min())
        if self.t + step >= until:
            if np.isfinite(until):
                self._move(until - self.t)
            return False
        item = int(np.flatnonzero(room <= step + SAME * (1.0 + self.t))[0])
        self._move(step)
        self._exchange(item, bool(up[item]))
        return True

    def _move(self, step: float) -> None:
        self.t += step
        self.x += step * self.dx
        self.v += step * self.dv
        self.c -= step * self.toward
        if self.careful or self.pivots % REFRESH == REFRESH - 1:
            _, right = at_bounds(self.form, self.basis)
            residual = right - self.c - self._times_q(self.x)
            self.x += self._times_inverse(np.where(self.basis.basic, residual, 0.0))
            self.v = self._times_q(self.x) + self.c

    def _exchange(self, item: int, above: bool) -> None:
        n, form, leaving = self.form.n, self.form, bool(self.basis.basic[item])
        bound = self.high[item] if above else self.low[item]
        if leaving:
            self.x[item] = bound
            if item < n:
                self.v[item] = 0.0
        else:
            self.v[item] = bound
        out = np.zeros(form.items, dtype=bool)
        out[item] = True
        self.basis = flipped(self.basis, out, np.full(form.items, above))
        if leaving:
            column = np.concatenate([self.inverse[item, :item], self.inverse[item:, item]])
            pivot, sign = column[item], -1.0
        else:
            column = self._times_inverse(form.Q[:, item])
            pivot, sign = form.Q[item, item] - form.Q[:, item] @ column, 1.0
            column[item] = -1.0
        if abs(pivot) > FRAIL:
            dsyr(sign / pivot, column, a=self.inverse, lower=1, overwrite_a=1)
            if leaving:
                self.inverse[item, :] = 0.0
                self.inverse[:, item] = 0.0
        else:
            self._invert()
        self.pivots += 1
        self._rates()

    def refined(self, steps: int = 2) -> Array:
        """x with the ridge's bias taken out."""
        if not self.form.ridge.any():
            return self.x
        _, right = at_bounds(self.form, self.basis)
        x = self.x
        for _ in range(steps):
            residual = right - self.c - self.form.product(x)
            x = x + self._times_inverse(np.where(self.basis.basic, residual, 0.0))
        return x


def optimum(form: Centred, c: Array, start: Basis | None = None) -> tuple[Point, Block, int]:
    """The optimum at c under ``form``'s ridge: (point, its block, systems solved and pivots).

    Block pivoting from ``start``. Where that stalls the optimum is led there from a heavy ridge,
    under which it lies near the anchor, made lighter a hundredfold a time: by block pivoting
    from the last optimum, or where that stalls too, by following it exactly.
    """
    point, block, optimal, count = exchange(form, c, start or first_basis(form))
    if optimal:
        return point, block, count
    extra = 10.0 * form.n * (1.0 + float(np.abs(c).max()))
    led = Point(first_basis(form), *np.zeros((2, form.items)))
    while True:
        lighter = form.ridged(extra) if extra > RIDGE else form
        point, block, optimal, systems = exchange(lighter, c, led.basis)
        count += systems
        if not optimal:
            point, pivots = follow(lighter, c, led)
            block = Block(lighter, point.basis.basic)
            count += pivots
        led = point
        if lighter is form:
            return point, block, count
        extra /= 100.0


def follow(form: Centred, c: Array, guess: Point) -> tuple[Point, int]:
    """The optimum at c from any guess, and the pivots it took.

    With its values clipped into their intervals a guess is optimal for some other linear term
    (and other right sides of the rows), from which the homotopy leads to c.
    """
    low, high = intervals(form, guess.basis)
    bounds, right = at_bounds(form, guess.basis)
    basic = guess.basis.basic
    x = np.where(basic, np.clip(guess.x, low, high), bounds)
    v = np.where(basic, right, np.clip(guess.v, low, high))
    origin = v - form.exact_rows(x)
    walk = Homotopy(form, origin, Point(guess.basis, x, v), origin - c)
    limit = 20 * form.items + 200
    while walk.advance(1.0) and walk.pivots < limit:
        pass
    return Point(walk.basis, walk.x, walk.v), walk.pivots
