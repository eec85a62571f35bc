"""Finished training runs under a study: one Parquet file a run, kept at once."""

import fcntl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from taskpgm_core.records import Study
from taskpgm_core.store.files import parquet_bytes, parquet_frame, write_atomic
from taskpgm_core.store.manifest import MANIFEST, read_checked, read_manifest, write_manifest

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


def _folder(study: Study, digest: str) -> Path:
    return Path(study.folder) / "evidence" / digest[:12]


def _file(arm: str, definition: str, seed: int) -> str:
    return f"{arm}-{definition}-{seed}.parquet"


def has_run(study: Study, digest: str, arm: str, definition: str, seed: int) -> bool:
    """Whether a run of the arm so named and so defined is finished and listed."""
    folder = _folder(study, digest)
    if not (folder / MANIFEST).is_file():
        return False
    return _file(arm, definition, seed) in read_manifest(folder)["files"]


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
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
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
    """(card, all finished runs) of every evidence folder of a study."""
    found = []
    for path in sorted(Path(study.folder).glob(f"evidence/*/{MANIFEST}")):
        manifest = read_manifest(path.parent)
        frames = [parquet_frame(read_checked(path.parent, name)) for name in manifest["files"]]
        if frames:
            card = {**manifest, "folder": path.parent.name}
            found.append((card, pd.concat(frames, ignore_index=True)))
    return found


def drop_run(folder: Path, name: str) -> None:
    """Take a damaged run off the list of its evidence folder; the next campaign repeats it."""
    manifest = read_manifest(folder)
    (folder / name).unlink(missing_ok=True)
    card = {k: v for k, v in manifest.items() if k not in ("schema", "files", "content")}
    write_manifest(folder, card)
