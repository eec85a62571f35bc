"""Findings of the Why page, made from the numbers that its charts show."""

from collections.abc import Sequence

import numpy as np

from taskpgm_core.figures.numbers import percent, shorten, signed
from taskpgm_core.records import Array


def weight_finding(task: str, weight: float, anchor: float, diversity: float) -> str:
    """Which of its two parts a weight comes from."""
    name = shorten(task)
    if weight <= 0:
        return f"{name} gets nothing"
    parts = f"the anchor asks for {signed(anchor)}, diversity for {signed(diversity)}"
    return f"{name} gets {percent(weight)}: {parts}"


def zero_reason(
    task: str, reduced_cost: float, enters_at: float | None, balance: float, unit: str
) -> str:
    """How far a task that gets nothing is from getting something."""
    cost = f"its pull (β/λ)·u would have to rise by {reduced_cost:.3g} {unit}"
    if enters_at is None:
        return f"{shorten(task)} stays out at every balance; at this one {cost} for it to enter."
    way = "lower" if enters_at < balance else "raise"
    return (
        f"To bring it in, {way} the balance from {balance:.3g} to {enters_at:.3g}, where it "
        f"enters; or {cost}."
    )


def split_finding(tasks: Sequence[str], anchor: Array, diversity: Array) -> str:
    """Where the two parts pull apart the most."""
    weight = anchor + diversity
    if np.abs(diversity).max(initial=0.0) < 1e-9:
        return "The anchor alone explains every weight"
    inside = np.flatnonzero(weight > 0)
    up, down = (inside[int(f(diversity[inside]))] for f in (np.argmax, np.argmin))
    if diversity[down] >= 0 or up == down:
        return f"Diversity asks most for {shorten(tasks[up])}, {signed(float(diversity[up]))}"
    return (
        f"Diversity asks most for {shorten(tasks[up])} ({signed(float(diversity[up]))}) and "
        f"least for {shorten(tasks[down])} ({signed(float(diversity[down]))})"
    )


def neighbours_finding(task: str, neighbours: Sequence[str], pairwise: Array) -> str:
    """Which neighbour takes the most from a task."""
    if not np.abs(pairwise).max(initial=0.0) > 0:
        return f"No other task moves {shorten(task)}"
    k = int(np.argmin(pairwise))
    if pairwise[k] >= 0:
        return f"No other task takes weight from {shorten(task)}"
    return f"{shorten(neighbours[k])} takes the most from {shorten(task)}"


def without_finding(task: str, tasks: Sequence[str], share: float, change: Array) -> str:
    """Where a task's share goes when it is left out; ``change`` is against all others scaled up."""
    moved = float(np.abs(change).sum()) / 2
    name = shorten(task)
    if share <= 0:
        return f"Without {name} nothing changes"
    if moved < 5e-4:
        return f"Without {name} the others keep their proportions"
    top = int(np.argmax(change))
    return (
        f"Without {name} another {percent(moved)} moves among the others; "
        f"{shorten(tasks[top])} gains the most"
    )


def twins_finding(task: str, twin: str, share: float) -> str:
    """How much nearer a task's twin is than its median neighbour."""
    return (
        f"{shorten(twin)} is the most like {shorten(task)}, {percent(share, 0)} nearer than usual"
    )


def what_if_hint(task: str, other: str, moved: float, unit: str) -> str:
    """What the derivative says about a small change; ``moved`` for 0.01 ``unit``."""
    if moved < 5e-7:
        return f"How alike {shorten(task)} and {shorten(other)} are moves nothing here at first"
    return (
        f"If {shorten(task)} and {shorten(other)} were 0.01 {unit} more alike, "
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
