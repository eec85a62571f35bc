"""Competing mixtures after training: differences with intervals, gains by task, forecasts."""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import plotly.graph_objects as go

from taskpgm_core.figures.canvas import canvas
from taskpgm_core.figures.labels import plain, shorten
from taskpgm_core.figures.palette import LIGHT, Palette

ROW = 27
Side = Literal["left", "right"]


def arms_figure(
    arms: Sequence[str],
    difference: Sequence[float],
    low: Sequence[float | None],
    high: Sequence[float | None],
    *,
    reference: str,
    what: str = "loss, nats a token",
    better: Side = "left",
    palette: Palette = LIGHT,
) -> go.Figure:
    """A row an arm, its mean ``what`` less the reference's with its interval (None: it has none).

    A mark's customdata is (arm, low, high); to the side ``better`` of zero it beats the reference.
    """
    figure = canvas(palette, height=96 + ROW * max(len(arms), 3))
    left = [b is not None and b < 0 for b in high]
    right = [a is not None and a > 0 for a in low]
    wins, loses = (left, right) if better == "left" else (right, left)
    figure.add_scatter(
        x=[round(d, 6) for d in difference],
        y=[plain(shorten(a, 28)) for a in arms],
        mode="markers",
        marker={
            "size": 11,
            "color": [
                palette.gain if b else palette.loss if w else palette.muted
                for b, w in zip(wins, loses, strict=True)
            ],
            "symbol": [
                "diamond" if b else "square" if w else "circle"
                for b, w in zip(wins, loses, strict=True)
            ],
        },
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [_apart(b, d) for b, d in zip(high, difference, strict=True)],
            "arrayminus": [_apart(a, d) for a, d in zip(low, difference, strict=True)],
            "color": palette.muted,
            "thickness": 1.5,
            "width": 4,
        },
        customdata=[list(row) for row in zip(arms, low, high, strict=True)],
        hovertemplate=[
            f"%{{customdata[0]}}<br>%{{x:+.3f}} ({what})"
            + ("" if a is None else "<br>%{customdata[1]:+.3f} to %{customdata[2]:+.3f}")
            + "<extra></extra>"
            for a in low
        ],
        showlegend=False,
    )
    figure.add_vline(x=0, line={"color": palette.ink, "width": 1})
    figure.update_xaxes(title=f"difference to {plain(reference)} ({what})", tickformat="+.2f")
    figure.update_yaxes(autorange="reversed", type="category")
    return figure


def _apart(end: float | None, middle: float) -> float:
    return 0.0 if end is None else round(abs(end - middle), 6)


def task_gains_figure(
    gains: Mapping[str, float],
    *,
    what: str = "loss, nats a token",
    better: Side = "left",
    palette: Palette = LIGHT,
) -> go.Figure:
    """A bar a task: an arm's change over the reference, the best (to the side ``better``) first."""
    sign = 1 if better == "left" else -1
    order = sorted(gains, key=lambda t: (sign * gains[t], t))
    figure = canvas(palette, height=80 + 22 * max(len(order), 3))
    figure.add_bar(
        x=[round(gains[t], 6) for t in order],
        y=[plain(shorten(t, 28)) for t in order],
        orientation="h",
        marker={"color": [palette.gain if sign * gains[t] < 0 else palette.loss for t in order]},
        customdata=order,
        hovertemplate=f"%{{customdata}}: %{{x:+.3f}} ({what})<extra></extra>",
        showlegend=False,
    )
    figure.update_xaxes(title=f"change ({what})", tickformat="+.3~f")
    figure.update_yaxes(autorange="reversed", type="category")
    return figure


def tokens_figure(
    arms: Sequence[str],
    tokens: Sequence[float],
    loss: Sequence[float],
    *,
    palette: Palette = LIGHT,
) -> go.Figure:
    """Mean loss of every arm over the supervised tokens that its runs trained on."""
    figure = canvas(palette, height=360)
    figure.add_scatter(
        x=[round(v, 1) for v in tokens],
        y=[round(v, 6) for v in loss],
        mode="markers",
        marker={"size": 10, "color": palette.accent},
        customdata=list(arms),
        hovertemplate="%{customdata}<br>%{x:,.0f} tokens, loss %{y:.3f}<extra></extra>",
        showlegend=False,
    )
    figure.update_xaxes(title="supervised tokens a run", tickformat=",")
    figure.update_yaxes(title="loss, nats a token")
    return figure


def foresight_figure(
    arms: Sequence[str],
    predicted: Sequence[float],
    realised: Sequence[float],
    *,
    palette: Palette = LIGHT,
) -> go.Figure:
    """Predicted against realised mean loss of every arm, with the line where they agree."""
    figure = canvas(palette, height=420)
    ends = [float(np.min([predicted, realised])), float(np.max([predicted, realised]))]
    figure.add_scatter(
        x=ends,
        y=ends,
        mode="lines",
        line={"color": palette.grid, "width": 2},
        hoverinfo="skip",
        showlegend=False,
    )
    figure.add_scatter(
        x=[round(v, 6) for v in predicted],
        y=[round(v, 6) for v in realised],
        mode="markers",
        marker={"size": 10, "color": palette.accent},
        customdata=list(arms),
        hovertemplate="%{customdata}<br>foretold %{x:.3f}, came %{y:.3f}<extra></extra>",
        showlegend=False,
    )
    figure.update_xaxes(title="foretold loss, nats a token")
    figure.update_yaxes(title="loss that came")
    return figure
