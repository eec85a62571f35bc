"""The task graph's picture: names that can be read, at any number of tasks."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from taskpgm_core.analysis.graph_layout import task_graph
from taskpgm_core.figures.graph import (
    ACROSS,
    HEIGHT,
    UPWARDS,
    WIDTH,
    diameters,
    task_graph_figure,
)
from taskpgm_core.figures.label_placement import (
    CLEAR,
    Spot,
    label_places,
    meet,
    rim_distances,
    spots,
)
from taskpgm_core.figures.theme import DARK, LIGHT
from taskpgm_core.findings.graph import communities_finding, community_names
from tests.support.matrices import similarity


def scale_of(width, height):
    """Pixels for each unit across and upwards, below a legend of one row."""
    return width / np.ptp(ACROSS), (height - 38) / np.ptp(UPWARDS)


@cache
def graph_of(n):
    return task_graph(similarity("jsd", n, 0))


def drawn(n, selected=(), size_of_picture=(WIDTH, HEIGHT)):
    graph = graph_of(n)
    p = np.random.default_rng(0).dirichlet(np.full(n, 0.3))
    figure = task_graph_figure(graph, p, ["one", "two"] * (n // 2), selected=selected)
    sizes = dict(zip(graph.tasks, diameters(p, n), strict=True))
    nodes = [
        (text, x, y, size, place)  # these ids are short: they are written as they stand
        for t in figure.data
        if t.text
        for x, y, size, text, place in zip(
            t.x, t.y, t.marker.size, t.text, t.textposition, strict=True
        )
    ]
    assert all(size in (1, sizes[task]) for task, _, _, size, _ in nodes)
    assert figure.layout.height == HEIGHT
    across, up = scale_of(*size_of_picture)
    return [
        (task, size == 1, spots(across * x, -up * y, 0 if size == 1 else size / 2, task), place)
        for task, x, y, size, place in nodes
    ], dict(zip(graph.tasks, p, strict=True))


@pytest.mark.parametrize("n", [2, 26, 60, 316])
def test_no_name_lies_on_another_and_the_heaviest_come_first(n):
    nodes, p = drawn(n)
    named = {task: box[place] for task, _, box, place in nodes}
    boxes = list(named.values())
    assert not any(meet(a, b) for k, a in enumerate(boxes) for b in boxes[:k])
    assert all(box[0] >= -WIDTH / 2 and box[2] <= WIDTH / 2 for box in boxes)
    assert max(p, key=p.get) in named
    assert len(named) <= 40
    assert len(named) >= min(n, 16)


@pytest.mark.parametrize("n", [2, 26, 60, 316])
def test_no_name_is_nearer_to_another_node_than_to_its_own_but_at_the_end_of_its_line(n):
    graph = graph_of(n)
    nodes, p = drawn(n)
    points = graph.position * scale_of(WIDTH, HEIGHT) * [1, -1]
    radius = np.array(diameters(np.array(list(p.values())), n)) / 2
    for task, led, box, place in nodes:
        gap = rim_distances(box[place], points, radius)
        assert gap.argmin() == graph.tasks.index(task) or (led and gap.min() >= CLEAR - 0.1)


@pytest.mark.parametrize("picture", [(1070, 790), (708, 430), (620, 554)])
@pytest.mark.parametrize("n", [2, 26, 60, 316])
def test_a_larger_picture_parts_what_was_apart(n, picture):
    """Names are placed for ``WIDTH`` by ``HEIGHT``; a page draws them in the room it has."""
    graph = graph_of(n)
    nodes, p = drawn(n, size_of_picture=picture)
    points = graph.position * scale_of(*picture) * [1, -1]
    radius = np.array(diameters(np.array(list(p.values())), n)) / 2
    boxes = [box[place] for _, _, box, place in nodes]
    assert not any(meet(a, b) for k, a in enumerate(boxes) for b in boxes[:k])
    for task, led, box, place in nodes:
        gap = rim_distances(box[place], points, radius)
        assert gap.argmin() == graph.tasks.index(task) or (led and gap.min() >= CLEAR - 0.1)


def test_a_line_leads_from_a_node_to_its_name_and_to_no_other():
    S = similarity("jsd", 60, 0)
    graph, p = task_graph(S), np.full(60, 1 / 60)
    figure = task_graph_figure(graph, p, [""] * 60)
    [names] = [t for t in figure.data if t.text]
    [lines] = [t for t in figure.data if t.mode == "lines" and t.line.color == LIGHT.ink]
    far = {
        (x, y): text
        for x, y, size, text in zip(names.x, names.y, names.marker.size, names.text, strict=True)
        if size == 1
    }
    assert far
    points = list(zip(lines.x, lines.y, strict=True))
    led = {far.pop(end): start for start, end in zip(points[::3], points[1::3], strict=True)}
    assert not far
    for task, start in led.items():
        assert start == pytest.approx(graph.position[graph.tasks.index(task)], abs=1e-4)


def test_equal_nodes_leave_room_for_their_names():
    for n in (2, 26, 40, 60):
        size = np.array(diameters(np.full(n, 1 / n), n))
        assert (np.pi / 4 * size**2).sum() <= 0.071 * WIDTH * HEIGHT
        assert size.min() >= 9


def test_what_is_selected_is_named_before_all_others():
    nodes, p = drawn(26)
    light = min(p, key=p.get)
    nodes, _ = drawn(26, selected=[light])
    assert light in {task for task, *_ in nodes}


def test_a_name_with_no_room_is_left_out():
    points = np.array([[0.0, 0.0], [1.0, 1.0], [500.0, 0.0]])
    crowded = [[x, y] for x in range(-240, 250, 12) for y in range(-240, 250, 12)]
    every = np.vstack([points, crowded])
    labels = ["name"] * len(every)
    room = (-600.0, -600.0, 600.0, 600.0)
    found = label_places(every, [8.0] * len(every), labels, [0, 1, 2], within=room, most=3)
    assert set(found) == {2}
    assert found[2] == Spot("top center")
    first = label_places(points, [8.0] * 3, labels, [0, 1, 2], within=room, most=1)
    assert first == {0: Spot("top center")}
    edge = (-600.0, -10.0, 600.0, 600.0)
    [beside] = label_places(points[:1], [8.0], labels, [0], within=edge, most=1).values()
    assert beside == Spot("middle right")
    ring = np.array([[0.0, 0.0], *[[30 * np.cos(a), 30 * np.sin(a)] for a in np.arange(7)]])
    off = label_places(ring, [8.0] * 8, ["name"] * 8, [0], within=room, most=1)
    assert not off or (any(off[0].away) and np.hypot(*off[0].away) > 8)


def test_many_groups_get_no_legend():
    S = similarity("jsd", 60, 0)
    graph, p = task_graph(S), np.full(60, 1 / 60)
    assert task_graph_figure(graph, p, [f"g{k % 12}" for k in range(60)]).layout.showlegend
    many = task_graph_figure(graph, p, [f"g{k % 13}" for k in range(60)])
    assert not many.layout.showlegend
    assert all("<br>g" in words for t in many.data if t.name for words in t.hovertext)


def test_the_ring_of_a_selected_node_is_not_in_the_legend():
    S = similarity("jsd", 8, 0)
    p = np.arange(1.0, 9) / 36
    figure = task_graph_figure(task_graph(S), p, ["one"] * 8, selected=[S.tasks[7]])
    [nodes] = [t for t in figure.data if t.name == "one"]
    assert [c[0] for c in nodes.customdata] == [*S.tasks[6::-1], S.tasks[7]]
    assert list(nodes.marker.line.width) == [1] * 7 + [3]


def corners(shape):
    """(m, 2) points of an outline."""
    points = shape.path.removeprefix("M").removesuffix(" Z").split(" L")
    return np.array([[float(v) for v in point.split(",")] for point in points])


@pytest.mark.parametrize("palette", [LIGHT, DARK])
@pytest.mark.parametrize("members", [[0, 1], [3, 9, 20], range(26)])
def test_a_hull_holds_its_nodes_whole_and_lies_behind_them(members, palette):
    S = similarity("jsd", 26, 0)
    graph, p = task_graph(S), np.random.default_rng(0).dirichlet(np.full(26, 0.3))
    hull = [S.tasks[i] for i in members]
    figure = task_graph_figure(graph, p, ["one"] * 26, hulls=[hull], palette=palette)
    [shape] = figure.layout.shapes
    assert (shape.layer, shape.name, shape.fillcolor) == ("below", ", ".join(hull), palette.quiet)
    across = WIDTH / (ACROSS[1] - ACROSS[0])
    up = (figure.layout.height - 38) / (UPWARDS[1] - UPWARDS[0])
    outline = corners(shape) * [across, up]
    edges = np.roll(outline, -1, axis=0) - outline
    normals = np.column_stack([edges[:, 1], -edges[:, 0]])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    normals *= np.sign(((outline - outline.mean(axis=0)) * normals).sum())
    for i in members:  # the whole node is on the inner side of every edge
        inside = ((outline - graph.position[i] * [across, up]) * normals).sum(axis=1)
        assert inside.min() > diameters(p, 26)[i] / 2 + 4
    again = task_graph_figure(graph, p, ["one"] * 26, hulls=[hull], palette=palette)
    assert again.to_json() == figure.to_json()


def test_a_hull_is_named_at_its_nodes_alone_and_markup_is_text():
    S = similarity("jsd", 6, 0)
    graph = task_graph(S)
    graph = type(graph)(("<b>x</b>", *graph.tasks[1:]), *list(vars(graph).values())[1:])
    figure = task_graph_figure(graph, np.full(6, 1 / 6), ["one"] * 6, hulls=[graph.tasks[:2]])
    [nodes] = [t for t in figure.data if t.name == "one"]
    said = [words.partition("<br>group: ")[2] for words in nodes.hovertext]
    named = dict(zip([c[0] for c in nodes.customdata], said, strict=True))
    assert {t for t, words in named.items() if words} == set(graph.tasks[:2])
    assert named["<b>x</b>"] == "&lt;b&gt;x&lt;/b&gt;, t1"
    assert figure.layout.shapes[0].name == "&lt;b&gt;x&lt;/b&gt;, t1"


def test_communities_of_one_short_name_are_told_apart():
    near = "natural_instructions_{}_classification"
    names = [near.format(k) for k in "abcdef"]
    S = similarity("jsd", 6, 0)
    graph = task_graph(replace(S, tasks=tuple(names)))
    apart = replace(graph, community=np.array([0, 0, 0, 1, 1, 1]))
    assert len(set(community_names(apart))) == 2
    said = communities_finding(np.full(6, 1 / 6), community_names(apart), "community")
    assert said.startswith("2 communities")
