"""Several mixtures side by side, task by task."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from taskpgm_core.figures.numbers import gained, percent, plain, shorten, shortened
from taskpgm_core.figures.theme import LIGHT, OKABE_ITO, Palette, canvas
from taskpgm_core.records import Array

ROW = 29
SHOWN = 16
"""Tasks of the chart at most."""
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "star", "cross")


def ordered(weights: Array, *, differing: bool) -> list[int]:
    """Task indices by how far the mixtures (rows of ``weights``; NaN: no such task) lie apart.

    With ``differing``, only tasks on which any two differ by more than 1e-9.
    """
    known = np.nan_to_num(weights)
    apart = known.max(axis=0) - known.min(axis=0)
    order = np.lexsort((-known.max(axis=0), -np.round(apart, 9)))
    return [int(i) for i in order if not differing or apart[i] > 1e-9]


def comparison_figure(
    tasks: Sequence[str],
    names: Sequence[str],
    weights: Array,
    *,
    differing: bool = True,
    limit: int = SHOWN,
    palette: Palette = LIGHT,
) -> go.Figure:
    """A row a task, a mark a mixture; ``weights`` (mixtures, n), the first one is the baseline.

    The ``limit`` tasks on which they differ most come first. A mark's customdata is (task id,
    weight, difference to the baseline); where a mixture never had the task there is no mark.
    """
    shown = ordered(weights, differing=differing)[:limit]
    ids = [tasks[i] for i in shown]
    figure = canvas(palette, height=92 + ROW * max(len(shown), 3))
    span = np.nan_to_num(weights[:, shown])
    figure.add_scatter(
        x=[x for low, high in zip(span.min(0), span.max(0), strict=True) for x in _ends(low, high)],
        y=[y for task in ids for y in (task, task, None)],
        mode="lines",
        line={"color": palette.grid, "width": 4},
        showlegend=False,
        hoverinfo="skip",
    )
    for k, name in enumerate(names):
        figure.add_trace(_marks(tasks, name, weights, k, shown, palette))
    widest = 100 * float(span.max(initial=0.0)) or 1.0
    figure.update_xaxes(
        ticksuffix="%",
        nticks=7,
        range=[-0.04 * widest, 1.06 * widest],
        zeroline=False,
        title_text="share of the budget",
    )
    figure.update_yaxes(
        range=[max(len(ids), 1) - 0.4, -0.6],
        tickvals=ids,
        ticktext=[plain(name) for name in shortened(ids, 24)],
        showgrid=True,
    )
    return figure


def _marks(
    tasks: Sequence[str],
    name: str,
    weights: Array,
    k: int,
    shown: Sequence[int],
    palette: Palette,
) -> go.Scatter:
    """The marks of mixture ``k`` on the tasks ``shown``; the baseline's, 0, are hollow."""
    row, delta = weights[k], weights[k] - weights[0]
    return go.Scatter(
        x=[None if np.isnan(row[i]) else round(100 * float(row[i]), 7) for i in shown],
        y=[tasks[i] for i in shown],
        mode="markers",
        name=plain(shorten(name, 34)),
        marker={
            "symbol": SYMBOLS[k % len(SYMBOLS)],
            "size": 12,
            "color": palette.paper if k == 0 else OKABE_ITO[(k - 1) % len(OKABE_ITO)],
            "line": {"width": 1.8, "color": palette.ink},
        },
        customdata=[[tasks[i], _number(row[i]), _number(delta[i])] for i in shown],
        hovertext=[
            f"{plain(tasks[i])}<br>{plain(name)} {percent(float(np.nan_to_num(row[i])))}"
            + ("" if k == 0 or np.isnan(delta[i]) else f"<br>{gained(float(delta[i]))}")
            for i in shown
        ],
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _ends(low: float, high: float) -> tuple[float, float, None]:
    return round(100 * float(low), 7), round(100 * float(high), 7), None


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 9)
