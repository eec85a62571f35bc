"""Skills and what is read off a kernel: groups, reasons, intervals, bounds, planted skills."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskpgm_core import store
from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture import kernel, pose, solve
from taskpgm_core.mixture.alarms import alarms
from taskpgm_core.mixture.divergence_bounds import bracket
from taskpgm_core.mixture.explanation import explain
from taskpgm_core.mixture.task_distances import task_distances
from taskpgm_core.mixture.uncertainty import uncertainty
from taskpgm_core.plans.plan import load_plan
from taskpgm_core.records import Noise, Similarity
from tests.support.distances import jsd, noisy
from tests.support.matrices import names
from tests.support.planted_skills import SHAPES, planted

checked = settings(max_examples=60, deadline=None, derandomize=True)
seeds = st.integers(0, 10**6)
COPIES = (
    ("add-2-digit", "add-3-digit"),
    ("weekday-after", "weekday-before"),
    ("sort-animals", "sort-foods"),
    ("brackets-square", "brackets-curly"),
    ("sentiment-movies", "sentiment-restaurants"),
)


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
    known = store.noise(study).divergence
    assert seen.resolution == pytest.approx(2 * np.median(known))
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
    assert 19 < seen.skills < 40
    parents = {task.id: task.family for task in load_plan("bigbench").tasks}
    *_, mixed = sorted(({parents[task] for task in group} for group in seen.groups), key=len)
    assert mixed == {"anachronisms", "strategyqa"}
    assert sum(len({parents[task] for task in group}) == 1 for group in seen.groups) >= 6
    pair = (study.place(f"arithmetic-{k}-digit-addition") for k in (2, 3))
    assert seen.not_told_apart[tuple(pair)]
    assert 0 < seen.change < 3e-3
