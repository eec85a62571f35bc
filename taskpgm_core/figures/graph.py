"""The task graph: nodes are tasks sized by weight, edges join the most similar ones."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from scipy.spatial import ConvexHull

from taskpgm_core.analysis.graph_layout import TaskGraph
from taskpgm_core.figures.click_places import click_places
from taskpgm_core.figures.label_placement import label_places
from taskpgm_core.figures.numbers import percent, plain, shorten, shortened
from taskpgm_core.figures.theme import LIGHT, Palette, canvas, colours, halo, symbols
from taskpgm_core.records import Array

BUCKETS = 6
LARGEST = 46
COVERED = 0.07
"""Share of the picture that nodes may cover, so that there is room for names between them."""
WIDTH, HEIGHT = 600, 430
"""Pixels that names are placed for; a picture may be drawn up to ``LARGER`` times as large."""
LEGEND = 12
"""Groups that a legend lists; with more of them it would leave the picture no room."""
ROOM, ARC = 9.0, 24
"""Pixels between a node and the outline around it; corners of a full turn of that outline."""
NAMED = 8
"""Tasks of an outline that are named at its nodes."""
ACROSS, UPWARDS = (-1.6, 1.6), (-1.25, 1.32)


def diameters(p: Array, n: int) -> list[float]:
    """Node diameters in pixels: area in proportion to weight, never too small to point at."""
    largest = max(float(p.max(initial=0.0)), 1e-12)
    room = np.sqrt(COVERED * WIDTH * HEIGHT * 4 / np.pi / max(float(p.sum()) / largest, 1.0))
    scale = min(LARGEST if n <= 60 else LARGEST * 0.7, float(room))
    least = 9 if n <= 60 else 5
    return [round(max(least, scale * float(np.sqrt(w / largest))), 2) for w in p]


def task_graph_figure(
    graph: TaskGraph,
    p: Array,
    groups: Sequence[str],
    *,
    hulls: Sequence[Collection[str]] = (),
    selected: Collection[str] = (),
    labelled: int = 40,
    height: int = HEIGHT,
    palette: Palette = LIGHT,
) -> go.Figure:
    """The graph at the mixture ``p`` (n,). ``groups``: (n,) names that colour the nodes.

    ``hulls``: tasks around which a rounded outline lies behind the nodes; it is a shape whose name
    lists them, and so do the words at each of its nodes.

    The selected and the heaviest tasks are named, at most ``labelled``, where their names lie on no
    other name or node at ``WIDTH`` pixels; a line leads to one that stands off. A node's customdata
    is (task id, weight); edges are drawn in six widths, strongest widest, and a place to click on
    the middle of each has customdata (task id, task id).
    """
    figure = canvas(palette, height=height)
    drawn = _Drawn(graph, p, diameters(p, len(p)), frozenset(selected), palette)
    kinds = sorted(set(groups))
    above = _legend_height(kinds) if len(kinds) <= LEGEND else 0
    scale = np.array([WIDTH / np.ptp(ACROSS), -(height - above) / np.ptp(UPWARDS)])
    figure.add_traces(_edges(drawn))
    figure.add_trace(_edge_handles(drawn))
    figure.update_layout(shapes=[_hull(drawn, hull, scale) for hull in hulls])
    figure.add_traces(_nodes(drawn, groups, hulls))
    figure.add_traces(_names(drawn, scale, labelled))
    figure.update_xaxes(visible=False, range=ACROSS, fixedrange=False)
    figure.update_yaxes(visible=False, range=UPWARDS, fixedrange=False)
    figure.update_layout(
        dragmode="pan",
        clickmode="event+select",
        legend={"itemsizing": "constant"},
        showlegend=len(kinds) <= LEGEND,
    )
    return figure


@dataclass(frozen=True, eq=False)
class _Drawn:
    """What every part of one picture is drawn from; ``size``: (n,) node diameters, pixels."""

    graph: TaskGraph
    p: Array
    size: Sequence[float]
    selected: frozenset[str]
    palette: Palette

    @property
    def many(self) -> bool:
        return len(self.p) > 60


def _edges(drawn: _Drawn) -> list[go.Scatter]:
    """Lines in ``BUCKETS`` widths, strongest widest; a level without edges has none."""
    graph, thin = drawn.graph, 0.4 if drawn.many else 1.0
    bucket = np.minimum((graph.strength * BUCKETS).astype(int), BUCKETS - 1)
    lines = []
    for level in np.unique(bucket):
        ends = graph.position[graph.edges[bucket == level]]
        gaps = np.full((len(ends), 1), None)
        lines.append(
            go.Scatter(
                x=np.hstack([ends[:, :, 0], gaps]).ravel().tolist(),
                y=np.hstack([ends[:, :, 1], gaps]).ravel().tolist(),
                mode="lines",
                line={
                    "width": round(thin * (0.8 + 0.9 * level), 2),
                    "color": drawn.palette.muted,
                },
                opacity=round(thin * (0.3 + 0.1 * level), 2),
                hoverinfo="skip",
                showlegend=False,
            )
        )
    return lines


def _edge_handles(drawn: _Drawn) -> go.Scatter:
    """A place on the middle of each edge: lines themselves report no clicks."""
    graph = drawn.graph
    pairs = [[graph.tasks[i], graph.tasks[j]] for i, j in graph.edges]
    x, y = graph.position[graph.edges].mean(axis=1).round(4).T.tolist()
    return click_places(x, y, pairs, ["<br>".join(map(plain, pair)) for pair in pairs])


def _hull(drawn: _Drawn, hull: Collection[str], scale: Array) -> dict[str, Any]:
    """The outline around a group, behind its nodes."""
    members = [drawn.graph.tasks.index(task) for task in hull]
    points = drawn.graph.position[members] * scale
    return {
        "type": "path",
        "path": _outline(points, [drawn.size[i] / 2 for i in members], scale),
        "name": plain(", ".join(hull)),
        "layer": "below",
        "fillcolor": drawn.palette.quiet,
        "opacity": 0.55,
        "line": {"color": drawn.palette.muted, "width": 1.5},
    }


def _nodes(
    drawn: _Drawn, groups: Sequence[str], hulls: Sequence[Collection[str]]
) -> list[go.Scatter]:
    """The tasks, a trace for each of the ``groups`` that colour them."""
    tasks, selected, palette = drawn.graph.tasks, drawn.selected, drawn.palette
    x, y = drawn.graph.position.T.tolist()
    shapes = symbols(sorted(groups))
    shared = {task: f"<br>group: {plain(_named(hull))}" for hull in hulls for task in hull}
    nodes = []
    for group, colour in colours(sorted(groups)).items():
        # Small nodes last: no larger one hides them. A legend's key looks like the first node.
        members = sorted(
            (i for i, g in enumerate(groups) if g == group),
            key=lambda i: (tasks[i] in selected, -drawn.size[i]),
        )
        marked = [tasks[i] in selected for i in members]
        rim = {
            "color": [palette.ink if mark else palette.paper for mark in marked],
            "width": [3 if mark else 1 for mark in marked],
        }
        nodes.append(
            go.Scatter(
                x=[x[i] for i in members],
                y=[y[i] for i in members],
                mode="markers",
                name=plain(shorten(group or "no family", 32)),
                marker={
                    "size": [drawn.size[i] for i in members],
                    "color": colour,
                    "symbol": shapes[group],
                    "opacity": 1,
                    "line": rim,
                },
                customdata=[[tasks[i], round(float(drawn.p[i]), 9)] for i in members],
                hovertext=[
                    f"{plain(tasks[i])}<br>{percent(float(drawn.p[i]))}<br>{plain(group)}"
                    + shared.get(tasks[i], "")
                    for i in members
                ],
                hovertemplate="%{hovertext}<extra></extra>",
            )
        )
    return nodes


def _names(drawn: _Drawn, scale: Array, labelled: int) -> tuple[go.Scatter, go.Scatter]:
    """The lines to names that stand off, and the names that fit, each beside an unseen marker of
    its node's size or at the end of its line."""
    graph, p = drawn.graph, drawn.p
    names = shortened(graph.tasks, 20)
    (left, right), (bottom, top) = np.array(ACROSS) * scale[0], np.array(UPWARDS) * scale[1]
    found = label_places(
        graph.position * scale,
        [d / 2 for d in drawn.size],
        names,
        sorted(range(len(p)), key=lambda i: (graph.tasks[i] not in drawn.selected, -p[i])),
        within=(left, top, right, bottom),
        most=labelled,
    )
    ends = {i: (graph.position[i] + spot.away / scale).round(4) for i, spot in found.items()}
    far = [i for i, spot in found.items() if any(spot.away)]
    lines = go.Scatter(
        x=[x for i in far for x in (float(graph.position[i][0]), float(ends[i][0]), None)],
        y=[y for i in far for y in (float(graph.position[i][1]), float(ends[i][1]), None)],
        mode="lines",
        line={"width": 1, "color": drawn.palette.ink},
        opacity=0.7,
        hoverinfo="skip",
        showlegend=False,
    )
    return lines, go.Scatter(
        x=[float(end[0]) for end in ends.values()],
        y=[float(end[1]) for end in ends.values()],
        mode="markers+text",
        marker={"size": [1 if i in far else drawn.size[i] for i in found], "opacity": 0},
        text=[plain(names[i]) for i in found],
        textposition=[spot.place for spot in found.values()],
        textfont={"size": 14, "color": drawn.palette.ink, "shadow": halo(drawn.palette)},
        hoverinfo="skip",
        showlegend=False,
    )


def _legend_height(names: Sequence[str]) -> int:
    """Pixels that the legend takes at ``WIDTH``, where all its keys are as wide as the widest."""
    across = max(1, int(WIDTH // (54 + 8 * max(map(len, names), default=0))))
    return 16 + 22 * -(-len(names) // across)


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
