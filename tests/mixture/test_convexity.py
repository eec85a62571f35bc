"""Curvature where it matters: the least shift, its margin, and what needs none."""

import numpy as np
import pytest
import scipy.linalg

from taskpgm_core.mixture import convexity, pose, solve
from taskpgm_core.mixture.baselines import baseline
from taskpgm_core.records import Similarity
from tests.support.matrices import KINDS, names, similarity


def least_on_the_plane(S):
    """Least eigenvalue of S on {1'z = 0}, through an orthonormal basis of that plane."""
    basis = scipy.linalg.null_space(np.ones((1, len(S))))
    return float(np.linalg.eigvalsh(basis.T @ S @ basis)[0])


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("n", [2, 3, 17, 40])
def test_the_shift_is_what_the_plane_lacks_plus_the_margin(kind, n):
    S = similarity(kind, n, 4)
    found = convexity(S, np.full(n, 1 / n), margin=0.25)
    least = least_on_the_plane(S.matrix)
    tolerance = 1e-9 * max(np.abs(S.matrix).max(), 1e-300)
    assert found.eigenvalue == pytest.approx(least, abs=tolerance) or found.scale == 0
    floor = max(0.0, -least)
    assert found.shift_floor == pytest.approx(floor if floor > tolerance else 0.0, abs=tolerance)
    assert found.shift == pytest.approx(1.25 * found.shift_floor)
    curvature = least_on_the_plane(S.matrix + found.shift * np.eye(n))
    assert found.curvature == pytest.approx(max(0.0, curvature), abs=10 * tolerance)


@pytest.mark.parametrize("n", [2, 5, 30])
def test_divergences_on_a_common_pool_need_no_shift(n):
    assert pose(similarity("jsd", n, 1)).convexity.shift == 0.0


def test_only_the_plane_counts():
    S = similarity("definite", 9, 0)
    sunk = Similarity(S.tasks, S.matrix - 50.0)
    assert np.linalg.eigvalsh(sunk.matrix)[0] < -1
    assert pose(sunk).convexity.shift == 0.0
    assert solve(pose(sunk), 0.4).p == pytest.approx(solve(pose(S), 0.4).p, abs=1e-9)


def test_a_pull_counts_as_curvature():
    S = similarity("indefinite", 10, 0)
    plain, p0 = pose(S), np.full(10, 0.1)
    floor = plain.convexity.shift_floor
    half = pose(S, pull_to=p0, rho=floor / 2)
    assert half.convexity.shift_floor == pytest.approx(floor / 2)
    assert pose(S, pull_to=p0, rho=2 * floor).convexity.shift == 0.0


def test_jumpiness_is_the_speed_at_the_anchor_and_grows_as_the_margin_shrinks():
    S = similarity("pmi", 20, 3)
    speeds = []
    for margin in (0.01, 0.1, 1.0):
        problem = pose(S, margin=margin)
        step = 1e-7
        up, down = (solve(problem, 1 + sign * step).p for sign in (1, -1))
        speed = np.abs(up - down).sum() / (2 * step)
        assert problem.convexity.jumpiness == pytest.approx(speed, rel=1e-3)
        speeds.append(speed)
    assert speeds[0] > speeds[1] > speeds[2]


def test_the_shift_is_far_below_the_authors_and_the_optimum_below_their_projection():
    S = similarity("pmi", 40, 6)
    full = abs(np.linalg.eigvalsh(S.matrix)[0])
    shape = pose(S).convexity
    assert 0 < shape.shift_floor < full
    H = S.matrix + full * np.eye(40)
    shifted = Similarity(names(40), H)
    for balance in (0.0, 3.0, 15.0):
        exact = solve(pose(shifted), balance).p
        theirs = baseline("authors", S, balance=balance)

        def energy(p, r=balance):
            return p @ H @ p / 2 - r * H.mean(axis=0) @ p

        assert energy(exact) <= energy(theirs) + 1e-9 * np.abs(H).max()
    assert np.abs(exact - theirs).sum() > 0.1
