"""Bootstrap intervals and near-optimal ranges, against their obvious slow versions."""

from pathlib import Path

import cvxpy
import numpy as np
import pytest

from taskpgm_core import store
from taskpgm_core.analysis.replicates import drawn_again, replicates
from taskpgm_core.errors import MixtureError, StoreError
from taskpgm_core.mixture import Group, pose, solve
from taskpgm_core.mixture.near_optimal import near_optimal
from taskpgm_core.mixture.uncertainty import (
    divergence_replicates,
    drawn_seeds,
    pmi_replicates,
    resampled,
    root_replicates,
    uncertainty,
    widened,
)
from taskpgm_core.records import Similarity
from tests.support.matrices import names, similarity
from tests.support.synthetic_study import TASKS, synthetic_arrays, two_models, write_study

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


# Two models a task


def test_each_task_has_one_of_its_models_by_a_fair_coin():
    drawn = drawn_seeds(np.array([3, 0]), 5, 4000, seed=2)
    assert set(np.unique(drawn[:, [0, 3]])) == {0, 1}
    assert not drawn[:, [1, 2, 4]].any()
    assert drawn[:, [0, 3]].mean(axis=0) == pytest.approx([0.5, 0.5], abs=0.03)
    assert abs(np.corrcoef(drawn[:, 0], drawn[:, 3])[0, 1]) < 0.05
    assert (drawn_seeds(np.array([3, 0]), 5, 4000, seed=2) == drawn).all()


def models_of(n, seconds, i):
    return (0, 1) if i in seconds else (0,)


def of_replicates(n, seconds, per_task, seed=0):
    """Per-example divergences of every pair of models, {(i, r, j, s): (E,)}, and each's task."""
    rng = np.random.default_rng(seed)
    task = np.repeat(np.arange(n), per_task)
    return {
        (i, r, j, s): rng.gamma(1.0, 0.05, len(task))
        for i in range(n)
        for j in range(i + 1, n)
        for r in models_of(n, seconds, i)
        for s in models_of(n, seconds, j)
    }, task


@pytest.mark.parametrize("seconds", [(), (1,), (0, 2, 3), (0, 1, 2, 3)])
def test_divergence_replicates_with_two_models_are_the_plain_loops(seconds):
    n, draws = 4, 9
    values, task = of_replicates(n, seconds, [3, 5, 2, 4])
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    means, by_task = [], np.full((len(pairs), 4, n), np.nan)
    for row, (i, j) in enumerate(pairs):
        own = {(r, s): x for (a, r, b, s), x in values.items() if (a, b) == (i, j)}
        means.append(sum(own.values()) / len(own))
        for (r, s), x in own.items():
            by_task[row, 2 * r + s] = [x[task == k].mean() for k in range(n)]
    given_seconds = np.array(seconds, dtype=int)
    S = divergence_replicates(
        np.array(means), task, draws, 3, by_task=by_task, second_tasks=given_seconds
    )
    weights, drawn = resampled(task, draws, 3), drawn_seeds(given_seconds, n, draws, 3)
    for b in range(draws):
        for row, (i, j) in enumerate(pairs):
            whole = [
                np.mean(
                    [x[task == k].mean() for (a, _, c, _), x in values.items() if (a, c) == (i, j)]
                )
                for k in range(n)
            ]
            chosen = values[i, drawn[b, i], j, drawn[b, j]]
            wanted = 0.0
            for k in range(n):
                again = n * (weights[b] * means[row])[task == k].sum()
                wanted += (again + chosen[task == k].mean() - whole[k]) / n
            assert S[b, i, j] == S[b, j, i] == pytest.approx(-max(wanted, 0.0), abs=1e-14)


@pytest.mark.parametrize("seconds", [(), (2,), (0, 1, 2)])
def test_gold_and_pmi_replicates_with_two_models_are_the_plain_loops(seconds):
    n, draws, rng = 3, 8, np.random.default_rng(1)
    tokens = np.array([2, 1, 3, 2, 4, 1])
    task = np.array([0, 0, 1, 1, 1, 2])
    first = np.cumsum(tokens) - tokens
    log_p = -rng.exponential(2.0, (n, 2, tokens.sum()))
    given_seconds = np.array(seconds, dtype=int)
    weights, drawn = resampled(task, draws, 5), drawn_seeds(given_seconds, n, draws, 5)
    roots, losses = np.exp(log_p / 2), -np.add.reduceat(log_p, first, axis=2)
    gold = root_replicates(
        roots[:, 0], task, tokens, draws, 5,
        second_tasks=given_seconds, second=roots[given_seconds, 1],
    )  # fmt: skip
    pmi = pmi_replicates(
        losses[:, 0], task, draws, 5, second_tasks=given_seconds, second=losses[given_seconds, 1]
    )
    for b in range(draws):
        loss = np.array(
            [
                [n * (weights[b] * losses[m, drawn[b, m]])[task == k].sum() for k in range(n)]
                for m in range(n)
            ]
        )
        for i in range(n):
            for j in range(n):
                wanted = -(loss[i, j] - loss[j, j] + loss[j, i] - loss[i, i]) / 2
                assert pmi[b, i, j] == pytest.approx(wanted, abs=1e-12)
                apart = (roots[i, drawn[b, i]] - roots[j, drawn[b, j]]) ** 2
                of_examples = np.add.reduceat(apart, first) / tokens
                assert -gold[b, i, j] == pytest.approx(
                    0.0 if i == j else weights[b] @ of_examples, abs=1e-13
                )


class Simulated:
    """Studies with a known truth: tasks are points in a Euclidean space.

    A model is its task's point, moved by its training seed. An example's divergence is the squared
    distance of two models, of which it tells more or less. ``truth``: (pairs,) squared distances of
    the points; ``nu``: (n,) of two seeds of a task, expected. At a ``spread`` of 0.05 to 0.15 a
    seed, seeds move an entry of D about 0.6 times as much as examples do (variances).
    """

    N, PER_TASK, DIMENSIONS = 5, 24, 30

    def __init__(self, seed: int, spread=(0.05, 0.15)) -> None:
        self.rng = np.random.default_rng(seed)
        n = self.N
        self.points = self.rng.normal(0, 1.0, (n, self.DIMENSIONS))
        self.spread = self.rng.uniform(*spread, n)  # of a seed, a dimension
        self.task = np.repeat(np.arange(n), self.PER_TASK)
        self.above = np.triu_indices(n, 1)
        i, j = self.above
        self.truth = ((self.points[i] - self.points[j]) ** 2).sum(axis=1)
        self.nu = 2 * self.DIMENSIONS * self.spread**2

    @property
    def expected(self):
        """(pairs,) D over all examples and seeds there could be."""
        i, j = self.above
        return self.truth + (self.nu[i] + self.nu[j]) / 2

    def study(self, seconds):
        """(pairs, E) means over models, (pairs, 4, n) by task, and (R,) nu as measured."""
        n, E = self.N, len(self.task)
        shape = (n, 2, 1, self.DIMENSIONS)
        seeds = self.spread[:, None, None, None] * self.rng.normal(size=shape)
        tells = self.rng.gamma(6.0, 1 / 6.0, (E, 1))  # how much an example brings out
        models = (self.points[:, None, None] + seeds) * np.sqrt(tells)
        i, j = self.above
        count = [2 if k in seconds else 1 for k in range(n)]
        by_task = np.full((len(i), 4, n), np.nan)
        means = np.zeros((len(i), E))
        for row, (a, b) in enumerate(zip(i, j, strict=True)):
            for r in range(count[a]):
                for s in range(count[b]):
                    D = ((models[a, r] - models[b, s]) ** 2).sum(axis=1)
                    means[row] += D / (count[a] * count[b])
                    by_task[row, 2 * r + s] = D.reshape(n, self.PER_TASK).mean(axis=1)
        nu = [((models[k, 0] - models[k, 1]) ** 2).sum(axis=1).mean() for k in seconds]
        return means, by_task, np.array(nu)


@pytest.mark.parametrize("seconds", [(), (0, 2), (0, 1, 2, 3, 4)])
def test_the_corrected_distance_is_unbiased_for_any_number_of_replicates(seconds):
    made, found, measured = Simulated(1, spread=(0.12, 0.3)), [], []
    for _ in range(600):
        means, _, nu = made.study(seconds)
        measured.append(means.mean(axis=1))
        noise = np.array(made.nu)  # known where it is not measured
        noise[list(seconds)] = nu
        i, j = made.above
        found.append(means.mean(axis=1) - (noise[i] + noise[j]) / 2)
    error = np.std(found, axis=0) / np.sqrt(600)
    assert (np.abs(np.mean(found, axis=0) - made.truth) < 4 * error).all()
    assert (
        (np.mean(measured, axis=0) - made.truth) / error > 8
    ).all()  # the seeds' bias, uncorrected


@pytest.mark.slow
@pytest.mark.parametrize("spread", [(0.05, 0.15), (0.12, 0.3), (0.3, 0.6)])
def test_intervals_cover_what_they_say_whether_examples_or_seeds_move_more(spread):
    level, tries, draws = 0.9, 240, 120
    within = {"widened": [], "seeds": [], "examples": []}
    ratio = []
    for k in range(tries):
        made = Simulated(1000 + k, spread)
        means, by_task, _ = made.study(range(made.N))
        both = {"by_task": by_task, "second_tasks": np.arange(made.N)}
        seeds = divergence_replicates(means, made.task, draws, k, **both)
        examples = divergence_replicates(means, made.task, draws, k)
        S = np.zeros(seeds.shape[1:])
        S[made.above] = -means.mean(axis=1)
        S = S + S.T
        wider = widened(S, seeds, examples, per_task=made.PER_TASK, level=level)
        ratio.append(seeds.var(axis=0).mean() / examples.var(axis=0).mean() - 1)
        for found, S in zip(within.values(), (wider, seeds, examples), strict=True):
            D = -S[:, made.above[0], made.above[1]]
            low, high = np.quantile(D, [(1 - level) / 2, (1 + level) / 2], axis=0)
            found.append((low <= made.expected) & (made.expected <= high))
    covered = {name: float(np.mean(found)) for name, found in within.items()}
    assert 0.85 <= covered["widened"] <= 0.95, (covered, np.mean(ratio))
    assert covered["examples"] < 0.8, (covered, np.mean(ratio))
    assert covered["seeds"] < covered["widened"], (covered, np.mean(ratio))


def test_what_intervals_cover_is_said_by_how_many_tasks_have_two_models(tmp_path):
    n = len(TASKS)
    for seconds, words in (
        ([], "if the test examples alone were drawn again"),
        ([0, 2], "the test examples and the training seeds of 2 of the 3 tasks were drawn again"),
        ([0, 1, 2], "if the test examples and the training seeds were drawn again"),
    ):
        arrays = synthetic_arrays()
        arrays |= two_models(n, seconds, arrays["gold"].shape[1])
        study = write_study(tmp_path / str(len(seconds)), **arrays)
        assert drawn_again(study).endswith(words)
        for measure in ("jsd", "gold", "pmi", "pmi-token"):
            drawn = replicates(study, measure, draws=64)
            assert np.isfinite(drawn).all()


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


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", ["rank one", "duplicated"])
def test_no_range_of_a_flat_energy_leaves_what_groups_allow(kind, seed):
    x = np.random.default_rng(seed).normal(size=(5, 1))
    S = x @ x.T if kind == "rank one" else similarity("duplicated", 5, seed).matrix
    group = Group("g", ("t0", "t1"), 0.1, 0.5)
    problem = pose(Similarity(names(5), S), groups=[group])
    for balance in (0.0, 0.5, 2.0):
        ranges = near_optimal(problem, solve(problem, balance), 0.3 * problem.centred.unit)
        assert (ranges >= -1e-9).all()
        assert (ranges[:, 1] <= np.array([0.5, 0.5, 0.9, 0.9, 0.9]) + 1e-9).all()


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
