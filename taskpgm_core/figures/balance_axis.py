"""The scale of the balance: [0, 1] fills the left half, a logarithm compresses the rest."""

import math
from typing import Any

from taskpgm_core.records import Array, read_only

WRITTEN = (0, 0.25, 0.5, 0.75, 1, 2, 3, 5, 10, 30, 100, 300, 1000, 3000, 10_000)


def track_end(last: float) -> float:
    """The balance at the right end of the track, for a path that ends at ``last``."""
    return max(2.0, last)


def track_position(balance: float, end: float) -> float:
    """Where a balance stands on the track, from 0 to 1."""
    if balance <= 1:
        return balance / 2
    return min(0.5 + 0.5 * math.log(balance) / math.log(end), 1.0)


def positions(balances: Array) -> Array:
    """(m,) where ascending ``balances`` (m,) stand on a track that ends at the last."""
    end = track_end(float(balances[-1]))
    return read_only([track_position(float(r), end) for r in balances])


def balance_at(position: float, end: float) -> float:
    """The balance at a position of the track; the inverse of ``track_position``."""
    return float(2 * position if position <= 0.5 else end ** (2 * position - 1))


def samples(breakpoints: Array, end: float, count: int = 160) -> Array:
    """Ascending balances to draw a path with: every breakpoint, and an even grid of the track."""
    grid = {balance_at(k / count, end) for k in range(count + 1)}
    return read_only(sorted(grid | {float(r) for r in breakpoints if r <= end}))


def ticks(end: float) -> dict[str, Any]:
    """tickvals and ticktext of the axis, thinned where they would touch."""
    values: list[float] = []
    for r in WRITTEN:
        at = track_position(r, end)
        if r <= end and (r == 1 or not values or at - values[-1] >= 0.055):
            values.append(at)
    return {
        "tickvals": values,
        "ticktext": [f"{balance_at(v, end):.4g}" for v in values],
    }
