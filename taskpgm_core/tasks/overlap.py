"""Examples that stand in more than one place."""

import unicodedata
from collections.abc import Mapping, Sequence
from itertools import combinations

from taskpgm_core.records import Example


def normalised(example: Example) -> bytes:
    """What two examples have in common if only white space or Unicode form sets them apart.

    A chat of one question and its answer has what the same two texts have as a pair.
    """
    chat = example.chat
    texts: Sequence[str] = (example.prompt, example.completion)
    if chat:
        texts = chat.pair or [part for t in chat.turns for part in (t.role, t.text)]
    return "\0".join(
        " ".join(unicodedata.normalize("NFC", text).split()) for text in texts
    ).encode()


def shared_examples(tasks: Mapping[str, Sequence[Example]]) -> list[tuple[str, str, int]]:
    """(task, task, number of different examples both hold) for every pair that shares any."""
    sets = {name: set(map(normalised, examples)) for name, examples in tasks.items()}
    counts = ((a, b, len(sets[a] & sets[b])) for a, b in combinations(sets, 2))
    return [(a, b, count) for a, b, count in counts if count]
