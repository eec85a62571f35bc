"""Finished training runs under a study: one Parquet file a run, kept at once."""

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from taskpgm_core.errors import StoreError
from taskpgm_core.files.atomic import write_atomic
from taskpgm_core.files.encoding import parquet_bytes, parquet_frame
from taskpgm_core.files.hashing import sha256
from taskpgm_core.files.locking import exclusive
from taskpgm_core.plans.slug import arm_of
from taskpgm_core.records import Study
from taskpgm_core.store.manifest import MANIFEST, read_checked, read_manifest, write_manifest
from taskpgm_core.store.studies import own_copy

COLUMNS = (
    "arm",
    "seed",
    "budget",
    "task",
    "in_mixture",
    "n_rows",
    "n_tokens",
    "steps",
    "loss",
    "accuracy",
)

SUITE = "suite:"
"""What the task of a public suite's score begins with; such a row has an accuracy and no loss."""


def evidence_columns() -> tuple[str, ...]:
    """The columns of a finished run, in order."""
    return COLUMNS


def _folder(study: Study, digest: str) -> Path:
    return Path(study.folder) / "evidence" / digest[:12]


def _file(arm: str, definition: str, seed: int) -> str:
    return f"{arm}-{definition}-{seed}.parquet"


def _lock(folder: Path) -> Path:
    """The lock of the one process that lists or drops runs."""
    return folder.parent / f".{folder.name}.lock"


def has_run(study: Study, digest: str, arm: str, definition: str, seed: int) -> bool:
    """Whether a run of the arm so named and so defined is finished and listed."""
    folder = _folder(study, digest)
    if not (folder / MANIFEST).is_file():
        return False
    return _file(arm, definition, seed) in read_manifest(folder)["files"]


def kept_run(study: Study, digest: str, arm: str, definition: str, seed: int) -> pd.DataFrame:
    """A finished run, columns ``COLUMNS``; StoreError where it is damaged."""
    return parquet_frame(read_checked(_folder(study, digest), _file(arm, definition, seed)))


def keep_run(
    study: Study,
    digest: str,
    *,
    rows: pd.DataFrame,
    arm: Mapping[str, Any],
    definition: str,
    card: Mapping[str, Any],
) -> None:
    """Keep one finished run (columns ``COLUMNS``) and list it, safely beside other processes.

    ``arm``: what was trained; ``definition``: its digest; ``card`` describes the protocol.
    """
    folder = _folder(study, digest)
    name, seed = str(rows["arm"].iloc[0]), int(rows["seed"].iloc[0])
    folder.mkdir(parents=True, exist_ok=True)
    with exclusive(_lock(folder)):
        listed = folder / MANIFEST
        arms = read_manifest(folder)["arms"] if listed.is_file() else {}
        write_atomic(folder / _file(name, definition, seed), parquet_bytes(rows[list(COLUMNS)]))
        write_manifest(
            folder,
            {
                "kind": "evidence",
                "study": study.digest,
                "arms": {**arms, f"{name}-{definition}": dict(arm)},
                **card,
            },
        )


def evidence(study: Study) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    """(card, all finished runs) of every evidence folder of a study, confirmations first.

    A card has the folder's name and the ``stage`` of its protocol (``imported`` without one).
    Arms of one name but several definitions carry theirs in their name, so none are averaged.
    """
    found = []
    for path in sorted(Path(study.folder).glob(f"evidence/*/{MANIFEST}")):
        manifest = read_manifest(path.parent)
        frames = [_named_apart(path.parent, name, manifest["files"]) for name in manifest["files"]]
        if frames:
            protocol = manifest.get("protocol")
            stage = protocol.get("stage", "screening") if protocol else "imported"
            card = {**manifest, "folder": path.parent.name, "stage": stage}
            found.append((card, pd.concat(frames, ignore_index=True)))
    return sorted(found, key=lambda one: one[0]["stage"] != "confirmation")


def _named_apart(folder: Path, name: str, listed: Iterable[str]) -> pd.DataFrame:
    frame = parquet_frame(read_checked(folder, name))
    arm, definition, _ = name.rsplit("-", 2)
    definitions = {d for a, d, _ in (other.rsplit("-", 2) for other in listed) if a == arm}
    return frame.assign(arm=f"{arm}-{definition}") if len(definitions) > 1 else frame


def drop_run(folder: Path, name: str) -> None:
    """Take a damaged run off the list of its evidence folder; the next campaign repeats it."""
    with exclusive(_lock(folder)):
        manifest = read_manifest(folder)
        (folder / name).unlink(missing_ok=True)
        card = {k: v for k, v in manifest.items() if k not in ("schema", "files", "content")}
        write_manifest(folder, card)


def read_runs(file: str | Path) -> tuple[pd.DataFrame, str]:
    """The finished runs in a CSV with the columns ``COLUMNS``, and the digest of its bytes.

    StoreError names what is missing, no number, or there twice.
    """
    path = Path(file)
    try:
        data = path.read_bytes()
        frame = pd.read_csv(io.BytesIO(data), dtype={"arm": str, "task": str})
    except (OSError, ValueError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise StoreError(f"The runs in {path.name} cannot be read: {reason}.") from None
    missing = [column for column in COLUMNS if column not in frame.columns]
    if missing or frame.empty:
        lacking = f"lacks the column '{missing[0]}'" if missing else "holds no run"
        raise StoreError(f"{path.name} {lacking}; it needs {', '.join(COLUMNS)}.")
    for column in ("seed", "budget", "n_rows", "n_tokens", "steps", "loss", "accuracy"):
        numbers = pd.to_numeric(frame[column], errors="coerce")
        wrong = ~np.isfinite(numbers)
        if column == "loss":
            wrong &= ~(frame["task"].str.startswith(SUITE, na=False) & frame["loss"].isna())
        if wrong.any():
            line = int(np.flatnonzero(wrong)[0]) + 2
            raise StoreError(f"{path.name}, line {line}: {column} is not a finite number.")
        frame[column] = numbers
    if (frame["budget"] < 1).any():
        line = int(np.flatnonzero(frame["budget"] < 1)[0]) + 2
        raise StoreError(f"{path.name}, line {line}: budget must be at least 1 row.")
    if frame["arm"].isna().any() or frame["task"].isna().any():
        raise StoreError(f"{path.name} has a row without an arm or a task.")
    broken = frame["seed"] != frame["seed"].round()
    if broken.any():
        line = int(np.flatnonzero(broken)[0]) + 2
        raise StoreError(f"{path.name}, line {line}: seed must be a whole number.")
    twice = frame.duplicated(["arm", "seed", "task"])
    if twice.any():
        line = int(np.flatnonzero(twice)[0]) + 2
        raise StoreError(f"{path.name}, line {line}: this arm, seed and task stand in it twice.")
    return frame, sha256(data)


def import_runs(study: Study, file: str | Path) -> int:
    """Keep the finished runs in a CSV as ``read_runs`` reads it; how many there were.

    They get an evidence folder of their own, named by the file's bytes; a bundled study's are kept
    with its copy in the cache.
    """
    frame, digest = read_runs(file)
    study = own_copy(study)
    path, runs = Path(file), 0
    for (arm, seed), rows in frame.groupby(["arm", "seed"], sort=True):
        definition = sha256(f"{arm}/{digest}".encode())[:12]
        keep_run(
            study,
            digest,
            rows=rows.assign(arm=arm_of(str(arm)), seed=int(seed)),
            arm={"name": str(arm), "imported": path.name},
            definition=definition,
            card={"imported": path.name},
        )
        runs += 1
    return runs
