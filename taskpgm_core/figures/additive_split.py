"""What the anchor asks for and what diversity asks for, task by task."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from taskpgm_core.figures.canvas import canvas
from taskpgm_core.figures.labels import plain, shorten
from taskpgm_core.figures.palette import LIGHT, Palette
from taskpgm_core.records import Array

ROW = 27


def additive_split_figure(
    tasks: Sequence[str],
    anchor: Array,
    diversity: Array,
    *,
    chosen: str = "",
    limit: int = 16,
    palette: Palette = LIGHT,
) -> go.Figure:
    """Two bars a task, from zero to either side, that add up to its weight (n,), the ring.

    The heaviest ``limit`` tasks and ``chosen``, which is written bold. Every point's customdata
    is its task's full id.
    """
    weight = anchor + diversity
    order = [int(i) for i in np.argsort(-weight, kind="stable")]
    shown = order[:limit]
    shown += [i for i in order[limit:] if tasks[i] == chosen]
    ids = [tasks[i] for i in shown]
    figure = canvas(palette, height=84 + ROW * max(len(shown), 3))
    for name, parts, colour in (
        ("the anchor asks", anchor, palette.muted),
        ("diversity asks", diversity, palette.accent),
    ):
        figure.add_bar(
            x=[round(100 * float(parts[i]), 7) for i in shown],
            y=ids,
            orientation="h",
            name=name,
            marker={"color": colour},
            customdata=ids,
            hovertemplate=[f"{plain(t)}<br>{name} for %{{x:+.1f}}%<extra></extra>" for t in ids],
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
        hovertemplate=[f"{plain(t)}<br>weight %{{x:.1f}}%<extra></extra>" for t in ids],
    )
    figure.update_xaxes(zeroline=True, zerolinecolor=palette.muted, ticksuffix="%", nticks=7)
    figure.update_yaxes(
        range=[len(ids) - 0.4, -0.6],
        tickvals=ids,
        ticktext=[
            f"<b>{plain(shorten(t, 22))}</b>" if t == chosen else plain(shorten(t, 22)) for t in ids
        ],
        showgrid=False,
    )
    figure.update_layout(barmode="relative", bargap=0.3)
    return figure
