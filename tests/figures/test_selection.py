"""The Selection page's charts and sentences say what the selection and the budget hold."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from taskpgm_core.figures.selection import (
    epochs_figure,
    marginal_gains_figure,
    selection_curve_figure,
)
from taskpgm_core.findings.selection import (
    certainty,
    chosen_reading,
    curve_finding,
    curve_reading,
    enough,
    epochs_finding,
    epochs_reading,
    gains_finding,
    gains_reading,
)
from taskpgm_core.mixture import pose
from taskpgm_core.mixture.counts import allocate
from taskpgm_core.mixture.selection.greedy import select
from taskpgm_core.records import Similarity

N = 9
NAMES = tuple(f"<i>task</i> {k}" for k in range(N))


@pytest.fixture(scope="module")
def selection():
    X = np.random.default_rng(4).dirichlet(np.full(6, 0.4), N)
    D = np.abs(X[:, None] - X[None]).sum(-1) / 2
    return select(pose(Similarity(NAMES, -D, "jsd")), 0.4, exact_up_to=N)


def traces(figure):
    return {trace.name: trace for trace in figure.data}


def test_the_curve_holds_every_steps_numbers(selection):
    drawn = traces(selection_curve_figure(selection, 3))
    for name, field in (
        ("greedy", "value"),
        ("no k tasks exceed", "upper_bound"),
        ("greedy's guarantee", "guarantee"),
        ("best of any k", "exact"),
    ):
        wanted = [selection.captured(getattr(s, field)) for s in selection.steps]
        np.testing.assert_allclose(np.array(drawn[name].y, float), wanted, atol=1e-6)
    assert [c[1] for c in drawn["greedy"].customdata] == [s.added for s in selection.steps]
    assert selection.captured(selection.steps[0].value) == 0
    assert selection.captured(selection.best) == 1
    assert "<i>" not in "".join(drawn["greedy"].hovertext)


def test_without_a_search_no_optimum_is_drawn(selection):
    S = Similarity(NAMES, -np.abs(np.subtract.outer(np.arange(N), np.arange(N))) / 9.0)
    assert "best of any k" not in traces(selection_curve_figure(select(pose(S), 0.4), 1))


@pytest.mark.parametrize("k", [1, 4, N])
def test_marginal_gains_add_up_to_the_curve(selection, k):
    [bars] = marginal_gains_figure(selection, k).data
    assert [c[0] for c in bars.customdata] == [s.added for s in selection.steps[1:]]
    reached = [selection.captured(s.value) for s in selection.steps[1:]]
    np.testing.assert_allclose(list(itertools.accumulate(bars.x)), reached, atol=1e-5)
    assert len(set(bars.marker.color)) == (1 if k in (1, N) else 2)


def test_findings_of_a_choice(selection):
    k = enough(selection)
    assert selection.captured(selection.steps[k - 1].value) >= 0.95
    assert k == 1 or selection.captured(selection.steps[k - 2].value) < 0.95
    assert curve_finding(selection, k).startswith(f"{k} of 9 tasks cover 9")
    assert curve_finding(selection, k).endswith("no promise about the model")
    assert gains_finding(selection, N) == "Every task is in"
    first = replace(selection, steps=selection.steps[:4])
    assert gains_finding(first, 4) == "Every task looked at is in"
    following = selection.steps[1].added
    assert following in gains_finding(selection, 1)
    assert certainty(selection, N) == "All tasks are in, so there is nothing to choose."


def test_certainty_names_what_greedy_misses(selection):
    for step in selection.steps:
        said = certainty(selection, step.k)
        missed = step.exact - step.value > 1e-9
        assert ("greedy misses" in said) == missed
        unsearched = certainty(replace(selection, steps=_without_exact(selection)), step.k)
        assert "greedy misses" not in unsearched
        assert ("all tasks are in" in unsearched.lower()) == (step.k == N)


def test_what_is_not_drawn_is_said(selection):
    first = replace(selection, steps=selection.steps[:4])
    assert "Greedy went to 4 of 9 tasks." in curve_reading(first)
    assert "went" not in curve_reading(selection)
    assert gains_reading(selection, 3).endswith("; those nearest to k.")
    assert gains_reading(selection, N - 1).endswith("takes them.")
    counted = allocate([0.5, 0.3, 0.2], ("a", "b", "c"), 100, rows=[10, 60, None])
    assert epochs_reading(counted, 1).endswith("The 1 most repeated of 2 tasks.")
    assert epochs_reading(counted, 2).endswith("or one epoch.")
    assert "may be others" in chosen_reading(selection, N - 1)
    assert "may be others" not in chosen_reading(selection, N)


@pytest.mark.parametrize("n", [2, 9, 40])
def test_every_number_of_tasks_on_the_axis_is_whole(n):
    S = Similarity(tuple(f"t{k}" for k in range(n)), np.eye(n) - 1.0, "jsd")
    axis = selection_curve_figure(select(pose(S), 0.4), 1).layout.xaxis
    assert axis.dtick == 1 if n <= 10 else axis.nticks <= n / 2


def _without_exact(selection):
    return tuple(replace(step, exact=None) for step in selection.steps)


def test_a_constant_matrix_needs_one_task():
    constant = select(pose(Similarity(NAMES, np.ones((N, N)))), 0.5)
    assert enough(constant) == 1
    assert "does as well as all 9" in curve_finding(constant, 1)
    figure = selection_curve_figure(constant, 1)
    assert np.isfinite(np.array(traces(figure)["greedy"].y, float)).all()
    marginal_gains_figure(constant, 1)


def test_epochs_are_drawn_against_the_cap():
    counted = allocate([0.5, 0.3, 0.2], ("a", "b", "<b>c</b>"), 100, rows=[10, 60, None])
    figure = epochs_figure(counted, 2.0)
    bars, numbers = figure.data
    assert list(numbers.text) == ["\u00a05.00", "\u00a00.50"]
    assert list(numbers.x) == [5.0, 0.5]  # far from the line at 2
    crossed = epochs_figure(counted, 0.6).data[1]
    assert list(crossed.x) == [5.0, 0.6]
    assert [c[0] for c in bars.customdata] == ["a", "b"]
    assert list(bars.x) == [5.0, 0.5]
    assert bars.marker.color[0] != bars.marker.color[1]
    assert figure.layout.shapes[0].x0 == 2.0
    assert "1 of 2 tasks goes beyond the cap of 2 epochs; a is seen 5.0 times" in epochs_finding(
        counted, 2.0
    )
    assert epochs_finding(counted, 0.2).startswith("2 of 2 tasks go beyond")
    alone = allocate([1.0], ("a",), 100, rows=[10])
    assert epochs_finding(alone, None).startswith("1 of 1 task goes beyond one epoch")
    assert "No task goes beyond the cap of 5 epochs" in epochs_finding(counted, 5.0)
    assert epochs_figure(counted, None).layout.shapes[0].x0 == 1.0
    unknown = allocate([1.0], ("a",), 5)
    assert "unknown" in epochs_finding(unknown, None)
    assert len(epochs_figure(unknown, None).data[0].x) == 0
