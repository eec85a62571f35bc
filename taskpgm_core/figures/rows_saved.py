"""What a mixture's gain is worth in rows of uniform, on larger budgets, and by copies."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from taskpgm_core.figures.numbers import counted, plain, shorten
from taskpgm_core.figures.theme import LIGHT, Palette, canvas

TALL = 360
TITLE = 40


@dataclass(frozen=True)
class Estimate:
    """A mean with its 95% interval, None where there is none. ``name``: of what; ``x``: where it
    stands (times the rows, rows, or a share); ``seeds``: it is the mean of."""

    name: str
    x: float
    mean: float
    low: float | None
    high: float | None
    seeds: int

    @property
    def words(self) -> str:
        known = self.low is not None and self.high is not None
        ends = f", {self.low:+.1f} to {self.high:+.1f}" if known else ""
        return f"{plain(self.name)}: {self.mean:+.1f} points{ends} ({counted(self.seeds, 'seed')})"


@dataclass(frozen=True)
class CurveMark:
    """Where on uniform's curve over rows a mixture stands that keeps as much: ``kept``, a share, at
    ``times`` the rows, with its interval; ``words``: the same as a sentence goes on."""

    title: str
    kept: float
    times: float
    low: float
    high: float
    words: str


def rows_saved_figure(
    curve: Sequence[tuple[float, float]],
    marks: Sequence[CurveMark],
    *,
    shown: str,
    budget: int,
    palette: Palette = LIGHT,
) -> go.Figure:
    """Percent kept by uniform over times the ``budget``: ``curve`` (times, kept), ascending, with
    the ``marks`` on it. The one that is ``shown`` has its name and its interval over seeds; many
    stand close to one another."""
    figure = canvas(palette, height=TALL)
    figure.add_scatter(
        x=[round(t, 6) for t, _ in curve],
        y=[round(100 * kept, 4) for _, kept in curve],
        mode="lines+markers",
        line={"color": palette.muted, "width": 2},
        marker={"size": 7, "color": palette.muted},
        customdata=[[f"uniform, {budget * t:,.0f} rows"] for t, _ in curve],
        hovertemplate="%{customdata[0]}<br>keeps %{y:.1f}%<extra></extra>",
        name="uniform",
        showlegend=False,
    )
    for named in (False, True):
        part = [mark for mark in marks if (mark.title == shown) is named]
        color = palette.accent if named else palette.muted
        figure.add_scatter(
            x=[round(m.times, 6) for m in part],
            y=[round(100 * m.kept, 4) for m in part],
            mode="markers+text" if named else "markers",
            text=[plain(shorten(m.title, TITLE)) for m in part] if named else None,
            textposition="top left" if any(m.times > 1 for m in part) else "bottom right",
            marker={"size": 12 if named else 8, "color": color, "symbol": "diamond"},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [round(max(m.high - m.times, 0.0), 6) for m in part],
                "arrayminus": [round(max(m.times - m.low, 0.0), 6) for m in part],
                "color": color,
                "thickness": 1.5,
                "width": 4,
                "visible": named,
            },
            customdata=[f"{plain(m.title)} keeps<br>{m.words}" for m in part],
            hovertemplate="%{customdata}<extra></extra>",
            showlegend=False,
        )
    ticks = [t for t, _ in curve]
    figure.update_xaxes(
        title_text=f"rows of uniform, times {budget:,}",
        type="log",
        tickvals=ticks,
        ticktext=[f"{t:g}" for t in ticks],
    )
    figure.update_yaxes(title_text="share kept, %")
    return figure


def estimates_figure(
    lines: Sequence[Sequence[Estimate]],
    *,
    axis: str,
    percent: bool = False,
    palette: Palette = LIGHT,
) -> go.Figure:
    """Gains over uniform in points, a line for each of ``lines``, over ``axis``: shares of 1 where
    ``percent``, else rows."""
    figure = canvas(palette, height=TALL)
    colors = (palette.accent, palette.muted, palette.gain, palette.loss)
    dashes = ("solid", "dash", "dot", "dashdot")
    scale = 100.0 if percent else 1.0
    for k, line in enumerate(lines):
        color = colors[k % len(colors)]
        figure.add_scatter(
            x=[round(scale * e.x, 6) for e in line],
            y=[round(e.mean, 4) for e in line],
            mode="lines+markers",
            line={"color": color, "width": 2, "dash": dashes[k % len(dashes)]},
            marker={"size": 9, "color": color},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [0.0 if e.high is None else round(e.high - e.mean, 4) for e in line],
                "arrayminus": [0.0 if e.low is None else round(e.mean - e.low, 4) for e in line],
                "color": color,
                "thickness": 1.5,
                "width": 4,
            },
            customdata=[[e.words] for e in line],
            hovertemplate="%{customdata[0]}<extra></extra>",
            name=plain(shorten(line[0].name, TITLE)),
            showlegend=len(lines) > 1,
        )
    figure.add_hline(y=0, line={"color": palette.ink, "width": 1})
    shown = sorted({e.x for line in lines for e in line})
    figure.update_xaxes(title_text=axis)
    if percent:
        figure.update_xaxes(ticksuffix="%")
    else:
        figure.update_xaxes(type="log", tickvals=shown, ticktext=[f"{x:,.0f}" for x in shown])
    figure.update_yaxes(title_text="share kept less uniform's, points", tickformat="+.2~f")
    figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0})
    return figure
