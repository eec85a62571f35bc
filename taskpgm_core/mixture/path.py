"""The whole path of mixtures from pure diversity to the most representative task, exactly."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture.homotopy import Homotopy, optimum
from taskpgm_core.mixture.polytope import best_face, clash, duality_gap
from taskpgm_core.mixture.problem import Problem
from taskpgm_core.mixture.solution import Status
from taskpgm_core.mixture.solver import weights_of
from taskpgm_core.records import Array, read_only

SAME = 1e-12
"""Breakpoints nearer than this (relative to 1 + balance) are one."""

ENDED = 1e-12


class Breakpoint(NamedTuple):
    """A balance at which some task starts or stops moving, and the mixture there."""

    balance: float
    p: Array


@dataclass(frozen=True, eq=False)
class Path:
    """p*(r) for every balance r >= 0: linear between ``balances`` (ascending from 0), constant after.

    ``weights`` (breakpoints, n): the mixtures there. ``prices`` (breakpoints, groups): multipliers
    of the groups, units of S. ``gaps`` (breakpoints,): relative duality gap, the greater of the
    breakpoint's own and the one halfway to the next, which together bound it on the whole
    segment. ``pivots``: exchanges made; ``restarts``: how often a tie had to be passed by a new
    solve beside it. Where the constraints clash, ``status`` is ``infeasible``, ``message`` names
    them and there are no breakpoints.
    """

    tasks: tuple[str, ...]
    anchor: Array
    anchor_name: str
    lam: float
    balances: Array
    weights: Array
    prices: Array
    gaps: Array
    status: Status
    message: str
    pivots: int
    restarts: int

    @property
    def breakpoints(self) -> tuple[Breakpoint, ...]:
        return tuple(Breakpoint(float(r), p) for r, p in zip(self.balances, self.weights, strict=True))

    @property
    def last(self) -> float:
        """The balance after which nothing moves any more."""
        return float(self.balances[-1])

    def at(self, balance: float) -> Array:
        """(n,) the optimal mixture at any balance in [0, inf], by interpolation."""
        if not balance >= 0:
            raise MixtureError(f"The balance must be a number of at least 0, not {balance}.")
        if self.status != "optimal":
            raise MixtureError(self.message)
        k = int(np.searchsorted(self.balances, balance, side="right")) - 1
        if k + 1 >= len(self.balances):
            return self.weights[-1]
        a, b = self.balances[k], self.balances[k + 1]
        share = (balance - a) / (b - a)
        return read_only((1.0 - share) * self.weights[k] + share * self.weights[k + 1])

    def to_json(self) -> dict[str, Any]:
        """{"tasks", "anchor", "breakpoints": [{"balance", "p": {task: weight}}]}."""
        return {
            "tasks": list(self.tasks),
            "anchor": self.anchor_name,
            "breakpoints": [
                {"balance": float(r), "p": dict(zip(self.tasks, p.tolist(), strict=True))}
                for r, p in zip(self.balances, self.weights, strict=True)
            ],
        }

    def sparse(self, digits: int = 7) -> dict[str, Any]:
        """A compact form to interpolate elsewhere: per breakpoint the places of the tasks with a
        weight and the weights, rounded to ``digits`` decimals; a missing place is 0."""
        places, weights = [], []
        for p in self.weights:
            rounded = np.round(p, digits)
            kept = np.flatnonzero(rounded)
            places.append(kept.tolist())
            weights.append(rounded[kept].tolist())
        return {
            "tasks": list(self.tasks),
            "balances": self.balances.tolist(),
            "places": places,
            "weights": weights,
        }


def trace(problem: Problem, lam: float = 1.0) -> Path:
    """All breakpoints of the optimal mixture as the balance goes from 0 to infinity.

    ``lam`` only sets the scale of beta = r lam / n. Exact (a parametric quadratic program):
    between breakpoints the set of free tasks stands still and p is linear in r. Raises
    MixtureError for a lam that makes no sense.

    Source: method: arXiv 2507.12612; critical line method, Markowitz (1956).
    """
    if not (np.isfinite(lam) and lam > 0):
        raise MixtureError(f"lambda must be positive for a path, not {lam}.")
    trouble = clash(problem)
    form, n = problem.centred, problem.n
    balances: list[float] = []
    weights: list[Array] = []
    prices: list[Array] = []
    pivots = restarts = 0

    def record(walk: Homotopy, balance: float) -> None:
        x = walk.refined()
        if balances and balance - balances[-1] <= SAME * (1.0 + balance):
            balances.pop(), weights.pop(), prices.pop()
        balances.append(balance if balances else 0.0)
        weights.append(weights_of(problem, walk.basis, x[:n]))
        prices.append(x[n + 1 :] * form.unit)

    def ended() -> bool:
        # on the face where u'p is greatest a mixture minimises the rest there, for good
        return duality_gap(problem, unary, weights[-1], face.prices) <= ENDED * widest

    if not trouble:
        face, unary = best_face(problem), problem.solved_unary
        widest = float(np.abs(unary - unary.mean()).max()) if form.slope.any() else np.inf
        start, nudge, done = 0.0, 1e-10, False
        while not done:
            point, _, count = optimum(form, form.linear(start))
            walk = Homotopy(form, form.linear(start), point, form.slope)
            pivots += count
            record(walk, start)
            stuck, before, done = 0, 0.0, ended()
            while not done and stuck <= 2 * form.items + 20:
                moved = walk.advance(np.inf)
                record(walk, start + walk.t)
                stuck = 0 if walk.t > before else stuck + 1
                before = walk.t
                done = not moved or ended()
            pivots += walk.pivots
            if not done:
                nudge = nudge * 10.0 if walk.t == 0.0 else 1e-10
                start += walk.t + nudge * (1.0 + start)
                restarts += 1
    table = np.array(weights).reshape(len(weights), n)
    costs = np.array(prices).reshape(len(weights), len(problem.groups))
    return Path(
        problem.tasks,
        problem.anchor,
        problem.anchor_name,
        float(lam),
        read_only(balances),
        read_only(table),
        read_only(costs),
        read_only(certify(problem, np.array(balances), table, costs)),
        "infeasible" if trouble else "optimal",
        trouble,
        pivots,
        restarts,
    )


def certify(problem: Problem, balances: Array, weights: Array, prices: Array) -> Array:
    """(breakpoints,) relative gaps as in ``Path``, from S itself and no part of the solver.

    On a segment p, the gradient and the prices are linear, so that the gap at any point of it is
    at most the greater end's plus the middle's.
    """
    shape, n, m = problem.convexity, problem.n, len(balances)
    if m == 0:
        return np.zeros(0)
    S = problem.similarity.matrix
    g = np.outer(balances / n, problem.solved_unary) - shape.shift * weights
    if shape.scale:
        g -= weights @ S
    if problem.pull:
        g += problem.pull.rho * (problem.pull.mixture - weights)

    def gap(gradient: Array, p: Array, price: Array) -> float:
        return max(0.0, duality_gap(problem, gradient, p, price)) / problem.centred.unit

    own = np.array([gap(*row) for row in zip(g, weights, prices, strict=True)])
    middle = [(a[:-1] + a[1:]) / 2 for a in (g, weights, prices)]
    between = np.array([gap(*row) for row in zip(*middle, strict=True)] + [0.0])
    return np.maximum(own, between)
