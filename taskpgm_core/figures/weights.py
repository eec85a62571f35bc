"""The mixture as bars, with the mixtures it is compared with marked on them."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from taskpgm_core.figures.canvas import canvas
from taskpgm_core.figures.labels import percent, plain, shorten
from taskpgm_core.figures.palette import LIGHT, Palette
from taskpgm_core.records import Array

ROW = 27
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "triangle-down")


def ranked(p: Array, limit: int) -> tuple[list[int], list[int]]:
    """(shown, left out) task indices by falling weight, ties in task order."""
    order = sorted(range(len(p)), key=lambda i: (-p[i], i))
    return order[:limit], order[limit:]


def weights_figure(
    tasks: Sequence[str],
    p: Array,
    references: Mapping[str, Array],
    *,
    interval: tuple[Array, Array] | None = None,
    limit: int = 30,
    palette: Palette = LIGHT,
) -> go.Figure:
    """Bars of the weights ``p`` (n,), heaviest first; each of ``references`` a marker on them.

    ``interval``: (low, high) of each weight, drawn as whiskers. At most ``limit`` tasks are drawn;
    one line says what the others hold together. Every point's customdata is its task's full id.
    """
    shown, rest = ranked(p, limit)
    figure = canvas(palette, height=64 + ROW * (len(shown) + bool(rest)))
    ids = [tasks[i] for i in shown]
    weights = [round(float(p[i]), 9) for i in shown]
    whiskers = None
    if interval is not None:
        low, high = interval
        whiskers = {
            "type": "data",
            "symmetric": False,
            "array": [round(max(float(high[i] - p[i]), 0.0), 9) for i in shown],
            "arrayminus": [round(max(float(p[i] - low[i]), 0.0), 9) for i in shown],
            "color": palette.ink,
            "thickness": 1.5,
            "width": 4,
        }
    figure.add_bar(
        x=weights,
        y=ids,
        orientation="h",
        name="this mixture",
        marker={"color": palette.accent},
        error_x=whiskers,
        customdata=ids,
        hovertext=[
            f"{plain(task)}<br>this mixture {percent(p[i])}"
            for task, i in zip(ids, shown, strict=True)
        ],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    for (name, reference), symbol in zip(references.items(), SYMBOLS, strict=False):
        figure.add_scatter(
            x=[round(float(reference[i]), 9) for i in shown],
            y=ids,
            mode="markers",
            name=name,
            marker={
                "symbol": symbol,
                "size": 10,
                "color": palette.paper,
                "line": {"width": 1.8, "color": palette.ink},
            },
            customdata=ids,
            hovertext=[plain(task) for task in ids],
            hovertemplate="%{hovertext}<br>" + plain(name) + " %{x:.1%}<extra></extra>",
        )
    if rest:
        figure.add_annotation(
            text=f"and {len(rest)} more tasks, together {percent(float(p[rest].sum()))}",
            xref="paper",
            yref="paper",
            x=0,
            y=0,
            xanchor="left",
            yanchor="bottom",
            yshift=4,
            showarrow=False,
            font={"color": palette.muted, "size": 15},
        )
    figure.update_xaxes(tickformat=".0%", rangemode="tozero", title="share of the budget")
    figure.update_yaxes(
        tickvals=ids,
        ticktext=[plain(shorten(task)) for task in ids],
        range=[len(ids) - 0.5 + 1.2 * bool(rest), -0.5],
        showgrid=False,
    )
    figure.update_layout(bargap=0.3, barmode="overlay")
    return figure
