"""What a study keeps of its targets: one file of arrays, and their text where it may be shared.

Models are in task order with the base model last, and second models apart; examples are target by
target, and positions are their completion tokens one after another.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from taskpgm_core.errors import StoreError
from taskpgm_core.files.encoding import npz_arrays, npz_bytes
from taskpgm_core.records import Array, Example, Study, TargetLosses, read_only
from taskpgm_core.store.manifest import read_checked, read_manifest
from taskpgm_core.store.probe_text import example_checksums, text_bytes

TARGETS = "targets.npz"
TARGET_TEXT = "target-text.json"
POOL = ("target", "row", "first", "tokens", "spans", "checksum")


@dataclass(frozen=True)
class TargetScores:
    """What every model gives the true next token of every target.

    ``target``, ``row``, ``first``, ``tokens``: (E,) of each example, its target's index, its index
    in its source, its first position and how many it has; ``spans``, ``checksum``: as in
    ``ProbePool``. ``log_probability``: (n + 1, positions) nats, of the models of the first seeds;
    ``second``: (R, positions) of the second models of the tasks ``second_tasks`` (R,).
    """

    targets: tuple[str, ...]
    target: npt.NDArray[np.int64]
    row: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int64]
    spans: npt.NDArray[np.int64]
    checksum: npt.NDArray[np.uint8]
    log_probability: npt.NDArray[np.float32]
    second: npt.NDArray[np.float32]
    second_tasks: npt.NDArray[np.int64]


def target_files(
    *,
    pool: Mapping[str, np.ndarray],
    per_sequence: Array,
    per_token: Array,
    gold: npt.NDArray[np.float32],
    second: npt.NDArray[np.float32],
    second_tasks: npt.NDArray[np.int64],
    text: Sequence[Example] | None,
) -> dict[str, bytes]:
    """The files of a study's targets, arrays as in ``TargetScores`` and ``TargetLosses``."""
    arrays = {
        **pool,
        "per_sequence": per_sequence,
        "per_token": per_token,
        "log_probability": gold.astype(np.float32),
        "second": second.astype(np.float32),
        "second_tasks": second_tasks.astype(np.int64),
    }
    files = {TARGETS: npz_bytes(arrays)}
    if text is not None:
        files[TARGET_TEXT] = text_bytes(text)
    return files


def target_losses(study: Study) -> TargetLosses:
    """The (n + 1, targets) loss table, the base model's row last; means over a task's seeds."""
    arrays = npz_arrays(read_checked(Path(study.folder), TARGETS))
    tables = (read_only(arrays[name]) for name in ("per_sequence", "per_token"))
    return TargetLosses(study.target_names, *tables)


def target_scores(study: Study) -> TargetScores:
    """The log-probabilities that the losses are means of, for intervals."""
    arrays = npz_arrays(read_checked(Path(study.folder), TARGETS))
    names = (*POOL, "log_probability", "second", "second_tasks")
    return TargetScores(study.target_names, **{name: arrays[name] for name in names})


def target_text(study: Study) -> tuple[Example, ...] | None:
    """The targets' examples in their order; None where the study has no text of them."""
    folder = Path(study.folder)
    if TARGET_TEXT not in read_manifest(folder)["files"]:
        folder /= "text"
        if not folder.is_dir() or TARGET_TEXT not in read_manifest(folder)["files"]:
            return None
    return tuple(map(Example.of_value, json.loads(read_checked(folder, TARGET_TEXT))))


def brought_target_text(study: Study, examples: Sequence[Example]) -> dict[str, bytes]:
    """The file of the targets' text, if ``examples``, in the targets' order, are what was scored.

    StoreError names the first example whose checksum differs.
    """
    scores = target_scores(study)
    differs = (example_checksums(examples) != scores.checksum).any(axis=1)
    if differs.any():
        first = int(differs.argmax())
        raise StoreError(
            f"The text is not what {study.slug} was scored on: row {scores.row[first]} of target "
            f"'{scores.targets[scores.target[first]]}' differs (and {int(differs.sum()) - 1} "
            f"more); use the release of the data that the study's plan names."
        )
    return {TARGET_TEXT: text_bytes(examples)}


def targets_without(study: Study, keep: Sequence[int]) -> dict[str, bytes]:
    """The targets' files as the models of the tasks ``keep`` have them; none without targets."""
    if not study.targets:
        return {}
    folder, n = Path(study.folder), len(study.tasks)
    arrays = npz_arrays(read_checked(folder, TARGETS))
    stay = np.isin(arrays["second_tasks"], keep)
    of_models = ("per_sequence", "per_token", "log_probability")
    arrays |= {name: arrays[name][[*keep, n]] for name in of_models}
    arrays["second"] = arrays["second"][stay]
    arrays["second_tasks"] = np.searchsorted(keep, arrays["second_tasks"][stay])
    files = {TARGETS: npz_bytes(arrays)}
    if TARGET_TEXT in read_manifest(folder)["files"]:
        files[TARGET_TEXT] = read_checked(folder, TARGET_TEXT)
    return files
