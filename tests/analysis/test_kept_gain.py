"""What a model keeps of another task's gain, against the obvious loop."""

import math
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from taskpgm_core import store
from taskpgm_core.analysis.kept_gain import LEAST_GAIN, kept_gain
from taskpgm_core.records import LossTable

COMMITTED = Path(__file__).parents[2] / "cache"


def slow(per_token):
    """Entry by entry, as the definition is written."""
    n = len(per_token) - 1
    kept = [[math.nan] * n for _ in range(n)]
    for i in range(n):
        for j in range(n):
            base, own, loss = per_token[n][j], per_token[j][j], per_token[i][j]
            if base - own >= 0.25:
                kept[i][j] = (base - loss) / (base - own)
    return kept


def table(per_token):
    names = tuple(f"t{i}" for i in range(len(per_token) - 1))
    return LossTable(names, np.array(per_token), np.array(per_token))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(1, 8), st.integers(0, 10**6))
def test_it_is_the_loop(n, seed):
    losses = np.random.default_rng(seed).uniform(0.1, 1.5, (n + 1, n))
    found = kept_gain(table(losses))
    np.testing.assert_allclose(found, slow(losses.tolist()), rtol=1e-12)
    own = np.diagonal(found)
    assert (np.isnan(own) | (own == 1.0)).all()


def test_a_small_gain_is_not_quoted_and_a_worse_model_keeps_less_than_nothing():
    found = kept_gain(table([[1.0, 1.0, 3.5], [1.5, 0.76, 2.0], [3.0, 1.0, 1.0], [2.0, 1.0, 3.0]]))
    assert np.isnan(found[:, 1]).all()  # 0.24 nats a token
    np.testing.assert_allclose(found[:, 0], [1.0, 0.5, -1.0])
    np.testing.assert_allclose(found[:, 2], [-0.25, 0.5, 1.0])
    assert LEAST_GAIN == 0.25


def test_the_near_copies_of_starter_keep_most_and_the_median_pair_does_not():
    study = store.open_study("starter", COMMITTED)
    kept, names = kept_gain(store.losses(study)), study.names
    seen = store.similarity(study, "jsd")
    from taskpgm_core.mixture import kernel

    pairs = kernel(seen, noise=store.noise(study)).groups
    both = [kept[names.index(a), names.index(b)] for pair in pairs for a, b in (pair, pair[::-1])]
    assert len(both) == 10
    assert min(both) > 0.9
    others = kept[~np.eye(len(names), dtype=bool)]
    assert np.nanmedian(others) < 0.4
    assert (others < 0).any()
