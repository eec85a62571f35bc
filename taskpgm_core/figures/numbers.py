"""How numbers and task names are written on charts and beside them."""

import html
import math
from collections import Counter
from collections.abc import Sequence
from itertools import takewhile

import numpy as np
import numpy.typing as npt


def percent(share: float, digits: int = 1) -> str:
    """A share in percent; one too small to show is ``<0.1%``, an exact zero is ``0%``."""
    if share == 0:
        return "0%"
    least = 10.0**-digits
    if 0 < share * 100 < least:
        return f"<{least:g}%"
    return f"{share * 100:.{digits}f}%"


def nats(value: float) -> str:
    """A divergence or loss with three decimals."""
    return f"{value:.3f} nats"


def count(value: float) -> str:
    """A whole number with thousands separators."""
    return f"{value:,.0f}"


def with_sign(value: float) -> str:
    """A sum's part with its sign and three decimals; what rounds to nothing has none."""
    said = f"{value:+.3f}".replace("-", "−")
    return said if said.strip("+−0.") else "0.000"


def scientific(value: float) -> str:
    """A number near machine precision, such as a gap; an exact zero is ``0``."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return f"{value:.1e}"


def shorten(name: str, width: int = 26) -> str:
    """A long name with its middle left out, so that alike beginnings and endings both show."""
    if len(name) <= width:
        return name
    head = (width - 1 + 1) // 2
    return f"{name[:head]}…{name[len(name) - (width - 1 - head) :]}"


def shortened(names: Sequence[str], width: int = 26) -> list[str]:
    """Names as ``shorten`` writes them, but no two different ones alike: those that would be keep
    where they differ whole and lose what they have in common, down to a few letters at both ends;
    where that does not tell them apart either, they stand in full."""
    short = {name: shorten(name, width) for name in names}
    alike: dict[str, list[str]] = {}
    for name, text in short.items():
        alike.setdefault(text, []).append(name)
    for group in (group for group in alike.values() if len(group) > 1):
        start = _alike(group)
        end = _alike([name[start:][::-1] for name in group])
        for name in group:
            head, apart, tail = name[:start], name[start : len(name) - end], name[len(name) - end :]
            kept = max(width - len(apart) - 2, 6)
            front = head if len(head) <= kept // 2 else f"{head[: kept // 2]}…"
            back = tail if len(tail) <= kept - kept // 2 else f"…{tail[-(kept - kept // 2) :]}"
            short[name] = f"{front}{apart}{back}".replace("……", "…")
    written = Counter(short.values())
    return [name if written[short[name]] > 1 else short[name] for name in names]


def _alike(names: Sequence[str]) -> int:
    """How many letters all begin with."""
    return sum(
        1 for _ in takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    )


def plain(text: str) -> str:
    """Text that a chart shows as it stands: markup in a task's name is no markup."""
    return html.escape(text, quote=False)


def written(value: float, pattern: str | None) -> str:
    """A tick label in the few number formats that the figures use; ValueError for another."""
    value = 0.0 if abs(value) < 1e-12 else value
    if pattern is None:
        return f"{value:.6g}".replace("-", "−")
    if pattern in (".0%", ".1%"):
        return format(value, pattern)
    if pattern == "+.3~g":
        return f"{value:+.3g}".replace("-", "−") if value else "0"
    if pattern == "+.2~f":
        text = f"{value:+.2f}".rstrip("0").rstrip(".")
        return text.replace("-", "−") if value else "0"
    raise ValueError(f"No tick format {pattern!r} here; add it to svg_axes.written.")


def nice_ticks(low: float, high: float, count: int) -> list[float]:
    """Round values between two, about ``count`` of them, for an axis to name."""
    raw = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= raw * (1 - 1e-9))
    return [
        k * step for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    ]


def decimals(share: float) -> int:
    """Of a percentage that is to be computed again from its parts, also where it is below 1%."""
    return 1 if abs(share) >= 0.01 else 2


def signed(share: float, digits: int = 1) -> str:
    """A share in percent with its sign; what rounds to nothing is ``+0.0%`` from either side."""
    return f"{round(100 * share, digits) + 0.0:+.{digits}f}%".replace("-", "−")


def times(often: float) -> str:
    """How often something is read, never as the once that it exceeds."""
    return f"{often:,.{2 if often < 1.1 else 1 if often < 100 else 0}f}"


def counted(number: int, noun: str) -> str:
    """A number with its noun, as in ``1 task`` and ``26 tasks``."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def foremost(names: Sequence[str], values: npt.ArrayLike) -> tuple[str, int]:
    """The first name with the largest value and how many have as large a one (within 1e-9), as in
    ``swaps``, 1 and ``swaps and 2 more``, 3."""
    known = np.asarray(values, dtype=float)
    alike = np.flatnonzero(known >= known.max() - 1e-9)
    more = f" and {len(alike) - 1} more" if len(alike) > 1 else ""
    return shorten(names[int(alike[0])]) + more, len(alike)


def gained(change: float) -> str:
    """A change of share in points, as in ``gained +5.5 points`` and ``lost 3.1 points``."""
    points = 100 * change
    if points == 0:
        return "kept its share"
    if abs(points) < 0.05:
        return f"{'gained' if points > 0 else 'lost'} less than 0.1 points"
    return f"gained {points:+.1f} points" if points > 0 else f"lost {-points:.1f} points"
