"""The manifest: what a folder holds, with the checksum of every file. Written last, read first."""

import json
import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from taskpgm_core.errors import NotKeptError, StoreError
from taskpgm_core.files.atomic import WRITING, write_atomic
from taskpgm_core.files.encoding import json_bytes
from taskpgm_core.files.hashing import digest_of, sha256, sha256_file

SCHEMA = 1
MANIFEST = "manifest.json"
GUARD = "manifest.sha256"
BUNDLED = Path(__file__).parents[1] / "_bundled" / "cache"
"""The studies inside an installed package, which are read only; a checkout has none."""
READS, PAUSE = 4, 0.02  # seconds between readings


def file_entries(folder: Path) -> dict[str, dict[str, Any]]:
    """Checksum and size of every file below ``folder`` but the manifests and sub-studies."""
    entries = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        listed = name not in (MANIFEST, GUARD) and not path.name.startswith(WRITING)
        if listed and path.is_file():
            entries[name] = {"sha256": sha256_file(path), "size": path.stat().st_size}
    return entries


def content_digest(files: Mapping[str, Mapping[str, Any]]) -> str:
    """One digest over all files: the key of everything computed from them."""
    return digest_of({name: entry["sha256"] for name, entry in files.items()})


def write_manifest(
    folder: Path, card: Mapping[str, Any], files: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """Seal ``folder``: list its files with their checksums, then write manifest and guard.

    ``files``: as of ``file_entries``, in place of what lies there now.
    """
    files = file_entries(folder) if files is None else files
    manifest = {"schema": SCHEMA, **card, "files": files, "content": content_digest(files)}
    data = json_bytes(manifest)
    write_atomic(folder / GUARD, (sha256(data) + "\n").encode())
    write_atomic(folder / MANIFEST, data)
    return manifest


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a folder, checked against its guard; StoreError says what to do.

    A run may be listed by another process between the reading of the two: they are read again a
    few times before they are called damaged.
    """
    path, guard = folder / MANIFEST, folder / GUARD
    for left in reversed(range(READS)):
        if not path.is_file():
            raise StoreError(
                f"{shown(folder, MANIFEST)} is missing, so this is no finished study; build or "
                f"import it again."
            )
        data = path.read_bytes()
        if guard.is_file() and guard.read_text(errors="replace").strip() == sha256(data):
            break
        if left:
            time.sleep(PAUSE)
    else:
        raise StoreError(
            f"{shown(folder, MANIFEST)} does not match {GUARD}: one of them was changed; "
            f"{mend_command(folder)}."
        )
    manifest: dict[str, Any] = json.loads(data)
    if manifest.get("schema") != SCHEMA:
        raise StoreError(
            f"{folder.name} has schema {manifest.get('schema')}, but this version reads {SCHEMA}; "
            f"build it again with --rebuild."
        )
    for name in manifest["files"]:
        parts = PurePosixPath(name)
        if parts.is_absolute() or ".." in parts.parts:
            raise StoreError(f"{shown(folder, MANIFEST)} lists '{name}', outside the study.")
    return manifest


def study_of(folder: Path) -> Path:
    """The study's folder, of itself or of one of its sub-folders with a manifest of their own."""
    if folder.name == "text":
        return folder.parent
    return folder.parent.parent if folder.parent.name == "evidence" else folder


def shown(folder: Path, name: str) -> str:
    """A file as messages name it, from its study's folder down."""
    study = study_of(folder)
    return f"{study.name}/{(folder / name).relative_to(study).as_posix()}"


def mend_command(folder: Path) -> str:
    """The command that brings a damaged file of this folder back, and only that."""
    study = study_of(folder)
    if study.parent == BUNDLED:
        return "install the package again: pip install --force-reinstall --no-deps taskpgm"
    if folder.name == "text":
        return f"bring it again: python -m taskpgm_core text {study.name} --from DIR"
    return f"restore it from version control, or run: python -m taskpgm_core repair {study.name}"


def read_checked(folder: Path, name: str) -> bytes:
    """The bytes of one listed file, only if they match their checksum."""
    entry = read_manifest(folder)["files"].get(name)
    if entry is None:
        raise NotKeptError(
            f"{study_of(folder).name} holds no {name}: this kind of study was made without it."
        )
    path = folder / name
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise StoreError(f"{shown(folder, name)} is missing; {mend_command(folder)}.") from None
    except OSError as error:
        raise StoreError(f"{shown(folder, name)} cannot be read: {error.strerror}.") from None
    if sha256(data) != entry["sha256"]:
        raise StoreError(f"{shown(folder, name)} is damaged; {mend_command(folder)}.")
    return data


def put_back(folder: Path, name: str, data: bytes) -> bool:
    """Write a listed file again, if these are the very bytes that were listed."""
    entry = read_manifest(folder)["files"].get(name)
    if entry is None or entry["sha256"] != sha256(data):
        return False
    write_atomic(folder / name, data)
    return True
