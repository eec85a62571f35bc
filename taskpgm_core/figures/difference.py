"""What a mixture gives and takes against another one."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from taskpgm_core.figures.canvas import canvas
from taskpgm_core.figures.labels import percent, plain, shorten
from taskpgm_core.figures.palette import LIGHT, Palette
from taskpgm_core.figures.svg_axes import nice, written
from taskpgm_core.records import Array

ROW = 25


def difference_figure(
    tasks: Sequence[str],
    p: Array,
    reference: Array,
    name: str,
    *,
    limit: int = 16,
    palette: Palette = LIGHT,
) -> go.Figure:
    """Bars of ``p - reference`` in percentage points of the budget.

    The largest gains and the largest losses, up to ``limit`` bars, half of each where both abound.

    A bar's customdata is (task id, weight in p, weight in the reference).
    """
    change = p - reference
    order = [int(i) for i in np.argsort(-change, kind="stable") if abs(change[i]) > 1e-9]
    gains = sum(change[i] > 0 for i in order)
    head = min(gains, max(limit // 2, limit - (len(order) - gains)))
    shown = order if len(order) <= limit else order[:head] + order[len(order) - (limit - head) :]
    ids = [tasks[i] for i in shown]
    figure = canvas(palette, height=72 + ROW * max(len(shown), 3))
    figure.add_bar(
        x=[round(100 * float(change[i]), 7) for i in shown],
        y=ids,
        orientation="h",
        marker={"color": [palette.gain if change[i] > 0 else palette.loss for i in shown]},
        customdata=[
            [tasks[i], round(float(p[i]), 9), round(float(reference[i]), 9)] for i in shown
        ],
        hovertext=[
            f"{plain(tasks[i])}<br>this mixture {percent(float(p[i]))}"
            f"<br>{plain(name)} {percent(float(reference[i]))}"
            for i in shown
        ],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    points = [0.0, *(100 * float(change[i]) for i in shown)]
    ticks = nice(min(points), max(points), 5) if shown else [0.0]
    figure.update_xaxes(
        zeroline=True,
        zerolinecolor=palette.muted,
        tickvals=ticks,
        ticktext=[written(tick, "+.3~g") for tick in ticks],  # Plotly would write +0
    )
    figure.update_yaxes(
        autorange="reversed",
        tickvals=ids,
        ticktext=[plain(shorten(task, 22)) for task in ids],
        showgrid=False,
    )
    figure.update_layout(showlegend=False, bargap=0.3)
    return figure
