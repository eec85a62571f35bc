"""The Selection page's figures: what k tasks reach, what each adds, how often rows repeat."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from taskpgm_core.figures.numbers import counted, percent, plain, shortened
from taskpgm_core.figures.theme import LIGHT, Palette, canvas
from taskpgm_core.mixture.counts import Allocation
from taskpgm_core.mixture.selection.greedy import Selection

SHOWN = 16
"""Bars of a chart at most."""


def selection_curve_figure(selection: Selection, k: int, *, palette: Palette = LIGHT) -> go.Figure:
    """Greedy's value for every number of tasks, between what bounds it, with ``k`` marked.

    Values are shares of the way from the first task alone to all tasks. customdata of greedy's
    points: (k, the task that came last, F in the units of what is solved).
    """
    figure = canvas(palette, height=400)
    steps, quiet = selection.steps, {"color": palette.muted, "width": 1.5, "dash": "dash"}
    figure.add_trace(
        _reached(
            selection, "no k tasks exceed", [s.upper_bound for s in steps], mode="lines", line=quiet
        )
    )
    figure.add_trace(_greedy(selection, palette))
    if any(s.exact is not None for s in steps):
        looks = {"symbol": "diamond-open", "size": 13, "color": palette.ink, "line": {"width": 1.8}}
        best = [s.exact for s in steps]
        figure.add_trace(_reached(selection, "best of any k", best, mode="markers", marker=looks))
    figure.add_trace(
        _reached(
            selection,
            "greedy's guarantee",
            [s.guarantee for s in steps],
            mode="lines",
            line=quiet | {"dash": "dot"},
            visible="legendonly",  # far below what greedy reaches; there for who asks for it
        )
    )
    figure.add_vline(x=k, line={"color": palette.ink, "width": 1.5, "dash": "dot"})
    figure.update_xaxes(
        title_text="number of tasks k",
        dtick=1 if len(steps) <= 10 else None,
        nticks=10,
        tickformat="d",
        range=[0.5, len(steps) + 0.5],
    )
    figure.update_yaxes(
        title_text="of the objective", tickformat=".0%", rangemode="tozero", nticks=6
    )
    return figure


def _reached(
    selection: Selection, name: str, values: Sequence[float | None], **looks: Any
) -> go.Scatter:
    """Values of F for every number of tasks, as shares of the way to all tasks."""
    return go.Scatter(
        {
            "x": [step.k for step in selection.steps],
            "y": [None if v is None else round(selection.captured(v), 6) for v in values],
            "name": name,
            "hovertemplate": f"{name}: %{{y:.1%}}<extra></extra>",
            **looks,
        }
    )


def _greedy(selection: Selection, palette: Palette) -> go.Scatter:
    steps = selection.steps
    return _reached(
        selection,
        "greedy",
        [s.value for s in steps],
        mode="lines+markers" if len(steps) <= 60 else "lines",
        line={"color": palette.accent, "width": 3},
        marker={"size": 7},
        customdata=[[s.k, s.added, round(s.value, 9)] for s in steps],
        hovertext=[
            f"{counted(s.k, 'task')}: {percent(selection.captured(s.value))}<br>"
            f"last came {plain(s.added)}<br>F = {s.value:.5g}"
            for s in steps
        ],
        hovertemplate="%{hovertext}<extra></extra>",
    )


GAIN_ROW = 25


def marginal_gains_figure(
    selection: Selection, k: int, *, limit: int = SHOWN, palette: Palette = LIGHT
) -> go.Figure:
    """A bar a task in the order greedy takes them: the share that it adds to what came before.

    The first task has nothing to add to and is left out. Tasks up to ``k`` are in the accent
    colour. customdata: (task id, k, gain in F in the units of what is solved).
    """
    start = max(1, min(k - limit // 2, len(selection.steps) - limit))
    shown = selection.steps[start : start + limit]
    figure = canvas(palette, height=72 + GAIN_ROW * max(len(shown), 3))
    gains = [step.value - selection.steps[step.k - 2].value for step in shown]
    shares = [
        selection.captured(step.value) - selection.captured(selection.steps[step.k - 2].value)
        for step in shown
    ]
    ids = [step.added for step in shown]
    figure.add_bar(
        x=[round(share, 7) for share in shares],
        y=ids,
        orientation="h",
        marker={"color": [palette.accent if s.k <= k else palette.quiet for s in shown]},
        customdata=[
            [step.added, step.k, round(gain, 9)] for step, gain in zip(shown, gains, strict=True)
        ],
        text=[percent(share) for share in shares],
        textposition="outside",
        outsidetextfont={"size": 15, "color": palette.ink},
        cliponaxis=False,
        hovertext=[
            f"{plain(step.added)} as task {step.k}: F grows by {gain:.4g}"
            for step, gain in zip(shown, gains, strict=True)
        ],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    figure.update_xaxes(
        tickformat="~%", nticks=5, range=[0, 1.22 * max([*shares, 1e-6])], rangemode="tozero"
    )
    figure.update_yaxes(
        autorange="reversed",
        tickvals=ids,
        ticktext=[
            f"{step.k}. {plain(name)}" for step, name in zip(shown, shortened(ids, 20), strict=True)
        ],
        showgrid=False,
    )
    figure.update_layout(showlegend=False, bargap=0.3)
    return figure


EPOCH_ROW = 25


def epochs_figure(
    allocation: Allocation, cap: float | None, *, limit: int = SHOWN, palette: Palette = LIGHT
) -> go.Figure:
    """Bars of the epochs over each task with examples in the budget, most repeated first.

    A line marks ``cap``, or one epoch where there is none; bars beyond it are in the colour of
    losses. customdata: (task id, count in the budget's unit).
    """
    known = [(e, i) for i, e in enumerate(allocation.epochs) if e]
    shown = [i for _, i in sorted(known, key=lambda pair: (-pair[0], pair[1]))[:limit]]
    line = 1.0 if cap is None else cap
    epochs = [float(allocation.epochs[i] or 0.0) for i in shown]
    ids = [allocation.tasks[i] for i in shown]
    figure = canvas(palette, height=72 + EPOCH_ROW * max(len(shown), 3))
    figure.add_bar(
        x=[round(e, 6) for e in epochs],
        y=ids,
        orientation="h",
        marker={"color": [palette.loss if e > line + 1e-9 else palette.accent for e in epochs]},
        customdata=[[allocation.tasks[i], allocation.counts[i]] for i in shown],
        hovertext=[
            f"{plain(allocation.tasks[i])}: {allocation.counts[i]:,} {allocation.unit}, "
            f"{allocation.epochs[i]:.2f} epochs"
            for i in shown
        ],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    far = 1.18 * max([*epochs, line])
    figure.add_scatter(  # a number that the line would cross stands beyond it
        x=[line if e <= line < e + 0.15 * far else e for e in epochs],
        y=ids,
        mode="text",
        text=[f"\u00a0{e:.2f}" for e in epochs],
        textposition="middle right",
        textfont={"size": 15, "color": palette.ink},
        cliponaxis=False,
        hoverinfo="skip",
    )
    figure.add_vline(
        x=line,
        layer="below",
        line={"color": palette.ink, "width": 1.5, "dash": "dash"},
        annotation={
            "text": "one epoch" if cap is None else f"cap: {cap:g}",
            "font": {"size": 15, "color": palette.ink},
            "yanchor": "bottom",
            "xanchor": "left",
        },
    )
    figure.update_xaxes(title_text="epochs", rangemode="tozero", range=[0, far], nticks=6)
    figure.update_yaxes(
        autorange="reversed",
        tickvals=ids,
        ticktext=[plain(name) for name in shortened(ids, 22)],
        showgrid=False,
    )
    figure.update_layout(showlegend=False, bargap=0.3, margin={"t": 30})
    return figure
