"""Finished training runs under a study: one Parquet file a run, kept at once."""

from collections import Counter
from collections.abc import Mapping
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
    name, seed = str(rows["arm"].iloc[0]), int(rows["seed"].iloc[0])
    kept = [*COLUMNS, *(["stderr"] if "stderr" in rows else [])]
    arms = {f"{name}-{definition}": dict(arm)}
    _list(study, digest, _file(name, definition, seed), rows[kept], arms=arms, card=card)


def _list(
    study: Study,
    digest: str,
    name: str,
    rows: pd.DataFrame,
    *,
    arms: Mapping[str, Any],
    card: Mapping[str, Any],
) -> None:
    """Write one file and list it. Those that are listed already stay as they were listed, so a
    file that was damaged since is still known to be."""
    folder = _folder(study, digest)
    folder.mkdir(parents=True, exist_ok=True)
    with exclusive(_lock(folder)):
        listed = (folder / MANIFEST).is_file()
        old = read_manifest(folder) if listed else {"arms": {}, "files": {}}
        data = parquet_bytes(rows)
        write_atomic(folder / name, data)
        made = {"kind": "evidence", "study": study.digest, "arms": {**old["arms"], **arms}, **card}
        files = {**old["files"], name: {"sha256": sha256(data), "size": len(data)}}
        write_manifest(folder, made, files)


REFERENCE = "reference.parquet"
"""The losses that a share of the gain is counted between, in an evidence folder beside the runs."""


def keep_reference(
    study: Study, digest: str, *, rows: pd.DataFrame, card: Mapping[str, Any]
) -> None:
    """Keep what the base and the single-task models score on the rows that judge.

    ``rows``: columns ``task``, ``replicate`` (-1 for the base model), ``loss`` (nats a token),
    ``accuracy`` and ``n_rows`` that judge. ``card`` as of ``keep_run``.
    """
    _list(study, digest, REFERENCE, rows, arms={}, card=card)


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
    Where arms of one name have several definitions, the one that is planned keeps the name and
    others carry their definition in it, so none are averaged. A card's ``arms`` are named like it.
    """
    found = []
    for path in sorted(Path(study.folder).glob(f"evidence/*/{MANIFEST}")):
        manifest = read_manifest(path.parent)
        names = _arm_names(manifest)
        frames = [
            parquet_frame(read_checked(path.parent, name)).assign(arm=names[_arm_key(name)])
            for name in _runs(manifest)
        ]
        if frames:
            protocol = manifest.get("protocol")
            stage = protocol.get("stage", "screening") if protocol else "imported"
            tuning = bool(protocol and protocol.get("tuning"))
            arms = {names[k]: arm for k, arm in manifest["arms"].items() if k in names}
            card = {**manifest, "arms": arms, "stage": stage, "tuning": tuning}
            card["folder"] = path.parent.name
            found.append((card, pd.concat(frames, ignore_index=True)))
    return sorted(found, key=lambda one: (one[0]["stage"] != "confirmation", one[0]["tuning"]))


def evidence_version(study: Study) -> str:
    """A digest of which finished runs there are under a study, without reading them."""
    lists = sorted(Path(study.folder).glob(f"evidence/*/{MANIFEST}"))
    return sha256(b"".join(path.read_bytes() for path in lists))


def _runs(manifest: Mapping[str, Any]) -> list[str]:
    return [name for name in manifest["files"] if name != REFERENCE]


def _arm_key(file: str) -> str:
    return file.rsplit("-", 1)[0]


def _arm_names(manifest: Mapping[str, Any]) -> dict[str, str]:
    """{ARM-DEFINITION: what the arm is called} of all that have finished runs."""
    keys = dict.fromkeys(map(_arm_key, _runs(manifest)))
    arms = Counter(key.rsplit("-", 1)[0] for key in keys)
    told = manifest.get("planned", {}).get("arms", ())
    planned = told if isinstance(told, dict) else {}  # older versions told no definitions
    names = {}
    for key in keys:
        arm, definition = key.rsplit("-", 1)
        bare = planned[arm] == definition if arm in planned else arms[arm] == 1
        names[key] = arm if bare else key
    return names


def plan_runs(study: Study, digest: str, card: Mapping[str, Any]) -> None:
    """Let finished runs be called by the arms that ``card`` plans, where it plans others now."""
    folder = _folder(study, digest)
    if not (folder / MANIFEST).is_file():
        return
    old = read_manifest(folder)
    if _arm_names({**old, **card}) != _arm_names(old):
        with exclusive(_lock(folder)):
            old = read_manifest(folder)
            write_manifest(folder, {**_card(old), **card}, old["files"])


def _card(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in manifest.items() if k not in ("schema", "files", "content")}


def drop_run(folder: Path, name: str) -> None:
    """Take a damaged run off the list of its evidence folder; the next campaign repeats it."""
    with exclusive(_lock(folder)):
        manifest = read_manifest(folder)
        (folder / name).unlink(missing_ok=True)
        files = {other: entry for other, entry in manifest["files"].items() if other != name}
        write_manifest(folder, _card(manifest), files)


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
