"""Sentences about groups, skills and noise: each against numbers that are known by construction."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskpgm_core.analysis.matrix_order import keep_together
from taskpgm_core.analysis.trade_off import standing
from taskpgm_core.figures.numbers import with_sign
from taskpgm_core.findings import skills
from taskpgm_core.findings.mixture import energy_unit, mixture_finding, zero_finding
from taskpgm_core.findings.similarity import block_finding, kernel_facts, pair_finding, told_apart
from taskpgm_core.findings.tradeoff import frontier_finding
from taskpgm_core.findings.why import (
    kept_finding,
    sharing_finding,
    twins_finding,
    zero_meaning,
    zero_reason,
)
from taskpgm_core.mixture import kernel, pose
from taskpgm_core.records import Noise, Similarity

NAMES = ("a", "b", "c", "d", "e")
X = np.array([0.0, 0.1, 1.0, 1.25, 3.0])
"""Distances are squared differences: a and b are .01 apart, c and d .0625, all others over .5."""
JSD = Similarity(NAMES, -((X[:, None] - X) ** 2) / 15, "jsd")
NOISE = Noise(NAMES, np.full(5, 0.002))


@pytest.fixture
def seen():
    return kernel(JSD, 0.01, NOISE)


def test_who_shares_a_skill_is_said_by_k_alone(seen):
    assert seen.groups == (("a", "b"), ("c", "d"))
    assert sharing_finding(seen, "a") == "a shares its skill with b"
    assert sharing_finding(seen, "e") == ""
    assert sharing_finding(kernel(JSD, math.inf, NOISE), "a") == ""
    assert (
        sharing_finding(kernel(JSD, 1e6, NOISE), "a")
        == "a shares its skill with b, c, d and 1 more"
    )


def test_what_is_kept_is_quoted_both_ways_or_not_at_all(seen):
    kept = np.full((5, 5), np.nan)
    said = "K is 1.00 between a and b, which are not told apart by this measurement"
    assert kept_finding(seen, None, "a") == kept_finding(seen, kept, "a") == f"{said}."
    kept[0, 1], kept[1, 0] = 0.91, 0.95
    assert kept_finding(seen, kept, "a") == (
        f"{said}; their models keep 91% and 95% of each other's gain."
    )
    kept[1, 0] = -0.2
    assert kept_finding(seen, kept, "a") == (
        f"{said}; a's model keeps 91% of b's gain; b's model is worse on a than the base model."
    )
    kept[0, 1] = np.nan
    assert kept_finding(seen, kept, "b").endswith("b's model is worse on a than the base model.")
    assert kept_finding(seen, kept, "c") == (f"K is {seen.matrix[2, 3]:.2f} between c and d.")
    assert kept_finding(seen, kept, "e") == ""


def test_within_the_noise_is_not_told_apart_and_never_the_same(seen):
    assert not told_apart(seen, 0, 1)
    assert told_apart(seen, 2, 3)
    said = pair_finding(NAMES, (0, 1), 0.0007, 0.002, JSD.reading, told_apart=False)
    assert said == "a and b are not told apart by this measurement (0.001 nats)"
    assert twins_finding("a", "b", 0.9, told_apart=False) == (
        "b and a are not told apart by this measurement"
    )
    assert kernel_facts(seen, 0, 1)["distance less noise"] == "not told apart"
    facts = kernel_facts(seen, 2, 3)
    assert facts["distance less noise"] == f"{0.0625 / 15 - 0.002:.3f} nats"
    assert facts["kernel K"] == f"{math.exp(-(0.0625 / 15 - 0.002) / 0.01):.3f}"
    assert kernel_facts(kernel(JSD, math.inf, NOISE), 0, 1) == {}


def test_a_measure_that_is_no_distance_says_nothing_of_noise():
    S = -np.abs(np.subtract.outer(np.arange(4.0), np.arange(4.0)))
    S[0, 1] = S[1, 0] = 0.5  # their distance would be negative
    fallen = kernel(Similarity(tuple("abcd"), S))
    assert fallen.not_told_apart[0, 1]
    assert told_apart(fallen, 0, 1)


@pytest.mark.parametrize("sigma", ["auto", 1e6, math.inf])
def test_a_zero_is_never_said_to_be_covered_where_k_does_not_say_so(sigma):
    at = kernel(JSD, sigma, NOISE)
    for task in NAMES:
        said = zero_meaning(at, task, anchored=True)
        assert ("shares its skill with other tasks" in said) == bool(at.sharing(task))
        assert ("not asked at resolution inf" in said) == (not at.finite)
        assert "already" not in said
    assert "S = −D" in zero_meaning(kernel(JSD, math.inf), "a", anchored=True)
    assert "S = −D" not in zero_meaning(kernel(JSD, math.inf), "a", anchored=False)
    assert "already" not in zero_finding(np.array([1.0, 0.0]))


def test_beside_a_dial_a_guess_is_short():
    whole = skills.resolution_text(0.05, "guess", "given")
    assert "no noise of this measure is known" in whole
    beside = skills.resolution_text(0.05, "guess", "given", scaled=True)
    assert beside == "0.05 (a guess, an eighth of the usual farthest distance)"


def test_a_price_has_the_unit_of_what_is_solved(seen):
    assert energy_unit(pose(seen.similarity)) == ""
    assert energy_unit(pose(JSD)) == "nats"
    assert energy_unit(pose(Similarity(NAMES, JSD.matrix, "gold"))) == "units of S"
    assert zero_reason("a", 0.5, None, 0.0, "").endswith("rise by 0.5 for it to enter.")
    assert "0.5 nats" in zero_reason("a", 0.5, None, 0.0, "nats")


def test_the_frontier_is_of_what_is_solved(seen):
    p = np.array([0.3, 0.2, 0.2, 0.1, 0.2])
    w = np.full(5, 0.2)
    K, problem = seen.matrix, pose(seen.similarity)
    np.testing.assert_allclose(standing(problem, p), [[p @ K @ w, p @ K @ p]], atol=1e-12)
    v = np.array([1.0, 0, 0, 0, 0.5])
    useful = pose(seen.similarity, utility=v)
    np.testing.assert_allclose(standing(useful, p), [[p @ v, p @ K @ p]], atol=1e-12)
    S = JSD.matrix
    np.testing.assert_allclose(standing(pose(JSD), p), [[p @ S @ w, p @ S @ p]], atol=1e-12)
    said = frontier_finding(useful, p, {"uniform": w}, ("", ""), "useful")
    assert f"{(p - w) @ v:.3f} more useful" in said
    said = frontier_finding(pose(JSD), p, {"uniform": w}, ("nats", "nats"))
    assert " nats less diverse" in said or " nats more diverse" in said


def test_a_card_says_what_uniform_spends_on_groups(seen):
    assert skills.groups_finding(seen) == (
        "2 groups of 2 tasks get 80% of a uniform budget; counted once they would get 67%."
    )
    assert skills.groups_finding(kernel(JSD, 1e6, NOISE)) == "All 5 tasks form one group."
    even = "the mixture at balance 0, as even over skills as can be"
    assert skills.headline_words(seen, 0.0) == even
    assert "S as measured" in skills.headline_words(kernel(JSD, math.inf), 0.5)


def test_one_pair_and_one_task_are_no_crowd():
    two = Similarity(("a", "b"), np.array([[0.0, -0.1], [-0.1, 0.0]]), "jsd")
    assert block_finding(two) == "a and b are the only pair, 0.100 nats"
    assert mixture_finding(["a"], np.ones(1)) == "Everything goes to one task, a"


def test_a_group_stands_together_where_its_first_member_stood():
    order = (3, 0, 4, 1, 2)
    assert keep_together(order, [(1, 3)]) == (3, 1, 0, 4, 2)
    assert keep_together(order, [(0, 2), (1, 4)]) == (3, 0, 2, 4, 1)
    assert keep_together(order, []) == order
    assert sorted(keep_together(order, [(0, 1, 2, 3, 4)])) == [0, 1, 2, 3, 4]


def test_where_every_task_is_in_a_group_nothing_is_said_to_get_less():
    d = np.kron(1 - np.eye(3), np.full((2, 2), 1.0))
    seen = kernel(Similarity(tuple("abcdef"), -d, "jsd"), 0.1)
    assert skills.groups_finding(seen) == (
        "All 6 tasks lie in 3 groups of 2; counted once each would get 33%."
    )


@given(st.integers(0, 10_000), st.integers(2, 12), st.floats(-3, 3))
@settings(max_examples=60, deadline=None)
def test_the_numbers_of_groups_and_skills_are_those_of_the_kernel(seed, n, scale):
    points = np.random.default_rng(seed).integers(0, 4, size=(n, 3)).astype(float)
    d = ((points[:, None] - points) ** 2).sum(-1)
    seen = kernel(Similarity(tuple(map(str, range(n))), -d, "jsd"), 10.0**scale)
    said = skills.groups_finding(seen)
    members = sum(map(len, seen.groups))
    assert bool(said) == bool(seen.groups)
    assert 1 <= seen.skills <= n + 1e-9
    assert f"{n} tasks, {seen.skills:.1f} distinct" in skills.skills_finding(seen)
    shares = [float(x) / 100 for x in re.findall(r"([\d.]+)%", said)]
    if shares:
        counted_once = len(seen.groups) / (n - members + len(seen.groups))
        expected = [counted_once] if members == n else [members / n, counted_once]
        if members == n:
            expected = [1 / len(seen.groups)]
        np.testing.assert_allclose(shares, expected, atol=0.00501)
    p = np.full(n, 1 / n)
    covered = float(re.findall(r"over ([\d.]+) of", skills.covered_finding(seen, p))[0])
    assert covered <= seen.skills + 0.051
    assert covered == pytest.approx(1 / (p @ seen.matrix @ p), abs=0.051)


def test_where_all_tasks_are_alike_no_resolution_is_a_guess():
    seen = kernel(Similarity(("a", "b", "c"), np.ones((3, 3)), "given"))
    assert "any other says the same" in skills.skills_finding(seen)


def test_a_part_that_is_nothing_has_no_sign():
    assert [with_sign(x) for x in (-0.0, 0.0, -1e-9, -0.25)] == [
        "0.000",
        "0.000",
        "0.000",
        "−0.250",
    ]
