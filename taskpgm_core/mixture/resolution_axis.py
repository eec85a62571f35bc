"""Mixtures and numbers of skills at every resolution, from every task its own to the coarsest."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture.convexity import SINGULAR, Convexity, spread, tangent
from taskpgm_core.mixture.kernel import Kernel, closeness
from taskpgm_core.mixture.problem import Problem, pose
from taskpgm_core.mixture.psd_correction import euclidean, semidefinite
from taskpgm_core.mixture.resolution import automatic_resolution
from taskpgm_core.mixture.solution import Solution
from taskpgm_core.mixture.solver import solve
from taskpgm_core.mixture.task_distances import TaskDistances, positive
from taskpgm_core.records import Array, Similarity, read_only
from taskpgm_core.similarity_measures import KERNEL

POINTS, MANY_TASKS, FEW_POINTS = 64, 1000, 9
"""Resolutions on the axis, and how many where there are more tasks than that."""
APART = 1e-3
"""At the first resolution the entries of K off its diagonal sum to at most this in a row."""
COPIES = 1e-9
"""Pairs nearer than this, times the greatest distance, are copies: no resolution parts them."""
SETTLED = 0.01
"""L1 within which the mixture of the last resolution lies from the coarsest."""
FARTHEST = 1e6
"""Times the greatest distance: the last resolution is sought no farther. Beyond, K is so nearly
constant that a utility of order 1 leaves a certificate relative to K's spread too few digits."""
CURVED = 2 * SINGULAR
"""Curvature above this, times max|S - mean S|, needs no exact value."""
AGREED, STRETCH, BETWEEN = 1.05, 2.0, 3
"""A plateau: skills within this factor of each other, over resolutions that differ by at least
that factor, at three points or more."""


@dataclass(frozen=True)
class Plateau:
    """A number of skills that neighbouring resolutions agree on.

    ``first``, ``last``: the places of its ends on the axis. ``skills``: the number in its middle.
    """

    first: int
    last: int
    skills: float


@dataclass(frozen=True, eq=False)
class ResolutionAxis:
    """Optimal mixtures of one question at rising resolutions.

    ``resolutions`` (points,): sigma in the measure's unit, in geometric steps below and above the
    automatic one, which is at the place ``automatic``. ``weights`` (points, n), ``skills``
    (points,), ``gaps`` (points,): mixtures, numbers of skills and relative duality gaps (over
    max|S - mean S|). ``changes`` (points,): the largest change of an entry of K that made it
    positive semidefinite.

    The first resolution tells apart all tasks that are no copies: there K - I sums to at most
    ``APART`` in a row. The last point is the coarsest: S = -d^, the limit of large resolutions,
    with one skill. ``settled``: how far from it the mixture of the last resolution itself lies, L1,
    at this balance or at balance 0, whichever is farther (at most ``SETTLED`` unless the resolution
    would be above ``FARTHEST``). With a pull or a
    utility, which are in units of K, there is no such limit, and the last point is that of its
    resolution.
    """

    tasks: tuple[str, ...]
    balance: float
    resolutions: Array
    weights: Array
    skills: Array
    gaps: Array
    changes: Array
    automatic: int
    settled: float
    plateaus: tuple[Plateau, ...]

    def to_json(self) -> list[dict[str, Any]]:
        """[{"resolution", "skills", "p": {task: weight}}], ascending."""
        return [
            {
                "resolution": float(sigma),
                "skills": float(skills),
                "p": dict(zip(self.tasks, p.tolist(), strict=True)),
            }
            for sigma, skills, p in zip(self.resolutions, self.skills, self.weights, strict=True)
        ]


def resolution_axis(
    problem: Problem, kernel: Kernel, balance: float = 1.0, *, points: int | None = None
) -> ResolutionAxis:
    """The mixtures of ``problem``'s anchor, limits and aims at every resolution.

    ``problem``: the question, posed at any resolution of ``kernel``; its matrix is not used.
    ``points``: how many resolutions (at least 3), by default 64, or 9 above 1,000 tasks. Where all
    distances are zero there is one. Raises MixtureError where the measure is no squared distance,
    for a balance that makes no sense and for constraints that clash.
    """
    found = kernel.distances
    if found.fault:
        raise MixtureError(
            f"There is no resolution to vary: the measure {found.measure} gives no squared "
            f"distances here ({found.fault}); a study with single-task models also has the "
            f"measure gold, which does."
        )
    if points is None:
        points = POINTS if problem.n <= MANY_TASKS else FEW_POINTS
    if points < 3:
        raise MixtureError(f"A resolution axis needs at least 3 points, not {points}.")
    walk = _Walk(problem, found, balance)
    sigma, _ = automatic_resolution(found)
    coarsest, settled = walk.at(np.inf), 0.0
    if found.corrected.max() == 0.0:
        grid, automatic, steps = np.array([sigma]), 0, []
    else:
        last, settled = _last(walk, coarsest, sigma)
        grid, automatic = _grid(found, sigma, last, points)
        steps = list(walk.along(grid if walk.scaled else grid[:-1]))
    if len(steps) < len(grid):
        steps.append(coarsest)
    skills = np.array([step.skills for step in steps])
    return ResolutionAxis(
        problem.tasks,
        float(balance),
        read_only(grid),
        read_only([step.answer.p for step in steps]),
        read_only(skills),
        read_only([step.answer.gap_relative for step in steps]),
        read_only([step.change for step in steps]),
        automatic,
        settled,
        plateaus(grid, skills),
    )


@dataclass(frozen=True, eq=False)
class _Step:
    answer: Solution
    even: Solution
    skills: float
    change: float


class _Walk:
    """Solves the question, and the one that skills ask, at any resolution."""

    def __init__(self, problem: Problem, found: TaskDistances, balance: float) -> None:
        self.problem, self.found, self.balance = problem, found, balance
        self.scaled = problem.pull is not None or problem.utility is not None
        self.even_anchor = not self.scaled and bool(np.ptp(problem.anchor) == 0.0)
        self.free = not problem.groups and not problem.lo.any() and problem.hi.min() >= 1.0

    def at(self, sigma: float, warm: _Step | None = None) -> _Step:
        """The step at ``sigma``, infinite for the coarsest."""
        coarsest = bool(np.isinf(sigma))
        if coarsest:
            d, change = euclidean(self.found.corrected)
            S = -d
        else:
            S, change = semidefinite(closeness(self.found.corrected, sigma))
        similarity = Similarity(self.problem.tasks, S, KERNEL)
        plain = _curved(pose(similarity, margin=self.problem.margin))
        even = solve(plain, 0.0, warm=warm.even if warm else None)
        if self.even_anchor and not self.problem.groups:
            asked = plain if self.free else plain.bounded(self.problem.lo, self.problem.hi)
        else:
            asked = replace(self.problem, similarity=similarity)
        if asked is plain and self.balance == 0:
            answer = even
        else:
            answer = solve(asked, self.balance, warm=warm.answer if warm else None)
        if answer.status != "optimal":
            raise MixtureError(answer.message)
        q = even.p
        skills = 1.0 if coarsest else 1.0 / (1.0 + float(q @ (similarity.matrix @ q)))
        return _Step(answer, even, skills, change)

    def along(self, grid: Array) -> Iterator[_Step]:
        step: _Step | None = None
        for sigma in grid:
            step = self.at(float(sigma), step)
            yield step


def _curved(problem: Problem) -> Problem:
    """``problem`` with its curvature known from below where that is all a solve needs to know.

    An exact least eigenvalue takes as long as everything else together; Cholesky tells whether it
    is above ``CURVED``.
    """
    S = problem.similarity.matrix
    scale = spread(S)
    least = CURVED * scale
    if scale and positive(tangent(S, scale)[0] - CURVED * np.eye(len(S))):
        known = Convexity(scale, least, 0.0, 0.0, least, float("nan"))
        problem.__dict__["convexity"] = known
    return problem


def _last(walk: _Walk, coarsest: _Step, sigma: float) -> tuple[float, float]:
    """(the last resolution, L1 of its mixture from the coarsest).

    The mixture of balance 0 has to be settled, too, so that the axis does not shrink to nothing at
    balance 1, where resolution moves no mixture.
    """
    greatest = float(walk.found.corrected.max())
    last = max(10.0 * greatest, 2.0 * sigma)
    while True:
        step = walk.at(last, coarsest)
        apart = float(np.abs(step.even.p - coarsest.even.p).sum())
        if not walk.scaled:
            apart = max(apart, float(np.abs(step.answer.p - coarsest.answer.p).sum()))
        if apart <= SETTLED or last >= FARTHEST * greatest:
            return last, apart
        last *= 10.0


def _grid(found: TaskDistances, sigma: float, last: float, points: int) -> tuple[Array, int]:
    """(resolutions, the place of the automatic one): geometric below it and above it."""
    pairs = found.pairs
    nearest = float(pairs[pairs > COPIES * pairs.max()].min())
    first = min(nearest / np.log(len(found.tasks) / APART), sigma / 2.0)
    share = np.log(sigma / first) / np.log(last / first)
    place = int(np.clip(round((points - 1) * share), 1, points - 2))
    below = np.geomspace(first, sigma, place + 1)
    return np.concatenate([below, np.geomspace(sigma, last, points - place)[1:]]), place


def plateaus(resolutions: Array, skills: Array) -> tuple[Plateau, ...]:
    """Numbers of skills that many resolutions agree on, fine before coarse; none overlap.

    Longest first (in the logarithm of the resolution), stretches over which ``skills`` (points,)
    stay within ``AGREED``. The two ends, every task its own and one skill, are none.
    """
    count = len(skills)
    inner = np.flatnonzero((skills < skills.max() / AGREED) & (skills > AGREED))
    free = np.zeros(count, dtype=bool)
    free[inner] = True
    found: list[Plateau] = []
    while True:
        best: tuple[float, int, int] = (0.0, 0, 0)
        for a in np.flatnonzero(free).tolist():
            b = a
            while b + 1 < count and free[b + 1] and skills[a] <= AGREED * skills[b + 1]:
                b += 1
            stretch = float(resolutions[b] / resolutions[a])
            if b - a + 1 >= BETWEEN and stretch >= STRETCH and stretch > best[0]:
                best = (stretch, a, b)
        if not best[0]:
            return tuple(sorted(found, key=lambda plateau: plateau.first))
        _, a, b = best
        middle = float(np.sqrt(resolutions[a] * resolutions[b]))
        number = float(np.interp(np.log(middle), np.log(resolutions), skills))
        found.append(Plateau(a, b, number))
        free[a : b + 1] = False
