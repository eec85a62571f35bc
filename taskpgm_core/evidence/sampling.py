"""Which rows a run trains on, and which rows judge it: drawn by seed, never overlapping."""

from collections.abc import Mapping, Sequence

import numpy as np

from taskpgm_core.errors import SourceError
from taskpgm_core.files.hashing import generator_from
from taskpgm_core.mixture.counts import allocate
from taskpgm_core.records import Array


def evaluation_rows(task: str, available: int, wanted: int) -> list[int]:
    """The rows of a task that judge every run: the same for all seeds and arms."""
    order = generator_from("evaluation", task).permutation(available)
    return sorted(int(k) for k in order[: min(wanted, available // 2)])


def training_rows(
    counts: Mapping[str, int], available: Mapping[str, Sequence[int]], seed: int
) -> list[tuple[str, int]]:
    """(task, row) of everything a run trains on, shuffled.

    Each task's rows come in an order that depends on seed and task alone, so arms share rows as
    far as their counts agree; more rows than there are means whole passes before the remainder.
    SourceError where a task that is drawn has no row to train on.
    """
    chosen: list[tuple[str, int]] = []
    for task, count in counts.items():
        rows = np.asarray(available[task])
        if count and not len(rows):
            raise SourceError(
                f"Task '{task}' has no row left to train on: the text of each judges the runs or "
                f"is too long; give it more rows, or lower evaluation_rows."
            )
        passes = -(-count // len(rows)) if count else 0
        order = np.concatenate(
            [generator_from("rows", seed, task, k).permutation(rows) for k in range(passes)]
            or [rows[:0]]
        )
        chosen += [(task, int(row)) for row in order[:count]]
    order = generator_from("order", seed).permutation(len(chosen))
    return [chosen[k] for k in order]


def mixture_rows(
    p: Array, available: Mapping[str, Sequence[int]], budget: int, seed: int
) -> list[tuple[str, int]]:
    """``budget`` rows in the shares ``p`` (n,) of the tasks ``available``, as ``training_rows``."""
    counts = allocate(p, tuple(available), budget).counts
    return training_rows(dict(zip(available, counts, strict=True)), available, seed)


def token_rows(
    p: Array, tokens: Mapping[str, Mapping[int, int]], budget: int, batch: int, seed: int
) -> list[tuple[str, int]]:
    """``mixture_rows`` in whole batches, up to the one that reaches ``budget`` supervised tokens.

    ``tokens``: supervised tokens (at least 1) of every row there is, by task.
    """
    available = {task: list(rows) for task, rows in tokens.items()}

    def reaches(batches: int) -> bool:
        drawn = mixture_rows(p, available, batches * batch, seed)
        return sum(tokens[task][row] for task, row in drawn) >= budget

    low, high = 0, 1
    while not reaches(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reaches(middle) else (middle, high)
    return mixture_rows(p, available, high * batch, seed)
