"""Figures without a browser: every mark stands where its number says."""

import base64
import io
import re
import struct
import xml.etree.ElementTree as ET
import zlib

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image
from plotly.colors import sample_colorscale, unlabel_rgb

from taskpgm_core.analysis.graph_layout import task_graph
from taskpgm_core.figures.evidence import arms_figure
from taskpgm_core.figures.graph import task_graph_figure
from taskpgm_core.figures.mixture import difference_figure
from taskpgm_core.figures.numbers import written
from taskpgm_core.figures.similarity import matrix_figure
from taskpgm_core.figures.theme import LIGHT, canvas
from taskpgm_core.figures.tradeoff import path_areas_figure
from taskpgm_core.records import Similarity
from taskpgm_core.report.static_charts.axes import make_axis
from taskpgm_core.report.static_charts.svg import svg

HOSTILE = '<script>alert("x")</script>&'


def parsed(text):
    """The elements of a drawing by tag; not well-formed XML fails here."""
    root = ET.fromstring(text)
    found = {}
    for node in root.iter():
        found.setdefault(node.tag, []).append(node)
    return found


def weights_figure(names, p, **trace):
    figure = canvas(LIGHT, height=200)
    figure.add_bar(x=p, y=names, orientation="h", hovertext=names, **trace)
    return figure


def test_bars_are_as_long_as_their_weights():
    p = np.array([0.5, 0.3, 0.2, 0.0])
    drawn = parsed(svg(weights_figure(list("abcd"), p), label="bars"))
    lengths = [float(rect.get("width")) for rect in drawn["rect"]]
    assert lengths == pytest.approx([lengths[0] * w / 0.5 for w in (0.5, 0.3, 0.2, 0.0)], abs=0.11)
    tips = [rect.find("title").text for rect in drawn["rect"]]
    assert tips[0] == "a"


def test_losses_go_left_and_gains_right_of_zero():
    figure = difference_figure(
        ["up", "down"], np.array([0.7, 0.3]), np.array([0.5, 0.5]), "uniform"
    )
    up, down = parsed(svg(figure, label="difference"))["rect"]
    assert float(up.get("x")) == pytest.approx(
        float(down.get("x")) + float(down.get("width")), abs=0.11
    )
    assert up.get("fill") == f"var(--gain, {LIGHT.gain})"
    assert down.get("fill") == f"var(--loss, {LIGHT.loss})"


def test_families_that_share_a_colour_differ_in_their_pattern():
    n = 10
    names, weights = [f"t{k}" for k in range(n)], np.full((2, n), 1 / n)
    families = [f"f{k}" for k in range(n)]
    balances = np.array([0.0, 2.0])
    figure = path_areas_figure(names, families, balances, weights, balance=1, anchor_name="u")
    drawn = parsed(svg(figure, label="areas"))
    areas = {p.find("title").text: p.get("fill") for p in drawn["path"] if len(p)}
    assert len(set(areas.values())) == n
    assert not {f"var(--{name}, {getattr(LIGHT, name)})" for name in ("gain", "loss")} & set(
        areas.values()
    )
    made = {p.get("id"): p[0].get("fill") for p in drawn["pattern"]}
    assert len(made) == 2
    for k in (8, 9):
        name = areas[f"t{k}"].removeprefix("url(#").removesuffix(")")
        assert made[name] == areas[f"t{k - 8}"]
    keys = {r.get("fill") for r in drawn["rect"] if r.get("width") == "14"}
    assert keys == set(areas.values())


def test_labels_of_near_points_lie_above_and_below():
    figure = canvas(LIGHT, height=300)
    figure.add_scatter(x=[0, 0.01, 1], y=[0, 0, 1], text=["one", "two", "far"], mode="markers+text")
    drawn = parsed(svg(figure, label="points"))
    one, two = [float(t.get("y")) for t in drawn["text"] if t.text in ("one", "two")]
    assert two - one > 14


def test_areas_are_stacked_to_the_whole():
    balances, weights = np.array([0.0, 1.0, 4.0]), np.array([[1, 0], [0.5, 0.5], [0, 1.0]])
    figure = path_areas_figure(
        ["a", "b"], ["f", "g"], balances, weights, balance=1, anchor_name="u"
    )
    shapes = [p.get("d") for p in parsed(svg(figure, label="path"))["path"] if "Z" in p.get("d")]
    tops = [[float(y) for y in re.findall(r"[ML][\d.-]+ ([\d.-]+)", d)] for d in shapes]
    first_top, second_top = tops[0][0], min(tops[1])
    floor = max(tops[0])
    assert second_top == pytest.approx(first_top, abs=0.2)  # task a begins with everything
    assert floor > second_top + 100


def test_a_heat_map_holds_every_cell_and_leaves_the_diagonal_open():
    random = np.random.default_rng(5)
    S = random.uniform(-0.6, 0, (70, 70))
    similarity = Similarity(tuple(f"t{i}" for i in range(70)), (S + S.T) / 2, "jsd")
    text = svg(matrix_figure(similarity, list(range(70))), label="matrix")
    data = base64.b64decode(re.search(r"base64,([^\"]+)", text)[1])
    width, height = struct.unpack(">II", data[16:24])
    assert (width, height) == (70, 70)
    idat = data.index(b"IDAT")
    size = struct.unpack(">I", data[idat - 4 : idat])[0]
    raw = zlib.decompress(data[idat + 4 : idat + 4 + size])
    cells = np.frombuffer(raw, dtype=np.uint8).reshape(70, 71)[:, 1:]
    assert (np.diagonal(cells) == 0).all()
    assert (cells[~np.eye(70, dtype=bool)] > 0).all()
    order = np.argsort(similarity.divergence[np.triu_indices(70, 1)], kind="stable")
    assert (np.diff(cells[np.triu_indices(70, 1)][order].astype(int)) >= 0).all()
    assert len(text) < 60_000


def test_a_heat_map_paints_each_cell_in_the_colour_of_its_value():
    """Each pixel has the scale's colour at its value; a cell without a value is clear."""
    z = np.array([[0.0, 0.25, np.nan], [1.0, 0.5, 0.75]])
    scale = [[0, "rgb(0, 10, 20)"], [1, "rgb(254, 210, 120)"]]
    figure = canvas(LIGHT, height=200)
    figure.add_heatmap(z=z, x=list("abc"), y=list("de"), colorscale=scale, colorbar={"title": "z"})
    figure.update_yaxes(autorange="reversed")
    uri = parsed(svg(figure, label="cells"))["image"][0].get("href")
    assert uri.startswith("data:image/png;base64,")
    image = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
    pixels = np.asarray(image.convert("RGBA"))
    assert pixels.shape == (2, 3, 4)
    known = ~np.isnan(z)
    assert (pixels[..., 3] == np.where(known, 255, 0)).all()
    for pixel, value in zip(pixels[known], z[known], strict=True):
        expected = unlabel_rgb(sample_colorscale(scale, [value])[0])
        assert pixel[:3] == pytest.approx(expected, abs=1)


def test_hostile_names_are_text():
    names = [HOSTILE, "b"]
    text = svg(weights_figure(names, np.array([0.6, 0.4]), name=HOSTILE), label=HOSTILE)
    drawn = parsed(text)
    assert "script" not in drawn
    assert any(HOSTILE in (t.text or "") for t in drawn["title"])


def test_unknown_marks_and_formats_are_refused():
    figure = canvas(LIGHT, height=200)
    figure.add_trace(go.Pie(values=[1, 2]))
    with pytest.raises(ValueError, match="pie"):
        svg(figure, label="x")
    with pytest.raises(ValueError, match="tick format"):
        written(1.0, "~s")


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.3, 0.02), (5, 5000), (1e-6, 3e-6)])
def test_ticks_are_round_and_inside(low, high):
    axis = make_axis({"range": [low, high]}, [], first=0, last=100, bars=False, pad=0)
    values = [v for v, _ in axis.ticks]
    assert 3 <= len(values) <= 13
    assert all(low - 1e-12 <= v <= high + 1e-12 for v in values)
    assert axis.at(low) == 0
    assert axis.at(high) == 100


def test_labels_with_a_place_each_stand_there():
    figure = canvas(LIGHT, height=300)
    figure.add_scatter(
        x=[0, 1, 2],
        y=[0, 0, 0],
        mode="markers+text",
        text=["over", "ends", "begins"],
        textposition=["top center", "middle left", "bottom right"],
        marker={"size": 20, "opacity": 0},
    )
    drawn = parsed(svg(figure, label="points"))
    over, ends, begins = [t for t in drawn["text"] if t.get("class") == "halo"]
    assert [t.get("text-anchor") for t in (over, ends, begins)] == ["middle", "end", "start"]
    assert float(begins.get("y")) - float(ends.get("y")) > 10
    assert float(ends.get("y")) - float(over.get("y")) > 10
    assert not [p for p in drawn["path"] if p.get("transform")]  # the points themselves are unseen


def test_a_difference_has_signs_but_none_at_zero():
    figure = difference_figure(list("ab"), np.array([0.6, 0.4]), np.array([0.5, 0.5]), "equal")
    assert figure.layout.xaxis.ticktext == ("−10", "−5", "0", "+5", "+10")
    assert figure.layout.xaxis.tickvals == (-10, -5, 0, 5, 10)
    same = difference_figure(list("ab"), np.array([0.5, 0.5]), np.array([0.5, 0.5]), "equal")
    assert same.layout.xaxis.ticktext == ("0",)


def test_outlines_lie_around_their_nodes_and_intervals_through_their_marks():
    similarity_of = Similarity(("a", "b", "c"), np.eye(3) + 0.5, "jsd")
    graph = task_graph(similarity_of)
    figure = task_graph_figure(graph, np.full(3, 1 / 3), [""] * 3, hulls=[("a", "b")])
    [hull] = parsed(svg(figure, label="graph"))["polygon"]
    corners = [[float(x) for x in at.split(",")] for at in hull.get("points").split()]
    assert len(corners) > 8
    low, high = [-0.3, -0.1], [0.2, 0.9]
    runs = arms_figure(["a", "b"], [-0.1, 0.4], low, high, [False, True], reference="uniform")
    drawn = parsed(svg(runs, label="runs"))["path"]
    ends = [re.fullmatch(r"M([-.\d]+) [-.\d]+H([-.\d]+)", path.get("d") or "") for path in drawn]
    wide = [float(found[2]) - float(found[1]) for found in ends if found]
    assert wide[1] == pytest.approx(2 * wide[0], abs=0.3)  # 1.0 and 0.5 nats


def test_every_symbol_of_a_figure_can_be_drawn_and_a_hidden_legend_stays_hidden():
    n = 70
    S = np.random.default_rng(3).uniform(-0.6, 0, (n, n))
    graph = task_graph(Similarity(tuple(f"t{i}" for i in range(n)), (S + S.T) / 2, "jsd"))
    groups = [f"group {i:02}" for i in range(n)]  # more of them than colours times symbols
    drawn = parsed(svg(task_graph_figure(graph, np.full(n, 1 / n), groups), label="graph"))
    assert not [t for t in drawn["text"] if str(t.text).startswith("group")]
    few = parsed(svg(task_graph_figure(graph, np.full(n, 1 / n), ["a", "b"] * 35), label="graph"))
    assert {"a", "b"} <= {t.text for t in few["text"]}
