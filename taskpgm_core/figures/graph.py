"""The task graph: nodes are tasks sized by weight, edges join the most similar ones."""

from collections.abc import Collection, Sequence

import numpy as np
import plotly.graph_objects as go
from scipy.spatial import ConvexHull

from taskpgm_core.analysis.graph_layout import TaskGraph
from taskpgm_core.figures.label_placement import label_places
from taskpgm_core.figures.numbers import percent, plain, shorten
from taskpgm_core.figures.theme import LIGHT, Palette, canvas, colours, halo, symbols
from taskpgm_core.records import Array

BUCKETS = 6
LARGEST = 46
WIDTH = 600
"""Pixels across that names are placed for; wider leaves more room."""
LEGEND = 12
"""Groups that a legend lists; with more of them it would leave the picture no room."""
ROOM, ARC = 9.0, 24
"""Pixels between a node and the outline around it; corners of a full turn of that outline."""
NAMED = 8
"""Tasks of an outline that are named at its nodes."""
ACROSS, UPWARDS = (-1.6, 1.6), (-1.25, 1.32)


def diameters(p: Array, n: int) -> list[float]:
    """Node diameters in pixels: area in proportion to weight, never too small to point at."""
    scale = LARGEST if n <= 60 else LARGEST * 0.7
    least = 9 if n <= 60 else 5
    largest = max(float(p.max(initial=0.0)), 1e-12)
    return [round(max(least, scale * float(np.sqrt(w / largest))), 2) for w in p]


def task_graph_figure(
    graph: TaskGraph,
    p: Array,
    groups: Sequence[str],
    *,
    hulls: Sequence[Collection[str]] = (),
    selected: Collection[str] = (),
    labelled: int = 24,
    height: int = 560,
    palette: Palette = LIGHT,
) -> go.Figure:
    """The graph at the mixture ``p`` (n,). ``groups``: (n,) names that colour the nodes.

    ``hulls``: tasks around which a rounded outline lies behind the nodes; it is a shape whose name
    lists them, and so do the words at each of its nodes.

    The selected and the heaviest tasks are named, at most ``labelled``, where their names lie on no
    other name or node at ``WIDTH`` pixels. A node's customdata is (task id, weight); edges are
    drawn in six widths, strongest widest, and a nearly invisible marker on the middle of each has
    customdata (task id, task id).
    """
    figure = canvas(palette, height=height)
    thin = 1.0 if len(p) <= 60 else 0.4
    x, y = graph.position[:, 0], graph.position[:, 1]
    bucket = np.minimum((graph.strength * BUCKETS).astype(int), BUCKETS - 1)
    for level in range(BUCKETS):
        segments = graph.edges[bucket == level]
        if not len(segments):
            continue
        xs: list[float | None] = []
        ys: list[float | None] = []
        for i, j in segments:
            xs += [float(x[i]), float(x[j]), None]
            ys += [float(y[i]), float(y[j]), None]
        figure.add_scatter(
            x=xs,
            y=ys,
            mode="lines",
            line={"width": round(thin * (0.8 + 0.9 * level), 2), "color": palette.muted},
            opacity=round(thin * (0.3 + 0.1 * level), 2),
            hoverinfo="skip",
            showlegend=False,
        )
    figure.add_scatter(
        x=[round(float(x[i] + x[j]) / 2, 4) for i, j in graph.edges],
        y=[round(float(y[i] + y[j]) / 2, 4) for i, j in graph.edges],
        mode="markers",
        marker={"size": 16 if len(p) <= 60 else 8, "opacity": 0.001, "color": palette.muted},
        customdata=[[graph.tasks[i], graph.tasks[j]] for i, j in graph.edges],
        hovertext=[f"{plain(graph.tasks[i])}<br>{plain(graph.tasks[j])}" for i, j in graph.edges],
        hovertemplate="%{hovertext}<extra></extra>",
        showlegend=False,
    )
    size, shapes = diameters(p, len(p)), symbols(sorted(groups))
    names = [shorten(task, 20) for task in graph.tasks]
    order = sorted(range(len(p)), key=lambda i: (graph.tasks[i] not in selected, -p[i]))
    kinds = sorted(set(groups))
    above = 16 + 22 * -(-len(kinds) // 4) if len(kinds) <= LEGEND else 0
    scale = np.array([WIDTH / np.ptp(ACROSS), -(height - above) / np.ptp(UPWARDS)])
    at = {task: i for i, task in enumerate(graph.tasks)}
    shared: dict[str, str] = {}
    for hull in hulls:
        shared |= dict.fromkeys(hull, f"<br>group: {plain(_named(hull))}")
        members = [at[task] for task in hull]
        figure.add_shape(
            type="path",
            path=_outline(graph.position[members] * scale, [size[i] / 2 for i in members], scale),
            name=plain(", ".join(hull)),
            layer="below",
            fillcolor=palette.quiet,
            opacity=0.55,
            line={"color": palette.muted, "width": 1.5},
        )
    (left, right), (bottom, top) = np.array(ACROSS) * scale[0], np.array(UPWARDS) * scale[1]
    place = label_places(
        graph.position * scale,
        [d / 2 for d in size],
        names,
        order,
        within=(left, top, right, bottom),
        most=labelled,
    )
    for group, colour in colours(sorted(groups)).items():
        # Small nodes last: no larger one hides them. A legend's key looks like the first node.
        members = sorted(
            (i for i, g in enumerate(groups) if g == group),
            key=lambda i: (graph.tasks[i] in selected, -size[i]),
        )
        figure.add_scatter(
            x=[float(x[i]) for i in members],
            y=[float(y[i]) for i in members],
            mode="markers",
            name=plain(shorten(group or "no family")),
            marker={
                "size": [size[i] for i in members],
                "color": colour,
                "symbol": shapes[group],
                "opacity": 1,
                "line": {
                    "color": [
                        palette.ink if graph.tasks[i] in selected else palette.paper
                        for i in members
                    ],
                    "width": [3 if graph.tasks[i] in selected else 1 for i in members],
                },
            },
            customdata=[[graph.tasks[i], round(float(p[i]), 9)] for i in members],
            hovertext=[
                f"{plain(graph.tasks[i])}<br>{percent(float(p[i]))}<br>{plain(group)}"
                + shared.get(graph.tasks[i], "")
                for i in members
            ],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    figure.add_scatter(  # names lie over all nodes, beside unseen ones of the same size
        x=[float(x[i]) for i in place],
        y=[float(y[i]) for i in place],
        mode="markers+text",
        marker={"size": [size[i] for i in place], "opacity": 0},
        text=[plain(names[i]) for i in place],
        textposition=list(place.values()),
        textfont={"size": 14, "color": palette.ink, "shadow": halo(palette)},
        hoverinfo="skip",
        showlegend=False,
    )
    figure.update_xaxes(visible=False, range=ACROSS, fixedrange=False)
    figure.update_yaxes(visible=False, range=UPWARDS, fixedrange=False)
    figure.update_layout(
        dragmode="pan",
        clickmode="event+select",
        legend={"itemsizing": "constant"},
        showlegend=len(kinds) <= LEGEND,
    )
    return figure


def _named(hull: Collection[str]) -> str:
    first = ", ".join(shorten(task) for task in list(hull)[:NAMED])
    return first + (f" and {len(hull) - NAMED} more" if len(hull) > NAMED else "")


def _outline(points: Array, radii: Sequence[float], scale: Array) -> str:
    """The convex outline of discs as an SVG path in the figure's coordinates.

    ``points`` (m, 2) and ``radii`` (m,) in pixels; ``scale`` (2,) pixels for each unit.
    """
    angle = np.linspace(0.0, 2 * np.pi, ARC, endpoint=False)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    rims = np.vstack([point + (r + ROOM) * circle for point, r in zip(points, radii, strict=True)])
    corners = rims[ConvexHull(rims).vertices] / scale
    return "M" + " L".join(f"{x:.4f},{y:.4f}" for x, y in corners) + " Z"
