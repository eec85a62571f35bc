"""Findings of the Why page, made from the numbers that its charts show."""

from collections.abc import Sequence

import numpy as np

from taskpgm_core.analysis.question import Question
from taskpgm_core.figures.numbers import decimals, foremost, percent, shorten, signed
from taskpgm_core.findings.similarity import most_like, told_apart
from taskpgm_core.mixture.kernel import Kernel
from taskpgm_core.records import Array, Similarity
from taskpgm_core.similarity_measures import Measure

NAMED = 3
"""Tasks that share a skill that are named."""


def reward_words(question: Question) -> str:
    """What asks for the part of a weight that grows with the balance."""
    if question.judge_by:
        return "what it is judged by"
    return "the gain" if question.unary == "gain" else "the anchor"


def weight_finding(
    task: str, weight: float, anchor: float, diversity: float, rewarded: str = "the anchor"
) -> str:
    """Which of its two parts a weight comes from; ``rewarded`` asks for the first of them."""
    name = shorten(task)
    if weight <= 0:
        return f"{name} gets nothing"
    digits = decimals(weight)
    parts = f"{rewarded} asks for {signed(anchor, digits)}, diversity for "
    return f"{name} gets {percent(weight, digits)}: {parts}{signed(diversity, digits)}"


def parts_meaning(
    weights: Array, share: float, anchor: float, diversity: float, balance: float, *, limits: bool
) -> str:
    """How the two parts of one weight are computed, with the numbers to do it again.

    ``weights``: (n,) the mixture; ``share``: the task's in the anchor itself; ``anchor`` and
    ``diversity``: the parts; ``limits``: whether limits were set, which both parts hold.
    """
    n, inside = len(weights), int((weights > 0).sum())
    digits = decimals(anchor + diversity)
    if limits:
        spread = "what it would get at balance 1 with the same tasks in and the same limits held"
    elif inside < n:
        spread = (
            f"the anchor's {percent(share, digits)} once the anchor is spread over the {inside} "
            f"of {n} tasks that are in"
        )
    else:
        spread = "its share in the anchor"
    if balance > 0:
        whole = signed(anchor / balance, digits).removeprefix("+")
        said = f"{signed(anchor, digits)} is the balance times a share: {balance:.3g} × "
        said += f"{whole}, {spread}."
    else:
        said = "At balance 0 the anchor has no part in it."
    if balance != 1:
        alone = signed(diversity / (1 - balance), digits).removeprefix("+")
        said += (
            f" {signed(diversity, digits)} is {1 - balance:.3g} × {alone}, what diversity "
            f"alone would give it{' among them' if inside < n else ''}."
        ).replace("-", "−")
    return said


def zero_reason(
    task: str, reduced_cost: float, enters_at: float | None, balance: float, unit: str
) -> str:
    """How far a task that gets nothing is from getting something."""
    cost = f"what it is rewarded for would have to rise by {reduced_cost:.3g} {unit}".rstrip()
    if enters_at is None:
        return f"{shorten(task)} stays out at every balance; at this one {cost} for it to enter."
    if enters_at == balance:
        return f"It enters at this very balance; or {cost}."
    way = "lower" if enters_at < balance else "raise"
    here, there = _told_apart(balance, enters_at)
    return f"To bring it in, {way} the balance from {here} to {there}, where it enters; or {cost}."


def _told_apart(one: float, other: float) -> tuple[str, str]:
    """Two different numbers in as few digits as tell them apart, at least three."""
    return next(
        (a, b)
        for digits in range(3, 18)
        if (a := f"{one:.{digits}g}") != (b := f"{other:.{digits}g}")
    )


def zero_meaning(kernel: Kernel, task: str, anchored: bool) -> str:
    """What a weight of zero means at this resolution, and what it does not.

    ``anchored``: whether the energy weighs nothing but the likeness to an anchor and to itself.
    """
    said = "Moving budget to it would not lower the energy."
    if kernel.finite:
        others = "other tasks" if kernel.sharing(task) else "no other task"
        return f"{said} At this resolution it shares its skill with {others}."
    if anchored and kernel.measured.is_divergence:
        said += (
            " S = −D rewards what lies far from the mixture and, the more the higher the balance, "
            "what lies near the anchor; for this task the two are not enough."
        )
    return f"{said} Whether another task shares its skill is not asked at resolution inf."


def sharing_finding(kernel: Kernel, task: str) -> str:
    """Who shares a task's skill, by K alone; empty where no task does, as at inf."""
    others = [other for other, _ in kernel.sharing(task)]
    if not others:
        return ""
    named = [shorten(other) for other in others[:NAMED]]
    more = len(others) - len(named)
    listed = f"{', '.join(named)} and {more} more" if more else _listed(named)
    return f"{shorten(task)} shares its skill with {listed}"


def kept_finding(kernel: Kernel, kept: Array | None, task: str) -> str:
    """How near the nearest tasks that share ``task``'s skill are, and what each two keep.

    ``kept``: (n, n) of ``kept_gain``; None where no losses are known. Empty without such a task.
    """
    i, a = kernel.tasks.index(task), shorten(task)
    sentences = []
    for other, K in kernel.sharing(task)[:NAMED]:
        j, b = kernel.tasks.index(other), shorten(other)
        said = f"K is {K:.2f} between {a} and {b}"
        if not told_apart(kernel, i, j):
            said += ", which are not told apart by this measurement"
        sentences.append(f"{said}{_kept(kept, i, j, a, b)}.")
    return " ".join(sentences)


def _kept(kept: Array | None, i: int, j: int, a: str, b: str) -> str:
    if kept is None:
        return ""
    of_b, of_a = float(kept[i, j]), float(kept[j, i])
    if of_b >= 0 and of_a >= 0:
        return f"; their models keep {percent(of_b, 0)} and {percent(of_a, 0)} of each other's gain"
    ways = ((a, b, of_b), (b, a, of_a))
    return "".join(
        f"; {one}'s model keeps {percent(share, 0)} of {other}'s gain"
        if share >= 0
        else f"; {one}'s model is worse on {other} than the base model"
        for one, other, share in ways
        if not np.isnan(share)
    )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def split_finding(
    tasks: Sequence[str], anchor: Array, diversity: Array, rewarded: str = "the anchor"
) -> str:
    """Where the two parts pull apart the most."""
    weight = anchor + diversity
    if np.abs(diversity).max(initial=0.0) < 1e-9:
        return f"{rewarded[:1].upper()}{rewarded[1:]} alone explains every weight"
    inside = np.flatnonzero(weight > 0)
    asked, names = diversity[inside], [tasks[int(k)] for k in inside]
    most, least = signed(float(asked.max())), signed(float(asked.min()))
    if len(names) > 1 and np.ptp(asked) < 1e-9:
        everyone = "every task" if len(names) == len(tasks) else "every task that is in"
        return f"Diversity asks the same for {everyone}, {most}"
    (up, _), (down, _) = foremost(names, asked), foremost(names, -asked)
    if asked.min() >= 0 or len(names) == 1:
        return f"Diversity asks most for {up}, {most}"
    return f"Diversity asks most for {up} ({most}) and least for {down} ({least})"


def neighbours_finding(task: str, neighbours: Sequence[str], pairwise: Array) -> str:
    """Which neighbour takes the most from a task."""
    if not np.abs(pairwise).max(initial=0.0) > 0:
        return f"No other task moves {shorten(task)}"
    if pairwise.min() >= 0:
        return f"No other task takes weight from {shorten(task)}"
    who, several = foremost(neighbours, -pairwise)
    return f"{who} {'take' if several > 1 else 'takes'} the most from {shorten(task)}"


def without_finding(task: str, tasks: Sequence[str], share: float, change: Array) -> str:
    """Where a task's share goes when it is left out; ``change`` is against all others scaled up."""
    moved = float(np.abs(change).sum()) / 2
    name = shorten(task)
    if share <= 0:
        return f"Without {name} nothing changes"
    if len(tasks) == 2:
        other = tasks[1 - list(tasks).index(task)]
        return f"Without {name} everything goes to {shorten(other)}"
    if moved < 5e-4:
        return f"Without {name} the others keep their proportions"
    who, several = foremost(tasks, change)
    gains = "gain" if several > 1 else "gains"
    return f"Without {name} another {percent(moved)} moves among the others; {who} {gains} the most"


def twins_finding(
    task: str, twin: str, share: float, told_apart: bool = True, more: int = 0
) -> str:
    """How much nearer a task's twin, and ``more`` others as near, are than its median neighbour.

    ``told_apart``: whether the two are farther apart than their own noise.
    """
    if not told_apart:
        return f"{shorten(twin)} and {shorten(task)} are not told apart by this measurement"
    nearer = ""
    if share > 0:
        by = "over 99%" if 0.99 < share < 1 else percent(share, 0)
        nearer = f", {by} nearer than usual"
    return most_like(task, twin, more) + nearer


def distance_unit(similarity: Similarity) -> str:
    """The unit of distances; a divergence that was brought without one has none."""
    return similarity.unit or ("" if similarity.is_divergence else "units of S")


def nearest_meaning(usual: float, measure: Measure, others: int) -> str:
    """How near ``others`` tasks are, of which the median one has ``usual``, as people read it."""
    said = measure.said(usual)
    if not measure.is_divergence:
        if others == 1:
            return f"The only other task; their similarity is {said}."
        return f"The most similar tasks as measured; the median one has {said}."
    if others == 1:
        return f"The only other task, {said} away."
    return f"Its nearest tasks as measured; the median one is {said} away."


def split_reading(shown: int, tasks: int) -> str:
    """How to read the two parts of so many ``tasks``, of which ``shown`` are drawn."""
    some = "" if shown == tasks else f" {shown} of {tasks} tasks, the heaviest first."
    return (
        "Bars to either side add up to the ring, the weight. Click one to ask about its "
        f"task.{some}"
    )


def what_if_hint(task: str, other: str, step: float, moved: float, unit: str) -> str:
    """What a small change does: ``moved`` of the budget for ``step``, in ``unit``."""
    if step <= 0:
        return f"{shorten(task)} and {shorten(other)} cannot be more alike"
    if moved < 5e-7:
        return (
            f"If {shorten(task)} and {shorten(other)} were a little more alike, nothing would move"
        )
    return (
        f"If {shorten(task)} and {shorten(other)} were {f'{step:.2g} {unit}'.rstrip()} more alike, "
        f"{percent(moved, 2)} of the budget would move"
    )


def what_if_finding(task: str, other: str, before: float, after: float, moved: float) -> str:
    """What another similarity of two tasks would do to the mixture."""
    if moved < 5e-5:
        return f"If {shorten(task)} and {shorten(other)} were so alike, nothing would move"
    return (
        f"{percent(moved)} of the budget would move; {shorten(task)} from {percent(before)} "
        f"to {percent(after)}"
    )
