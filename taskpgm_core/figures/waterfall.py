"""A weight as the sum of its parts."""

from collections.abc import Sequence

import plotly.graph_objects as go

from taskpgm_core.figures.canvas import canvas
from taskpgm_core.figures.labels import plain, shorten
from taskpgm_core.figures.palette import LIGHT, Palette
from taskpgm_core.figures.why_findings import signed

ROW = 40


def _whole(share: float) -> str:
    """The sum in percent; its parts may cancel but for a rounding error."""
    return "0%" if abs(share) < 1e-9 else f"{100 * share:.1f}%".replace("-", "−")


def waterfall_figure(
    parts: Sequence[tuple[str, float]], total: str, *, palette: Palette = LIGHT
) -> go.Figure:
    """Horizontal steps of ``parts`` (name, share of the budget), ending in their sum ``total``.

    The axis is in percent of the budget. customdata of each bar: the exact share.
    """
    names = [name for name, _ in parts] + [total]
    values = [float(value) for _, value in parts]
    values.append(sum(values))
    figure = canvas(palette, height=56 + ROW * len(names))
    figure.add_waterfall(
        orientation="h",
        measure=["relative"] * len(parts) + ["total"],
        y=list(range(len(names))),
        x=[round(100 * value, 7) for value in values],
        customdata=[round(value, 9) for value in values],
        text=[signed(v).removesuffix("%") for v in values[:-1]] + [_whole(values[-1])],
        textposition="outside",
        outsidetextfont={"size": 15, "color": palette.ink},
        cliponaxis=False,
        increasing={"marker": {"color": palette.gain}},
        decreasing={"marker": {"color": palette.loss}},
        totals={"marker": {"color": palette.accent}},
        connector={"line": {"color": palette.muted, "width": 1}},
        hovertext=[plain(name) for name in names],
        hovertemplate="%{hovertext}: %{text}<extra></extra>",
    )
    heights = [0.0]
    for value in values[:-1]:
        heights.append(heights[-1] + 100 * value)
    low, high = min(heights), max(heights)
    room = 0.16 * max(high - low, 1e-6)
    figure.update_yaxes(
        range=[len(names) - 0.4, -0.6],
        tickvals=list(range(len(names))),
        ticktext=[plain(shorten(name, 30)) for name in names],
        showgrid=False,
        zeroline=False,
    )
    figure.update_xaxes(
        range=[low - room * (low < 0), high + room],
        zeroline=True,
        zerolinecolor=palette.muted,
        nticks=6,
        ticksuffix="%",
    )
    figure.update_layout(showlegend=False, waterfallgap=0.35)
    return figure
