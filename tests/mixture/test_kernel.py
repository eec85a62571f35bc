"""The kernel: its formula, its axioms, and certified mixtures at every resolution."""

import math

import numpy as np
import pytest
import quadprog
from hypothesis import given, settings
from hypothesis import strategies as st

from taskpgm_core.mixture import kernel, pose, solve, trace
from taskpgm_core.mixture.task_distances import task_distances
from taskpgm_core.records import Noise, Similarity
from taskpgm_core.similarity_measures import KERNEL
from tests.support.distances import jsd, noisy
from tests.support.matrices import names
from tests.support.problems import kernel_problem_of

checked = settings(max_examples=60, deadline=None, derandomize=True)
seeds = st.integers(0, 10**6)
resolutions = st.floats(-3, 3).map(lambda x: 10.0**x)


def slow_kernel(similarity, sigma, nu):
    """K by the formulas as they are written: clipped and rescaled where it is not semidefinite."""
    n, S = similarity.n, similarity.matrix
    K = np.eye(n)
    for i in range(n):
        for j in range(n):
            d = (S[i, i] + S[j, j]) / 2 - S[i, j] - (nu[i] + nu[j]) / 2
            K[i, j] = 1.0 if i == j else math.exp(-max(0.0, d) / sigma)
    values, vectors = np.linalg.eigh(K)
    if values[0] < -1e-9:
        K = (vectors * values.clip(min=0.0)) @ vectors.T
        K = K / np.sqrt(np.outer(np.diagonal(K), np.diagonal(K)))
    return K


def slow_skills(K):
    """1 / min p'Kp by another solver."""
    n = len(K)
    C = np.column_stack([np.ones(n), np.eye(n)])
    q = quadprog.solve_qp(K + 1e-10 * np.eye(n), np.zeros(n), C, np.r_[1.0, np.zeros(n)], 1)[0]
    return 1.0 / (q @ K @ q)


@checked
@given(seeds, st.integers(2, 20), resolutions)
def test_the_kernel_is_its_formula_and_skills_are_another_solvers(seed, n, sigma):
    S = jsd(seed, n)
    seen = kernel(S, sigma)
    K = slow_kernel(S, sigma, np.zeros(n))
    np.testing.assert_allclose(seen.matrix, K, atol=1e-14)
    assert seen.change == 0.0
    assert seen.source == "set"
    assert seen.skills == pytest.approx(slow_skills(K), rel=1e-6)
    assert seen.skills_covered(np.full(n, 1 / n)) == pytest.approx(n * n / K.sum(), rel=1e-12)


@checked
@given(seeds, st.integers(2, 30), st.integers(2, 40), resolutions)
def test_any_jsd_gives_a_semidefinite_kernel_without_correction(seed, n, words, sigma):
    seen = kernel(jsd(seed, n, words), sigma)
    assert seen.change == 0.0
    assert np.linalg.eigvalsh(seen.matrix)[0] >= -1e-12 * n
    assert seen.most_diverse.shift == 0.0


@checked
@given(seeds, st.integers(3, 20), resolutions)
def test_noise_is_taken_out_and_the_kernel_clipped_and_rescaled(seed, n, sigma):
    S, noise = noisy(seed, n)
    sigma = sigma * float(np.median(-S.matrix))
    seen = kernel(S, sigma, noise)
    K = slow_kernel(S, sigma, noise.divergence)
    np.testing.assert_allclose(seen.matrix, K, atol=1e-7)
    np.testing.assert_array_equal(np.diagonal(seen.matrix), 1.0)
    raw = np.exp(-seen.distances.corrected / sigma)
    assert seen.change == pytest.approx(np.abs(raw - seen.matrix).max(), abs=1e-12)
    assert np.linalg.eigvalsh(seen.matrix)[0] >= -1e-12 * n
    assert seen.most_diverse.shift == 0.0


def test_tasks_without_a_second_seed_have_the_median_noise():
    S = Similarity(names(4), np.eye(4) - 1.0)
    noise = Noise(("t2", "t0"), np.array([0.3, 0.1]), measure="given")
    found = task_distances(S, noise)
    np.testing.assert_allclose(found.noise, [0.1, 0.2, 0.3, 0.2])
    assert found.corrected[0, 2] == pytest.approx(1 - 0.2)
    assert found.corrected[1, 3] == pytest.approx(1 - 0.2)
    assert not np.diagonal(found.corrected).any()
    other = Noise(noise.tasks, noise.divergence)  # in nats of JSD, of which S is not
    assert task_distances(S, other).noise is None
    np.testing.assert_array_equal(task_distances(S, other).corrected, 1 - np.eye(4))


@checked
@given(seeds, st.integers(2, 15), st.floats(-1e3, 1e3))
def test_distances_do_not_know_what_is_added_to_every_similarity(seed, n, level):
    S = jsd(seed, n)
    shifted = Similarity(S.tasks, S.matrix + level)
    np.testing.assert_allclose(
        task_distances(shifted).measured, S.divergence, atol=1e-15 * (1 + abs(level)) * 10
    )


# Axioms


@checked
@given(seeds, st.integers(2, 15), resolutions)
def test_an_exact_copy_shares_what_the_one_had_and_changes_no_other(seed, n, sigma):
    S = jsd(seed, n)
    twice = [*range(n), 0]
    copied = Similarity((*S.tasks, "copy"), S.matrix[np.ix_(twice, twice)], "jsd")
    before, after = kernel(S, sigma), kernel(copied, sigma)
    p, q = before.most_diverse.p, after.most_diverse.p
    curved = before.most_diverse.curvature > 1e-6
    if curved:
        np.testing.assert_allclose(q[1:n], p[1:], atol=1e-7)
        assert q[0] + q[n] == pytest.approx(p[0], abs=1e-7)
        assert q[0] == pytest.approx(q[n], abs=1e-7)
    assert after.skills == pytest.approx(before.skills, rel=1e-8)
    assert after.not_told_apart[0, n]
    assert after.not_told_apart.sum() == 2


@checked
@given(seeds, st.integers(2, 20), resolutions)
def test_the_order_of_tasks_does_not_matter(seed, n, sigma):
    S, noise = noisy(seed, n)
    order = np.random.default_rng(seed).permutation(n)
    moved = Similarity(tuple(S.tasks[i] for i in order), S.matrix[np.ix_(order, order)])
    for asked in (sigma * float(np.median(S.divergence)) or 1.0, "auto"):
        one, other = kernel(S, asked, noise), kernel(moved, asked, noise)
        assert one.resolution == pytest.approx(other.resolution, rel=1e-12)
        np.testing.assert_allclose(one.matrix[np.ix_(order, order)], other.matrix, atol=1e-9)
        assert one.skills == pytest.approx(other.skills, rel=1e-7)
        assert set(map(frozenset, one.groups)) == set(map(frozenset, other.groups))


@checked
@given(
    seeds,
    st.integers(1, 40),
    st.floats(-320, 12),
    st.sampled_from([0.0, 0.5, 1.0, 3.0, math.inf]),
    st.booleans(),
)
def test_every_mixture_of_a_kernel_is_certified(seed, n, power, balance, with_noise):
    S, noise = noisy(seed, n) if with_noise and n > 1 else (jsd(seed, n), None)
    rng = np.random.default_rng(seed)
    inside = rng.dirichlet(np.ones(n))
    caps = dict(zip(names(n), np.minimum(2 * inside, 1.0), strict=True)) if n > 2 else None
    seen = kernel(S, 10.0**power or 1e-320, noise)
    found = solve(pose(seen.similarity, anchor=inside, caps=caps), balance)
    assert found.gap_relative <= 1e-9
    assert found.measure == KERNEL


@settings(max_examples=20, deadline=None, derandomize=True)
@given(seeds, st.integers(2, 25), resolutions, st.booleans())
def test_the_whole_path_of_a_kernel_is_certified(seed, n, sigma, with_noise):
    S, noise = noisy(seed, n) if with_noise else (jsd(seed, n), None)
    problem = pose(kernel(S, sigma, noise).similarity)
    path = trace(problem)
    assert path.gaps.max() <= 1e-9
    np.testing.assert_allclose(path.at(0.6), solve(problem, 0.6).p, atol=1e-7)


@pytest.mark.parametrize("rho", [1e-6, 1.0, 1e12])
def test_a_pull_may_be_far_above_what_the_kernel_spreads(rho):
    S = jsd(1, 10)
    pull = np.random.default_rng(0).dirichlet(np.ones(10))
    caps = dict(zip(names(10), np.minimum(1.2 * pull + 0.01, 1.0), strict=True))
    problem = pose(kernel(S, 1e9).similarity, pull_to=pull, rho=rho, caps=caps)
    found = solve(problem, 0.3)
    assert found.gap_relative <= 1e-9
    np.testing.assert_allclose(found.p, pull, atol=1e-2)


@checked
@given(seeds, st.integers(2, 25), resolutions, st.sampled_from([0.0, 0.7, 2.0]))
def test_a_pull_and_a_utility_are_in_units_of_the_kernel(seed, n, sigma, balance):
    S, rng = jsd(seed, n), np.random.default_rng(seed)
    seen = kernel(S, sigma)
    aims = {"pull_to": rng.dirichlet(np.ones(n)), "rho": 0.2, "utility": rng.uniform(0, 1, n)}
    whole = pose(Similarity(S.tasks, seen.matrix), **aims)
    p = solve(pose(seen.similarity, **aims), balance).p
    np.testing.assert_allclose(p, solve(whole, balance).p, atol=1e-9)
    v, tau = aims["utility"], balance / n
    g = tau * v - seen.matrix @ p + 0.2 * (aims["pull_to"] - p)
    assert g.max() - g @ p <= 1e-9


def test_a_kernel_whose_partial_decomposition_fails_is_corrected_all_the_same():
    _, problem, balance = kernel_problem_of(9650)
    assert np.linalg.eigvalsh(1.0 + problem.similarity.matrix)[0] > -1e-9
    assert solve(problem, balance).gap_relative <= 1e-9
