"""What the trade-off says, in sentences made from the numbers that its charts show."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from taskpgm_core.analysis.trade_off import standing
from taskpgm_core.figures.numbers import count, counted, foremost, shorten
from taskpgm_core.findings.mixture import rewarded
from taskpgm_core.mixture import Problem
from taskpgm_core.records import Array
from taskpgm_core.similarity_measures import KERNEL

TOUCHES = 1e-9


def given_up_finding(
    tasks: Sequence[str], p: Array, anchor: Array, diverse: Array, name: str
) -> str:
    """What the mixture ``p`` (n,) takes from which tasks of the ``anchor`` (n,) called ``name``.

    In points, hundredths of the budget. Where ``p`` is the anchor, what the mixture of balance 0,
    ``diverse`` (n,), would take.
    """
    if not _losers(p, anchor).any():
        if not _losers(diverse, anchor).any():
            return f"Nothing is given up: here and at balance 0 the mixture is {name}"
        taken = _taken(tasks, diverse, anchor)
        return f"Nothing is given up: this is {name}. Balance 0 would take {taken}"
    return f"Against {name} you give up {_taken(tasks, p, anchor)}"


def _losers(p: Array, anchor: Array) -> npt.NDArray[np.bool_]:
    return np.asarray(p - anchor < -TOUCHES)


def _taken(tasks: Sequence[str], p: Array, anchor: Array) -> str:
    losers, (most, several) = _losers(p, anchor), foremost(tasks, anchor - p)
    gone = int((losers & (p <= 0)).sum())
    where = f"on {int(losers.sum())} of {counted(len(tasks), 'task')}"
    said = f"{_points((anchor - p)[losers].sum())} {where}, most on {most}"
    left = {0: "", 1: "; 1 task gets nothing"}.get(gone, f"; {gone} tasks get nothing")
    each = " each" if several > 1 else ""
    return f"{said} ({_points((anchor - p).max())}{each}){left}"


def _points(share: float) -> str:
    return "less than 0.1 points" if share < 5e-4 else f"{100 * share:.1f} points"


def path_finding(
    tasks: Sequence[str],
    balances: Array,
    weights: Array,
    rewarded: str = "representativeness",
) -> str:
    """Where the path of ``weights`` (m, n) begins, and where what is ``rewarded`` ends it."""
    first, last = weights[0], weights[-1]
    most = int(np.argmax(last))
    start = f"Pure diversity keeps {int((first > 0).sum())} of {len(tasks)} tasks"
    if last[most] > 1 - 1e-9:
        return (
            f"{start}; from balance {_balance(balances[-1])} on, everything goes to "
            f"{shorten(tasks[most])}"
        )
    return f"{start}; {rewarded} ends with {int((last > 0).sum())} of them"


def frontier_finding(
    problem: Problem,
    here: Array,
    others: Mapping[str, Array],
    units: tuple[str, str] = ("", ""),
    rewarded: str = "representative",
) -> str:
    """What this mixture gains in diversity and gives up of what is ``rewarded``, with ``units``.

    Against size-proportional, or against uniform where sizes are unknown or where this mixture is
    that very one.
    """
    for name in ("size-proportional", "uniform"):
        if name in others and np.abs(others[name] - here).sum() > TOUCHES:
            mine, theirs = standing(problem, np.array([here, others[name]]))
            return (
                f"Against {name}, this mixture is {_more(theirs[1] - mine[1], units[0])} diverse "
                f"and {_more(mine[0] - theirs[0], units[1])} {rewarded}"
            )
    return "This mixture stands where the references stand"


def frontier_reading(problem: Problem) -> str:
    """How the frontier reads: what its axes are, and what may be said of its line."""
    up = "more alike to what the anchor stands for"
    if problem.utility is not None:
        up = "more of what is rewarded"
    bounded = problem.groups or (problem.lo > 0).any() or (problem.hi < 1).any()
    within = " that the limits allow" if bounded else ""
    line = (
        f"No mixture{within} is both more {rewarded(problem)} and more diverse than one on the "
        "line. "
    )
    if problem.pull is not None or problem.convexity.shift:
        line = ""  # the line then weighs a third thing as well
    return f"{line}Up: {up}. Right: less alike to itself."


def frontier_formula(problem: Problem) -> str:
    """The frontier's axes in symbols."""
    letter = "K" if problem.similarity.measure == KERNEL else "S"
    up = f"p′{letter}w" if problem.utility is None else "v′p"
    return f"Up: {up}. Right: −p′{letter}p."


def _balance(r: float) -> str:
    return f"{r:.3g}" if r < 1000 else count(r)


def _more(difference: float, unit: str) -> str:
    word = "more" if difference > 0 else "less"
    by = f"{abs(difference):.3f} {unit}".rstrip()
    return f"{by} {word}" if abs(difference) >= 5e-4 else "as"


def variety_finding(effective: float, balance: float, interval: tuple[float, float] | None) -> str:
    """How varied the mixture is at ``balance``, and where the closed form is a mixture."""
    said = f"At balance {balance:.3g} the effective number of tasks is {effective:.1f}"
    if interval is None:
        return f"{said}; the closed form holds nowhere"
    low, high = interval
    end = "on" if not np.isfinite(high) else f"to {_balance(high)}"
    return f"{said}; the closed form holds from {low:.3g} {end}"
