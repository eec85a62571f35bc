"""Competing mixtures after training: differences with intervals, gains by task, forecasts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import plotly.graph_objects as go
from scipy.stats import rankdata

from taskpgm_core.figures.numbers import nice_ticks, plain, shorten, shortened, written
from taskpgm_core.figures.theme import LIGHT, Palette, canvas

ROW = 27
FAR = 4.0
TITLE = 40
"""Characters of a mixture's title beside its mark."""
LOSS = "loss, nats a token"
KEPT_POINTS = "share kept of single-task models' gain, points"
Side = Literal["left", "right"]


def arms_figure(
    arms: Sequence[str],
    difference: Sequence[float],
    low: Sequence[float | None],
    high: Sequence[float | None],
    sure: Sequence[bool],
    *,
    reference: str,
    what: str = LOSS,
    better: Side = "left",
    palette: Palette = LIGHT,
) -> go.Figure:
    """A row an arm, its mean ``what`` less the reference's with its interval (None: it has none).

    A mark's customdata is (arm, low, high, difference); to the side ``better`` of zero it beats the
    reference, and where that is ``sure`` its mark says so. An arm ``FAR`` times as far out as the
    median arm would flatten all others: it is an arrow at the edge, its numbers written beside it.
    """
    figure = canvas(palette, height=96 + ROW * max(len(arms), 3))
    rows = [
        _Row(arm, d, a, b, (1 if (d < 0) == (better == "left") else -1) if certain else 0)
        for arm, d, a, b, certain in zip(arms, difference, low, high, sure, strict=True)
    ]
    reach = [max(-row.ends[0], row.ends[1]) for row in rows]
    far = [r > FAR * float(np.median(reach)) for r in reach]
    near = [row for row, away in zip(rows, far, strict=True) if not away]
    if near:
        _add_rows(figure, near, what, palette)
        figure.data[0].error_x = {
            "type": "data",
            "symmetric": False,
            "array": [round(row.ends[1] - row.difference, 6) for row in near],
            "arrayminus": [round(row.difference - row.ends[0], 6) for row in near],
            "color": palette.muted,
            "thickness": 1.5,
            "width": 4,
        }
    if any(far):
        away = [row for row, f in zip(rows, far, strict=True) if f]
        ends = [min(0.0, *(row.ends[0] for row in near)), max(0.0, *(row.ends[1] for row in near))]
        pad = 0.06 * (ends[1] - ends[0])
        edge = [ends[int(row.difference > 0)] for row in away]
        _add_rows(figure, away, what, palette, x=edge)
        figure.update_xaxes(range=[ends[0] - pad, ends[1] + pad])
    figure.add_vline(x=0, line={"color": palette.ink, "width": 1})
    figure.update_xaxes(title_text=f"difference to {plain(reference)} ({what})")
    _signed_ticks(figure, [end for row in near for end in row.ends])
    labels = [plain(shorten(a, TITLE)) for a in arms]
    figure.update_yaxes(autorange="reversed", type="category", categoryarray=labels)
    return figure


@dataclass(frozen=True)
class _Row:
    """One arm's difference and interval; ``verdict``: 1 surely better, -1 surely worse, else 0."""

    arm: str
    difference: float
    low: float | None
    high: float | None
    verdict: int

    @property
    def ends(self) -> tuple[float, float]:
        low = self.difference if self.low is None else self.low
        return low, self.difference if self.high is None else self.high

    @property
    def words(self) -> str:
        interval = "" if self.low is None else f" ({self.low:+.2f} to {self.high:+.2f})"
        return f"{self.difference:+.2f}{interval}".replace("-", "−")


def _add_rows(
    figure: go.Figure,
    rows: Sequence[_Row],
    what: str,
    palette: Palette,
    x: Sequence[float] | None = None,
) -> None:
    """Marks of ``rows`` at their differences, or as arrows with their words at ``x``."""
    color = {1: palette.gain, -1: palette.loss, 0: palette.muted}
    symbol = {1: "diamond", -1: "square", 0: "circle"}
    arrow = [f"triangle-{'right' if row.difference > 0 else 'left'}" for row in rows]
    figure.add_scatter(
        x=[round(row.difference, 6) for row in rows] if x is None else list(x),
        y=[plain(shorten(row.arm, TITLE)) for row in rows],
        mode="markers" if x is None else "markers+text",
        text=None if x is None else [row.words for row in rows],
        textposition=[f"middle {'left' if row.difference > 0 else 'right'}" for row in rows],
        marker={
            "size": 11,
            "color": [color[row.verdict] for row in rows],
            "symbol": [symbol[row.verdict] for row in rows] if x is None else arrow,
        },
        customdata=[[plain(row.arm), row.low, row.high, row.difference] for row in rows],
        hovertemplate=[
            f"%{{customdata[0]}}<br>%{{customdata[3]:+.3f}} ({what})"
            + ("" if row.low is None else "<br>%{customdata[1]:+.3f} to %{customdata[2]:+.3f}")
            + "<extra></extra>"
            for row in rows
        ],
        showlegend=False,
    )


def _signed_ticks(figure: go.Figure, values: Sequence[float]) -> None:
    """Ticks from the least to the most of ``values`` and zero; Plotly would write +0."""
    low, high = min([0.0, *values]), max([0.0, *values])
    ticks = nice_ticks(low, high, 5) if high > low else [0.0]
    figure.update_xaxes(tickvals=ticks, ticktext=[written(tick, "+.3~g") for tick in ticks])


def task_gains_figure(
    gains: Mapping[str, float],
    *,
    what: str = LOSS,
    better: Side = "left",
    palette: Palette = LIGHT,
) -> go.Figure:
    """A bar a task: an arm's change over the reference, the best (to the side ``better``) first."""
    sign = 1 if better == "left" else -1
    order = sorted(gains, key=lambda t: (sign * gains[t], t))
    figure = canvas(palette, height=80 + 22 * max(len(order), 3))
    figure.add_bar(
        x=[round(gains[t], 6) for t in order],
        y=list(range(len(order))),
        orientation="h",
        marker={"color": [palette.gain if sign * gains[t] < 0 else palette.loss for t in order]},
        customdata=[plain(t) for t in order],
        hovertemplate=f"%{{customdata}}: %{{x:+.3f}} ({what})<extra></extra>",
        showlegend=False,
    )
    figure.update_xaxes(title_text=f"change ({what})")
    _signed_ticks(figure, list(gains.values()))
    figure.update_yaxes(
        autorange="reversed",
        tickvals=list(range(len(order))),
        ticktext=[plain(name) for name in shortened(order, 28)],
    )
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
        customdata=[plain(arm) for arm in arms],
        hovertemplate="%{customdata}<br>%{x:,.0f} tokens, loss %{y:.3f}<extra></extra>",
        showlegend=False,
    )
    figure.update_xaxes(title_text="tokens trained on, a run", tickformat=",")
    figure.update_yaxes(title_text=LOSS)
    return figure


def foresight_figure(
    arms: Sequence[str],
    predicted: Sequence[float],
    realised: Sequence[float],
    *,
    share: bool = False,
    palette: Palette = LIGHT,
) -> go.Figure:
    """Places of the arms as predicted and as measured, 1 the lowest loss, or the largest ``share``
    kept; customdata: the numbers.

    Places, since a rank correlation judges the forecast; on the line they are the same.
    """
    figure = canvas(palette, height=96 + ROW * max(len(arms), 6))
    figure.add_scatter(
        x=[1, len(arms)],
        y=[1, len(arms)],
        mode="lines",
        line={"color": palette.grid, "width": 2},
        hoverinfo="skip",
        showlegend=False,
    )
    way = -1.0 if share else 1.0
    told, came = (rankdata(way * np.asarray(x)) for x in (predicted, realised))
    number, unit = (":.1%", "of the gain kept") if share else (":.3f", "nats a token")
    figure.add_scatter(
        x=told.tolist(),
        y=came.tolist(),
        mode="markers+text",
        text=[plain(shorten(arm, 26)) for arm in arms],
        textposition=["middle left" if t > len(arms) / 2 else "middle right" for t in told],
        marker={"size": 9, "color": palette.accent},
        customdata=[
            [arm, round(p, 6), round(r, 6)]
            for arm, p, r in zip(arms, predicted, realised, strict=True)
        ],
        hovertemplate=f"%{{customdata[0]}}<br>predicted %{{customdata[1]{number}}}, "
        f"measured %{{customdata[2]{number}}} {unit}<extra></extra>",
        showlegend=False,
    )
    ends = [0.5, len(arms) + 0.5]
    figure.update_xaxes(
        title_text=f"place predicted (1: {'most kept' if share else 'lowest loss'})",
        range=ends,
        dtick=1,
    )
    figure.update_yaxes(title_text="place measured", range=ends[::-1], dtick=1)
    return figure
