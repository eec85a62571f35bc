"""Divergences between bounds: they hold, stay convex, shrink, and bracket the true mixture."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from taskpgm_core.errors import MeasurementError, MixtureError
from taskpgm_core.measure.jsd import LN2, all_pairs
from taskpgm_core.measure.jsd_bounds import Coarse, between, bounds, coarse, kept_tokens
from taskpgm_core.measure.lm_head import Head
from taskpgm_core.mixture import pose, solve
from taskpgm_core.mixture.divergence_bounds import bracket
from taskpgm_core.records import Similarity

ROUNDING = 1e-12
NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")


def every_pair(n):
    return list(zip(*(x.tolist() for x in np.triu_indices(n, 1)), strict=True))


def setting(n, positions, vocabulary, seed, spread=1.0, scale=1.0):
    rng = torch.Generator().manual_seed(seed)
    head = Head(scale * torch.randn(vocabulary, 8, generator=rng))
    common = torch.randn(positions, 8, generator=rng)
    hidden = [common + spread * torch.randn(positions, 8, generator=rng) for _ in range(n)]
    return [h.numpy() for h in hidden], head


def ends(hidden, head, k, **options):
    """Bounds of all pairs but the last model, which is the base that says what is kept."""
    kept = kept_tokens(hidden[-1], head, k, **options)
    models = [coarse(h, head, kept, **options) for h in hidden[:-1]]
    return bounds(models, every_pair(len(models)))


def square(values, n):
    D = np.zeros((n, n))
    D[np.triu_indices(n, 1)] = values
    return D + D.T


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(1, 59), st.floats(-2, 0.7), st.floats(-1, 1))
def test_the_bounds_hold(seed, k, spread, scale):
    """40 settings of 28 pairs at 6 positions: 6,720 cases."""
    n = 8
    hidden, head = setting(n + 1, 6, 60, seed, 10**spread, 10**scale)
    lower, upper = ends(hidden, head, k)
    exact = all_pairs(hidden[:-1], [head] * n, every_pair(n))
    assert (lower <= exact + ROUNDING).all()
    assert (exact <= upper + ROUNDING).all()
    assert upper.max() <= LN2 + ROUNDING


@pytest.mark.parametrize("seed", range(6))
def test_the_width_is_the_rest_that_is_left_and_shrinks_with_k(seed):
    n = 5
    hidden, head = setting(n + 1, 9, 80, seed)
    before = None
    for k in (1, 4, 16, 64, 79):
        kept = kept_tokens(hidden[-1], head, k)
        models = [coarse(h, head, kept) for h in hidden[:-1]]
        lower, upper = bounds(models, every_pair(n))
        R = torch.stack([m.rest for m in models]).exp().numpy()
        for row, (i, j) in enumerate(every_pair(n)):
            share = R[i] / (R[i] + R[j])
            h = -share * np.log(share) - (1 - share) * np.log(1 - share)
            assert upper[row] - lower[row] == pytest.approx((R[i] + R[j]) / 2 * h, abs=1e-13)
        if before is not None:
            assert (upper - lower <= before + ROUNDING).all()
        before = upper - lower
    exact = all_pairs(hidden[:-1], [head] * n, every_pair(n))
    assert lower == pytest.approx(exact, abs=ROUNDING)  # one token is left: it is its own bucket


def plainly(hidden, head, k, pairs):
    """Both bounds by their definition, in numpy, from whole float64 distributions."""
    logits = [head(torch.from_numpy(h)).numpy().astype(np.float64) for h in hidden]
    kept = np.argsort(-logits[-1], axis=1, kind="stable")[:, :k]
    p = []
    for z in logits[:-1]:
        q = np.exp(z - z.max(axis=1, keepdims=True))
        q /= q.sum(axis=1, keepdims=True)
        own = np.take_along_axis(q, kept, axis=1)
        np.put_along_axis(q, kept, 0.0, axis=1)
        p.append((own, q.sum(axis=1)))

    def terms(a, b):
        m = a + b
        return (a * np.log(2 * a / m) + b * np.log(2 * b / m)) / 2

    shared = np.array([terms(p[i][0], p[j][0]).sum(axis=1) for i, j in pairs])
    lower = shared + [terms(p[i][1], p[j][1]) for i, j in pairs]
    return lower, shared + [LN2 * (p[i][1] + p[j][1]) / 2 for i, j in pairs]


DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.cuda, NO_GPU])]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("tile", [1 << 22, 50])
@pytest.mark.parametrize("k", [1, 7, 59])
def test_they_are_what_numpy_says_by_definition(k, tile, device):
    """Any order of pairs, in blocks of one position as in one of all; no logit is rounded."""
    hidden, head = setting(7, 23, 60, 3)
    hidden, head = [np.round(h * 64) / 64 for h in hidden], Head((head.weight * 64).round() / 64)
    pairs = [(4, 0), *every_pair(6), (2, 1)]
    there = Head(head.weight.to(device))
    found = between(hidden, [there] * 7, pairs, keeper=6, k=k, device=device, tile=tile)
    for ours, theirs in zip(found, plainly(hidden, head, k, pairs), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-14)


def test_their_arithmetic_is_numpys_within_rounding():
    """The arithmetic after the float32 logits, alone: within rounding of numpy's."""
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.full(41, 0.3), size=(5, 300)) + 1e-300
    tokens = torch.arange(40).repeat(300, 1)
    models = [Coarse(tokens, torch.tensor(z[:, :-1]), torch.tensor(z[:, -1])) for z in np.log(p)]
    lower, upper = bounds(models, every_pair(5))
    for row, (i, j) in enumerate(every_pair(5)):
        m = p[i] + p[j]
        terms = (p[i] * np.log(2 * p[i] / m) + p[j] * np.log(2 * p[j] / m)) / 2
        rest = LN2 * (p[i] + p[j])[:, -1] / 2
        np.testing.assert_allclose(lower[row], terms.sum(axis=1), rtol=0, atol=1e-14)
        np.testing.assert_allclose(upper[row], terms[:, :-1].sum(axis=1) + rest, rtol=0, atol=1e-14)


def test_models_that_keep_different_tokens_are_refused():
    hidden, head = setting(3, 6, 60, 0)
    own = [coarse(h, head, kept_tokens(h, head, 5)) for h in hidden]
    with pytest.raises(MeasurementError, match="common to all models"):
        bounds(own, every_pair(3))


@pytest.mark.parametrize("seed", range(20))
def test_both_ends_are_convex_on_the_simplex(seed):
    n = 12
    hidden, head = setting(n + 1, 7, 50, seed)
    weights = np.random.default_rng(seed).dirichlet(np.ones(7))
    P = np.eye(n) - 1 / n
    for end in ends(hidden, head, 1 + seed):
        D = square(end @ weights, n)
        assert np.linalg.eigvalsh(-P @ D @ P)[0] > -1e-12


def test_the_rest_keeps_its_digits_where_nearly_all_is_kept():
    logits = torch.zeros(1, 40)
    logits[0, 3] = 60.0
    found = coarse(np.ones((1, 1), dtype=np.float32), Head(logits.T), torch.tensor([[3]]))
    assert float(found.rest[0]) == pytest.approx(np.log(39) - 60.0, abs=1e-12)


def test_masked_tokens_are_no_nan():
    logits = torch.zeros(3, 30)
    logits[0, 10:] = -torch.inf
    logits[1, :10] = -torch.inf
    heads = [Head(row[:, None]) for row in logits]
    one = np.ones((1, 1), dtype=np.float32)
    kept = kept_tokens(one, heads[0], 10)
    models = [coarse(one, head, kept) for head in heads]
    lower, upper = bounds(models, every_pair(3))
    exact = all_pairs([one] * 3, heads, every_pair(3))
    assert np.isfinite([lower, upper]).all()
    assert (lower <= exact + ROUNDING).all()
    assert (exact <= upper + ROUNDING).all()
    assert lower[0, 0] == pytest.approx(LN2)


def test_blocks_change_nothing():
    hidden, head = setting(4, 23, 70, 0)
    for whole, parts in zip(ends(hidden, head, 6), ends(hidden, head, 6, entries=200), strict=True):
        assert whole == pytest.approx(parts, abs=1e-6)  # float32 products differ by block


@pytest.mark.parametrize("k", [0, -1, 71])
def test_a_kept_set_lies_within_the_vocabulary(k):
    hidden, head = setting(1, 2, 70, 0)
    with pytest.raises(MeasurementError, match="between 1 and 70"):
        kept_tokens(hidden[0], head, k)


# The mixture between the ends


def named(D):
    return Similarity(tuple(f"t{i}" for i in range(len(D))), -D, "jsd")


@pytest.mark.parametrize("k", [1, 10, 40])
@pytest.mark.parametrize("balance", [0.0, 0.4, 0.9, 1.5])
def test_the_true_mixture_lies_in_the_ranges(k, balance):
    n = 7
    for seed in range(4):
        hidden, head = setting(n + 1, 12, 60, seed, spread=0.7)
        lower, upper = (named(square(e.mean(axis=1), n)) for e in ends(hidden, head, k))
        exact = all_pairs(hidden[:-1], [head] * n, every_pair(n)).mean(axis=1)
        true = named(square(exact, n))
        truth = solve(pose(true), balance)
        found = bracket(pose(lower), upper, balance)
        assert (found.ranges[:, 0] <= truth.p + 1e-9).all()
        assert (truth.p <= found.ranges[:, 1] + 1e-9).all()
        assert np.abs(truth.p - found.lower.p).sum() <= found.most + 1e-9
        assert set(found.certain) <= set(truth.support)
        assert set(truth.support) <= {*found.certain, *found.undecided}
        assert energy(true, found.lower.p, balance) <= truth.energy + found.excess


def energy(similarity, p, balance):
    S = similarity.matrix
    return float(p @ S @ p / 2 - balance / len(S) * (S.sum(axis=1) @ p))


@pytest.mark.parametrize("sought", [64, 0])
def test_no_matrix_between_the_ends_leads_further_than_the_most(sought, monkeypatch):
    monkeypatch.setattr("taskpgm_core.mixture.divergence_bounds.SOUGHT", sought)
    n, rng = 6, np.random.default_rng(0)
    hidden, head = setting(n + 1, 12, 60, 1, spread=0.7)
    D = square(all_pairs(hidden[:-1], [head] * n, every_pair(n)).mean(axis=1), n)
    for width in (1e-4, 1e-3, 1e-2):
        upper = D + width * (1 - np.eye(n))
        for balance in (0.0, 0.6, 0.95, 1.2):
            found = bracket(pose(named(D)), named(upper), balance)
            away = []
            for _ in range(60):
                x = square(width * rng.integers(0, 2, n * (n - 1) // 2), n)
                p = solve(pose(named(D + x)), balance).p
                away.append(np.abs(p - found.lower.p).sum())
                assert (found.ranges[:, 0] - 1e-9 <= p).all()
                assert (p <= found.ranges[:, 1] + 1e-9).all()
                true = named(D + x)
                truth = energy(true, p, balance)
                assert energy(true, found.lower.p, balance) <= truth + found.excess + 1e-12
            assert max(away) <= found.most
            assert found.most < 60 * max(away)


def test_equal_ends_leave_nothing_open():
    n = 6
    hidden, head = setting(n, 12, 60, 0)
    S = named(square(all_pairs(hidden, [head] * n, every_pair(n)).mean(axis=1), n))
    found = bracket(pose(S), S, 0.5)
    assert found.width == found.distance == found.excess == 0.0
    assert not found.changes
    assert found.ranges == pytest.approx(np.repeat(found.lower.p[:, None], 2, axis=1), abs=1e-9)
    assert found.most <= 1e-9
    assert "is the same" in found.sentence


def test_bounds_that_cross_or_are_of_other_tasks_are_refused():
    D = square(np.array([0.1, 0.2, 0.3]), 3)
    with pytest.raises(MixtureError, match="below the lower one"):
        bracket(pose(named(D)), named(D * 0.9), 0.5)
    with pytest.raises(MixtureError, match="different tasks"):
        bracket(pose(named(D)), Similarity(("x", "y", "z"), -D, "jsd"), 0.5)
    S = Similarity(("t0", "t1", "t2"), np.array(D), "pmi")
    with pytest.raises(MixtureError, match="convex"):
        bracket(pose(S), S, 0.5)
