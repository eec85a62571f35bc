"""The optimality conditions as a complementarity problem, solved by exchanging whole sets.

Every item (a weight or a constraint row) is basic or not. Basic weights lie between their bounds
with zero reduced cost; the others sit at a bound. Basic rows bind and have a price; the others
have price 0 and slack. A guess of which is which is one linear system; the answer is the guess
at which no value leaves its interval. Source: block principal pivoting, Judice and Pires,
Computers & OR 21 (1994) 587; the ridge of ``Centred`` makes the problem one with a P-matrix.
"""

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from taskpgm_core.mixture.qp.form import RIDGE, Centred
from taskpgm_core.mixture.solution import Basis
from taskpgm_core.records import Array

TOLERANCE = 1e-13
INSIDE = 1e-9
COST = 1e-10
"""How far a refined weight may leave its bounds, and a reduced cost its sign."""
PATIENCE = 8


@dataclass(frozen=True, eq=False)
class Point:
    """One basis with its solution: ``x`` (items,) weights z and prices, ``v`` = Qx + c."""

    basis: Basis
    x: Array
    v: Array


class Block:
    """The factorised system of a basis: Cholesky of the free weights, Schur complement of rows.

    The free weights' block gets the binding groups' B'B (the simplex row's is in Q already),
    undone on the right side, so that the complement is bounded however flat the block is.
    """

    def __init__(self, form: Centred, basic: np.ndarray) -> None:
        self.free = np.flatnonzero(basic[: form.n])
        self.rows = form.n + np.flatnonzero(basic[form.n :])
        Q = form.Q
        self.coupling = Q[np.ix_(self.free, self.rows)]
        self.grouped = self.rows > form.n
        self.groups = self.coupling[:, self.grouped]
        self.damping = 1.0 + form.ridge[self.rows] * self.grouped
        price = np.diag(-form.ridge[self.rows] / self.damping)
        if len(self.free):
            block = Q[np.ix_(self.free, self.free)]
            if self.groups.size:
                block += self.groups @ self.groups.T
            self.factor = scipy.linalg.cho_factor(
                block, lower=True, overwrite_a=True, check_finite=False
            )
            self.answer = scipy.linalg.cho_solve(self.factor, self.coupling, check_finite=False)
            price += self.coupling.T @ self.answer
        values, vectors = np.linalg.eigh(price)
        self.price = (vectors / np.maximum(values, RIDGE / 2)) @ vectors.T

    def solve(self, right: Array) -> Array:
        """x (items,), zero outside the basis, with (Qx)_basic = right_basic."""
        x = np.zeros(len(right))
        bare, binding = right[self.free], right[self.rows]
        if len(self.free):
            bare = bare + self.groups @ binding[self.grouped]
            bare = scipy.linalg.cho_solve(self.factor, bare, check_finite=False)
        y = self.price @ (self.coupling.T @ bare - binding)
        x[self.rows] = y / self.damping
        x[self.free] = bare - self.answer @ y if len(self.free) else bare
        return x


def first_basis(form: Centred) -> Basis:
    """Every weight free, no group binding."""
    basic = np.concatenate([form.lo < form.hi, form.row_lo == form.row_hi])
    return Basis(basic, np.zeros(form.items, dtype=bool))


def intervals(form: Centred, basis: Basis) -> tuple[Array, Array]:
    """(items,) the interval of each item's value: of x where basic, of v where not."""
    n, basic, upper = form.n, basis.basic, basis.upper
    low = np.empty(form.items)
    high = np.empty(form.items)
    fixed = form.lo == form.hi
    low[:n] = np.where(basic[:n], form.lo, np.where(upper[:n] | fixed, -np.inf, 0.0))
    high[:n] = np.where(basic[:n], form.hi, np.where(upper[:n] & ~fixed, 0.0, np.inf))
    equal = form.row_lo == form.row_hi
    low[n:] = np.where(basic[n:], np.where(upper[n:] & ~equal, 0.0, -np.inf), form.row_lo)
    high[n:] = np.where(basic[n:], np.where(upper[n:] | equal, np.inf, 0.0), form.row_hi)
    return low, high


def flipped(basis: Basis, out: np.ndarray, above: np.ndarray) -> Basis:
    """``basis`` with the items ``out`` exchanged; ``above`` says at which end they left."""
    return Basis(basis.basic ^ out, np.where(out, above, basis.upper))


def at_bounds(form: Centred, basis: Basis) -> tuple[Array, Array]:
    """(x of the weights at bounds, right side of the binding rows), both (items,)."""
    n = form.n
    x = np.zeros(form.items)
    x[:n] = np.where(basis.basic[:n], 0.0, np.where(basis.upper[:n], form.hi, form.lo))
    right = np.zeros(form.items)
    target = np.where(basis.upper[n:], form.row_hi, form.row_lo)
    right[n:] = np.where(basis.basic[n:], target, 0.0)
    return x, right


def settle(form: Centred, c: Array, basis: Basis, block: Block) -> Point:
    """The basis's solution under the weights' ridge."""
    x, right = at_bounds(form, basis)
    for _ in range(3 if form.ridge[form.n] else 1):
        x = x + block.solve(right - c - form.exact_rows(x))
    return Point(basis, x, form.exact_rows(x) + c)


def inside(form: Centred, basis: Basis, x: Array, v: Array) -> bool:
    """Whether the free weights keep their bounds and the others' reduced costs their sign."""
    n, free = form.n, basis.basic[: form.n]
    low, high = (end[:n] for end in intervals(form, basis))
    value, slack = np.where(free, x[:n], v[:n]), np.where(free, INSIDE, COST)
    return bool(((value >= low - slack) & (value <= high + slack)).all())


def refine(form: Centred, c: Array, point: Point, block: Block, steps: int = 3) -> Point:
    """``point`` with the ridge's bias taken out by iterated Tikhonov refinement, as far as it
    stays optimal for its basis (at a jump the ridge's own answer stands)."""
    _, right = at_bounds(form, point.basis)
    x, v = point.x, form.product(point.x) + c
    for _ in range(steps):
        further = x + block.solve(right - v)
        cost = form.product(further) + c
        if not inside(form, point.basis, further, cost):
            break
        x, v = further, cost
    return Point(point.basis, x, v)


def exchange(form: Centred, c: Array, basis: Basis) -> tuple[Point, Block, bool, int]:
    """Block pivoting from ``basis``: (point, its block, whether optimal, systems solved).

    Stops without an optimum when ``PATIENCE`` exchanges in a row bring no fewer violations.
    """
    slack = TOLERANCE * (1.0 + float(np.abs(c).max(initial=0.0)))
    fewest, patience, count = form.items + 1, PATIENCE, 0
    while True:
        block = Block(form, basis.basic)
        point = settle(form, c, basis, block)
        count += 1
        low, high = intervals(form, basis)
        value = np.where(basis.basic, point.x, point.v)
        below, above = value < low - slack, value > high + slack
        out = below | above
        bad = int(out.sum())
        if bad == 0:
            return point, block, True, count
        if bad < fewest:
            fewest, patience = bad, PATIENCE
        elif patience > 0:
            patience -= 1
        else:
            return point, block, False, count
        basis = flipped(basis, out, above)
