"""The axes of a figure drawn without a browser: from values to pixels, and the ticks between."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

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


def written(value: float, pattern: str | None) -> str:
    """A tick label in the few number formats that the figures use; ValueError for another."""
    value = 0.0 if abs(value) < 1e-12 else value
    if pattern is None:
        return f"{value:.6g}".replace("-", "−")
    if pattern in (".0%", ".1%"):
        return format(value, pattern)
    if pattern == "+.3~g":
        return f"{value:+.3g}".replace("-", "−") if value else "0"
    raise ValueError(f"No tick format {pattern!r} here; add it to svg_axes.written.")


def nice(low: float, high: float, count: int) -> list[float]:
    """Round values between two, about ``count`` of them, for an axis to name."""
    raw = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= raw * (1 - 1e-9))
    return [
        k * step for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    ]


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
    if given is not None:
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
            for v in nice(low, high, int(spec.get("nticks") or 6))
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
