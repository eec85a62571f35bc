"""Successive halving: which mixtures run with which seeds, and how many go on.

A few runs say little, so all begin with few seeds and the better half goes on with twice as many.
Every round costs about as much as the one before. Source: Jamieson and Talwalkar, "Non-stochastic
Best Arm Identification and Hyperparameter Optimization", AISTATS 2016; the resource is seeds here,
since with more rows a run another balance may be best.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from taskpgm_core.errors import MixtureError
from taskpgm_core.files.hashing import seed_from

MOST_CANDIDATES = 64
MOST_SEEDS = 16
"""In the first round."""
FRESH, BLOCK, BLOCKS = 1000, 100, 10_000
"""Fresh seeds begin here, in blocks of so many; no round comes so far."""


@dataclass(frozen=True)
class Round:
    """``candidates`` enter, each runs with the ``seeds``, which are new, and ``kept`` go on."""

    candidates: int
    seeds: tuple[int, ...]
    kept: int


def halving(candidates: int, first: int) -> tuple[Round, ...]:
    """The rounds that leave one of so many; none for a single one.

    ``first``: seeds of the first round. Each further round doubles the seeds that were used in all.
    MixtureError for more than ``MOST_CANDIDATES``.
    """
    if candidates > MOST_CANDIDATES:
        raise MixtureError(
            f"{candidates} mixtures are too many to try; at most {MOST_CANDIDATES} are, so name "
            f"fewer balances or resolutions."
        )
    rounds: list[Round] = []
    done = 0
    while candidates > 1:
        seeds = tuple(range(done, done + (done or first)))
        kept = (candidates + 1) // 2
        rounds.append(Round(candidates, seeds, kept))
        done, candidates = done + len(seeds), kept
    return tuple(rounds)


def fresh_seeds(digest: str, count: int) -> tuple[int, ...]:
    """``count`` (at most ``BLOCK``) seeds that no round uses; ``digest`` picks their block."""
    start = FRESH + BLOCK * (seed_from("fresh", digest) % BLOCKS)
    return tuple(range(start, start + count))


def better_half(scores: Mapping[str, float], kept: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The ``kept`` names of the highest scores, in the order of ``scores``, and those left out that
    were as good as the last of them: equal ones go on in the order of ``scores``."""
    ranked = sorted(scores, key=lambda name: -scores[name])
    on = set(ranked[:kept])
    least = min(scores[name] for name in on)
    tied = [name for name in ranked[kept:] if scores[name] == least]
    return _in_order(scores, on), _in_order(scores, tied)


def _in_order(scores: Mapping[str, float], names: Sequence[str] | set[str]) -> tuple[str, ...]:
    return tuple(name for name in scores if name in names)
