"""The Similarity page's figures: the matrix, and what drives one pair, token by token."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import plotly.graph_objects as go

from taskpgm_core.figures.numbers import plain, shorten
from taskpgm_core.figures.theme import LIGHT, Palette, canvas
from taskpgm_core.records import Array, Similarity

LABELLED = 40
CLICKABLE = 64


def matrix_figure(
    similarity: Similarity,
    order: Sequence[int],
    *,
    pair: tuple[int, int] | None = None,
    groups: Sequence[Sequence[int]] = (),
    palette: Palette = LIGHT,
) -> go.Figure:
    """The matrix in ``order``: as people read it; the diagonal is left blank.

    Up to 40 tasks the rows are named. Up to 64 a nearly invisible marker lies on every cell below
    the diagonal, with customdata (i, j) in task order: heat maps themselves report no clicks.
    ``pair`` is framed. The cells of each of ``groups`` (task indices) are outlined, block by block
    where its members are no neighbours in ``order``.
    """
    n = similarity.n
    names = [plain(task) for task in similarity.tasks]
    short = [plain(shorten(similarity.tasks[i], 18)) for i in order]
    cells = np.round(similarity.shown[np.ix_(order, order)], 5)
    figure = canvas(palette, height=int(min(max(22 * n + 40, 320), 640)))
    figure.add_trace(_cells(similarity, cells, palette))
    if n <= CLICKABLE:
        figure.add_trace(_cell_handles(cells, names, order))
    place = {task: k for k, task in enumerate(order)}
    blocks = [
        _rectangle(across, down, colour, width)
        for group in groups
        for across, down in product(_runs(sorted(place[i] for i in group)), repeat=2)
        # a light line under a dark one can be told from cells of any colour
        for colour, width in ((palette.paper, 5.0), (palette.ink, 2.0))
    ]
    if pair is not None:
        a, b = sorted((place[pair[0]], place[pair[1]]), reverse=True)
        blocks += [_rectangle((x, x), (y, y), palette.loss, 3.0) for x, y in ((b, a), (a, b))]
    figure.update_layout(shapes=blocks)
    ticks: dict[str, Any] = {"tickvals": []}
    if n <= LABELLED:
        ticks = {"tickvals": list(range(n)), "ticktext": short}
    # Columns stand in the order of the rows; their names, side by side, could not be read.
    figure.update_xaxes(showgrid=False, zeroline=False, tickvals=[])
    figure.update_yaxes(showgrid=False, zeroline=False, range=[n - 0.5, -0.5], **ticks)
    figure.update_layout(clickmode="event+select", margin={"l": 8, "r": 8, "t": 8, "b": 8})
    return figure


def _cells(similarity: Similarity, cells: Array, palette: Palette) -> go.Heatmap:
    """The heat map of ``cells``, the matrix in the order of its rows; dark is alike."""
    n, divergence = similarity.n, similarity.is_divergence
    z = cells.astype(np.float32)
    np.fill_diagonal(z, np.nan)
    dark_is_alike = (palette.name == "light") == divergence
    return go.Heatmap(
        z=z,
        x=list(range(n)),
        y=list(range(n)),
        colorscale="Cividis" if dark_is_alike or not divergence else "Cividis_r",
        reversescale=not divergence and palette.name == "light",
        colorbar={
            "title": {"text": similarity.reading.label, "side": "top", "font": {"size": 15}},
            "thickness": 14,
            "outlinewidth": 0,
            "tickfont": {"size": 15, "color": palette.ink},
        },
        xgap=1 if n <= CLICKABLE else 0,
        ygap=1 if n <= CLICKABLE else 0,
        hoverongaps=False,
        hovertemplate="%{z:.3f}<extra></extra>" if n > CLICKABLE else None,
        hoverinfo="skip" if n <= CLICKABLE else None,
    )


def _cell_handles(cells: Array, names: Sequence[str], order: Sequence[int]) -> go.Scatter:
    """A nearly invisible marker on every cell below the diagonal; ``names`` in task order."""
    n = len(order)
    below = [(a, b) for a in range(n) for b in range(a)]
    return go.Scatter(
        x=[b for a, b in below],
        y=[a for a, b in below],
        mode="markers",
        marker={"symbol": "square", "size": max(6, min(24, 560 // n)), "opacity": 0.001},
        customdata=[[int(order[a]), int(order[b])] for a, b in below],
        hovertext=[
            f"{names[order[a]]}<br>{names[order[b]]}<br>{cells[a, b]:.3f}" for a, b in below
        ],
        hovertemplate="%{hovertext}<extra></extra>",
        showlegend=False,
    )


def _runs(places: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of each stretch of consecutive numbers."""
    runs: list[tuple[int, int]] = []
    for k in places:
        if runs and runs[-1][1] == k - 1:
            runs[-1] = (runs[-1][0], k)
        else:
            runs.append((k, k))
    return runs


def _rectangle(
    across: tuple[int, int], down: tuple[int, int], colour: str, width: float
) -> dict[str, object]:
    """A frame around the cells of these columns and rows, both ends with them."""
    return {
        "type": "rect",
        "x0": across[0] - 0.5,
        "x1": across[1] + 0.5,
        "y0": down[0] - 0.5,
        "y1": down[1] + 0.5,
        "line": {"color": colour, "width": width},
    }


SOURCE_ROW = 26
MOST_SOURCES = 10


def sources_figure(
    tasks: Sequence[str],
    added: Array,
    pair: tuple[int, int],
    *,
    unit: str = "nats",
    palette: Palette = LIGHT,
) -> go.Figure:
    """What the probe examples of each task add to it (n,), in ``unit``; the largest ten.

    The pair's own tasks are in the accent colour. A bar's customdata is its task's id.
    """
    shown = [int(k) for k in np.argsort(-np.abs(added), kind="stable")[:MOST_SOURCES] if added[k]]
    figure = canvas(palette, height=60 + SOURCE_ROW * max(len(shown), 2))
    figure.add_bar(
        x=[round(float(added[k]), 7) for k in shown],
        y=[tasks[k] for k in shown],
        orientation="h",
        marker={"color": [palette.accent if k in pair else palette.muted for k in shown]},
        customdata=[tasks[k] for k in shown],
        hovertext=[f"{plain(tasks[k])}<br>adds {_value(float(added[k]), unit)}" for k in shown],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    figure.update_xaxes(title=f"adds ({unit})" if unit else "adds", nticks=5)
    figure.update_yaxes(
        autorange="reversed",
        tickvals=[tasks[k] for k in shown],
        ticktext=[plain(shorten(tasks[k], 22)) for k in shown],
        showgrid=False,
    )
    figure.update_layout(showlegend=False, bargap=0.3)
    return figure


def tokens_figure(
    texts: Sequence[str],
    values: Sequence[float],
    *,
    unit: str = "nats",
    palette: Palette = LIGHT,
) -> go.Figure:
    """The measure at each token of one completion, in ``unit``; ``texts`` under the bars."""
    place = list(range(len(values)))
    figure = canvas(palette, height=230)
    figure.add_bar(
        x=place,
        y=[round(float(v), 6) for v in values],
        marker={"color": [palette.accent if v >= 0 else palette.loss for v in values]},
        hovertext=[
            f"{k + 1}. {plain(t)}<br>{_value(float(v), unit)}"
            for k, (t, v) in enumerate(zip(texts, values, strict=True))
        ],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    figure.update_xaxes(
        tickvals=place if len(place) <= 40 else [],
        ticktext=[plain(shorten(t, 12)) for t in texts],
        showgrid=False,
    )
    figure.update_yaxes(title=unit, nticks=4)
    figure.update_layout(showlegend=False, bargap=0.25)
    return figure


def _value(value: float, unit: str) -> str:
    return f"{value:.3f} {unit}".rstrip()
