"""What is given up against the anchor: the sentence holds the numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskpgm_core.findings.tradeoff import given_up_finding

EVEN = np.full(4, 0.25)
SOME = np.array([0.4, 0.35, 0.25, 0.0])
TASKS = ["sums", "dates", "logic", "swaps"]


def test_what_is_given_up_names_points_and_tasks():
    assert given_up_finding(TASKS, SOME, EVEN, EVEN, "uniform") == (
        "Against uniform you give up 25.0 points on 1 of 4 tasks, most on swaps (25.0 points); "
        "1 task gets nothing"
    )


def test_of_equal_losses_none_is_named_alone():
    said = given_up_finding(TASKS, np.array([0.5, 0.3, 0.1, 0.1]), EVEN, EVEN, "uniform")
    assert said == (
        "Against uniform you give up 30.0 points on 2 of 4 tasks, most on logic and 1 more "
        "(15.0 points each)"
    )


def test_at_the_anchor_nothing_is_given_up_and_the_diverse_end_is_told():
    said = given_up_finding(TASKS, EVEN, EVEN, SOME, "uniform")
    assert said.startswith("Nothing is given up: this is uniform. Balance 0 would take 25.0 points")
    same = given_up_finding(TASKS, EVEN, EVEN, EVEN, "uniform")
    assert same == "Nothing is given up: here and at balance 0 the mixture is uniform"


@given(st.integers(2, 30), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_the_points_lost_are_half_the_distance(n, seed):
    p, w = np.random.default_rng(seed).dirichlet(np.ones(n), size=2)
    said = given_up_finding([f"t{i}" for i in range(n)], p, w, w, "uniform")
    lost = 100 * np.abs(p - w).sum() / 2
    if lost > 0.1:
        points = float(said.removeprefix("Against uniform you give up ").split(" points")[0])
        assert points == pytest.approx(lost, abs=0.051)
    assert f"on {int((p < w - 1e-9).sum())} of {n} tasks" in said
