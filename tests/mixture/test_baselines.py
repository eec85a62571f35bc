"""Baselines against formulas, naive set functions and a general-purpose optimiser."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture import kernel, pose, solve
from taskpgm_core.mixture.baselines import (
    BASELINES,
    baseline,
    project_onto_simplex,
    unit_kernel,
)
from taskpgm_core.records import Noise, Similarity

modest = settings(max_examples=40, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def study(seed, n=6, measure="pmi"):
    rng = np.random.default_rng(seed)
    if measure == "jsd":
        x = np.sqrt(rng.dirichlet(np.ones(5), n))
        S = -((x[:, None] - x) ** 2).sum(-1) / 3
    else:
        a = rng.normal(size=(n, n))
        S = (a + a.T) / 2 - 3
    return Similarity(tuple(f"t{i}" for i in range(n)), S, measure)


@modest
@given(seeds, st.integers(1, 9), st.sampled_from(["jsd", "pmi"]), st.floats(0, 5))
def test_every_baseline_is_a_mixture(seed, n, measure, balance):
    S = study(seed, n, measure)
    rows = np.random.default_rng(seed).integers(1, 999, n)
    for name, rule in BASELINES.items():
        assert rule.name == name
        p = baseline(name, S, rows=rows, seed=seed, balance=balance)
        assert p.shape == (n,)
        assert (p >= 0).all(), name
        assert p.sum() == pytest.approx(1, abs=1e-12), name
        assert not p.flags.writeable
        np.testing.assert_array_equal(
            p, baseline(name, S, rows=rows, seed=seed, balance=balance), name
        )


def test_the_size_rules_follow_their_formulas():
    S, rows = study(0, 3), [1, 4, 16]
    np.testing.assert_allclose(baseline("uniform", S), [1 / 3] * 3)
    np.testing.assert_allclose(baseline("proportional", S, rows=rows), np.array(rows) / 21)
    np.testing.assert_allclose(baseline("square-root", S, rows=rows), np.array([1, 2, 4]) / 7)
    hot = baseline("temperature", S, rows=rows, temperature=2)
    np.testing.assert_allclose(hot, baseline("square-root", S, rows=rows))
    cold = baseline("temperature", S, rows=rows, temperature=1)
    np.testing.assert_allclose(cold, baseline("proportional", S, rows=rows))
    flat = baseline("temperature", S, rows=rows, temperature=1e9)
    np.testing.assert_allclose(flat, [1 / 3] * 3, atol=1e-8)


def test_a_random_mixture_depends_on_its_seed_alone():
    one, two = baseline("dirichlet", study(0), seed=1), baseline("dirichlet", study(5), seed=1)
    np.testing.assert_array_equal(one, two)
    assert not np.allclose(one, baseline("dirichlet", study(0), seed=2))


@modest
@given(st.lists(st.floats(-10, 10), min_size=1, max_size=8))
def test_no_point_of_the_simplex_is_nearer_than_the_projection(v):
    v = np.array(v)
    p = project_onto_simplex(v)
    assert p.sum() == pytest.approx(1, abs=1e-9)
    # Optimal if and only if no vertex lies in the direction of v - p (variational inequality).
    assert (v - p).max() <= (v - p) @ p + 1e-8


def exact(S, balance):
    """The authors' shifted problem, solved to optimality by a general-purpose method."""
    n = S.n
    shift = abs(min(np.linalg.eigvalsh(S.matrix)[0], 0))
    M = S.matrix + shift * np.eye(n)
    u = balance / n * M.sum(1)
    answer = minimize(
        lambda p: p @ M @ p / 2 - u @ p,
        np.full(n, 1 / n),
        jac=lambda p: M @ p - u,
        bounds=[(0, 1)] * n,
        constraints={"type": "eq", "fun": lambda p: p.sum() - 1, "jac": lambda p: np.ones(n)},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    return answer.x, lambda p: p @ M @ p / 2 - u @ p


@modest
@given(seeds, st.sampled_from(["jsd", "pmi"]), st.floats(0, 3))
def test_the_authors_recipe_is_optimal_where_interior_and_never_better_elsewhere(
    seed, measure, balance
):
    S = study(seed, 5, measure)
    p = baseline("authors", S, balance=balance)
    best, energy = exact(S, balance)
    scale = np.abs(S.matrix).max()
    if (p > 1e-9).all():
        assert energy(p) == pytest.approx(energy(best), abs=1e-7 * scale)
    assert energy(p) >= energy(best) - 1e-7 * scale


@modest
@given(seeds, st.sampled_from(["jsd", "pmi"]))
def test_the_authors_recipe_is_uniform_at_balance_one(seed, measure):
    S = study(seed, 7, measure)
    np.testing.assert_allclose(baseline("authors", S, balance=1), np.full(7, 1 / 7), atol=1e-9)


def test_the_authors_recipe_matches_the_inverse_where_there_is_one():
    a = np.random.default_rng(3).normal(size=(6, 6))
    S = Similarity(tuple("abcdef"), a @ a.T + 6 * np.eye(6))
    w0 = np.linalg.solve(S.matrix, np.ones(6))
    w0 /= w0.sum()
    expected = project_onto_simplex(0.3 / 6 + 0.7 * w0)
    np.testing.assert_allclose(baseline("authors", S, balance=0.3), expected, atol=1e-9)


def greedy_budgets(n, value):
    """Taylor-softmax budgets of greedy gains, each found by evaluating the set function anew."""
    chosen, gains = [], np.zeros(n)
    while len(chosen) < n:
        rises = {j: value([*chosen, j]) - value(chosen) for j in range(n) if j not in chosen}
        best = max(rises, key=lambda j: (round(rises[j], 9), -j))
        gains[best] = rises[best]
        chosen.append(best)
    weights = 1 + gains + gains**2 / 2
    return weights / weights.sum()


@modest
@given(seeds, st.sampled_from(["jsd", "pmi"]), st.floats(0, 1))
def test_smart_budgets_match_naive_set_functions(seed, measure, strength):
    S = study(seed, 6, measure)
    K = unit_kernel(S)

    def cut(A):
        return K[:, A].sum() - strength * K[np.ix_(A, A)].sum()

    def facility(A):
        return K[:, A].max(1).sum() if A else 0.0

    np.testing.assert_allclose(
        baseline("smart-graph-cut", S, strength=strength), greedy_budgets(6, cut), atol=1e-9
    )
    np.testing.assert_allclose(
        baseline("smart-facility-location", S), greedy_budgets(6, facility), atol=1e-9
    )


def test_the_kernel_lies_in_the_unit_interval_and_its_scale_is_the_measures():
    for measure in ("jsd", "pmi"):
        K = unit_kernel(study(4, 5, measure))
        assert K.min() >= 0
        assert K.max() <= 1
        np.testing.assert_array_equal(K.diagonal(), 1)
    S = Similarity(("a", "b"), [[0, -np.log(2) / 4], [-np.log(2) / 4, 0]], "jsd")
    assert unit_kernel(S)[0, 1] == pytest.approx(0.75)
    flat = Similarity(("a", "b", "c"), -np.ones((3, 3)) + np.eye(3))
    np.testing.assert_array_equal(unit_kernel(flat), np.ones((3, 3)))


def test_the_best_single_task_has_the_highest_utility():
    S = study(2, 4)
    assert baseline("best-single", S).argmax() == S.matrix.sum(1).argmax()
    np.testing.assert_array_equal(
        baseline("best-single", S, utility=[0, 2, 2, 1]), [0.0, 1.0, 0.0, 0.0]
    )


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("unifrom", {}, "did you mean 'uniform'"),
        ("proportional", {}, "needs the rows"),
        ("proportional", {"rows": [0, 0, 0]}, "some task must have rows"),
        ("proportional", {"rows": [1, 2]}, "there are 3 tasks"),
        ("proportional", {"rows": [1, np.nan, 2]}, "rows of task 't1'"),
        ("temperature", {"rows": [1, 2, 3], "temperature": 0.5}, "at least 1"),
        ("authors", {"balance": -1}, "balance is -1"),
        ("smart-graph-cut", {"strength": 2}, "from 0 to 1"),
    ],
)
def test_nonsense_is_one_clear_sentence(name, arguments, sentence):
    with pytest.raises(MixtureError, match=sentence):
        baseline(name, study(0, 3), **arguments)


def test_skill_even_is_balance_zero_at_the_automatic_resolution():
    S = study(3, 8, "jsd")
    twins = [*range(8), 0, 0]
    copied = Similarity(tuple(f"t{i}" for i in range(10)), S.matrix[np.ix_(twins, twins)], "jsd")
    p, alone = baseline("skill-even", copied), kernel(copied).most_diverse.p
    np.testing.assert_array_equal(p, alone)
    np.testing.assert_allclose(p[[0, 8, 9]], p[[0, 8, 9]].mean(), atol=1e-9)
    noise = Noise(("t1", "t2"), np.array([0.01, 0.03]))
    corrected = baseline("skill-even", copied, noise=noise)
    np.testing.assert_array_equal(corrected, kernel(copied, "auto", noise).most_diverse.p)
    assert np.abs(corrected - p).sum() > 1e-6
    indefinite = study(3, 8, "pmi")
    np.testing.assert_array_equal(
        baseline("skill-even", indefinite), solve(pose(indefinite), 0.0).p
    )
