"""How every figure looks: the empty chart it starts from, and its colours by theme."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

FONT = "'Source Sans', 'Source Sans 3', system-ui, sans-serif"


OKABE_ITO = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#F0E442",
    "#7F7F7F",
)
"""Colours that people with any colour vision tell apart (Okabe and Ito 2008), best first."""


@dataclass(frozen=True)
class Palette:
    """The colours of a theme. ``gain`` and ``loss`` are the ends of a blue-orange pair.

    None of them is a family's colour: a drawing's theme may change these, but not those.
    """

    name: str
    paper: str
    ink: str
    muted: str
    grid: str
    accent: str
    quiet: str
    gain: str
    loss: str


LIGHT = Palette(
    "light", "#FBF9F4", "#1C1B19", "#5E5A52", "#E3DDCF", "#3B4BC4", "#C9CDEB", "#006CA8", "#C65500"
)
DARK = Palette(
    "dark", "#20222A", "#EDEAE3", "#B5B0A6", "#3D414D", "#A6B4FF", "#4A5080", "#56B4E9", "#F08A3C"
)
PALETTES: Mapping[str, Palette] = {"light": LIGHT, "dark": DARK}


def halo(palette: Palette) -> str:
    """A text shadow that keeps a label apart from what it lies on."""
    return ", ".join([f"0 0 3px {palette.paper}"] * 4)


def canvas(palette: Palette, *, height: int, **layout: Any) -> go.Figure:
    """A figure of ``height`` pixels in the house style; ``layout`` goes before its defaults.

    Matrices go into charts as float32 arrays: Plotly checks, copies and writes lists value by
    value, which took 25 times as long for 316 tasks. All else goes in as lists, and there is no
    template: a chart that is given to Plotly again is drawn again where it has a template or a
    flat array, whatever these hold. Name an axis by ``title_text``, which keeps the title's font.
    """
    axis = {
        "title": {"font": {"size": 15, "color": palette.muted}},
        "gridcolor": palette.grid,
        "zerolinecolor": palette.grid,
        "linecolor": palette.grid,
        "tickfont": {"size": 15, "color": palette.ink},
        "automargin": True,
        "fixedrange": True,
        "exponentformat": "none",  # Plotly would write 100μ for 0.0001
    }
    house = {
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
        "autotypenumbers": "strict",  # tasks may be called 10 and 2
    }
    # Where none is named Plotly puts in its own. update_layout would take ten times as long.
    figure = go.Figure(layout=house | {"template": {}} | layout)
    figure.layout.template = None
    return figure


def colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each distinct name in order of appearance; they repeat after eight."""
    distinct = list(dict.fromkeys(names))
    return {name: OKABE_ITO[i % len(OKABE_ITO)] for i, name in enumerate(distinct)}


def patterns(names: Iterable[str]) -> dict[str, str]:
    """A fill pattern for each distinct name, so that names that share a colour differ in it."""
    shapes = ("", "/", "x", ".", "-", "|", "\\", "+")
    distinct = list(dict.fromkeys(names))
    return {name: shapes[i // len(OKABE_ITO) % len(shapes)] for i, name in enumerate(distinct)}


def symbols(names: Iterable[str]) -> dict[str, str]:
    """A marker for each distinct name, so that names that share a colour differ in it."""
    shapes = ("circle", "diamond", "square", "triangle-up", "hexagon", "star", "cross", "x")
    distinct = list(dict.fromkeys(names))
    return {name: shapes[i // len(OKABE_ITO) % len(shapes)] for i, name in enumerate(distinct)}
