"""The axes of a figure drawn without a browser: from values to pixels, and the ticks between."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from taskpgm_core.figures.numbers import nice_ticks, written

LETTER = 8.6
"""Mean width of a letter at the figures' 15 pixels."""


@dataclass(frozen=True)
class Axis:
    """One axis: ``start`` and ``stop`` in data are ``first`` and ``last`` in pixels."""

    start: float
    stop: float
    first: float
    last: float
    categories: dict[str, int]
    ticks: tuple[tuple[float, str], ...]
    title: str
    visible: bool
    grid: bool

    def at(self, value: Any) -> float:
        """The pixel of a value or a category."""
        number = self.categories[value] if isinstance(value, str) else float(value)
        return self.first + (number - self.start) / (self.stop - self.start) * (
            self.last - self.first
        )

    @property
    def widest(self) -> float:
        """Pixels that the longest tick label takes."""
        return LETTER * max((len(text) for _, text in self.ticks), default=0)


def make_axis(
    spec: dict[str, Any],
    values: Sequence[Any],
    *,
    first: float,
    last: float,
    bars: bool,
    pad: float,
) -> Axis:
    """The axis of a Plotly layout entry over all ``values`` drawn on it.

    ``bars``: bars begin at zero on it; ``pad``: free room at both ends, as a share of the data.
    """
    names = list(dict.fromkeys(v for v in values if isinstance(v, str)))
    categories = {name: k for k, name in enumerate(names)}
    numbers = [float(v) for v in values if not isinstance(v, str) and v is not None]
    fixed = spec.get("range")
    if fixed is not None:
        start, stop = float(fixed[0]), float(fixed[1])
    elif names:
        start, stop = -0.5, len(names) - 0.5
    else:
        low, high = min(numbers, default=0.0), max(numbers, default=1.0)
        if bars or spec.get("rangemode") == "tozero":
            low, high = min(low, 0.0), max(high, 0.0)
        room = pad * (high - low) or 1e-9
        start = low if low == 0 and (bars or spec.get("rangemode")) else low - room
        stop = high if high == 0 and bars else high + room
    if spec.get("autorange") == "reversed":
        start, stop = stop, start
    given = spec.get("tickvals")
    if spec.get("showticklabels") is False:
        ticks = []
    elif given is not None:
        texts = spec.get("ticktext") or [written(v, spec.get("tickformat")) for v in given]
        ticks = [
            (float(categories[v] if isinstance(v, str) else v), str(t))
            for v, t in zip(given, texts, strict=True)
        ]
    elif names:
        ticks = [(float(k), name) for name, k in categories.items()]
    else:
        low, high = sorted((start, stop))
        ticks = [
            (v, written(v, spec.get("tickformat")))
            for v in nice_ticks(low, high, int(spec.get("nticks") or 6))
        ]
    return Axis(
        start,
        stop,
        first,
        last,
        categories,
        tuple(ticks),
        str((spec.get("title") or {}).get("text") or ""),
        spec.get("visible") is not False,
        spec.get("showgrid") is not False,
    )


def stacked(traces: Sequence[dict[str, Any]]) -> list[tuple[list[float], list[float]]]:
    """(below, above) of each trace of one stack, all over the same x."""
    below = np.zeros(len(traces[0]["y"]))
    layers = []
    for trace in traces:
        above = below + np.asarray(trace["y"], dtype=np.float64)
        layers.append((below.tolist(), above.tolist()))
        below = above
    return layers
