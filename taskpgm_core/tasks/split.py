"""Which examples of a task are trained on, and which are held out for the probe pool."""

from collections.abc import Sequence
from dataclasses import dataclass

from taskpgm_core.errors import SourceError
from taskpgm_core.files.hashing import generator_from
from taskpgm_core.records import Example
from taskpgm_core.tasks.overlap import normalised


@dataclass(frozen=True)
class Split:
    """Indices into a task's examples; ``dropped`` are training rows that repeat a probe example."""

    train_indices: tuple[int, ...]
    probe_indices: tuple[int, ...]
    dropped: int = 0


def split(examples: Sequence[Example], *, probe: int, seed: int, name: str) -> Split:
    """Hold out ``probe`` different examples, chosen by seed and task name alone.

    Rows that repeat a held-out example (but for white space) leave the training rows and are
    counted. SourceError where nothing would be left to train on.
    """
    order = generator_from(seed, name, "split").permutation(len(examples))
    keys = [normalised(example) for example in examples]
    held: dict[bytes, int] = {}
    for k in order:
        if len(held) == probe:
            break
        held.setdefault(keys[k], int(k))
    chosen = set(held.values())
    train = [k for k, key in enumerate(keys) if key not in held]
    if len(held) < probe or not train:
        raise SourceError(
            f"Task '{name}' has {len(set(keys))} different examples; it needs more than "
            f"{probe} to hold that many out for the probe pool and still train on others."
        )
    return Split(tuple(train), tuple(sorted(chosen)), len(examples) - len(train) - len(held))
