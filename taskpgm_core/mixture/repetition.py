"""Repetition: tasks whose few rows a budget would read again and again, and what a cap would do."""

from collections.abc import Sequence
from math import floor

import numpy as np

from taskpgm_core.mixture.alarms import Alarm
from taskpgm_core.mixture.counts import Allocation
from taskpgm_core.mixture.feasibility import clash
from taskpgm_core.mixture.problem import Problem
from taskpgm_core.mixture.solution import Solution
from taskpgm_core.mixture.solver import solve
from taskpgm_core.records import Task

NAME = "repetition"
"""What the alarm is called."""
MANY = 10.0
"""Epochs of a task from which on it is said: between the 4 that cost next to nothing and the 16
around which more gains little (arXiv 2305.16264)."""
AS_GOOD_AS_NEW = 4
"""Epochs that change the loss no more than new data would (the same paper's abstract)."""
OPTION = f"The option --max-epochs {AS_GOOD_AS_NEW} sets that limit."
WORTH = (
    f"In pretraining, up to {AS_GOOD_AS_NEW} epochs are nearly as good as new data, and the worth "
    "of more decays to zero (Muennighoff et al. 2023, arXiv 2305.16264)."
)


def repetition_alarm(
    problem: Problem,
    solution: Solution,
    allocation: Allocation | None,
    tasks: Sequence[Task],
) -> tuple[Alarm, ...]:
    """The alarm that a task is read ``MANY`` times or more; empty where none is, or none is known.

    ``allocation``: the budget of ``solution``'s mixture, None where there is none. ``tasks``: the
    problem's, with their rows and mean tokens. The alarm says what a limit of ``AS_GOOD_AS_NEW``
    epochs would make of the mixture, or the largest budget it can meet.
    """
    if allocation is None:
        return ()
    found = repeated(allocation.tasks, allocation.epochs)
    if found is None:
        return ()
    task, most, sentence = found
    return (
        Alarm(
            NAME,
            f"{sentence} {_with_cap(problem, solution, allocation, task, tasks)}",
            most,
        ),
    )


def repeated(tasks: Sequence[str], epochs: Sequence[float | None]) -> tuple[str, float, str] | None:
    """The task read most often, how often, and the sentence that says so; None below ``MANY``."""
    many = [(e, task) for task, e in zip(tasks, epochs, strict=True) if e is not None and e >= MANY]
    if not many:
        return None
    most, task = max(many, key=lambda pair: pair[0])
    others = len(many) - 1
    also = f", and {others} other task{'s' * (others > 1)} at least {MANY:g} times" * bool(others)
    return (
        task,
        most,
        f"The mixture asks for the rows of task '{task}' {_times(most)}{also}. {WORTH}",
    )


def _times(epochs: float) -> str:
    return f"{epochs:,.0f} times" if epochs >= 100 else f"{epochs:.3g} times"


def _with_cap(
    problem: Problem,
    solution: Solution,
    allocation: Allocation,
    repeated_most: str,
    tasks: Sequence[Task],
) -> str:
    """What the cap would make of the mixture: one sentence."""
    limit = f"A limit of {AS_GOOD_AS_NEW} epochs"
    hold: list[int] = []
    for task in tasks:
        length = 1.0 if allocation.unit == "rows" else task.mean_tokens
        if task.rows is None or length is None:
            lacking = "rows" if task.rows is None else "mean tokens"
            return f"{limit} would hold it, once the {lacking} of task '{task.id}' are known."
        hold.append(floor(AS_GOOD_AS_NEW * task.rows * length))
    capped = solve(_capped(problem, hold, allocation.budget), solution.balance)
    i = problem.tasks.index(repeated_most)
    if capped.status == "optimal":
        moved = float(np.abs(capped.p - solution.p).sum()) / 2
        return (
            f"{limit} would move {_percent(moved)} of the budget between tasks: '{repeated_most}' "
            f"would get {_percent(float(capped.p[i]))} instead of {_percent(float(solution.p[i]))}."
        )
    largest = _largest_budget(problem, hold, allocation.budget)
    if largest < 1:
        return f"{limit} can meet no budget under these floors and limits."
    return (
        f"{limit} cannot meet a budget of {allocation.budget:,} {allocation.unit}; the largest "
        f"that it can is {largest:,}."
    )


def _percent(share: float) -> str:
    return "0%" if share == 0 else f"{100 * share:.3g}%" if share > 1e-4 else "<0.01%"


def _largest_budget(problem: Problem, hold: Sequence[int], budget: int) -> int:
    """The largest budget below ``budget`` of which some mixture that the problem allows gives no
    task more than it can ``hold`` (n,); 0 where there is none. By bisection: less always fits."""
    least, most = 0, min(budget - 1, sum(hold))
    while least < most:
        middle = (least + most + 1) // 2
        if clash(_capped(problem, hold, middle)):
            most = middle - 1
        else:
            least = middle
    return least


def _capped(problem: Problem, hold: Sequence[int], budget: int) -> Problem:
    return problem.bounded(problem.lo, np.minimum(problem.hi, np.array(hold) / budget))
