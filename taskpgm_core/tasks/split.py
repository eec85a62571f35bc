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
    keys = [normalised(example) for example in examples]
    held = _drawn(keys, probe, seed, name)
    train = [k for k, key in enumerate(keys) if key not in held]
    if len(held) < probe or not train:
        raise SourceError(
            f"Task '{name}' has {len(set(keys))} different examples; it needs more than "
            f"{probe} to hold that many out for the probe pool and still train on others."
        )
    chosen = tuple(sorted(held.values()))
    return Split(tuple(train), chosen, len(examples) - len(train) - len(held))


def held_out(examples: Sequence[Example], *, count: int, seed: int, name: str) -> tuple[int, ...]:
    """The indices of ``count`` different examples of a target, drawn as ``split`` draws them.

    SourceError where there are fewer; none has to be left over, since nothing is trained on them.
    """
    keys = [normalised(example) for example in examples]
    held = _drawn(keys, count, seed, name)
    if len(held) < count:
        raise SourceError(
            f"Target '{name}' has {len(held)} different examples, but {count} are scored "
            f"(probe.examples_per_task); bring more of them, or lower that number."
        )
    return tuple(sorted(held.values()))


def _drawn(keys: Sequence[bytes], count: int, seed: int, name: str) -> dict[bytes, int]:
    """{key: index} of the first ``count`` different keys, in an order of their own."""
    held: dict[bytes, int] = {}
    for k in generator_from(seed, name, "split").permutation(len(keys)):
        if len(held) == count:
            break
        held.setdefault(keys[k], int(k))
    return held
