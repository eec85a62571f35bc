"""The matrix outlines every cell of a group and none other."""

import numpy as np
import pytest

from taskpgm_core.figures.similarity import matrix_figure, sources_figure, tokens_figure
from taskpgm_core.figures.theme import DARK, LIGHT
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


def test_parts_of_a_measure_without_a_unit_name_none():
    added = np.array([0.2, 0.1])
    assert sources_figure(["a", "b"], added, (0, 1)).layout.xaxis.title.text == "adds (nats)"
    plain = sources_figure(["a", "b"], added, (0, 1), unit="")
    assert plain.layout.xaxis.title.text == "adds"
    assert plain.data[0].hovertext[0] == "a<br>adds 0.200"
    assert not tokens_figure(["x"], [0.5], unit="").layout.yaxis.title.text
