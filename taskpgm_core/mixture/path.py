"""The whole path of mixtures from pure diversity to the most representative task, exactly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture.breakpoints import CERTIFIED, Knots
from taskpgm_core.mixture.feasibility import best_face, clash, duality_gap
from taskpgm_core.mixture.problem import Problem
from taskpgm_core.mixture.qp.parametric import Homotopy, optimum
from taskpgm_core.mixture.solution import Status
from taskpgm_core.mixture.solver import weights_of
from taskpgm_core.records import Array, Tabular, brief, heaviest, read_only

ENDED = 1e-12
"""What u'p may lack of its greatest value, relative to u's spread, to count as that."""
LENT = 1e-9
"""Strict convexity lent to a singular problem while its path is followed, pulling to the anchor w.
It leaves a gap of at most this times max(p - w) - (p - w)'p, a quarter for a uniform w."""
RESTARTS = 30


@dataclass(frozen=True, eq=False)
class SolutionPath(Tabular):
    """p*(r) for every balance r >= 0: linear between ``balances`` (from 0 up), constant after.

    ``weights`` (breakpoints, n): the mixtures there. ``prices`` (breakpoints, groups): multipliers
    of the groups, units of S. ``gaps`` (breakpoints,): relative duality gap, the greater of the
    breakpoint's own and the one halfway to the next, which together bound it on the whole
    segment. ``pivots``: exchanges made; ``solves``: separate solves where the energy is flat and
    following it left a gap. Where the constraints clash, ``status`` is ``infeasible``, ``message``
    names them and there are no breakpoints.
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
    solves: int

    def __repr__(self) -> str:
        head = f"SolutionPath of {len(self.tasks)} tasks, anchor {brief(self.anchor_name)}: "
        if self.status != "optimal":
            return f"{head}{self.status}\n  {self.message}"
        ends = (f"{heaviest(self.tasks, p)}" for p in (self.weights[0], self.weights[-1]))
        return (
            f"{head}{len(self.balances)} breakpoints, relative gap at most {self.gaps.max():.1g}\n"
            f"  at balance 0 {next(ends)}; from {self.last:.4g} on {next(ends)}"
        )

    def table(self) -> tuple[str, Sequence[Any], Mapping[str, Any]]:
        """A row a breakpoint, a column a task: the weights."""
        return "balance", self.balances.tolist(), dict(zip(self.tasks, self.weights.T, strict=True))

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
            last: Array = self.weights[-1]
            return last
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


def trace(problem: Problem, lam: float = 1.0) -> SolutionPath:
    """All breakpoints of the optimal mixture as the balance goes from 0 to infinity.

    ``lam`` only sets the scale of beta = r lam / n. Exact (a parametric quadratic program):
    between breakpoints the set of free tasks stands still and p is linear in r. Where the energy
    has flat directions the path is that of the minimiser nearest to the anchor; it may turn or
    jump there, and two breakpoints then lie close together. Raises MixtureError for a lam that
    makes no sense.

    Source: method: arXiv 2507.12612; critical line method, Markowitz (1956).
    """
    if not (np.isfinite(lam) and lam > 0):
        raise MixtureError(f"lambda must be positive for a path, not {lam}.")
    trouble = clash(problem)
    knots, pivots, solves, gaps = Knots(problem), 0, 0, np.zeros(0)
    if not trouble:
        pivots = _follow(problem, knots)
        gaps, solves = knots.close()
    balances, weights, prices = knots.table()
    return SolutionPath(
        problem.tasks,
        problem.anchor,
        problem.anchor_name,
        float(lam),
        read_only(balances),
        read_only(weights),
        read_only(prices),
        read_only(gaps),
        "infeasible" if trouble else "optimal",
        trouble,
        pivots,
        solves,
    )


def _follow(problem: Problem, knots: Knots) -> int:
    """Fills ``knots`` by following the optimum from balance 0; the pivots it took."""
    n, exact = problem.n, problem.centred
    form = exact.ridged(LENT) if problem.convexity.singular else exact
    face, unary = best_face(problem), problem.solved_unary
    widest = float(np.abs(unary - unary.mean()).max()) if form.slope.any() else np.inf
    start, nudge, pivots = 0.0, 1e-10, 0

    def record(walk: Homotopy) -> bool:
        """Whether u'p is greatest there: such a mixture stays optimal for good."""
        x = walk.x
        p = weights_of(problem, walk.basis, x[:n])
        knots.add(start + walk.t, p, x[n + 1 :] * form.unit)
        return float(duality_gap(problem, unary, p, face.prices)) <= ENDED * widest

    ended = False
    for _ in range(RESTARTS):
        point, _, count = optimum(form, form.linear(start))
        walk = Homotopy(form, form.linear(start), point, form.slope)
        stuck, before = 0, 0.0
        ended, moved = record(walk), True
        while not ended and moved and stuck <= 2 * form.items + 20:
            moved = walk.advance(np.inf)
            ended = record(walk)
            stuck = 0 if walk.t > before else stuck + 1
            before = walk.t
        pivots += count + walk.pivots
        if ended or not moved:
            break
        # ties that rounding makes endless: start anew beyond them, ever further
        start += walk.t + nudge * (1.0 + start)
        nudge *= 10.0
    if form.slope.any() and (not ended or knots.gap_at_end() > CERTIFIED):
        knots.end(problem.n * form.unit / widest)
    return pivots
