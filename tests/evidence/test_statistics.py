"""Intervals and p-values of paired differences: slow versions, worked examples, simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from taskpgm_core.evidence.paired_test import holm
from taskpgm_core.evidence.statistics import DRAWS, _bootstrap, _interval, compare
from tests.support.protocols import made_up


def resampled_mean(paired, chosen_seeds, chosen_tasks):
    """The mean of one resample: every chosen seed on every chosen task, one after another."""
    total = 0.0
    for s in chosen_seeds:
        for t in chosen_tasks:
            total += paired[s][t]
    return total / (len(chosen_seeds) * len(chosen_tasks))


def percentile(values, q):
    """Linear between the two order statistics around place q (count - 1)."""
    ordered = sorted(values)
    place = q * (len(ordered) - 1)
    k = min(int(place), len(ordered) - 2)
    return ordered[k] + (place - k) * (ordered[k + 1] - ordered[k])


def two_sided(means):
    """Twice the smaller tail that reaches zero, the observed sample counted in."""
    below = sum(m <= 0 for m in means)
    above = sum(m >= 0 for m in means)
    return min(1.0, 2 * (min(below, above) + 1) / (len(means) + 1))


def differences(seeds, tasks, mean, *, by_seed, by_task, noise, seed):
    """(seeds, tasks) true mean ``mean``, with effects of seeds, of tasks and of neither."""
    rng = np.random.default_rng(seed)
    return (
        mean
        + by_seed * rng.normal(size=(seeds, 1))
        + by_task * rng.normal(size=(1, tasks))
        + noise * rng.normal(size=(seeds, tasks))
    )


SHAPES = [(2, 5), (5, 8), (1, 4), (4, 1)]


@pytest.mark.parametrize(("seeds", "tasks"), SHAPES)
def test_the_bootstrap_is_the_slow_one_on_the_same_draws(seeds, tasks):
    paired = differences(seeds, tasks, 0.02, by_seed=0.05, by_task=0.1, noise=0.1, seed=3)
    rng = np.random.default_rng(11)
    rows = rng.integers(0, seeds, (DRAWS, seeds, 1))
    columns = rng.integers(0, tasks, (DRAWS, 1, tasks))
    slow = [resampled_mean(paired, r[:, 0], c[0, :]) for r, c in zip(rows, columns, strict=True)]
    low, high, p = _bootstrap(paired, 0.9, 11)
    assert low == pytest.approx(percentile(slow, 0.05))
    assert high == pytest.approx(percentile(slow, 0.95))
    assert p == pytest.approx(two_sided(slow))


@pytest.mark.parametrize(("seeds", "tasks"), [(3, 6), (5, 12)])
def test_the_bootstrap_agrees_with_draws_of_ones_own(seeds, tasks):
    import random

    paired = differences(seeds, tasks, 0.1, by_seed=0.1, by_task=0.15, noise=0.1, seed=5)
    own = random.Random(1)
    slow = [
        resampled_mean(
            paired,
            [own.randrange(seeds) for _ in range(seeds)],
            [own.randrange(tasks) for _ in range(tasks)],
        )
        for _ in range(DRAWS)
    ]
    low, high, p = _bootstrap(paired, 0.95, 0)
    # Of 4000 draws a 2.5% quantile has a standard error of 0.042 spreads; both sides have one.
    close = 4 * 2**0.5 * 0.042 * float(np.std(slow))
    assert low == pytest.approx(percentile(slow, 0.025), abs=close)
    assert high == pytest.approx(percentile(slow, 0.975), abs=close)
    error = 2 * (p / 2 * (1 - p / 2) / DRAWS) ** 0.5
    assert p == pytest.approx(two_sided(slow), abs=4 * 2**0.5 * error)


def test_the_spread_of_resamples_is_the_one_that_algebra_gives():
    paired = differences(4, 7, 0.0, by_seed=0.2, by_task=0.3, noise=0.2, seed=8)
    seeds, tasks = paired.shape
    centred = paired - paired.mean()
    # With u, v the counts of a resample: E u u' = (I + (1 - 1/S) 11') for S seeds, tasks alike.
    spread = 0.0
    for s in range(seeds):
        for z in range(seeds):
            for t in range(tasks):
                for w in range(tasks):
                    both = ((s == z) + 1 - 1 / seeds) * ((t == w) + 1 - 1 / tasks)
                    spread += both * centred[s, t] * centred[z, w]
    spread = (spread / (seeds * tasks) ** 2) ** 0.5
    low, high, _ = _bootstrap(paired, 0.6827, 0)
    assert (high - low) / 2 == pytest.approx(spread, rel=0.06)


@pytest.mark.parametrize("mean", [-0.2, -0.05, 0.0, 0.05, 0.2])
def test_an_interval_leaves_zero_out_where_p_says_so(mean):
    paired = differences(5, 9, mean, by_seed=0.03, by_task=0.05, noise=0.1, seed=2)
    _, _, p = _bootstrap(paired, 0.95, 0)
    for level in (1 - p - 0.01, 1 - p + 0.01):
        if 0 < level < 1:
            low, high, _ = _bootstrap(paired, level, 0)
            assert (low <= 0 <= high) == (level > 1 - p)
    mirrored = _bootstrap(-paired, 0.95, 0)
    assert mirrored == pytest.approx((-_bootstrap(paired, 0.95, 0)[1], *mirrored[1:2], p))


def test_holm_on_a_worked_example():
    # sorted .005 .01 .03 .04 .6; times 5 4 3 2 1: .025 .04 .09 .08 .6; never falling again
    assert holm([0.04, 0.005, 0.03, 0.01, 0.6]) == pytest.approx([0.09, 0.025, 0.09, 0.04, 0.6])
    assert holm([]) == []
    assert holm([0.7]) == [0.7]
    assert holm([0.6, 0.8]) == [1.0, 1.0]


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 100), min_size=1, max_size=8),
    st.sampled_from([0.0101, 0.0501, 0.2001]),
)
def test_holm_rejects_what_the_step_down_procedure_rejects(percents, level):
    values = [(f"a{k}", p / 100) for k, p in enumerate(percents)]
    rejected, left = set(), sorted(values, key=lambda v: v[1])
    while left and left[0][1] <= level / len(left):
        rejected.add(left.pop(0)[0])
    adjusted = holm([p for _, p in values])
    found = {name for (name, _), p in zip(values, adjusted, strict=True) if p <= level}
    assert found == rejected


def test_every_arm_counts_in_the_correction_and_the_reference_does_not():
    runs = made_up({f"a{k}": 0.01 * k for k in range(4)}, seed=4)
    found = {c.arm: c for c in compare(runs, [f"t{k}" for k in range(8)])}
    named = [(c.arm, c.p) for c in found.values() if c.arm != "uniform"]
    assert found["uniform"].p is found["uniform"].p_holm is None
    for (arm, _), p in zip(named, holm([p for _, p in named]), strict=True):
        assert found[arm].p_holm == p


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_an_interval_is_the_wider_of_the_bootstrap_and_students(seeds):
    for k, by_seed in enumerate((0.0, 0.03, 0.3)):
        paired = differences(seeds, 9, 0.1, by_seed=by_seed, by_task=0.1, noise=0.1, seed=k)
        low, high, p = _interval(paired, 0.9, 0)
        means = paired.mean(axis=1)
        student = ttest_1samp(means, 0)
        from_seeds = student.confidence_interval(0.9)
        resampled = _bootstrap(paired, 0.9, 0)
        assert low == pytest.approx(min(from_seeds.low, resampled[0]))
        assert high == pytest.approx(max(from_seeds.high, resampled[1]))
        assert p == pytest.approx(max(student.pvalue, resampled[2]))
    alike = np.tile(differences(1, 9, 0.1, by_seed=0, by_task=0.1, noise=0.1, seed=1), (seeds, 1))
    assert _interval(alike, 0.9, 0) == _bootstrap(alike, 0.9, 0)


def test_one_seed_is_sure_of_nothing():
    runs = made_up({"x": 0.5}, seed=4)
    found = {c.arm: c for c in compare(runs[runs["seed"] == 0], [f"t{k}" for k in range(8)])}
    assert found["x"].difference
    assert found["x"].low is found["x"].high is found["x"].p is found["x"].p_holm is None


@pytest.mark.parametrize(
    ("seeds", "by_seed", "by_task"),
    [(5, 0.03, 0.2), (2, 0.03, 0.2), (5, 0.1, 0.1), (2, 0.1, 0.1), (3, 0.3, 0.05)],
)
def test_intervals_cover_the_truth_as_often_as_they_say(seeds, by_seed, by_task):
    covered = false_alarms = 0
    for k in range(300):
        paired = differences(seeds, 26, 0, by_seed=by_seed, by_task=by_task, noise=0.15, seed=k)
        low, high, p = _interval(paired, 0.95, k)
        covered += low <= 0 <= high
        false_alarms += p < 0.05
    assert covered / 300 >= 0.92  # 95% less 2.4 standard errors of 300 simulations
    assert false_alarms == pytest.approx(300 - covered, abs=6)  # p and interval say the same
