"""Sentences about a mixture and its path: true where nothing is limited, and where something is."""

import numpy as np
import pytest

from taskpgm_core.findings.mixture import no_middle
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
