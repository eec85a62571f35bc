"""The frontier: how representative and how diverse a mixture is, and which ones no other beats."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from taskpgm_core.figures.canvas import canvas
from taskpgm_core.figures.labels import plain
from taskpgm_core.figures.palette import LIGHT, OKABE_ITO, Palette
from taskpgm_core.records import Array

SYMBOLS = ("circle", "diamond", "square", "triangle-up", "triangle-down", "cross", "x", "star")


def frontier_figure(
    balances: Array,
    path: Array,
    mixtures: Mapping[str, Array],
    *,
    here: Array,
    jsd: bool,
    palette: Palette = LIGHT,
) -> go.Figure:
    """``path`` (m, 2), ``mixtures`` {name: (2,)} and ``here`` (2,) as (p'Sw, p'Sp).

    Both axes grow towards the better: to the right more diverse (-p'Sp), upwards more
    representative (p'Sw). For ``jsd`` they are mean divergences in nats.
    """
    figure = canvas(palette, height=470)
    digits = 6
    figure.add_scatter(
        x=np.float32(-path[:, 1]),
        y=np.float32(path[:, 0]),
        mode="lines",
        line={"color": palette.accent, "width": 3},
        name="exact mixtures, every balance",
        customdata=np.float32(balances),
        hovertemplate="balance %{customdata:.3g}<extra></extra>",
    )
    for k, (name, (to_anchor, within)) in enumerate(mixtures.items()):
        figure.add_scatter(
            x=[round(-float(within), digits)],
            y=[round(float(to_anchor), digits)],
            mode="markers",
            name=plain(name),
            marker={
                "symbol": SYMBOLS[k % len(SYMBOLS)],
                "size": 13,
                "color": OKABE_ITO[k % len(OKABE_ITO)],
                "line": {"width": 1, "color": palette.ink},
            },
            hovertemplate=plain(name) + "<extra></extra>",
        )
    figure.add_scatter(
        x=[round(-float(here[1]), digits)],
        y=[round(float(here[0]), digits)],
        mode="markers",
        name="this mixture",
        marker={
            "symbol": "circle-open",
            "size": 20,
            "color": palette.accent,
            "line": {"width": 3.5},
        },
        hovertemplate="this mixture<extra></extra>",
    )
    unit = "nats" if jsd else "units of S"
    figure.update_xaxes(title={"text": f"more diverse → ({unit})", "standoff": 6}, nticks=6)
    figure.update_yaxes(title=f"more representative → ({unit})", nticks=6)
    figure.update_layout(legend={"y": -0.26, "yanchor": "top"})
    return figure
