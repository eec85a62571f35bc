"""Finished training runs under a study: one Parquet file a run, kept at once."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pandas as pd

from taskpgm_core.files.atomic import write_atomic
from taskpgm_core.files.encoding import parquet_bytes, parquet_frame
from taskpgm_core.files.hashing import sha256
from taskpgm_core.files.locking import FOLDER as LOCKS
from taskpgm_core.files.locking import claimed, exclusive
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
        kept = [*COLUMNS, *(["stderr"] if "stderr" in rows else [])]
        write_atomic(folder / _file(name, definition, seed), parquet_bytes(rows[kept]))
        write_manifest(
            folder,
            {
                "kind": "evidence",
                "study": study.digest,
                "arms": {**arms, f"{name}-{definition}": dict(arm)},
                **card,
            },
        )


REFERENCE = "reference.parquet"
"""The losses that a share of the gain is counted between, in an evidence folder beside the runs."""


def keep_reference(
    study: Study, digest: str, *, rows: pd.DataFrame, card: Mapping[str, Any]
) -> None:
    """Keep what the base and the single-task models score on the rows that judge.

    ``rows``: columns ``task``, ``replicate`` (-1 for the base model), ``loss`` (nats a token),
    ``accuracy`` and ``n_rows`` that judge. ``card`` as of ``keep_run``.
    """
    folder = _folder(study, digest)
    folder.mkdir(parents=True, exist_ok=True)
    with exclusive(_lock(folder)):
        listed = folder / MANIFEST
        arms = read_manifest(folder)["arms"] if listed.is_file() else {}
        write_atomic(folder / REFERENCE, parquet_bytes(rows))
        write_manifest(folder, {"kind": "evidence", "study": study.digest, "arms": arms, **card})


def reference_losses(study: Study, digest: str) -> pd.DataFrame | None:
    """What ``keep_reference`` kept in the evidence folder of this digest; None where nothing is."""
    folder = _folder(study, digest)
    if not (folder / MANIFEST).is_file() or REFERENCE not in read_manifest(folder)["files"]:
        return None
    return parquet_frame(read_checked(folder, REFERENCE))


def claim_run(study: Study, digest: str, unit: str) -> AbstractContextManager[bool]:
    """Whether no other process makes ``unit`` of this evidence, and then none can in the block."""
    folder = _folder(study, digest)
    return claimed(Path(study.folder).parent / LOCKS / f"run-{folder.name}-{unit}.lock")


def evidence(study: Study) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    """(card, all finished runs) of every evidence folder of a study, confirmations first.

    A card has the folder's name, the ``stage`` of its protocol (``imported`` without one) and
    ``tuning``, whether a tuning made its runs; of one stage these come last.
    Arms of one name but several definitions carry theirs in their name, so none are averaged.
    """
    found = []
    for path in sorted(Path(study.folder).glob(f"evidence/*/{MANIFEST}")):
        manifest = read_manifest(path.parent)
        listed = [name for name in manifest["files"] if name != REFERENCE]
        frames = [_named_apart(path.parent, name, listed) for name in listed]
        if frames:
            protocol = manifest.get("protocol")
            stage = protocol.get("stage", "screening") if protocol else "imported"
            tuning = bool(protocol and protocol.get("tuning"))
            card = {**manifest, "folder": path.parent.name, "stage": stage, "tuning": tuning}
            found.append((card, pd.concat(frames, ignore_index=True)))
    return sorted(found, key=lambda one: (one[0]["stage"] != "confirmation", one[0]["tuning"]))


def evidence_version(study: Study) -> str:
    """A digest of which finished runs there are under a study, without reading them."""
    lists = sorted(Path(study.folder).glob(f"evidence/*/{MANIFEST}"))
    return sha256(b"".join(path.read_bytes() for path in lists))


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


def keep_runs(study: Study, rows: pd.DataFrame, digest: str, arms_from: str) -> int:
    """Keep finished runs that were made elsewhere (``COLUMNS``); how many there were.

    They get an evidence folder of their own, named by ``digest``, that of the files' bytes;
    ``arms_from``: what these are called. A bundled study's are kept with its copy in the cache.
    """
    study, runs = own_copy(study), 0
    for (arm, _), part in rows.groupby(["arm", "seed"], sort=True):
        definition = sha256(f"{arm}/{digest}".encode())[:12]
        keep_run(
            study,
            digest,
            rows=part.assign(arm=arm_of(str(arm)), seed=int(part["seed"].iloc[0])),
            arm={"name": str(arm), "imported": arms_from},
            definition=definition,
            card={"imported": arms_from},
        )
        runs += 1
    return runs
