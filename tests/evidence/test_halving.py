"""The halving schedule as arithmetic: who runs with which seeds, and that fresh ones are fresh."""

from itertools import pairwise
from math import ceil, log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskpgm_core.errors import MixtureError
from taskpgm_core.evidence.halving import (
    BLOCK,
    MOST_CANDIDATES,
    MOST_SEEDS,
    better_half,
    fresh_seeds,
    halving,
)

CANDIDATES = st.integers(1, MOST_CANDIDATES)
FIRST = st.integers(1, MOST_SEEDS)


@given(CANDIDATES, FIRST)
def test_every_round_halves_the_mixtures_until_one_is_left(candidates, first):
    rounds = halving(candidates, first)
    assert len(rounds) == ceil(log2(candidates))
    left = candidates
    for r in rounds:
        assert r.candidates == left
        assert r.kept == ceil(left / 2)
        left = r.kept
    assert left == 1


@given(CANDIDATES, FIRST)
def test_every_seed_is_new_and_the_seeds_in_all_double(candidates, first):
    rounds = halving(candidates, first)
    used = [seed for r in rounds for seed in r.seeds]
    assert used == list(range(len(used)))
    in_all = [sum(len(r.seeds) for r in rounds[: k + 1]) for k in range(len(rounds))]
    assert in_all[:1] == [first][: len(rounds)]
    assert all(b == 2 * a for a, b in pairwise(in_all))


@given(CANDIDATES, FIRST)
def test_no_round_costs_more_than_the_first(candidates, first):
    runs = [r.candidates * len(r.seeds) for r in halving(candidates, first)]
    slack = [len(r.seeds) for r in halving(candidates, first)]  # odd numbers are rounded up
    assert all(n <= runs[0] + more for n, more in zip(runs, slack, strict=True))


@given(CANDIDATES, FIRST, st.text(max_size=20), st.integers(1, BLOCK))
def test_fresh_seeds_are_used_by_no_round_and_are_the_same_every_time(n, first, digest, count):
    fresh = fresh_seeds(digest, count)
    assert fresh == fresh_seeds(digest, count)
    assert len(set(fresh)) == count
    most = halving(MOST_CANDIDATES, MOST_SEEDS)
    for rounds in (halving(n, first), most):
        assert not {seed for r in rounds for seed in r.seeds} & set(fresh)


def test_other_tunings_have_other_fresh_seeds():
    blocks = [set(fresh_seeds(f"{k}", BLOCK)) for k in range(50)]
    assert sum(bool(a & b) for k, a in enumerate(blocks) for b in blocks[:k]) <= 2
    assert len(set().union(*blocks)) >= 48 * BLOCK


def test_too_many_mixtures_are_refused():
    with pytest.raises(MixtureError, match="65 mixtures are too many to try; at most 64"):
        halving(MOST_CANDIDATES + 1, 1)


@given(st.dictionaries(st.text(max_size=3), st.integers(-2, 2), min_size=1), st.data())
def test_the_better_half_goes_on_in_order_and_ties_are_named(scores, data):
    kept = data.draw(st.integers(1, len(scores)))
    on, tied = better_half(scores, kept)
    out = [name for name in scores if name not in on]
    assert len(on) == kept
    assert list(on) == [name for name in scores if name in on]
    worst = min(scores[name] for name in on)
    assert all(scores[name] <= worst for name in out)
    assert tied == tuple(name for name in out if scores[name] == worst)
    names = list(scores)
    for name in tied:  # of equal ones the first in the list goes on
        equal = [other for other in on if scores[other] == worst]
        assert all(names.index(other) < names.index(name) for other in equal)
