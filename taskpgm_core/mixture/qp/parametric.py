"""Following an optimum exactly while its linear term moves: a parametric active-set method.

With c(t) = c0 - t b the optimal x is piecewise linear in t. Between two breakpoints the basis
stands; at a breakpoint one item is exchanged and the inverse of the basis's block gets a rank-one
update in place. Ties are broken by the least index (Murty's rule), which is finite for a P-matrix.
Sources: critical line method, Markowitz (1956); parametric active set, Best (1996) and Ferreau,
Bock and Diehl (2008).
"""

import numpy as np

from taskpgm_core.mixture.qp.block_inverse import FRAIL, BlockInverse
from taskpgm_core.mixture.qp.block_pivoting import (
    Block,
    Point,
    at_bounds,
    exchange,
    first_basis,
    intervals,
)
from taskpgm_core.mixture.qp.form import Centred
from taskpgm_core.mixture.solution import Basis
from taskpgm_core.records import Array

STILL_WEIGHT = 1e-11
STILL_COST = 1e-13
STILL = 1e-14
"""Rates below these are rounding: relative to the greatest of their kind, and to the move of c."""
SAME = 1e-13
"""Steps nearer to one another than this, relative to 1 + t, are a tie."""
FLAT = 1e-7
"""The lightest ridge under which an optimum is led to where block pivoting stalls."""
EXACT = 1e-15
CLOSE = 1e-13
"""Residuals of the rates above these are corrected, for singular and for other problems."""
CORRECTIONS = 6
REFRESH = 32
"""Pivots after which accumulated rounding is taken out."""


class Homotopy:
    """An optimum of ``form`` at c, which ``advance`` moves along c - t b, b = ``toward``.

    ``value`` (items,) is each item's x where basic, its v = Qx + c where not, ``rate`` its
    derivative by t, ``low`` and ``high`` the interval it must keep to.
    """

    def __init__(self, form: Centred, c: Array, point: Point, toward: Array) -> None:
        self.form, self.toward, self.origin = form, toward, c
        self.t, self.pivots = 0.0, 0
        self.basic, self.upper = point.basis.basic.copy(), point.basis.upper.copy()
        self.value = np.where(self.basic, point.x, point.v)
        self.careful = bool(form.ridge[form.n])
        self.tolerance = EXACT if form.ridge[0] else CLOSE
        if not self.basic[: form.n].any():
            self._free_one()
        self.low, self.high = intervals(form, self.basis)
        self.inverse = BlockInverse(form.Q, np.flatnonzero(self.basic))
        self._rates_anew()

    @property
    def basis(self) -> Basis:
        return Basis(self.basic, self.upper)

    @property
    def c(self) -> Array:
        return self.origin - self.t * self.toward

    @property
    def x(self) -> Array:
        """(items,) weights z and prices."""
        return np.where(self.basic, self.value, at_bounds(self.form, self.basis)[0])

    def point(self) -> Point:
        x = self.x
        return Point(Basis(self.basic.copy(), self.upper.copy()), x, self._times_q(x) + self.c)

    def _free_one(self) -> None:
        """Frees the weight whose reduced cost vanishes first as the simplex row's price moves."""
        n, form = self.form.n, self.form
        movable = form.lo < form.hi
        side = ~self.upper[:n] if (movable & ~self.upper[:n]).any() else self.upper[:n]
        item = int(np.where(movable & side, np.abs(self.value[:n]), np.inf).argmin())
        self.value[n] -= self.value[item]
        self.value[:n] -= self.value[item]
        self.value[item] = form.hi[item] if self.upper[item] else form.lo[item]
        self.basic[item] = True

    def _exact_rows(self, product: Array, x: Array) -> Array:
        if self.careful:
            product[self.form.n :] -= self.form.ridge[self.form.n :] * x[self.form.n :]
        return product

    def _times_q(self, x: Array) -> Array:
        return self._exact_rows(self.form.Q @ x, x)

    def _rates_anew(self) -> None:
        self.dx = self.inverse.times(self.toward)
        self.dv = self._exact_rows(self.inverse.product(self.dx), self.dx) - self.toward
        self.usual = 10.0 * self._correct_rates()
        self._sort_rates()

    def _inverse_anew(self) -> None:
        self.inverse.rebuild(np.flatnonzero(self.basic))
        self._rates_anew()

    def _correct_rates(self) -> float:
        """Brings the rates of basic v to rounding level; the relative residual that is left."""
        further = CORRECTIONS
        while True:
            wrong = np.where(self.basic, self.dv, 0.0)
            left = float(np.abs(wrong).max() / (1.0 + np.abs(self.dx).max()))
            if left <= self.tolerance or not further:
                return left
            further -= 1
            step = self.inverse.times(wrong)
            self.dx -= step
            self.dv -= self._exact_rows(self.inverse.product(step), step)

    def _sort_rates(self) -> None:
        """Says which rates are only rounding."""
        n, basic = self.form.n, self.basic
        self.rate = np.where(basic, self.dx, self.dv)
        weight = STILL_WEIGHT * float(np.abs(self.dx[:n]).max())
        weight += STILL * float(np.abs(self.toward).max())
        cost = STILL_COST * float(np.abs(self.dv[:n]).max())
        self.still = np.where(basic, weight, cost)
        if self.careful:
            price = STILL_COST * float(np.abs(self.dx[n:]).max())
            self.still[n:] = np.where(basic[n:], price, weight)
        free, rows = np.flatnonzero(basic[:n]), n + np.flatnonzero(basic[n:])
        if len(free) <= len(rows) and not self.toward[rows].any():
            held = np.linalg.matrix_rank(self.form.Q[np.ix_(rows, free)])
            if held == len(free):
                self.still[free] = np.inf  # a corner: the rows leave the weights no choice

    def advance(self, until: float) -> bool:
        """Moves to the next exchange or to ``until``, whichever is nearer; False at ``until``
        or when nothing is left to exchange."""
        moving = np.flatnonzero(np.abs(self.rate) > self.still)
        rate = self.rate[moving]
        ahead = np.where(rate > 0.0, self.high[moving], self.low[moving])
        room = np.maximum((ahead - self.value[moving]) / rate, 0.0)
        step = float(room.min(initial=np.inf))
        if self.t + step >= until:
            if np.isfinite(until):
                self._move(until - self.t)
            return False
        first = int((room <= step + SAME * (1.0 + self.t)).argmax())
        self._move(step)
        self._exchange(int(moving[first]), bool(rate[first] > 0.0))
        if self.careful or self.form.ridge[0]:  # what left may not have been quite at its bound
            self._correct_values()
        return True

    def _move(self, step: float) -> None:
        self.t += step
        self.value += step * self.rate
        if self.careful or self.pivots % REFRESH == REFRESH - 1:
            self._correct_values()

    def _correct_values(self) -> None:
        """Takes out what rounding has added up in the values."""
        x, right = at_bounds(self.form, self.basis)
        x = np.where(self.basic, self.value, x)
        for _ in range(CORRECTIONS):
            rest = np.where(self.basic, right - self.c - self._times_q(x), 0.0)
            if np.abs(rest).max() <= EXACT:
                break
            x = x + self.inverse.times(rest)
        self.value = np.where(self.basic, x, self._times_q(x) + self.c)

    def _exchange(self, item: int, above: bool) -> None:
        n, form, leaving = self.form.n, self.form, bool(self.basic[item])
        self.basic[item] = not leaving
        if leaving and item >= n:
            self.value[item] = form.row_hi[item - n] if self.upper[item] else form.row_lo[item - n]
        elif leaving or item >= n:
            self.value[item] = 0.0
            self.upper[item] = above
        else:
            self.value[item] = form.hi[item] if self.upper[item] else form.lo[item]
        self.low[item], self.high[item] = self._interval(item)
        if leaving:
            v, pivot = self.inverse.removing(item)
            change = -self.dx[item] / pivot if abs(pivot) > FRAIL else 0.0
        else:
            v, pivot = self.inverse.adding(item)
            change = self.dv[item] / pivot if abs(pivot) > FRAIL else 0.0
        self.pivots += 1
        if abs(pivot) <= FRAIL:
            self._inverse_anew()
            return
        if leaving:
            product = self.inverse.product(v)
            self.inverse.remove(item, v, pivot)
        else:
            self.inverse.add(item, v, pivot)
            product = self.inverse.product(v)
        self.dx += change * v
        self.dv += change * self._exact_rows(product, v)
        if leaving:
            self.dx[item] = 0.0
        # updates among nearly flat directions may ruin an inverse
        if self._correct_rates() > max(self.tolerance, self.usual):
            self._inverse_anew()
        else:
            self._sort_rates()

    def _interval(self, item: int) -> tuple[float, float]:
        n, form = self.form.n, self.form
        if item < n and self.basic[item]:
            return form.lo[item], form.hi[item]
        if item >= n and not self.basic[item]:
            return form.row_lo[item - n], form.row_hi[item - n]
        positive = self.upper[item] if item >= n else not self.upper[item]
        return (0.0, np.inf) if positive else (-np.inf, 0.0)


def optimum(form: Centred, c: Array, start: Basis | None = None) -> tuple[Point, Block, int]:
    """The optimum at c under ``form``'s ridge: (point, its block, systems solved and pivots).

    Block pivoting from ``start``. Where that stalls the optimum is led there from a heavy ridge,
    under which it lies near the anchor, made lighter tenfold a time: by block pivoting from the
    last optimum, or where that stalls too, by following it exactly. Below the ridge ``FLAT``, at
    which the inverse loses its digits, the last optimum that could be reached stands.
    """
    point, block, optimal, count = exchange(form, c, start or first_basis(form))
    if optimal:
        return point, block, count
    heavy = 10.0 * form.n * (1.0 + float(np.abs(c).max()))
    steps = int(np.ceil(np.log10(heavy / FLAT)))
    extras = [*np.geomspace(heavy, FLAT, steps), *((1e-8, 1e-9) if form.ridge[0] else ()), 0.0]
    led = Point(first_basis(form), *np.zeros((2, form.items)))
    for extra in extras:
        under = form.ridged(extra) if extra else form
        point, reached, optimal, systems = exchange(under, c, led.basis)
        count += systems
        if not optimal:
            followed, pivots = follow(under, c, led)
            point, reached, optimal, systems = exchange(under, c, followed.basis)
            count += pivots + systems
            if not optimal:
                if form.ridge[0] and extra < FLAT:
                    break
                point, reached = followed, Block(under, followed.basis.basic)
        led, block = point, reached
    return led, block, count


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
    toward = origin - c
    if not form.ridge[form.n]:
        toward[form.n] = 0.0  # a guess for a plain simplex sums to 1 but for rounding
    walk = Homotopy(form, c + toward, Point(guess.basis, x, v), toward)
    limit = 20 * form.items + 200
    while walk.advance(1.0) and walk.pivots < limit:
        pass
    return walk.point(), walk.pivots
