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
SOUGHT = 64
"""Tasks up to which near-optimal ranges are sought, two parametric solves each."""


@dataclass(frozen=True, eq=False)
class Bracket:
    """The mixture on both ends, and what holds for every matrix between them.

    ``width``: the widest pair, units of S. ``excess``: by how much at most E/lambda of the lower
    end's mixture exceeds the true minimum, units of S. ``ranges``: (n, 2) between which each weight
    of the true mixture lies. ``distance``: L1 between the two ends' mixtures. ``most``: how far the
    true mixture lies from the lower end's at most, L1.
    """

    lower: Solution
    upper: Solution
    width: float
    excess: float
    ranges: Array
    distance: float
    most: float

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

    Of a kernel the lower end is the similarity of the lower bounds' kernel and ``upper`` that of
    ``Kernel.upper_end``, which shares its resolution and noise.

    With D = lower + x, 0 <= x <= width, energies of the two differ at any p by between -width/2
    and r width (r = 0 for a measured utility, whose unary term does not move), so that either
    optimum is within (1/2 + r) width of the other's energy; ``_reach`` can tell more. The ranges
    are the lower end's near-optimal ones at that slack (up to ``SOUGHT`` tasks). At balance 1 the
    anchor is the mixture of every convex S: where it is feasible nothing is open. Raises
    MixtureError where the bounds cross, for other tasks, where S is not convex on the simplex (a
    shift would differ between the ends), for an infinite balance and for constraints that clash.
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
    pull = found.p - r * problem.anchor
    reach, spread = _reach(x, pull, problem.convexity.curvature)
    if r == 1.0 and np.abs(pull).sum() <= SAME:
        reach = spread = 0.0
    excess = min((0.5 + r) * width, spread * reach / 2 + width * reach**2 / 4)
    ranges = np.column_stack([problem.lo, problem.hi])
    if problem.n <= SOUGHT:
        ranges = near_optimal(problem, found, excess)
    low, high = (ranges - found.p[:, None]).T.clip(-reach / 2, reach / 2)
    return Bracket(
        found,
        end,
        width,
        excess,
        read_only(found.p[:, None] + np.column_stack([low, high])),
        float(np.abs(found.p - end.p).sum()),
        float(min(-2 * low.sum(), 2 * high.sum(), reach)),
    )


def _reach(x: Array, pull: Array, curvature: float) -> tuple[float, float]:
    """(d, s): the true mixture is within d of the lower end's in L1; z'xa <= s |z|_1 / 2.

    Let z lead from the lower end's mixture to the true one, a = p - r w, and m the least curvature
    of the lower energy along sums of 0. Both mixtures are optimal, so neither energy falls towards
    the other: z'Hz <= z'xa + z'xz. With d = |z|_1, of which half is growth, z'Hz >= m d^2 / n,
    z'xa <= s d / 2 for s the widest that xa can spread, and z'xz <= width d^2 / 2.
    """
    s = float((x @ pull.clip(min=0.0)).max() + (x @ -pull.clip(max=0.0)).max())
    room = 2 * curvature / len(x) - float(x.max())
    return (min(s / room, 2.0) if room > 0 else 2.0), s
