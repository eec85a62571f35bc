"""The Compare page's chart and sentences say what the mixtures hold."""

import numpy as np
import pytest

from taskpgm_core.figures.compare import comparison_figure, ordered
from taskpgm_core.figures.numbers import gained
from taskpgm_core.findings.compare import comparison_finding, differing_finding, moved, widest_words

TASKS = ("a", "<b>b</b>", "c", "d")
NAMES = ("first", "<i>second</i>")
WEIGHTS = np.array([[0.5, 0.2, 0.3, np.nan], [0.1, 0.3, 0.3, 0.3]])


def marks(figure):
    return [trace for trace in figure.data if trace.mode == "markers"]


def test_tasks_stand_by_how_far_the_mixtures_lie_apart():
    assert ordered(WEIGHTS, differing=True) == [0, 3, 1]
    assert ordered(WEIGHTS, differing=False) == [0, 3, 1, 2]
    assert ordered(WEIGHTS[:1], differing=True) == []


def test_marks_carry_weights_and_differences_to_the_first():
    first, second = marks(comparison_figure(TASKS, NAMES, WEIGHTS))
    assert list(second.customdata[0]) == ["a", 0.1, -0.4]
    assert list(first.customdata[1]) == ["d", None, None]
    assert first.x[1] is None
    assert list(second.x) == pytest.approx([10, 30, 30])
    assert second.name == "&lt;i&gt;second&lt;/i&gt;"
    assert "<b>b" not in "".join(second.hovertext)


def test_every_mark_is_in_view_also_at_zero():
    figure = comparison_figure(TASKS, NAMES, np.array([[0.0, 1, 0, 0], [1, 0, 0, 0]]))
    low, high = figure.layout.xaxis.range
    assert low < 0
    assert high > 100


def test_mixtures_that_are_the_same_draw_no_row():
    same = np.array([WEIGHTS[1], WEIGHTS[1]])
    assert all(len(trace.x) == 0 for trace in marks(comparison_figure(TASKS, NAMES, same)))
    assert comparison_finding(NAMES, same, TASKS) == "The same mixture as first"


def test_a_chart_says_how_many_tasks_it_leaves_out():
    assert widest_words(16, 16) == "The widest differences first."
    assert widest_words(26, 16) == "The 16 widest differences of 26 tasks."


def test_findings_count_a_missing_task_as_no_weight():
    assert moved(WEIGHTS[1], WEIGHTS[0]) == pytest.approx(0.4)
    assert comparison_finding(NAMES, WEIGHTS, TASKS) == (
        "40.0% of the budget moves between first and <i>second</i>; "
        "d gained +30.0 points, a lost 40.0 points"
    )
    third = np.vstack([WEIGHTS, [0.0, 0.0, 0.0, 1.0]])
    said = comparison_finding((*NAMES, "third"), third, TASKS)
    assert said.startswith("Third lies farthest from first: 100.0% of the budget moves; d gained")
    assert differing_finding(WEIGHTS) == "They differ on 3 of 4 tasks"
    assert comparison_finding(("a",), WEIGHTS[:1], TASKS) == "There is only a to show"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (0.055, "gained +5.5 points"),
        (-0.031, "lost 3.1 points"),
        (0.0, "kept its share"),
        (-1e-5, "lost less than 0.1 points"),
    ],
)
def test_a_difference_is_said_as_people_say_it(change, words):
    assert gained(change) == words
    weights = np.array([[0.5], [0.5 + change]])
    _, mark = marks(comparison_figure(["t"], ["u", "v"], weights, differing=False))
    assert mark.hovertext[0].endswith(f"<br>{words}")
