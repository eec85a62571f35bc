"""The axis of resolutions: its ends, its certificates, and that each point is its own solve."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskpgm_core import store
from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture import Group, kernel, pose, solve
from taskpgm_core.mixture.psd_correction import euclidean
from taskpgm_core.mixture.resolution_axis import (
    AGREED,
    APART,
    SETTLED,
    plateaus,
    resolution_axis,
)
from taskpgm_core.records import Similarity
from tests.support.distances import jsd, noisy
from tests.support.matrices import names, pmi_like
from tests.support.planted_skills import SHAPES, planted

checked = settings(max_examples=15, deadline=None, derandomize=True)


def limits(rng, n):
    inside = rng.dirichlet(np.ones(n))
    return {
        "anchor": rng.dirichlet(np.ones(n)),
        "caps": dict(zip(names(n), np.minimum(2 * inside, 1.0), strict=True)),
        "floors": dict(zip(names(n), inside / 2, strict=True)),
        "groups": [Group("g", names(n)[: n // 2], 0.1, float(inside[: n // 2].sum()) * 1.2 + 0.1)],
    }


@pytest.mark.slow
@checked
@given(
    st.integers(0, 10**6),
    st.integers(2, 20),
    st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    st.booleans(),
    st.booleans(),
)
def test_every_point_is_certified_and_what_a_solve_there_gives(
    seed, n, balance, with_noise, limited
):
    S, noise = noisy(seed, n) if with_noise else (jsd(seed, n), None)
    seen = kernel(S, "auto", noise)
    options = limits(np.random.default_rng(seed), n) if limited and n > 3 else {}
    axis = resolution_axis(pose(seen.similarity, **options), seen, balance)
    assert axis.weights.shape == (64, n)
    assert axis.gaps.max() <= 1e-9
    np.testing.assert_allclose(axis.weights.sum(axis=1), 1.0, atol=1e-9)
    assert (np.diff(axis.resolutions) > 0).all()
    assert axis.resolutions[axis.automatic] == pytest.approx(seen.resolution, rel=1e-12)
    for k in (0, axis.automatic, 40):
        there = kernel(S, float(axis.resolutions[k]), noise)
        alone = solve(pose(there.similarity, **options), balance)
        if alone.curvature > 1e-6:
            np.testing.assert_allclose(axis.weights[k], alone.p, atol=1e-8)
        assert axis.skills[k] == pytest.approx(there.skills, rel=1e-8)
        assert axis.changes[k] == pytest.approx(there.change, abs=1e-12)
    if not with_noise:
        assert (np.diff(axis.skills) <= 1e-9 * n).all()


@pytest.mark.slow
@checked
@given(st.integers(0, 10**6), st.integers(2, 20), st.sampled_from([0.0, 0.5, 2.0]))
def test_both_ends_are_reached(seed, n, balance):
    S, noise = noisy(seed, n) if seed % 2 else (jsd(seed, n), None)
    seen = kernel(S, "auto", noise)
    axis = resolution_axis(pose(seen.similarity), seen, balance)
    d = seen.distances.corrected
    first = np.exp(-d / axis.resolutions[0]) * (d > 0)
    assert first.sum(axis=1).max() <= APART
    limit, _ = euclidean(d)
    coarsest = solve(pose(Similarity(S.tasks, -limit)), balance)
    assert axis.settled <= SETTLED
    assert axis.skills[-1] == 1.0
    if coarsest.unique:
        np.testing.assert_allclose(axis.weights[-1], coarsest.p, atol=1e-7)
        last = solve(pose(kernel(S, float(axis.resolutions[-1]), noise).similarity), balance)
        assert np.abs(last.p - axis.weights[-1]).sum() <= axis.settled + 1e-7


def test_the_axis_of_the_committed_study():
    study = store.open_study("starter")
    seen = kernel(store.similarity(study), "auto", store.noise(study))
    axes = [resolution_axis(pose(seen.similarity), seen, r) for r in (0.0, 1.0)]
    for axis in axes:
        assert axis.skills[0] == pytest.approx(26, abs=0.02)
        assert axis.skills[axis.automatic] == pytest.approx(seen.skills)
        assert axis.gaps.max() <= 1e-9
    np.testing.assert_allclose(axes[1].weights, 1 / 26, atol=1e-12)
    np.testing.assert_array_equal(axes[0].resolutions, axes[1].resolutions)
    written = json.loads(json.dumps(axes[0].to_json()))
    assert len(written) == 64
    assert written[axes[0].automatic]["resolution"] == pytest.approx(seen.resolution)
    assert sum(written[-1]["p"].values()) == pytest.approx(1)


def test_planted_skills_make_a_plateau():
    rng = np.random.default_rng(0)
    true = planted(rng, SHAPES["12 skills"](rng), 0.01)
    seen = kernel(true.similarity, "auto", true.noise)
    axis = resolution_axis(pose(seen.similarity), seen, 0.0)
    [plateau] = axis.plateaus
    assert plateau.skills == pytest.approx(12, rel=AGREED - 1)
    assert plateau.first <= axis.automatic <= plateau.last
    assert axis.skills[plateau.first] <= AGREED * axis.skills[plateau.last]


def test_plateaus_by_hand():
    sigma = 2.0 ** np.arange(12)
    curve = np.array([20, 20, 20, 15, 12.1, 12, 11.9, 8, 4, 4, 1.01, 1])
    assert [(p.first, p.last, round(p.skills, 2)) for p in plateaus(sigma, curve)] == [(4, 6, 12.0)]
    curve[10] = 4
    assert [(p.first, p.last) for p in plateaus(sigma, curve)] == [(4, 6), (8, 10)]
    assert plateaus(sigma, np.ones(12)) == ()
    assert plateaus(sigma[:1], np.ones(1)) == ()


def test_aims_in_units_of_the_kernel_are_solved_at_each_resolution():
    S, rng = jsd(1, 9), np.random.default_rng(1)
    seen = kernel(S)
    aims = {"pull_to": rng.dirichlet(np.ones(9)), "rho": 0.05, "utility": rng.uniform(0, 1, 9)}
    axis = resolution_axis(pose(seen.similarity, **aims), seen, 1.5)
    for k in (0, 30, 63):
        there = kernel(S, float(axis.resolutions[k]))
        alone = solve(pose(there.similarity, **aims), 1.5)
        np.testing.assert_allclose(axis.weights[k], alone.p, atol=1e-8)
        assert axis.skills[k] == pytest.approx(there.skills, rel=1e-9)


def test_exact_copies_are_never_told_apart():
    S = jsd(2, 8)
    twice = [*range(8), 0]
    copied = Similarity(names(9), S.matrix[np.ix_(twice, twice)], "jsd")
    seen = kernel(copied)
    axis = resolution_axis(pose(seen.similarity), seen, 0.0)
    assert axis.skills[0] == pytest.approx(8, rel=2 * APART)
    assert axis.gaps.max() <= 1e-9


def test_where_nothing_differs_the_axis_is_one_point():
    seen = kernel(Similarity(names(4), np.zeros((4, 4))))
    axis = resolution_axis(pose(seen.similarity), seen, 0.0)
    assert axis.skills.tolist() == [1.0]
    np.testing.assert_allclose(axis.weights, 0.25)
    alone = kernel(Similarity(("a",), np.zeros((1, 1))))
    assert resolution_axis(pose(alone.similarity), alone, 0.5).weights.tolist() == [[1.0]]


def test_what_cannot_be_asked_is_refused():
    S = Similarity(names(9), pmi_like(np.random.default_rng(0), 9), "pmi")
    seen = kernel(S)
    with pytest.raises(MixtureError, match="gold"):
        resolution_axis(pose(seen.similarity), seen, 0.0)
    seen = kernel(jsd(0, 5))
    with pytest.raises(MixtureError, match="at least 3 points"):
        resolution_axis(pose(seen.similarity), seen, 0.0, points=2)
    with pytest.raises(MixtureError, match="caps sum to"):
        resolution_axis(pose(seen.similarity, caps=0.1), seen, 0.0)
    assert len(resolution_axis(pose(seen.similarity), seen, 0.0, points=9).skills) == 9
