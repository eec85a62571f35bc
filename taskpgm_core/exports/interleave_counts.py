"""What ``datasets.interleave_datasets`` will draw, found without the data."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

BLOCK = 1000  # the library draws its sources in blocks of this size
MOST = 10**7
"""Draws that are made; of more, the expected counts are no further off than 0.1% of the budget."""


def interleaved_counts(
    probabilities: Sequence[float],
    limit: int,
    *,
    seed: int,
    lengths: Sequence[int] | None = None,
    strategy: Literal["first_exhausted", "all_exhausted"] = "first_exhausted",
) -> list[int]:
    """Rows a source among the first ``limit`` rows of an interleaved dataset (datasets 5.2.0).

    The library draws sources from ``numpy.random.default_rng(seed)`` and ends with the draw that
    exhausts the first source (``first_exhausted``) or the last one (``all_exhausted``); sources
    already exhausted start over. Without ``lengths`` no source ends. Of more than ``MOST`` draws
    the expected counts are given.
    """
    if limit > MOST:
        return _expected(probabilities, limit, lengths, strategy)
    rng = np.random.default_rng(seed)
    n = len(probabilities)
    sizes = None if lengths is None else np.asarray(lengths, dtype=np.int64)
    counts = np.zeros(n, dtype=np.int64)
    left = limit
    while left > 0:
        block = rng.choice(n, size=BLOCK, p=probabilities)[:left]
        after = counts + np.bincount(block, minlength=n)
        if sizes is not None and _ended(after >= sizes, strategy):
            running = counts + np.cumsum(block[:, None] == np.arange(n), axis=0)
            done = running >= sizes
            end = done.any(1) if strategy == "first_exhausted" else done.all(1)
            return [int(count) for count in running[int(end.argmax())]]
        counts, left = after, left - block.size
    return counts.tolist()


def _ended(exhausted: np.ndarray, strategy: str) -> bool:
    return bool(exhausted.any() if strategy == "first_exhausted" else exhausted.all())


def _expected(
    probabilities: Sequence[float], limit: int, lengths: Sequence[int] | None, strategy: str
) -> list[int]:
    draws = float(limit)
    if lengths is not None:
        ends = [length / p for length, p in zip(lengths, probabilities, strict=True)]
        draws = min(draws, min(ends) if strategy == "first_exhausted" else max(ends))
    return [round(p * draws) for p in probabilities]
