"""Findings of the Selection page, made from the numbers that its charts show."""

from taskpgm_core.figures.numbers import count, counted, percent, shorten, times
from taskpgm_core.mixture.counts import Allocation
from taskpgm_core.mixture.selection.greedy import Selection

ENOUGH = 0.95
NO_PROMISE = "no promise about the model"
"""What the objective knows nothing of."""


def curve_finding(selection: Selection, k: int) -> str:
    """What k tasks reach of what all reach."""
    n, step = len(selection.tasks), selection.steps[k - 1]
    if one_does(selection):
        return f"One task, {shorten(selection.start)}, does as well as all {n}; {NO_PROMISE}"
    covered = percent(selection.captured(step.value))
    covers = "covers" if k == 1 else "cover"
    return f"{k} of {counted(n, 'task')} {covers} {covered} of the objective; {NO_PROMISE}"


def one_does(selection: Selection) -> bool:
    """Whether the first task alone reaches what all tasks reach; more tasks then add nothing."""
    return selection.best <= selection.steps[0].value


def certainty(selection: Selection, k: int) -> str:
    """How good greedy's k tasks are for sure: exactly, or by the a-posteriori bound."""
    step = selection.steps[k - 1]
    if k == len(selection.tasks):
        return "All tasks are in, so there is nothing to choose."
    if one_does(selection):
        return "No other choice does better: one task does as well as all."
    others = "other task does" if k == 1 else f"other {k} tasks do"
    if step.exact is not None:
        if step.exact <= step.value + 1e-9 * (1 + abs(step.value)):
            return f"No {others} better: every choice was ruled out."
        best, reached = selection.captured(step.exact), selection.captured(step.value)
        return (
            f"The best {counted(k, 'task')} can reach {percent(best)}; greedy misses "
            f"{percent(best - reached)}."
        )
    bound = selection.captured(step.upper_bound)
    if bound > 0.9995:
        return f"That {'an' * (k == 1)}{others} better is not ruled out."
    top = percent(bound)
    return f"No {counted(k, 'task')} can reach more than {top}: greedy's own certificate says so."


def curve_reading(selection: Selection) -> str:
    """How to read the curve, and how far greedy went where that is not to the end."""
    n, last = len(selection.tasks), len(selection.steps)
    went = "" if last == n else f" Greedy went to {last} of {n} tasks."
    if one_does(selection):
        return f"All of the line stands at 100%: more tasks add nothing.{went}"
    return (
        f"From the first task alone (0%) to all tasks together (100%).{went} The true best of any "
        "k lies between greedy's line and the dashed one."
    )


def gains_reading(selection: Selection, shown: int) -> str:
    """How to read the gains; ``shown``: how many at most are drawn, those around k."""
    nearest = "; those nearest to k" if len(selection.steps) - 1 > shown else ""
    return f"What each task adds to those before it, in the order greedy takes them{nearest}."


def epochs_reading(allocation: Allocation, shown: int) -> str:
    """How to read the epochs; ``shown``: how many tasks at most are drawn, most repeated first."""
    known = sum(1 for e in allocation.epochs if e)
    most = f" The {shown} most repeated of {known} tasks." if known > shown else ""
    return (
        f"How often {allocation.budget:,} {allocation.unit} over these tasks repeat each one's "
        f"examples; the line is your limit, or one epoch.{most}"
    )


def chosen_reading(selection: Selection, k: int) -> str:
    """How the chosen tasks may differ from the best ones."""
    if k == len(selection.tasks):
        return "In the order greedy takes them."
    return (
        "Greedy keeps what it has; the best k may be others, marked where they were searched for."
    )


def enough(selection: Selection) -> int:
    """The fewest tasks that reach ``ENOUGH`` of what all reach; all looked at if none do."""
    for step in selection.steps:
        if selection.captured(step.value) >= ENOUGH:
            return step.k
    return selection.steps[-1].k


def gains_finding(selection: Selection, k: int) -> str:
    """What the next task would add."""
    if k >= len(selection.steps):
        return f"Every task {'looked at ' * (k < len(selection.tasks))}is in"
    following, step = selection.steps[k], selection.steps[k - 1]
    more = selection.captured(following.value) - selection.captured(step.value)
    if more <= 1e-9:
        return f"After {counted(k, 'task')} no further task adds anything"
    return f"The next task, {shorten(following.added)}, would add {percent(more)}"


def epochs_finding(allocation: Allocation, cap: float | None) -> str:
    """How many tasks a budget repeats beyond the cap."""
    known = [(e, t) for e, t in zip(allocation.epochs, allocation.tasks, strict=True) if e]
    if not known:
        return "How many rows each task has is unknown, so epochs cannot be counted"
    line = 1.0 if cap is None else cap
    beyond = [pair for pair in known if pair[0] > line + 1e-9]
    word = "one epoch" if cap is None else f"the cap of {cap:g} epochs"
    most, task = max(known)
    goes = "goes" if len(beyond) == 1 else "go"
    if not beyond:
        return f"No task goes beyond {word}; {shorten(task)} comes nearest with {most:.2f}"
    return (
        f"{count(len(beyond))} of {counted(len(known), 'task')} {goes} beyond {word}; "
        f"{shorten(task)} is seen {times(most)} times"
    )
