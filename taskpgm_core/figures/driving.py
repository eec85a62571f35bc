"""What drives a similarity: by the tasks whose examples were read, and token by token."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from taskpgm_core.figures.canvas import canvas
from taskpgm_core.figures.labels import nats, percent, plain, shorten
from taskpgm_core.figures.palette import LIGHT, Palette
from taskpgm_core.records import Array

ROW = 26
SHOWN = 10


def sources_figure(
    tasks: Sequence[str], added: Array, pair: tuple[int, int], *, palette: Palette = LIGHT
) -> go.Figure:
    """What the probe examples of each task add (n,), nats; the largest ten, the pair's own dark.

    A bar's customdata is its task's id.
    """
    shown = [int(k) for k in np.argsort(-np.abs(added), kind="stable")[:SHOWN] if added[k]]
    figure = canvas(palette, height=60 + ROW * max(len(shown), 2))
    figure.add_bar(
        x=[round(float(added[k]), 7) for k in shown],
        y=[tasks[k] for k in shown],
        orientation="h",
        marker={"color": [palette.accent if k in pair else palette.muted for k in shown]},
        customdata=[tasks[k] for k in shown],
        hovertext=[f"{plain(tasks[k])}<br>adds {nats(float(added[k]))}" for k in shown],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    figure.update_xaxes(title="adds (nats)", nticks=5)
    figure.update_yaxes(
        autorange="reversed",
        tickvals=[tasks[k] for k in shown],
        ticktext=[plain(shorten(tasks[k], 22)) for k in shown],
        showgrid=False,
    )
    figure.update_layout(showlegend=False, bargap=0.3)
    return figure


def tokens_figure(
    texts: Sequence[str], values: Sequence[float], *, palette: Palette = LIGHT
) -> go.Figure:
    """The measure at each token of one completion, nats; ``texts`` under the bars."""
    place = list(range(len(values)))
    figure = canvas(palette, height=230)
    figure.add_bar(
        x=place,
        y=[round(float(v), 6) for v in values],
        marker={"color": [palette.accent if v >= 0 else palette.loss for v in values]},
        hovertext=[
            f"{k + 1}. {plain(t)}<br>{nats(float(v))}"
            for k, (t, v) in enumerate(zip(texts, values, strict=True))
        ],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    figure.update_xaxes(
        tickvals=place if len(place) <= 40 else [],
        ticktext=[plain(shorten(t, 12)) for t in texts],
        showgrid=False,
    )
    figure.update_yaxes(title="nats", nticks=4)
    figure.update_layout(showlegend=False, bargap=0.25)
    return figure


def pair_finding(
    tasks: Sequence[str], pair: tuple[int, int], value: float, floor: float, *, jsd: bool
) -> str:
    """How unlike the two are, against what a second training seed changes (``floor``, nats)."""
    a, b = (shorten(tasks[k], 22) for k in pair)
    if not jsd:
        return f"{a} and {b}: similarity {value:.3f}"
    if floor <= 0:
        return f"{a} and {b} are {nats(value)} apart"
    times = value / floor
    if times <= 1:
        return f"{a} and {b} are as alike as two models of one task ({nats(value)})"
    return f"{a} and {b} are {nats(value)} apart, {times:.1f} times the training noise"


def sources_finding(tasks: Sequence[str], added: Array, pair: tuple[int, int]) -> str:
    """How much of the total the two tasks' own examples show."""
    total = float(added.sum())
    if abs(total) < 1e-12:
        return "No example tells the two models apart"
    own = float(added[list(pair)].sum()) / total
    most = int(np.argmax(added))
    said = f"Their own examples show {percent(own)} of it"
    return said if most in pair else f"{said}; examples of {shorten(tasks[most], 22)} show most"
