"""The kernel, its skills and its resolution: axioms, limits, and the obvious slow versions."""

import math

import numpy as np
import pytest
import quadprog
from hypothesis import given, settings
from hypothesis import strategies as st

from taskpgm_core import store
from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture import kernel, pose, solve, trace
from taskpgm_core.mixture.alarms import alarms
from taskpgm_core.mixture.divergence_bounds import bracket
from taskpgm_core.mixture.explanation import explain
from taskpgm_core.mixture.psd_correction import NEARLY_CONSTANT, euclidean, semidefinite
from taskpgm_core.mixture.task_distances import task_distances
from taskpgm_core.mixture.uncertainty import uncertainty
from taskpgm_core.records import KERNEL, Noise, Similarity
from tests.support.matrices import jsd_like, names, pmi_like
from tests.support.planted_skills import SHAPES, planted

checked = settings(max_examples=60, deadline=None, derandomize=True)
seeds = st.integers(0, 10**6)
resolutions = st.floats(-3, 3).map(lambda x: 10.0**x)
COPIES = (
    ("add-2-digit", "add-3-digit"),
    ("weekday-after", "weekday-before"),
    ("sort-animals", "sort-foods"),
    ("brackets-square", "brackets-curly"),
    ("sentiment-movies", "sentiment-restaurants"),
)


def jsd(seed, n, words=12):
    S = jsd_like(np.random.default_rng(seed), n, words=words, contexts=3)
    return Similarity(names(n), S, "jsd")


def noisy(seed, n):
    """A squared distance and noise that, taken out, leaves none."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6))
    d = ((x[:, None] - x) ** 2).sum(-1)
    nu = rng.uniform(0, float(np.median(d)), n)
    return Similarity(names(n), -d), Noise(names(n), nu, measure="given")


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


# Resolution


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


# What one reads off it


@checked
@given(seeds, st.integers(2, 20), st.floats(0.05, 2))
def test_groups_are_joined_by_chains_of_near_tasks(seed, n, share):
    S, noise = noisy(seed, n)
    d = task_distances(S, noise).corrected
    seen = kernel(S, share * float(np.median(d.max(axis=1))), noise)
    reach = d <= seen.resolution
    for _ in range(n):
        reach = reach | (reach.astype(int) @ reach.astype(int) > 0)
    expected = {tuple(np.array(names(n))[row]) for row in reach}
    assert set(seen.groups) == {group for group in expected if len(group) > 1}
    first = [seen.tasks.index(group[0]) for group in seen.groups]
    assert first == sorted(first)


def test_whom_a_task_shares_its_skill_with():
    d = np.array([[0, 1, 2, 9], [1, 0, 2, 9], [2, 2, 0, 9], [9, 9, 9, 0.0]])
    seen = kernel(Similarity(("a", "b", "c", "d"), -d), 2.0)
    assert [other for other, _ in seen.sharing("a")] == ["b", "c"]
    assert dict(seen.sharing("a"))["b"] == pytest.approx(math.exp(-0.5))
    assert [other for other, _ in seen.sharing("c", 0.0)] == ["a", "b", "d"]
    with pytest.raises(MixtureError, match="no task 'e'"):
        seen.sharing("e")


def test_what_lies_within_the_noise_is_not_told_apart():
    d = np.array([[0, 0.1, 0.5], [0.1, 0, 0.5], [0.5, 0.5, 0]])
    noise = Noise(names(3), np.array([0.1, 0.14, 0.0]), measure="given")
    seen = kernel(Similarity(names(3), -d), 0.05, noise)
    assert seen.not_told_apart.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    assert not kernel(Similarity(names(3), -d), 0.05).not_told_apart.any()


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0, 2.0])
def test_explanations_are_in_terms_of_the_kernel_and_add_up(balance):
    seen = kernel(jsd(5, 12))
    problem = pose(seen.similarity)
    found = solve(problem, balance)
    told = explain(problem, found)
    assert told.offset == 1.0
    np.testing.assert_allclose(told.contributions, found.p * (seen.matrix @ found.p), atol=1e-12)
    for i, reason in enumerate(told.reasons):
        parts = reason.unary + reason.pairwise.sum() + sum(reason.constraints.values())
        assert parts == pytest.approx(reason.weight, abs=1e-9)
        assert reason.unary == pytest.approx(balance * (seen.matrix @ problem.anchor)[i])
        others = np.delete(-(seen.matrix[i] * found.p), i)
        np.testing.assert_allclose(np.delete(reason.pairwise, i), others, atol=1e-12)


def test_replicates_are_seen_at_the_same_resolution_and_noise():
    S, noise = noisy(2, 9)
    seen = kernel(S, "auto", noise)
    rng = np.random.default_rng(0)
    drawn = np.array([noisy(2, 9)[0].matrix * f for f in rng.uniform(0.9, 1.1, 4)])
    again = seen.replicates(drawn)
    for replicate, S_k in zip(again, drawn, strict=True):
        alone = kernel(Similarity(S.tasks, S_k), seen.resolution, noise)
        np.testing.assert_allclose(replicate, alone.similarity.matrix, atol=1e-15)
    np.testing.assert_array_equal(seen.replicates(S.matrix[None])[0], seen.similarity.matrix)
    sure = uncertainty(pose(seen.similarity), 0.0, seen.replicates(np.array([S.matrix] * 3)))
    assert sure.half_width_l1 <= 1e-9
    paper = kernel(S, math.inf, noise)
    np.testing.assert_array_equal(paper.replicates(drawn), drawn)


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0, 1.7])
def test_bounds_of_the_divergences_bound_the_kernel(balance):
    lower = jsd(4, 10)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(10, 4))
    wider = 1e-3 * ((x[:, None] - x) ** 2).sum(-1)
    upper = Similarity(lower.tasks, lower.matrix - wider, "jsd")
    low = kernel(lower, 0.2)
    end = low.upper_end(upper)
    assert end.resolution == low.resolution
    assert (end.matrix <= low.matrix + 1e-15).all()
    found = bracket(pose(low.similarity), end.similarity, balance)
    for share in (0.0, 0.3, 1.0):
        true = Similarity(lower.tasks, lower.matrix - share * wider, "jsd")
        p = solve(pose(low.of(true).similarity), balance).p
        assert (p >= found.ranges[:, 0] - 1e-9).all()
        assert (p <= found.ranges[:, 1] + 1e-9).all()
    paper = kernel(lower, math.inf)
    assert paper.upper_end(upper).similarity is upper


def test_a_corrected_kernel_bounds_nothing():
    S, noise = noisy(0, 10)
    seen = kernel(S, float(np.median(S.divergence)), noise)
    assert seen.change > 0
    with pytest.raises(MixtureError, match="bound nothing"):
        seen.upper_end(S)
    with pytest.raises(MixtureError, match="same tasks"):
        seen.of(jsd(0, 3))


def test_the_alarm_of_noise_reads_the_measure_not_the_kernel():
    S = jsd(3, 8)
    spread = float(np.ptp(S.matrix[np.triu_indices(8, 1)]))
    problem = pose(kernel(S, 0.3).similarity)
    found = solve(problem, 0.5)
    raised = {a.name: a for a in alarms(problem, found, noise_floor=spread, measured=S)}
    assert raised["within-noise"].number == pytest.approx(1.0)
    quiet = alarms(problem, found, noise_floor=spread / 10, measured=S)
    assert "within-noise" not in {a.name for a in quiet}


# Planted skills and the committed studies


@pytest.mark.parametrize("dimensions", [20, 400])
@pytest.mark.parametrize("noise", [0.03, 0.1])
@pytest.mark.parametrize("shape", SHAPES)
def test_planted_skills_are_found(shape, noise, dimensions):
    apart = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        true = planted(rng, SHAPES[shape](rng), noise, dimensions=dimensions)
        seen = kernel(true.similarity, "auto", true.noise)
        assert seen.skills == pytest.approx(true.count, rel=0.1), seed
        assert seen.most_diverse.gap_relative <= 1e-9
        apart.append(true.unevenness(seen.most_diverse.p))
    assert np.mean(apart) < (0.15 if shape == "30, 1, 1, 1" else 0.06)


def test_the_starters_near_copies_count_once():
    study = store.open_study("starter")
    seen = kernel(store.similarity(study), "auto", store.noise(study))
    assert seen.source == "noise"
    assert seen.resolution == pytest.approx(0.026, abs=5e-4)
    assert 19.5 <= seen.skills <= 22.5
    assert seen.change == 0.0
    assert seen.groups == COPIES
    share = dict(zip(study.names, seen.most_diverse.p, strict=True))
    copies = {task for pair in COPIES for task in pair}
    assert sum(share[task] for task in copies) < 0.30
    assert min(share[task] for task in study.names if task not in copies) > 0.5 / 21
    for one, other in COPIES:
        assert seen.sharing(one)[0][0] == other
    assert not seen.not_told_apart.any()
    assert kernel(store.similarity(study, "pmi")).source == "paper"


def test_the_other_studys_resolution_is_bound_by_its_distances():
    study = store.open_study("bigbench")
    seen = kernel(store.similarity(study), "auto", store.noise(study))
    assert seen.source == "distances"
    assert seen.resolution == pytest.approx(0.023, abs=5e-4)
    assert seen.groups == (("anachronisms", "strategyqa"),)
    pair = study.place("anachronisms"), study.place("strategyqa")
    assert seen.not_told_apart[pair]
    assert 0 < seen.change < 1e-3
