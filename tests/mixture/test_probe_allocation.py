"""Further probe examples go where the mixture's error is, and the estimand stays what it was."""

from itertools import product

import numpy as np
import pytest

from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture import pose, solve
from taskpgm_core.mixture.probe_allocation import PRIOR, influences, spend
from taskpgm_core.mixture.sensitivity import sensitivity
from taskpgm_core.records import Similarity


def square(values, n):
    D = np.zeros((n, n))
    D[np.triu_indices(n, 1)] = values
    return D + D.T


def mixture(values, n, balance):
    problem = pose(Similarity(tuple(f"t{i}" for i in range(n)), -square(values, n), "jsd"))
    return problem, solve(problem, balance)


def measured(n=6, per_task=5, seed=0):
    """(pairs, E) squared distances of points that differ by example: convex, as divergences."""
    rng = np.random.default_rng(seed)
    centre = rng.normal(size=(n, 8))
    points = centre + 0.3 * rng.normal(size=(n * per_task, n, 8))
    apart = ((points[:, :, None] - points[:, None]) ** 2).sum(-1)
    first, second = np.triu_indices(n, 1)
    return apart[:, first, second].T, np.repeat(np.arange(n), per_task)


@pytest.mark.parametrize("balance", [0.3, 0.7])
def test_an_examples_influence_is_the_mixtures_derivative(balance):
    divergence, task = measured()
    n, examples = 6, len(task)
    problem, found = mixture(divergence.mean(axis=1), n, balance)
    moves = influences(sensitivity(problem, found), divergence)
    assert moves.shape == (examples, n)
    step = 1e-6
    for e in range(0, examples, 4):
        more = mixture(divergence.mean(axis=1) + step * divergence[:, e], n, balance)[1]
        less = mixture(divergence.mean(axis=1) - step * divergence[:, e], n, balance)[1]
        assert moves[e] == pytest.approx((more.p - less.p) / (2 * step), abs=1e-6)


def test_an_influence_is_every_pairs_derivative_added_up():
    divergence, _ = measured(seed=3)
    problem, found = mixture(divergence.mean(axis=1), 6, 0.5)
    known = sensitivity(problem, found)
    wanted = np.zeros((divergence.shape[1], 6))
    for row, (i, j) in enumerate(zip(*np.triu_indices(6, 1), strict=True)):
        wanted -= divergence[row][:, None] * known.by_similarity(i, j)
    assert influences(known, divergence) == pytest.approx(wanted, abs=1e-12)


def objective(influence, task, counts):
    """The linearised sum of standard errors, in plain loops; up to a constant."""
    n = influence.shape[1]
    m = np.bincount(task, minlength=n)
    own = [influence[task == t] for t in range(n)]
    freedom = sum(len(x) - 1 for x in own)
    pooled = sum(((x - x.mean(axis=0)) ** 2).sum(axis=0) for x in own) / freedom
    spread = [
        (((x - x.mean(axis=0)) ** 2).sum(axis=0) + PRIOR * pooled) / (len(x) - 1 + PRIOR)
        for x in own
    ]
    now = np.sqrt(sum(spread[t] / m[t] for t in range(n))) / n
    return sum((spread[t] / (2 * now)).sum() / (m[t] + counts[t]) for t in range(n))


@pytest.mark.parametrize("seed", range(5))
def test_no_other_way_to_share_them_does_better(seed):
    rng = np.random.default_rng(seed)
    n = 4
    task = np.repeat(np.arange(n), [2, 3, 5, 2])
    influence = rng.normal(size=(len(task), n)) * rng.uniform(0.1, 3, n)[task, None]
    found = spend(influence, task, 6)
    assert found.counts.sum() == 6
    ways = (c for c in product(range(7), repeat=n) if sum(c) == 6)
    best = min(objective(influence, task, c) for c in ways)
    assert objective(influence, task, found.counts) == pytest.approx(best, rel=1e-12)
    assert found.after < found.now


@pytest.mark.parametrize("seed", range(5))
def test_what_is_left_bounds_the_best_way_to_share_them(seed):
    rng = np.random.default_rng(seed)
    n, left = 4, np.array([1, 0, 9, 2])
    task = np.repeat(np.arange(n), [2, 3, 5, 2])
    influence = rng.normal(size=(len(task), n)) * rng.uniform(0.1, 3, n)[task, None]
    found = spend(influence, task, 6, left=left)
    ways = (c for c in product(*(range(k + 1) for k in left)) if sum(c) == 6)
    best = min(objective(influence, task, c) for c in ways)
    assert (found.counts <= left).all()
    assert objective(influence, task, found.counts) == pytest.approx(best, rel=1e-12)
    assert spend(influence, task, 12, left=left).counts.tolist() == left.tolist()


def test_a_noisy_task_gets_more_and_a_silent_mixture_gets_any():
    task = np.repeat([0, 1, 2], 8)
    influence = np.random.default_rng(0).normal(size=(24, 3))
    influence[task == 2] *= 10
    counts = spend(influence, task, 30).counts
    assert counts[2] > counts[0] + counts[1]
    still = spend(np.zeros((24, 3)), task, 5)
    assert still.counts.sum() == 5
    assert still.now == still.after == 0.0


def test_what_makes_no_sense_is_refused():
    with pytest.raises(MixtureError, match="-1 further"):
        spend(np.zeros((2, 2)), np.array([0, 1]), -1)
    with pytest.raises(MixtureError, match="Only 2 probe examples are left, not 3"):
        spend(np.zeros((2, 2)), np.array([0, 1]), 3, left=np.array([2, 0]))
    with pytest.raises(MixtureError, match="needs a probe example"):
        spend(np.zeros((2, 2)), np.array([0, 0]), 1)
