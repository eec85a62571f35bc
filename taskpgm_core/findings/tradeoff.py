"""What the trade-off says, in sentences made from the numbers that its charts show."""

from collections.abc import Mapping, Sequence

import numpy as np

from taskpgm_core.analysis.trade_off import likeness
from taskpgm_core.figures.numbers import shorten
from taskpgm_core.records import Array, Similarity

TOUCHES = 1e-9


def path_finding(tasks: Sequence[str], balances: Array, weights: Array) -> str:
    """Where the path of ``weights`` (m, n) begins and ends."""
    first, last = weights[0], weights[-1]
    most = int(np.argmax(last))
    start = f"Pure diversity keeps {int((first > 0).sum())} of {len(tasks)} tasks"
    if last[most] > 1 - 1e-9:
        return (
            f"{start}; from balance {balances[-1]:.3g} on, everything goes to "
            f"{shorten(tasks[most])}"
        )
    return f"{start}; representativeness ends with {int((last > 0).sum())} of them"


def frontier_finding(
    similarity: Similarity, anchor: Array, here: Array, others: Mapping[str, Array]
) -> str:
    """What this mixture gains in diversity and gives up in likeness, against size-proportional.

    Against uniform where sizes are unknown, or where this mixture is that very one.
    """
    for name in ("size-proportional", "uniform"):
        if name in others and np.abs(others[name] - here).sum() > TOUCHES:
            mine, theirs = likeness(similarity, anchor, np.array([here, others[name]]))
            diverse, representative = theirs[1] - mine[1], mine[0] - theirs[0]
            return (
                f"Against {name}, this mixture is {_more(diverse)} diverse and "
                f"{_more(representative)} representative"
            )
    return "This mixture stands where the references stand"


def _more(difference: float) -> str:
    word = "more" if difference > 0 else "less"
    return f"{abs(difference):.3f} {word}" if abs(difference) >= 5e-4 else "as"


def variety_finding(
    balances: Array, effective: Array, balance: float, interval: tuple[float, float] | None
) -> str:
    """How varied the mixture is at ``balance``, and where the closed form is a mixture."""
    here = float(np.interp(balance, balances, effective))
    said = f"At balance {balance:.3g} the mixture is as varied as {here:.1f} equal tasks"
    if interval is None:
        return f"{said}; the closed form holds nowhere"
    low, high = interval
    end = "on" if not np.isfinite(high) else f"to {high:.3g}"
    return f"{said}; the closed form holds from {low:.3g} {end}"
