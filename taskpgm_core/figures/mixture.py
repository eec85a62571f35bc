"""The Mixture page's figures: gains and losses against another mixture, energy, headline."""

import html
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from taskpgm_core.figures.numbers import (
    counted,
    nice_ticks,
    percent,
    plain,
    shortened,
    with_sign,
    written,
)
from taskpgm_core.figures.theme import LIGHT, Palette, canvas
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
    ticks = nice_ticks(min(points), max(points), 5) if shown else [0.0]
    figure.update_xaxes(
        zeroline=True,
        zerolinecolor=palette.muted,
        tickvals=ticks,
        ticktext=[written(tick, "+.3~g") for tick in ticks],  # Plotly would write +0
    )
    figure.update_yaxes(
        autorange="reversed",
        tickvals=ids,
        ticktext=[plain(name) for name in shortened(ids, 22)],
        showgrid=False,
    )
    figure.update_layout(showlegend=False, bargap=0.3)
    return figure


def energy_figure(
    unary: float,
    pairwise: float,
    total: float,
    *,
    rewarded: str = "representativeness",
    palette: Palette = LIGHT,
) -> go.Figure:
    """A waterfall: the unary part -beta u'p, the pairwise part lambda/2 p'Sp, and their sum E(p).

    ``rewarded``: what the unary part is for. All three are lambda times what is in the units of S
    (nats for ``jsd`` as measured); under a kernel they have no unit.
    """
    figure = canvas(palette, height=210)
    values = [round(unary, 9), round(pairwise, 9), round(total, 9)]
    parts = (rewarded, "redundancy", "energy")
    figure.add_waterfall(
        orientation="h",
        measure=["relative", "relative", "total"],
        y=[f"{name} {with_sign(value)}" for name, value in zip(parts, values, strict=True)],
        x=values,
        increasing={"marker": {"color": palette.loss}},
        decreasing={"marker": {"color": palette.gain}},
        totals={"marker": {"color": palette.muted}},
        connector={"line": {"color": palette.grid, "width": 1}},
        hovertemplate="%{y}<extra></extra>",
    )
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(zeroline=True, nticks=5)
    figure.update_layout(showlegend=False)
    return figure


MARKS = "○◇"


def headline(
    tasks: Sequence[str],
    p: Array,
    references: Mapping[str, Array],
    *,
    limit: int,
    palette: Palette = LIGHT,
) -> str:
    """A bar for each of the ``limit`` heaviest tasks of ``p`` (n,), with ``references`` on it.

    A row's ``data-task`` and ``data-share`` are the full id and the weight; a mark's title says
    whose it is. A last line says what the other tasks hold together.
    """
    order = sorted(range(len(p)), key=lambda i: (-p[i], i))
    shown, rest = order[:limit], order[limit:]
    most = max(float(mixture[i]) for mixture in (p, *references.values()) for i in shown)
    short = dict(zip(shown, shortened([tasks[i] for i in shown], 22), strict=True))
    rows = "".join(
        f'<div class="row" role="listitem" data-task="{html.escape(tasks[i])}" '
        f'data-share="{float(p[i]):.9f}"><span class="name">{html.escape(short[i])}</span>'
        f'<span class="plot"><i style="width:{100 * float(p[i]) / most:.2f}%;'
        f'background:{palette.accent}"></i>'
        + "".join(
            f'<b style="left:{100 * float(mixture[i]) / most:.2f}%" '
            f'title="{html.escape(name)} {percent(float(mixture[i]))}">{mark}</b>'
            for (name, mixture), mark in zip(references.items(), MARKS, strict=False)
        )
        + f"</span><span>{percent(float(p[i]))}</span></div>"
        for i in shown
    )
    others = ""
    if rest:
        together = percent(float(p[rest].sum()))
        others = f"<p>and {counted(len(rest), 'more task')}, together {together}</p>"
    return f'<div class="headline" role="list">{rows}</div>{others}'
