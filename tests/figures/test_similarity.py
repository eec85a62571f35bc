"""The matrix keeps its direction, outlines every cell of a group and takes every click."""

from dataclasses import replace

import numpy as np
import pytest

from taskpgm_core.figures.similarity import SPOTS, matrix_figure, sources_figure, tokens_figure
from taskpgm_core.figures.theme import DARK, LIGHT
from taskpgm_core.findings.similarity import block_finding, sources_finding
from taskpgm_core.records import Similarity
from tests.support.matrices import similarity

S = similarity("jsd", 9, 0)


def cells(figure, colour):
    """(row, column) in the figure of all cells within the outlines of one colour."""
    found = []
    for shape in figure.layout.shapes:
        if shape.line.color == colour:
            x = range(round(shape.x0 + 0.5), round(shape.x1 + 0.5))
            y = range(round(shape.y0 + 0.5), round(shape.y1 + 0.5))
            found += [(a, b) for a in y for b in x]
    return found


@pytest.mark.parametrize("palette", [LIGHT, DARK])
@pytest.mark.parametrize("groups", [[], [[0, 1]], [[2, 7, 8], [0, 5]], [range(9)]])
def test_a_groups_cells_are_outlined_once_in_both_themes(groups, palette):
    order = [8, 2, 7, 0, 1, 3, 5, 4, 6]
    figure = matrix_figure(S, order, groups=groups, palette=palette)
    wanted = {(order.index(i), order.index(j)) for group in groups for i in group for j in group}
    for colour in (palette.paper, palette.ink):
        outlined = cells(figure, colour)
        assert sorted(outlined) == sorted(wanted)  # sorted, so that none is outlined twice


def test_neighbours_have_one_outline_and_the_pair_lies_over_it():
    figure = matrix_figure(S, range(9), pair=(1, 2), groups=[[1, 2, 3]])
    lines = [shape.line.color for shape in figure.layout.shapes]
    assert lines == [LIGHT.paper, LIGHT.ink, LIGHT.loss, LIGHT.loss]


@pytest.mark.parametrize("palette", [LIGHT, DARK])
@pytest.mark.parametrize("kind", ["jsd", "pmi"])
def test_dark_is_alike_in_both_themes(kind, palette):
    cells = matrix_figure(replace(S, measure=kind), range(9), palette=palette).data[0]
    first = cells.colorscale[0][1].lower()
    assert first == "#00224e"  # the dark end of cividis
    assert bool(cells.reversescale) == (kind == "pmi")  # where much is alike, much is dark


def test_every_cell_off_the_diagonal_is_clicked_and_of_many_tasks_every_spot():
    order = [8, 2, 7, 0, 1, 3, 5, 4, 6]
    handles = matrix_figure(S, order).data[1]
    at = {
        (a, b): tuple(pair)
        for b, a, pair in zip(handles.x, handles.y, handles.customdata, strict=True)
    }
    assert at == {(a, b): (order[a], order[b]) for a in range(9) for b in range(9) if a != b}
    many = similarity("jsd", 130, 0)
    handles = matrix_figure(many, range(130)).data[1]
    assert len(handles.x) <= SPOTS**2
    for b, a, pair in zip(handles.x, handles.y, handles.customdata, strict=True):
        assert [a, b] == list(pair)
        assert a != b
    best = np.unravel_index((many.matrix - 9 * np.eye(130)).argmax(), (130, 130))
    assert list(best) in [list(pair) for pair in handles.customdata]


def test_what_is_pointed_at_has_its_full_name_though_no_row_is_named():
    many = similarity("jsd", 80, 0)
    figure = matrix_figure(many, range(80))
    for axis in (figure.layout.xaxis, figure.layout.yaxis):
        assert list(axis.ticktext) == list(many.tasks)
        assert axis.showticklabels is False
    assert "%{y}<br>%{x}" in figure.data[0].hovertemplate


def test_rows_that_would_be_written_alike_keep_where_they_differ():
    names = tuple(f"a-long-beginning-{k}-and-a-long-ending" for k in range(9))
    figure = matrix_figure(replace(S, tasks=names), range(9))
    written = list(figure.layout.yaxis.ticktext)
    assert len(set(written)) == 9
    assert all(str(k) in text and len(text) <= 18 for k, text in enumerate(written))


def test_a_strip_holds_the_noise_in_the_matrixs_own_colours():
    order = [8, 2, 7, 0, 1, 3, 5, 4, 6]
    noise = np.array([0.01, np.nan, 0.02, *[np.nan] * 6])
    cells, _, strip = matrix_figure(S, order, noise=noise).data
    shown = np.array(strip.z, dtype=float)[:, 0]
    np.testing.assert_allclose(shown, noise[order])
    assert (strip.zmin, strip.zmax) == (cells.zmin, cells.zmax)
    assert cells.zmin <= 0.01
    assert (strip.colorscale, strip.reversescale) == (cells.colorscale, cells.reversescale)
    assert min(strip.x) > 8.5
    assert len(matrix_figure(S, order, noise=np.full(9, np.nan)).data) == 2


def test_the_scale_of_one_number_begins_at_nothing():
    two = replace(S, tasks=("a", "b"), matrix=np.array([[0.0, -0.25], [-0.25, 0.0]]))
    cells = matrix_figure(two, [0, 1]).data[0]
    assert (cells.zmin, cells.zmax) == (0.0, 0.25)
    assert matrix_figure(S, range(9)).data[0].zmin is None


def test_parts_that_cancel_are_no_shares():
    names = ("a", "b", "c")
    said = sources_finding(names, np.array([0.5, -0.75, 0.125]), (0, 2), "nats")
    assert said == "Examples of b add the largest part, −0.750 of −0.125 nats"
    assert "%" not in said
    shares = sources_finding(names, np.array([0.5, 0.25, 0.25]), (0, 2))
    assert shares == "Their own examples show 75.0% of it"
    assert "75.0%" in sources_finding(names, -np.array([0.5, 0.25, 0.25]), (0, 2))
    cancels = sources_finding(names, np.array([0.5, -0.5, 0.0]), (0, 1), "nats")
    assert "+0.500 of 0.000" in cancels
    assert sources_finding(names, np.zeros(3), (0, 1)).startswith("No example")


def test_parts_of_a_measure_without_a_unit_name_none():
    added = np.array([0.2, 0.1])
    assert sources_figure(["a", "b"], added, (0, 1)).layout.xaxis.title.text == "adds (nats)"
    plain = sources_figure(["a", "b"], added, (0, 1), unit="")
    assert plain.layout.xaxis.title.text == "adds"
    assert plain.data[0].hovertext[0] == "a<br>adds 0.200"
    assert not tokens_figure(["x"], [0.5], unit="").layout.yaxis.title.text


def test_a_third_task_that_shows_more_than_another_is_not_said_to_show_most_of_all():
    """The two tasks' own examples show 0.4 together, more than the largest other task's 0.25."""
    names = ("a", "b", "c", "d")
    said = sources_finding(names, np.array([0.2, 0.2, 0.25, 0.15]), (0, 1))
    assert said == (
        "Their own examples show 50.0% of it; of other tasks, those of c show most, 31.2%"
    )


def test_pairs_that_are_all_alike_name_no_two():
    S = Similarity(("a", "b", "c"), 0.3 * np.eye(3) - 0.3, "jsd")
    assert block_finding(S) == "All pairs are equally alike, 0.300 nats"
