"""Whole-number budgets against brute force, a bisected water level, and their own promises."""

from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture.counts import allocate

modest = settings(max_examples=60, deadline=None)
mixtures = (
    st.lists(st.integers(0, 1000), min_size=1, max_size=12)
    .filter(any)
    .map(lambda w: np.array(w) / sum(w))
)


def names(n):
    return [f"t{i}" for i in range(n)]


@modest
@given(mixtures, st.integers(1, 10**13))
def test_counts_sum_to_the_budget_and_lie_within_one_of_their_share(p, budget):
    got = allocate(p, names(len(p)), budget)
    assert sum(got.counts) == budget
    assert all(isinstance(count, int) for count in got.counts)
    slack = 1 + budget * 1e-15  # what float64 shares are worth at this budget
    assert all(abs(c - w * budget) < slack for c, w in zip(got.counts, p, strict=True))
    assert all(c == 0 for c, w in zip(got.counts, p, strict=True) if w == 0)
    assert got.capped == ()
    np.testing.assert_allclose(got.realised, np.array(got.counts) / budget, atol=1e-15)


@modest
@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=4),
    st.integers(1, 7),
)
def test_no_other_whole_numbers_are_nearer_to_the_mixture(weights, budget):
    p = np.array(weights) / sum(weights)
    got = np.array(allocate(p, names(len(p)), budget).counts)
    best = min(
        ((np.array(c) - p * budget) ** 2).sum()
        for c in product(range(budget + 1), repeat=len(p))
        if sum(c) == budget
    )
    assert ((got - p * budget) ** 2).sum() == pytest.approx(best, abs=1e-9)


def test_ties_go_to_the_earlier_task_even_under_solver_noise():
    assert allocate([1 / 3] * 3, "abc", 100).counts == (34, 33, 33)
    noisy = np.array([1 / 3 - 1e-13, 1 / 3, 1 / 3 + 1e-13])
    assert allocate(noisy, "abc", 100).counts == (34, 33, 33)


def water_filled(p, caps, budget):
    """min(t * p, cap) with t bisected until it sums to the budget."""
    low, high = 0.0, 1e9
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if np.minimum(middle * p, caps).sum() < budget else (low, middle)
    return np.minimum(high * p, caps)


@modest
@given(mixtures, st.data(), st.sampled_from([0.5, 1.0, 2.5]))
def test_a_cap_holds_and_its_overflow_is_shared_in_proportion(p, data, max_epochs):
    n = len(p)
    rows = np.array(data.draw(st.lists(st.integers(1, 400), min_size=n, max_size=n)))
    caps = np.where(p > 0, np.floor(rows * max_epochs), 0)
    assume(caps.sum() >= 1)
    budget = data.draw(st.integers(1, int(caps.sum())))
    got = allocate(p, names(n), budget, rows=rows, max_epochs=max_epochs)
    assert sum(got.counts) == budget
    expected = water_filled(p, caps, budget)
    assert (np.abs(np.array(got.counts) - expected) < 1 + 1e-6).all()
    assert (np.array(got.counts) <= caps).all()
    assert all(epochs <= max_epochs for epochs in got.epochs)
    full = {task for task, c, cap in zip(got.tasks, got.counts, caps, strict=True) if c == cap}
    assert set(got.capped) <= full
    pushed = {t for t, w, cap in zip(got.tasks, p, caps, strict=True) if w * budget > cap + 1e-6}
    assert pushed <= set(got.capped)


def test_without_max_epochs_counts_exceed_the_rows_and_epochs_say_so():
    got = allocate([0.9, 0.1, 0], "abc", 1000, rows=[100, None, 5])
    assert got.counts == (900, 100, 0)
    assert got.epochs == (9.0, None, 0.0)


def test_tokens_become_rows_of_mean_length():
    got = allocate(
        [0.5, 0.3, 0.2], "abc", 1000, unit="tokens", rows=[10, 10, 10], mean_tokens=[4, 300, None]
    )
    assert got.counts == (500, 300, 200)
    assert got.rows_needed == (125, 1, None)
    assert got.epochs == (12.5, 0.1, None)
    tiny = allocate([0.999, 0.001], "ab", 1000, unit="tokens", mean_tokens=[1, 400])
    assert tiny.rows_needed == (999, 1)


@modest
@given(mixtures, st.data())
def test_token_caps_hold_in_whole_rows(p, data):
    n = len(p)
    rows = data.draw(st.lists(st.integers(1, 30), min_size=n, max_size=n))
    lengths = data.draw(st.lists(st.floats(1.0, 40.0), min_size=n, max_size=n))
    room = sum(int(r * m) for r, m, w in zip(rows, lengths, p, strict=True) if w)
    budget = data.draw(st.integers(1, max(1, room)))
    got = allocate(p, names(n), budget, unit="tokens", rows=rows, mean_tokens=lengths, max_epochs=1)
    assert all(need <= have for need, have in zip(got.rows_needed, rows, strict=True))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"p": [0.5, 0.6]}, "sum to 1.1"),
        ({"p": [1.5, -0.5]}, "Task 'b' has weight -0.5"),
        ({"p": [np.nan, 1]}, "Task 'a' has weight nan"),
        ({"p": [1.0]}, "there are 2 tasks"),
        ({"budget": 0}, "at least 1"),
        ({"budget": 1.5}, "whole number"),
        ({"unit": "words"}, "rows or tokens"),
        ({"rows": [5]}, "rows has 1 entries"),
        ({"rows": [5, 1.5]}, "rows of task 'b' is 1.5"),
        ({"rows": [5, 0]}, "no rows"),
        ({"mean_tokens": [0, 1]}, "mean_tokens of task 'a' is 0"),
        ({"max_epochs": 1}, "needs the rows of task 'a'"),
        ({"max_epochs": 1, "rows": [5, 5], "unit": "tokens"}, "mean_tokens of task 'a'"),
        ({"max_epochs": 0, "rows": [5, 5]}, "positive number of passes"),
        ({"max_epochs": 2, "rows": [5, 4]}, "in 2 epochs the tasks of this mixture hold 18"),
    ],
)
def test_nonsense_is_one_clear_sentence(arguments, sentence):
    values = {"p": [0.5, 0.5], "budget": 100, **arguments}
    with pytest.raises(MixtureError, match=sentence):
        allocate(tasks="ab", **values)


@pytest.mark.parametrize("budget", [float("nan"), float("inf"), 2.5, 0, True])
def test_a_budget_that_is_no_whole_number_is_refused_in_our_words(budget):
    with pytest.raises(MixtureError, match=r"The budget is .*; give a whole number of rows"):
        allocate([0.5, 0.5], ["a", "b"], budget)
