"""What a person should know before acting on a mixture: each alarm a sentence and a number."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import isfinite
from typing import Literal

import numpy as np

from taskpgm_core.mixture.problem import Problem
from taskpgm_core.mixture.solution import Solution
from taskpgm_core.mixture.solver import solve
from taskpgm_core.mixture.uncertainty import Uncertainty
from taskpgm_core.records import Similarity

ONE_TASK = 0.8
"""Share of the mixture from which on it is said to go to one task."""
ROUNDING = 1e-9
UNSTABLE = 0.2
"""Share of the budget that may move, at the bootstrap's level, before it is said."""
STEP = 0.01
JUMPY = 0.05
"""Share of the budget that moves within ``STEP`` of a balance from which on it is said."""
MOVED = 0.01
"""L1 between the mixtures at both ends of the divergences from which on it is worth an alarm."""


@dataclass(frozen=True)
class Alarm:
    """``name``: what kind of alarm; ``number``: the value that raised it, in the alarm's own unit.

    ``level``: a ``warning`` questions the mixture itself, a ``note`` says how it came about.
    """

    name: str
    sentence: str
    number: float
    level: Literal["note", "warning"] = "warning"


def alarms(
    problem: Problem,
    solution: Solution,
    *,
    noise_floor: float | None = None,
    upper: Similarity | None = None,
    measured: Similarity | None = None,
    sure: Uncertainty | None = None,
) -> tuple[Alarm, ...]:
    """The alarms of an optimal ``solution``, warnings before notes; empty where all is well.

    ``noise_floor``: largest divergence between two models of one task that differ only in their
    training seed, in the measure's unit; ``sure``: the mixture's bootstrap; both None where
    unknown. ``measured``: the measure, where ``problem`` is posed with a kernel made from it.
    ``upper``: S of the upper bounds (or the kernel's, ``Kernel.of``) where ``problem`` is posed
    with the lower ones; None where divergences are exact.
    """
    raised = [
        *_signal(problem, measured or problem.similarity, noise_floor),
        *_between_bounds(problem, solution, upper),
        *_shape(problem, solution),
        *_closed_form(problem, solution),
        *_loose(problem, solution),
        *instability(sure, anchored=problem.utility is None),
    ]
    return tuple(sorted(raised, key=lambda alarm: alarm.level == "note"))


def _signal(problem: Problem, measured: Similarity, noise_floor: float | None) -> Iterator[Alarm]:
    """Whether the similarities say anything, and more than noise would."""
    shape, n = problem.convexity, problem.n
    push = problem.unary - problem.unary.mean()
    flat = float(np.abs(push).max(initial=0.0)) / n
    if shape.scale == 0.0 or flat <= ROUNDING * shape.scale:
        if flat > ROUNDING * shape.scale:
            said = (
                "Every pair of tasks is as alike as any other, so diversity prefers none of them."
            )
        else:
            rewarded = "representative" if problem.utility is None else "useful"
            moves = (
                "only a pull towards the anchor makes the balance move"
                if problem.centred.slope.any()
                else "no change of the balance moves"
            )
            said = f"Every task is as {rewarded} as any other, so {moves} the mixture."
        yield Alarm("nothing-to-say", said, flat)
    elif noise_floor is not None and noise_floor > 0 and n > 2:
        ratio = float(np.ptp(measured.matrix[np.triu_indices(n, 1)])) / noise_floor
        if ratio < 2.0:
            yield Alarm(
                "within-noise",
                f"Similarities differ by only {ratio:.2g} times the {measured.reading.noise}; "
                "the mixture may be noise.",
                ratio,
            )


def _between_bounds(
    problem: Problem, solution: Solution, upper: Similarity | None
) -> Iterator[Alarm]:
    """Whether the mixture depends on where between its bounds a divergence is."""
    if upper is None:
        return
    end = solve(replace(problem, similarity=upper), solution.balance)
    moved = float(np.abs(end.p - solution.p).sum())
    if moved > MOVED or set(end.support) != set(solution.support):
        yield Alarm(
            "between-bounds",
            "Divergences are known between two bounds only, and between these "
            f"{_share(moved / 2)} of the budget moves; keep more tokens (probe.kept) to "
            "settle it.",
            moved,
        )


def _shape(problem: Problem, solution: Solution) -> Iterator[Alarm]:
    """What was done to the energy, and whether the mixture is nearly one task."""
    shape, n = problem.convexity, problem.n
    if shape.shift > 0:
        anchored = problem.utility is None and solution.balance > 0
        toward = "the anchor" if anchored else "an even split"
        until = "only one is" if solution.unique else "they are as good as one another"
        yield Alarm(
            "not-convex",
            "By the similarities alone several mixtures may each be better than all near them, so "
            f"the mixture is pulled towards {toward} until {until}.",
            shape.shift,
        )
    largest = int(solution.p.argmax())
    if solution.p[largest] >= ONE_TASK and n > 2:
        if solution.p[largest] <= problem.lo[largest] + ROUNDING:
            why = "its floor or pin holds it there"
        elif solution.balance == 0:
            why = "floors of others or a cap on it spread it"
        else:
            why = "a floor or a lower balance spreads it"
        yield Alarm(
            "corner",
            f"{solution.p[largest]:.0%} of the mixture goes to one task, "
            f"'{problem.tasks[largest]}' (an effective number of "
            f"{solution.effective_tasks:.2f} tasks of {n}); {why}.",
            solution.effective_tasks,
        )


def _closed_form(problem: Problem, solution: Solution) -> Iterator[Alarm]:
    """Why the closed form is not the mixture, where it is not."""
    if solution.closed_form_valid:
        return
    n = problem.n
    dropped = n - len(solution.support)
    if not isfinite(solution.balance):
        reason = "divides by lambda, which is 0 here"
    elif dropped:
        have = "has" if dropped == 1 else "have"
        reason = f"is no mixture here; {dropped} of {n} tasks {have} no weight"
    elif any(name != "simplex" for name in solution.multipliers):
        reason = "knows of no limits, and those set here hold the mixture"
    else:
        reason = "divides by a matrix that is singular here"
    yield Alarm(
        "closed-form-invalid",
        f"The paper's closed form {reason}, so the exact solver was needed.",
        float(dropped),
        "note",
    )


def _loose(problem: Problem, solution: Solution) -> Iterator[Alarm]:
    """Whether other mixtures are as good, or a little more balance moves much."""
    if not solution.unique:
        yield Alarm(
            "not-unique",
            "Other mixtures are as good; this is the one nearest to the anchor, from which "
            f"{_share(solution.anchor_distance / 2)} of the budget moves.",
            solution.anchor_distance,
            "note",
        )
    # the slope where no bound holds says where to look; bounds soon stop such a move
    if problem.convexity.jumpiness * STEP / 2 < JUMPY or not isfinite(solution.balance):
        return
    ends = [solve(problem, r) for r in (max(solution.balance - STEP, 0.0), solution.balance + STEP)]
    if any(end.status != "optimal" for end in ends):
        return
    moved = max(float(np.abs(end.p - solution.p).sum()) / 2 for end in ends)
    if moved >= JUMPY:
        yield Alarm(
            "jumpy",
            f"Here the mixture moves fast: a balance {STEP:g} higher or lower moves up to "
            f"{moved:.1%} of the budget.",
            moved,
            "note",
        )


def _share(share: float) -> str:
    """A share of the budget, in percent."""
    return "less than 0.1%" if share < 1e-3 else f"{share:.1%}"


def instability(sure: Uncertainty | None, *, anchored: bool = True) -> tuple[Alarm, ...]:
    """The alarm of a mixture that another measurement would change; empty where it is steady.

    ``anchored``: whether balance 1 is a mixture that no measurement moves.
    """
    if sure is None or sure.half_width_l1 / 2 <= UNSTABLE:
        return ()
    moved = sure.half_width_l1 / 2
    nearer = ", or a balance nearer to 1," if anchored else ""
    return (
        Alarm(
            "unstable",
            f"Measured again, the mixture would be another: in {1 - sure.level:.0%} of "
            f"{sure.draws} bootstrap draws more than {moved:.0%} of the budget moves. More probe "
            f"examples{nearer} would steady it.",
            moved,
        ),
    )
