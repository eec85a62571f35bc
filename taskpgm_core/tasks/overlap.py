"""Examples that tasks share."""

from collections.abc import Mapping, Sequence
from itertools import combinations

from taskpgm_core.records import Example


def shared_examples(tasks: Mapping[str, Sequence[Example]]) -> list[tuple[str, str, int]]:
    """(task, task, number of different examples both hold) for every pair that shares any."""
    sets = {name: set(examples) for name, examples in tasks.items()}
    counts = ((a, b, len(sets[a] & sets[b])) for a, b in combinations(sets, 2))
    return [(a, b, count) for a, b, count in counts if count]
