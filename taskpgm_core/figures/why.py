"""The Why page's figures: one weight as the sum of its parts, and every task's two parts."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from taskpgm_core.figures.numbers import decimals, plain, shortened, signed
from taskpgm_core.figures.theme import LIGHT, Palette, canvas
from taskpgm_core.records import Array

PART_ROW = 40


def _whole(share: float, digits: int) -> str:
    """The sum in percent; its parts may cancel but for a rounding error."""
    return "0%" if abs(share) < 1e-9 else f"{100 * share:.{digits}f}%".replace("-", "−")


def waterfall_figure(
    parts: Sequence[tuple[str, float]],
    total: str,
    *,
    colours: Mapping[str, str] | None = None,
    palette: Palette = LIGHT,
) -> go.Figure:
    """Horizontal steps of ``parts`` (name, share of the budget), ending in their sum ``total``.

    The axis is in percent of the budget. customdata of each bar: the exact share. ``colours``: of
    parts by name; others are in that of a gain or a loss. The sum is an outline, as the ring is
    that marks a weight elsewhere.
    """
    names = [name for name, _ in parts] + [total]
    values = [float(value) for _, value in parts]
    heights = np.cumsum([0.0, *(100 * value for value in values)]).tolist()
    values.append(sum(values))
    digits = decimals(values[-1])
    fills = [
        (colours or {}).get(name, palette.gain if value >= 0 else palette.loss)
        for name, value in parts
    ]
    figure = canvas(palette, height=56 + PART_ROW * len(names))
    figure.add_bar(
        orientation="h",
        y=list(range(len(names))),
        x=[round(100 * value, 7) for value in values],
        base=[round(at, 7) for at in heights[:-1]] + [0.0],
        customdata=[round(value, 9) for value in values],
        text=[
            *(signed(value, digits).removesuffix("%") for value in values[:-1]),
            _whole(values[-1], digits),
        ],
        textposition="outside",
        outsidetextfont={"size": 15, "color": palette.ink},
        cliponaxis=False,
        marker={
            "color": [*fills, palette.paper],
            "line": {"color": [*fills, palette.ink], "width": [0] * len(fills) + [2]},
        },
        hovertext=[plain(name) for name in names],
        hovertemplate="%{hovertext}: %{text}<extra></extra>",
    )
    for k, height in enumerate(heights[1:]):
        figure.add_shape(
            type="line",
            x0=height,
            x1=height,
            y0=k,
            y1=k + 1,
            layer="below",
            line={"color": palette.muted, "width": 1},
        )
    low, high = min(heights), max(heights)
    room = 0.16 * max(high - low, 1e-6)
    figure.update_yaxes(
        range=[len(names) - 0.4, -0.6],
        tickvals=list(range(len(names))),
        ticktext=[plain(name) for name in shortened(names, 30)],
        showgrid=False,
        zeroline=False,
    )
    figure.update_xaxes(
        range=[low - 2 * room * (low < 0), high + room],  # there a bar's number is next to its name
        zeroline=True,
        zerolinecolor=palette.muted,
        nticks=6,
        ticksuffix="%",
    )
    figure.update_layout(showlegend=False, bargap=0.35)
    return figure


def part_colours(rewarded: str, palette: Palette) -> dict[str, str]:
    """What the two parts of a weight are drawn in, by their names on every chart."""
    return {f"{rewarded} asks": palette.muted, "diversity asks": palette.accent}


SPLIT_ROW = 27


def additive_split_figure(
    tasks: Sequence[str],
    anchor: Array,
    diversity: Array,
    *,
    chosen: str = "",
    rewarded: str = "the anchor",
    limit: int = 16,
    palette: Palette = LIGHT,
) -> go.Figure:
    """Two bars a task, from zero to either side, that add up to its weight (n,), the ring.

    ``anchor`` (n,) is what ``rewarded`` asks for. The heaviest ``limit`` tasks are shown, and
    ``chosen``, which is written bold. Every point's customdata is its task's full id.
    """
    weight = anchor + diversity
    order = [int(i) for i in np.argsort(-weight, kind="stable")]
    shown = order[:limit]
    shown += [i for i in order[limit:] if tasks[i] == chosen]
    ids = [tasks[i] for i in shown]
    full = [plain(task) for task in ids]
    written = [plain(name) for name in shortened(ids, 22)]
    figure = canvas(palette, height=84 + SPLIT_ROW * max(len(shown), 3))
    for (name, colour), parts in zip(
        part_colours(rewarded, palette).items(), (anchor, diversity), strict=True
    ):
        figure.add_bar(
            x=[round(100 * float(parts[i]), 7) for i in shown],
            y=ids,
            orientation="h",
            name=name,
            marker={"color": colour},
            customdata=ids,
            hovertext=full,
            hovertemplate=f"%{{hovertext}}<br>{name} for %{{x:+.1f}}%<extra></extra>",
        )
    figure.add_scatter(
        x=[round(100 * float(weight[i]), 7) for i in shown],
        y=ids,
        mode="markers",
        name="weight",
        marker={
            "size": 11,
            "color": palette.paper,
            "line": {"width": 2, "color": palette.ink},
        },
        customdata=ids,
        hovertext=full,
        hovertemplate="%{hovertext}<br>weight %{x:.1f}%<extra></extra>",
    )
    figure.update_xaxes(zeroline=True, zerolinecolor=palette.muted, ticksuffix="%", nticks=7)
    figure.update_yaxes(
        range=[len(ids) - 0.4, -0.6],
        tickvals=ids,
        ticktext=[
            f"<b>{name}</b>" if t == chosen else name for t, name in zip(ids, written, strict=True)
        ],
        showgrid=False,
    )
    figure.update_layout(barmode="relative", bargap=0.3)
    return figure
