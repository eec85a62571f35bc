"""Sentences about a mixture and its path: true where nothing is limited, and where something is."""

import numpy as np
import pytest

from taskpgm_core.findings.mixture import graph_finding, mixture_finding, no_middle
from taskpgm_core.findings.tradeoff import frontier_formula
from taskpgm_core.mixture import kernel, pose, trace
from taskpgm_core.records import Similarity
from taskpgm_core.similarity_measures import MEASURES


def indefinite(n: int = 6) -> Similarity:
    A = np.random.default_rng(4).normal(size=(n, n))
    return Similarity(tuple(f"t{i}" for i in range(n)), (A + A.T) / 2)


def test_only_what_moves_the_middle_is_said_to():
    S = indefinite()
    w, first = np.arange(1.0, 7.0) / 21, {S.tasks[0]: 0.2}
    questions = {
        "": pose(S, anchor=w),
        "limits": pose(S, anchor=w, floors=first),
        "useful": pose(S, anchor=w, utility=np.arange(6.0)),
        "pull": pose(S, anchor=w, pull_to=w[::-1], rho=1.0),
    }
    for word, problem in questions.items():
        said = no_middle(problem, trace(problem))
        assert said == "" if not word else word in said


def test_the_axes_of_the_trade_off_are_those_of_what_is_solved():
    S = Similarity(("a", "b", "c"), np.array([[0, -1.0, -2], [-1, 0, -3], [-2, -3, 0]]), "jsd")
    assert "p′Sw" in frontier_formula(pose(S))
    assert "p′Kw" in frontier_formula(pose(kernel(S, 1.0).similarity))


@pytest.mark.parametrize(
    ("value", "said"), [(0.0256, "0.026"), (-0.0, "0.000"), (-1e-17, "-1e-17"), (2.3e-5, "2.3e-05")]
)
def test_a_small_number_of_a_measure_is_not_said_to_be_minus_nothing(value, said):
    assert MEASURES["given"].said(value) == said


def test_those_that_get_the_most_are_all_counted():
    tasks = ("a", "b", "c", "d")
    one = mixture_finding(tasks, np.array([0.95, 0.05, 0, 0]))
    assert one == "1 of 4 tasks carries 90% of the weight; a gets the most, 95.0%"
    two = mixture_finding(tasks, np.array([0.4, 0.4, 0.1, 0.1]))
    assert two == "3 of 4 tasks carry 90% of the weight; 2 tasks get the most, 40.0% each"


def test_tasks_without_a_family_are_called_so():
    families = ["", "", "math"]
    assert graph_finding(np.array([0.5, 0.2, 0.3]), families, "family") == (
        "Tasks without a family hold the most weight, 70.0%; math follows with 30.0%"
    )
    assert graph_finding(np.array([0.1, 0.1, 0.8]), families, "family") == (
        "The family math holds the most weight, 80.0%; those without one follow with 20.0%"
    )
