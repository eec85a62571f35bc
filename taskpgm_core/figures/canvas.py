"""The empty chart that every figure starts from: transparent, quiet grid, one font."""

from typing import Any

import plotly.graph_objects as go

from taskpgm_core.figures.palette import Palette

FONT = "'Source Sans', 'Source Sans 3', system-ui, sans-serif"


def halo(palette: Palette) -> str:
    """A text shadow that keeps a label apart from what it lies on."""
    return ", ".join([f"0 0 3px {palette.paper}"] * 4)


def canvas(palette: Palette, *, height: int, **layout: Any) -> go.Figure:
    """A figure of ``height`` pixels in the house style; ``layout`` goes before its defaults.

    Long data go into charts as float32 arrays: Plotly checks, copies and writes lists value by
    value, which took 25 times as long for a matrix of 316 tasks.
    """
    axis = {
        "gridcolor": palette.grid,
        "zerolinecolor": palette.grid,
        "linecolor": palette.grid,
        "tickfont": {"size": 15, "color": palette.ink},
        "automargin": True,
        "fixedrange": True,
    }
    # In the template, for a figure that names an axis by a bare string would reset it elsewhere.
    titled = {"title": {"font": {"size": 15, "color": palette.muted}}}
    house = {
        "template": {"layout": {"xaxis": titled, "yaxis": titled}},
        "height": height,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 15, "color": palette.ink},
        "hoverlabel": {
            "bgcolor": palette.paper,
            "bordercolor": palette.muted,
            "font": {"family": FONT, "size": 15, "color": palette.ink},
            "align": "left",
        },
        "legend": {
            "orientation": "h",
            "yanchor": "bottom",
            "y": 1.0,
            "xanchor": "left",
            "x": 0,
            "font": {"size": 15},
        },
        "xaxis": axis,
        "yaxis": axis,
        "dragmode": False,
    }
    return go.Figure(layout=house | layout)  # update_layout would take ten times as long
