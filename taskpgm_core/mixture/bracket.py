"""Whether the mixture could change where divergences are only known between bounds."""

from dataclasses import dataclass, replace

import numpy as np

from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture.near_optimal import near_optimal
from taskpgm_core.mixture.problem import Problem
from taskpgm_core.mixture.solution import Solution
from taskpgm_core.mixture.solver import solve
from taskpgm_core.records import Array, Similarity, read_only

SAME = 1e-9
"""L1 below which two mixtures are one."""


@dataclass(frozen=True, eq=False)
class Bracket:
    """The mixture on both ends, and what holds for every matrix between them.

    ``width``: the widest pair, nats. ``excess``: by how much at most E/lambda of the lower end's
    mixture exceeds the true minimum, units of S. ``ranges``: (n, 2) between which each weight of
    the true mixture lies. ``distance``: L1 between the two ends' mixtures.
    """

    lower: Solution
    upper: Solution
    width: float
    excess: float
    ranges: Array
    distance: float

    @property
    def changes(self) -> bool:
        """Whether the two ends mix different tasks."""
        return set(self.lower.support) != set(self.upper.support)

    @property
    def certain(self) -> tuple[str, ...]:
        """Tasks that have weight whatever the true divergences are."""
        return tuple(t for t, lo in zip(self.lower.tasks, self.ranges[:, 0], strict=True) if lo > 0)

    @property
    def undecided(self) -> tuple[str, ...]:
        """Tasks that have weight or none, depending on the true divergences."""
        ends = zip(self.lower.tasks, self.ranges, strict=True)
        return tuple(task for task, (lo, hi) in ends if lo <= 0 < hi)

    @property
    def most(self) -> float:
        """How far at most, in L1, the true mixture lies from the lower end's: weights that grow
        and those that shrink do so by the same sum."""
        low, high = np.abs(self.ranges - self.lower.p[:, None]).sum(axis=0)
        return float(min(2 * low, 2 * high, 2.0))

    @property
    def sentence(self) -> str:
        """What to tell a person."""
        if self.most <= SAME:
            return "The mixture is the same wherever the divergences lie between their bounds."
        tasks = "different tasks" if self.changes else "the same tasks"
        return (
            f"The mixture could change, by at most {self.most:.3g} in L1: the two ends mix {tasks} "
            f"and differ by {self.distance:.3g}; {len(self.certain)} tasks have weight in any "
            f"case, {len(self.undecided)} are undecided."
        )


def bracket(problem: Problem, upper: Similarity, balance: float) -> Bracket:
    """Solve at both ends. ``problem``: posed with S = -lower; ``upper``: S = -upper.

    With D = lower + x, 0 <= x <= width, energies of the two differ at any p by between -width/2
    and r width (r = 0 for a measured utility, whose unary term does not move), so that either
    optimum is within (1/2 + r) width of the other's energy; the ranges are the lower end's
    near-optimal ones at that slack. At balance 1 the anchor is the mixture of every convex S: where
    it is feasible nothing is open. Raises MixtureError where the bounds cross, for other tasks,
    where S is not convex on the simplex (a shift would differ between the ends), for an infinite
    balance and for constraints that clash.
    """
    if upper.tasks != problem.tasks:
        raise MixtureError("The two bounds are of different tasks.")
    x = problem.similarity.matrix - upper.matrix
    if x.min() < -1e-12:
        i, j = np.unravel_index(int(x.argmin()), x.shape)
        raise MixtureError(
            f"The upper divergence of {problem.tasks[i]} and {problem.tasks[j]} lies below the "
            f"lower one."
        )
    other = replace(problem, similarity=upper)
    if problem.convexity.shift or other.convexity.shift:
        raise MixtureError("Bounds need divergences that are convex on the simplex.")
    found, end = solve(problem, balance), solve(other, balance)
    if found.status != "optimal":
        raise MixtureError(found.message)
    width = float(x.max())
    r = 0.0 if problem.utility is not None else balance
    excess = (0.5 + r) * width
    if r == 1.0 and np.abs(found.p - problem.anchor).sum() <= SAME:
        excess = 0.0
    return Bracket(
        found,
        end,
        width,
        excess,
        read_only(near_optimal(problem, found, excess)),
        float(np.abs(found.p - end.p).sum()),
    )
