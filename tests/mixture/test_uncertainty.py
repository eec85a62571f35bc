"""Bootstrap intervals and near-optimal ranges, against their obvious slow versions."""

from pathlib import Path

import cvxpy
import numpy as np
import pytest

from taskpgm_core import store
from taskpgm_core.analysis.replicates import replicates
from taskpgm_core.errors import MixtureError, StoreError
from taskpgm_core.mixture import Group, pose, solve
from taskpgm_core.mixture.near_optimal import near_optimal
from taskpgm_core.mixture.uncertainty import (
    divergence_replicates,
    pmi_replicates,
    resampled,
    uncertainty,
)
from taskpgm_core.records import Similarity

CACHE = Path(__file__).parents[2] / "cache"


def made(n=5, per_task=6, seed=0):
    rng = np.random.default_rng(seed)
    task = np.repeat(np.arange(n), per_task)
    return rng.gamma(1.0, 0.05, size=(n * (n - 1) // 2, n * per_task)), task


def test_every_draw_keeps_tasks_equal_and_stays_within_them():
    task = np.repeat([0, 1, 2], [3, 10, 4])
    weights = resampled(task, 500, seed=1)
    for k in range(3):
        assert weights[:, task == k].sum(axis=1) == pytest.approx(np.full(500, 1 / 3))
    assert weights.mean(axis=0) == pytest.approx(1 / (3 * np.bincount(task)[task]), rel=0.25)
    assert (resampled(task, 500, seed=1) == weights).all()
    assert (resampled(task, 500, seed=2) != weights).any()


def test_divergence_replicates_are_the_plain_loops():
    divergence, task = made()
    S = divergence_replicates(divergence, task, 7, seed=3)
    weights = resampled(task, 7, seed=3)
    pairs = list(zip(*np.triu_indices(5, 1), strict=True))
    for b in range(7):
        for row, (i, j) in enumerate(pairs):
            mean = sum(weights[b, e] * divergence[row, e] for e in range(len(task)))
            assert S[b, i, j] == S[b, j, i] == pytest.approx(-mean)
        assert (np.diagonal(S[b]) == 0).all()


def test_pmi_replicates_are_the_plain_loops():
    rng = np.random.default_rng(4)
    task = np.repeat(np.arange(4), [5, 3, 6, 4])
    losses = rng.gamma(2.0, 1.0, size=(4, len(task)))
    S = pmi_replicates(losses, task, 3, seed=5)
    weights = resampled(task, 3, seed=5) * 4
    for b in range(3):
        loss = np.array(
            [[(weights[b] * losses[m] * (task == k)).sum() for k in range(4)] for m in range(4)]
        )
        for i in range(4):
            for j in range(4):
                wanted = -(loss[i, j] - loss[j, j] + loss[j, i] - loss[i, i]) / 2
                assert S[b, i, j] == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("measure", ["jsd", "pmi", "pmi-token"])
def test_a_measured_studys_replicates_lie_around_its_matrix(measure):
    study = store.open_study("starter", CACHE)
    S = store.similarity(study, measure).matrix
    draws = replicates(study, measure, draws=200)
    error = draws.std(axis=0)
    off = ~np.eye(len(S), dtype=bool)
    assert (np.abs(draws.mean(axis=0) - S)[off] < 0.35 * error[off] + 1e-4).all()


def test_intervals_are_the_quantiles_of_cold_solves():
    study = store.open_study("starter", CACHE)
    problem = pose(store.similarity(study, "jsd"))
    draws = replicates(study, "jsd", draws=40, seed=9)
    found = uncertainty(problem, 0.5, draws, level=0.8)
    cold = np.array([solve(pose(Similarity(problem.tasks, S, "jsd")), 0.5).p for S in draws])
    p = solve(problem, 0.5).p
    assert found.weight == pytest.approx(p)
    assert found.low == pytest.approx(np.minimum(np.quantile(cold, 0.1, axis=0), p), abs=1e-9)
    assert found.high == pytest.approx(np.maximum(np.quantile(cold, 0.9, axis=0), p), abs=1e-9)
    assert found.inclusion == pytest.approx((cold > 1e-9).mean(axis=0))
    moved = np.abs(cold - p).sum(axis=1)
    assert found.half_width_l1 == pytest.approx(np.quantile(moved, 0.8), abs=1e-9)
    assert found.stability == pytest.approx(1 - moved.mean() / 2, abs=1e-9)
    assert found.draws == 40


def test_at_the_anchor_nothing_is_uncertain():
    divergence, task = made()
    problem = pose(Similarity(tuple("abcde"), divergence_replicates(divergence, task, 1, 0)[0]))
    found = uncertainty(problem, 1.0, divergence_replicates(divergence, task, 20, 1))
    assert found.half_width_l1 < 1e-9
    assert found.stability == pytest.approx(1.0)


def test_a_bootstrap_that_cannot_be_is_refused():
    divergence, task = made()
    S = divergence_replicates(divergence, task, 2, 0)
    similarity = Similarity(tuple("abcde"), S[0])
    with pytest.raises(MixtureError, match="level"):
        uncertainty(pose(similarity), 1.0, S, level=1.0)
    with pytest.raises(MixtureError, match="floors sum"):
        uncertainty(pose(similarity, floors=0.3), 1.0, S)
    with pytest.raises(MixtureError, match="at least 1 draw"):
        divergence_replicates(divergence, task, 0, 0)


def test_an_imported_matrix_has_no_intervals(tmp_path):
    np.save(tmp_path / "m.npy", -(1 - np.eye(3)))
    study = store.import_matrix(tmp_path / "m.npy", kind="similarity", root=tmp_path / "cache")
    with pytest.raises(StoreError, match="no intervals"):
        replicates(study, "given")


def convex(n, seed):
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(n, n + 2))
    return Similarity(tuple(f"t{i}" for i in range(n)), A @ A.T / n)


def ranges_by_cvxpy(problem, balance, slack):
    n, S = problem.n, problem.similarity.matrix
    p = cvxpy.Variable(n)
    rho, to = (problem.pull.rho, problem.pull.mixture) if problem.pull else (0.0, np.zeros(n))
    energy = (
        cvxpy.quad_form(p, cvxpy.psd_wrap(S)) / 2
        - balance * (S @ problem.anchor) @ p
        + rho / 2 * cvxpy.sum_squares(p - to)
    )
    limits = [cvxpy.sum(p) == 1, p >= problem.lo, p <= problem.hi]
    for row, group in zip(problem.incidence, problem.groups, strict=True):
        limits += [row @ p >= group.lo, row @ p <= group.hi]
    least = cvxpy.Problem(cvxpy.Minimize(energy), limits).solve(solver="CLARABEL")
    within = [*limits, energy <= least + slack]
    return np.array(
        [
            [
                cvxpy.Problem(kind(p[i]), within).solve(solver="CLARABEL")
                for kind in (cvxpy.Minimize, cvxpy.Maximize)
            ]
            for i in range(n)
        ]
    )


@pytest.mark.parametrize("balance", [0.0, 0.8, 2.5])
@pytest.mark.parametrize("bounds", ["none", "boxes", "group", "pull"])
def test_near_optimal_ranges_agree_with_a_conic_solver(bounds, balance):
    options = {
        "none": {},
        "boxes": {"floors": 0.03, "caps": 0.4},
        "group": {"groups": [Group("g", ("t0", "t1"), 0.2, 0.5)]},
        "pull": {"pull_to": np.arange(1.0, 7.0) / 21, "rho": 0.3},
    }[bounds]
    problem = pose(convex(6, seed=8), **options)
    solution = solve(problem, balance)
    slack = 0.02 * problem.convexity.scale
    found = near_optimal(problem, solution, slack)
    assert found == pytest.approx(ranges_by_cvxpy(problem, balance, slack), abs=2e-5)
    assert (found[:, 0] <= solution.p).all()
    assert (found[:, 1] >= solution.p).all()


def test_no_slack_means_no_room_and_all_slack_means_all_of_it():
    problem = pose(convex(5, seed=2))
    solution = solve(problem, 0.7)
    none = near_optimal(problem, solution, 0.0)
    assert none == pytest.approx(np.stack([solution.p, solution.p], axis=1), abs=1e-7)
    everything = near_optimal(problem, solution, 1e3)
    assert everything == pytest.approx(np.tile([0.0, 1.0], (5, 1)), abs=1e-9)
    with pytest.raises(MixtureError, match="slack"):
        near_optimal(problem, solution, -1.0)
    with pytest.raises(MixtureError, match="finite balance"):
        near_optimal(problem, solve(problem, np.inf), 0.1)


def test_two_copies_can_trade_everything_between_them():
    S = convex(4, seed=3).matrix
    S = np.block([[S, S[:, :1]], [S[:1], S[:1, :1]]])
    problem = pose(Similarity(tuple("abcde"), S))
    solution = solve(problem, 1.0)
    ranges = near_optimal(problem, solution, 1e-9)
    both = solution.p[0] + solution.p[4]
    for copy in (0, 4):
        assert ranges[copy, 0] == pytest.approx(0.0, abs=1e-3)
        assert ranges[copy, 1] == pytest.approx(both, abs=1e-3)
