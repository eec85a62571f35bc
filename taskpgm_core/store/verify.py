"""Is a study whole? Every manifest walked, every file hashed."""

from dataclasses import dataclass
from pathlib import Path

from taskpgm_core.digest import sha256_file
from taskpgm_core.errors import StoreError
from taskpgm_core.store.cache import study_from
from taskpgm_core.store.manifest import (
    MANIFEST,
    content_digest,
    mend_command,
    read_manifest,
    shown,
)


@dataclass(frozen=True)
class Verification:
    """What was checked: number of files, their bytes, and the optional parts that are absent."""

    files: int
    size: int
    absent: tuple[str, ...]


def verify(folder: str | Path) -> Verification:
    """Hash every listed file of a study and of its sub-folders that have manifests of their own.

    Optional parts may be absent and are named; anything else raises StoreError with the file and
    the command that repairs it.
    """
    folder = Path(folder)
    checked, size = 0, 0
    subfolders = sorted(m.parent for m in folder.glob("*/**/" + MANIFEST))
    for place in [folder, *subfolders]:
        manifest = read_manifest(place)
        if manifest["content"] != content_digest(manifest["files"]):
            raise StoreError(f"{shown(place, MANIFEST)} contradicts itself; {mend_command(place)}.")
        for name, entry in manifest["files"].items():
            path = place / name
            if not path.is_file():
                raise StoreError(f"{shown(place, name)} is missing; {mend_command(place)}.")
            if path.stat().st_size != entry["size"] or sha256_file(path) != entry["sha256"]:
                raise StoreError(f"{shown(place, name)} is damaged; {mend_command(place)}.")
            checked += 1
            size += entry["size"]
    return Verification(checked, size, study_from(folder).absent)
