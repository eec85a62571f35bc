"""The pictures of a story: few marks, large enough for the back row."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from taskpgm_core.figures.evidence import KEPT_POINTS, LOSS, arms_figure
from taskpgm_core.figures.graph import task_graph_figure
from taskpgm_core.figures.numbers import count, percent, plain
from taskpgm_core.figures.theme import LIGHT, Palette, canvas

HEIGHT = 330
NAMED = 12
ROW, ROOM = 34, 40


def step_figure(data: Mapping[str, Any], palette: Palette = LIGHT) -> go.Figure:
    """The picture of one step of ``findings.story``, from its ``data``.

    ``graph``, ``p`` and ``groups``: the task graph; ``bars`` and ``unit``: a bar each; ``trained``
    and ``reference``: differences with their intervals, ``kept``: of the share kept, else the loss.
    """
    if "graph" in data:
        graph, p = data["graph"], data["p"]
        return task_graph_figure(
            graph,
            p,
            [""] * len(p),
            hulls=data["groups"],
            labelled=NAMED,
            height=HEIGHT,
            palette=palette,
        )
    if "bars" in data:
        return bars_figure(data["bars"], data["unit"], palette)
    runs, kept = data["trained"], data["kept"]
    scale = 100.0 if kept else 1.0
    return arms_figure(
        [run.title for run in runs],
        [scale * run.difference for run in runs],
        [None if run.low is None else scale * run.low for run in runs],
        [None if run.high is None else scale * run.high for run in runs],
        [run.sure for run in runs],
        reference=data["reference"],
        what=KEPT_POINTS if kept else LOSS,
        better="right" if kept else "left",
        palette=palette,
    )


def bars_figure(
    bars: Sequence[tuple[str, float]], unit: str, palette: Palette = LIGHT
) -> go.Figure:
    """A horizontal bar each of ``bars`` (name, value), its number beside it.

    ``unit``: ``%`` where values are shares of 1, else what whole numbers count.
    """
    scale = 100.0 if unit == "%" else 1.0
    figure = canvas(palette, height=ROOM + ROW * len(bars))
    figure.add_bar(
        x=[round(scale * value, 7) for _, value in bars],
        y=[plain(f"{name}  {_said(value, unit)}") for name, value in bars],
        orientation="h",
        marker={"color": [palette.loss if value < 0 else palette.accent for _, value in bars]},
        customdata=[[name, round(value, 9)] for name, value in bars],
        hovertemplate="%{y}<extra></extra>",
        showlegend=False,
    )
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_xaxes(title_text="share of the budget, %" if unit == "%" else unit)
    return figure


def _said(value: float, unit: str) -> str:
    if unit != "%":
        return count(value)
    return f"−{percent(-value)}" if value < 0 else percent(value)
