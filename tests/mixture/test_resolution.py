"""The resolution: where it comes from, where there is none, and both of its ends."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture import kernel, pose, solve
from taskpgm_core.mixture.psd_correction import NEARLY_CONSTANT, euclidean, semidefinite
from taskpgm_core.mixture.task_distances import task_distances
from taskpgm_core.records import Noise, Similarity
from tests.support.distances import jsd, noisy
from tests.support.matrices import names, pmi_like

checked = settings(max_examples=60, deadline=None, derandomize=True)
seeds = st.integers(0, 10**6)


def test_the_automatic_resolution_by_hand():
    d = np.array([[0, 1, 4, 4], [1, 0, 4, 4], [4, 4, 0, 4], [4, 4, 4, 0.0]])
    S = Similarity(names(4), -d)

    def auto(*nu):
        found = kernel(S, "auto", Noise(names(4)[: len(nu)], np.array(nu), measure="given"))
        return found.resolution, found.source

    assert auto(0.1, 0.1, 0.1) == (pytest.approx(0.2), "noise")
    # 2 nu = 1, five corrected distances of 3.5 and one of 0.5, which is within it
    assert auto(0.5) == (pytest.approx(3.5 / 8), "distances")
    assert auto(3.0) == (6.0, "noise")  # none exceeds it
    assert auto() == (0.5, "guess")  # every farthest is 4
    assert auto(0.0) == (0.5, "guess")  # two seeds that agree exactly tell no scale


def test_distances_that_are_all_zero_are_one_skill():
    S = Similarity(names(5), np.full((5, 5), 0.3))
    seen = kernel(S)
    assert (seen.skills, seen.source) == (1.0, "guess")
    assert seen.groups == (names(5),)
    np.testing.assert_allclose(seen.most_diverse.p, 0.2)
    np.testing.assert_allclose(kernel(S, 1e-9).most_diverse.p, 0.2)


@pytest.mark.parametrize("sigma", [0.0, -1.0, math.nan, "coarse"])
def test_a_resolution_that_makes_no_sense_is_refused(sigma):
    with pytest.raises(MixtureError, match="auto, inf or a number above 0"):
        kernel(jsd(0, 4), sigma)


@pytest.mark.parametrize("n", [5, 40])
def test_a_measure_that_is_no_squared_distance_falls_back_and_names_gold(n):
    S = Similarity(names(n), pmi_like(np.random.default_rng(3), n), "pmi")
    seen = kernel(S)
    assert (seen.resolution, seen.source) == (math.inf, "paper")
    assert "gold" in seen.message
    assert seen.similarity is S
    assert (seen.matrix, seen.skills, seen.groups) == (None, None, ())
    assert (seen.most_diverse, seen.skills_covered(np.full(n, 1 / n))) == (None, None)
    assert seen.sharing("t0") == ()
    with pytest.raises(MixtureError, match="gold"):
        kernel(S, 0.1)
    asked = kernel(S, math.inf)
    assert (asked.source, asked.message) == ("paper", "")


def test_what_is_nearly_a_squared_distance_is_one():
    d = 1.0 - np.eye(6)
    d[0, 1] = d[1, 0] = -1e-10
    assert kernel(Similarity(names(6), -d), 0.1).change < 1e-6
    d[0, 1] = d[1, 0] = -1e-8
    with pytest.raises(MixtureError, match="'t0' and 't1' would be -1e-08 apart"):
        kernel(Similarity(names(6), -d), 0.1)
    line = np.arange(6.0)
    d = np.abs(line[:, None] - line) ** 2.02  # just beyond the power that is one
    with pytest.raises(MixtureError, match="Euclidean"):
        kernel(Similarity(names(6), -d), 0.1)


def test_infinity_is_the_papers_matrix_without_noise_correction():
    S, noise = noisy(1, 8)
    seen = kernel(S, math.inf, noise)
    assert seen.similarity is S
    assert seen.change == 0.0


# Ends


@pytest.mark.slow
@checked
@given(seeds, st.integers(1, 25))
def test_skills_fall_from_n_to_one_as_the_resolution_grows(seed, n):
    S = jsd(seed, n)
    grid = [1e-320, *np.geomspace(1e-6, 1e12, 30)]
    skills = np.array([kernel(S, float(sigma)).skills for sigma in grid])
    assert skills[0] == pytest.approx(n, rel=1e-12)
    assert skills[-1] == pytest.approx(1.0, rel=1e-9)
    assert (np.diff(skills) <= 1e-9 * n).all()


@checked
@given(seeds, st.integers(2, 25), st.booleans())
def test_a_large_resolution_is_the_limit(seed, n, with_noise):
    S, noise = noisy(seed, n) if with_noise else (jsd(seed, n), None)
    far = kernel(S, 1e12 * float(S.divergence.max()), noise)
    d, change = euclidean(far.distances.corrected)
    if not with_noise:
        assert change == 0.0
    limit = solve(pose(Similarity(S.tasks, -d)), 0.0)
    assert limit.shift == 0.0
    if limit.unique and limit.curvature > 1e-6 * float(d.max()):
        assert np.abs(limit.p - far.most_diverse.p).sum() < 1e-6
    assert far.change == pytest.approx(change / far.resolution, rel=1e-6, abs=1e-22)


@pytest.mark.parametrize("sigma", [1e-320, 1e-300, 1e-12, 1.0, 1e12])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_no_resolution_is_too_fine_or_too_coarse(sigma, n):
    rng = np.random.default_rng(n)
    x = rng.normal(size=(n, 3))
    for S in (
        Similarity(names(n), -((x[:, None] - x) ** 2).sum(-1)),
        Similarity(names(n), np.zeros((n, n))),
        Similarity(names(n), np.eye(n)),
        Similarity(names(n), x @ x.T),
    ):
        seen = kernel(S, sigma)
        found = solve(pose(seen.similarity), 0.0)
        assert found.gap_relative <= 1e-9
        assert 1 - 1e-12 <= seen.skills <= n * (1 + 1e-12)
        if n == 2:
            np.testing.assert_allclose(found.p, 0.5)


def test_two_tasks_are_one_to_two_skills():
    S = Similarity(("a", "b"), -np.array([[0, 0.2], [0.2, 0]]), "jsd")
    seen = kernel(S, 0.1)
    assert seen.skills == pytest.approx(2 / (1 + math.exp(-2.0)))
    assert seen.groups == ()
    assert kernel(S, 0.2).groups == (("a", "b"),)


def test_a_huge_cluster_is_one_skill_among_few():
    rng = np.random.default_rng(0)
    x = np.zeros((203, 30))
    x[200:] = rng.normal(size=(3, 30))
    x[:200] = 1e-3 * rng.normal(size=(200, 30))
    S = Similarity(names(203), -((x[:, None] - x) ** 2).sum(-1))
    seen = kernel(S, 0.5)
    assert seen.skills == pytest.approx(4, rel=1e-3)
    assert seen.most_diverse.p[200:] == pytest.approx(0.25, rel=1e-3)
    assert seen.groups == (names(200),)


@pytest.mark.parametrize("seed", range(5))
def test_clipping_is_the_same_on_both_sides_of_where_its_method_changes(seed):
    S, noise = noisy(seed, 15)
    d = task_distances(S, noise).corrected
    for unit in (NEARLY_CONSTANT, NEARLY_CONSTANT / 10):
        small = np.expm1(-d * (unit * (1 - 1e-9) / d.max()))
        corrected, change = semidefinite(small)
        values, vectors = np.linalg.eigh(1 + small)
        K = (vectors * values.clip(min=0.0)) @ vectors.T
        K = K / np.sqrt(np.outer(np.diagonal(K), np.diagonal(K))) - 1
        assert change > 0.01 * unit
        np.testing.assert_allclose(corrected, K, atol=2e-6 * unit)
