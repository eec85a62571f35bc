"""The Similarity page's figures: the matrix, and what drives one pair, token by token."""

from collections.abc import Sequence
from itertools import pairwise, product
from typing import Any, cast

import numpy as np
import plotly.graph_objects as go

from taskpgm_core.figures.click_places import click_places
from taskpgm_core.figures.numbers import plain, shorten, shortened
from taskpgm_core.figures.theme import LIGHT, Palette, canvas
from taskpgm_core.records import Array, Similarity

LABELLED = 40
CLICKABLE = 64
"""Tasks up to which every cell can be clicked."""
SPOTS = 40
"""Spots across that can be clicked where there are more."""


def matrix_figure(
    similarity: Similarity,
    order: Sequence[int],
    *,
    pair: tuple[int, int] | None = None,
    groups: Sequence[Sequence[int]] = (),
    noise: Array | None = None,
    palette: Palette = LIGHT,
) -> go.Figure:
    """The matrix in ``order``: as people read it; the diagonal is left blank, and dark is alike.

    Up to 40 tasks the rows are named. Places with customdata (i, j) in task order take the clicks:
    up to 64 tasks one on every cell off the diagonal, else one on the most alike pair of each of
    40 x 40 spots. ``pair`` is framed.
    ``noise``: (n,) of each task, NaN where none is known; a strip beside the matrix, in its
    colours. The cells of each of ``groups`` (task indices) are outlined, block by block
    where its members are no neighbours in ``order``.
    """
    n = similarity.n
    written = shortened(similarity.tasks, 18)
    names = [plain(similarity.tasks[i] if n > LABELLED else written[i]) for i in order]
    cells = np.round(similarity.shown[np.ix_(order, order)], 5)
    strip = None if noise is None or np.isnan(noise).all() else np.round(noise[list(order)], 5)
    figure = canvas(palette, height=int(min(max(20 * n + 60, 320), 640)))
    figure.add_trace(_cells(similarity, cells, strip, palette))
    figure.add_trace(_cell_handles(similarity, cells, order))
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
    # Columns stand in the order of the rows; their names, side by side, could not be read, and of
    # many tasks neither could the rows': what is pointed at still says them.
    ticks: dict[str, Any] = {"tickvals": list(range(n)), "ticktext": names, "ticks": ""}
    ticks["ticklabeloverflow"] = "allow"  # else a browser measures each of them
    hidden = ticks | {"showticklabels": False}
    figure.update_xaxes(showgrid=False, zeroline=False, range=[-0.5, n - 0.5], **hidden)
    figure.update_yaxes(
        showgrid=False,
        zeroline=False,
        range=[n - 0.5, -0.5],
        **(ticks if n <= LABELLED else hidden),
    )
    figure.update_layout(clickmode="event+select", margin={"l": 8, "r": 8, "t": 8, "b": 8})
    if strip is not None:
        _add_strip(figure, similarity, strip, palette)
    return figure


def _cells(
    similarity: Similarity, cells: Array, strip: Array | None, palette: Palette
) -> go.Heatmap:
    """The heat map of ``cells``, the matrix in the order of its rows; dark is alike."""
    n = similarity.n
    z = cells.astype(np.float32)
    np.fill_diagonal(z, np.nan)
    values = z[~np.isnan(z)]
    if strip is not None:
        values = np.append(values, strip[~np.isnan(strip)])
    alone = values.size > 0 and values.min() == values.max()
    if alone:  # a scale from nothing to the one number
        values = np.append(values, 0.0)
    ends = {}
    if strip is not None or alone:
        ends = {"zmin": float(values.min()), "zmax": float(values.max())}
    return go.Heatmap(
        z=z,
        x=list(range(n)),
        y=list(range(n)),
        **ends,
        colorscale="Cividis",
        reversescale=not similarity.is_divergence,
        colorbar={
            "title": {"text": similarity.reading.label, "side": "top", "font": {"size": 15}},
            "thickness": 14,
            "outlinewidth": 0,
            "tickfont": {"size": 15, "color": palette.ink},
        },
        xgap=1 if n <= CLICKABLE else 0,
        ygap=1 if n <= CLICKABLE else 0,
        hoverongaps=False,
        hovertemplate="%{y}<br>%{x}<br>%{z:.3f}<extra></extra>" if n > CLICKABLE else None,
        hoverinfo="skip" if n <= CLICKABLE else None,
    )


def _add_strip(figure: go.Figure, similarity: Similarity, strip: Array, palette: Palette) -> None:
    """The noise of each row's task beside it, in the matrix's own colours."""
    n, cells = similarity.n, cast(Any, figure.data)[0]
    start, wide = n + 0.5 + 0.02 * n, max(1.0, n / 30)
    names = figure.layout.yaxis.ticktext
    figure.add_trace(
        go.Heatmap(
            z=strip[:, None],
            x=[start, start + wide],
            y=list(range(n)),
            zmin=cells.zmin,
            zmax=cells.zmax,
            colorscale=cells.colorscale,
            reversescale=cells.reversescale,
            showscale=False,
            ygap=cells.ygap,
            hoverongaps=False,
            text=[[f"{names[k]}<br>{similarity.reading.noise}"] for k in range(n)],
            hovertemplate="%{text} %{z:.3f}<extra></extra>",
        )
    )
    figure.update_xaxes(range=[-0.5, start + wide + 0.5])
    figure.add_annotation(
        x=start + wide,
        y=-0.5,
        text=similarity.reading.noise,
        xanchor="right",
        yanchor="bottom",
        showarrow=False,
        font={"size": 14, "color": palette.muted},
    )
    figure.update_layout(margin={"t": 28})


def _cell_handles(similarity: Similarity, cells: Array, order: Sequence[int]) -> go.Scatter:
    """A place to click on every cell off the diagonal, or on one cell of every spot."""
    n = len(order)
    if n <= CLICKABLE:
        taken = [(a, b) for a in range(n) for b in range(n) if a != b]
    else:
        taken = _spots(similarity.matrix[np.ix_(order, order)])
    names = [plain(similarity.tasks[i]) for i in order]
    return click_places(
        [b for _, b in taken],
        [a for a, _ in taken],
        [[int(order[a]), int(order[b])] for a, b in taken],
        [f"{names[a]}<br>{names[b]}<br>{cells[a, b]:.3f}" for a, b in taken],
    )


def _spots(S: Array) -> list[tuple[int, int]]:
    """The most alike pair of each of ``SPOTS`` x ``SPOTS`` blocks, off the diagonal."""
    S = S.copy()
    np.fill_diagonal(S, -np.inf)
    edges = np.linspace(0, len(S), SPOTS + 1).round().astype(int)
    found = []
    for top, bottom in pairwise(edges):
        for left, right in pairwise(edges):
            block = S[top:bottom, left:right]
            a, b = np.unravel_index(int(block.argmax()), block.shape)
            if block[a, b] > -np.inf:
                found.append((int(top + a), int(left + b)))
    return found


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
    names = shortened(tasks, 22)
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
    figure.update_xaxes(title_text=f"adds ({unit})" if unit else "adds", nticks=5)
    figure.update_yaxes(
        autorange="reversed",
        tickvals=[tasks[k] for k in shown],
        ticktext=[plain(names[k]) for k in shown],
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
    figure.update_yaxes(title_text=unit, nticks=4)
    figure.update_layout(showlegend=False, bargap=0.25)
    return figure


def _value(value: float, unit: str) -> str:
    return f"{value:.3f} {unit}".rstrip()
