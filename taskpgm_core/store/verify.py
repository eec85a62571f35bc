"""Is a study whole? Every manifest walked, every file hashed."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from taskpgm_core.errors import StoreError
from taskpgm_core.files.atomic import write_atomic
from taskpgm_core.files.hashing import sha256, sha256_file
from taskpgm_core.store.manifest import (
    GUARD,
    MANIFEST,
    content_digest,
    mend_command,
    read_manifest,
    shown,
)
from taskpgm_core.store.studies import study_from

ALIKE = 8  # characters of 64 in which a damaged guard may differ from the true one


@dataclass(frozen=True)
class Verification:
    """What was checked: number of files, their bytes, and the optional parts that are absent."""

    files: int
    size: int
    absent: tuple[str, ...]


@dataclass(frozen=True)
class Damage:
    """A listed file that is ``missing`` or ``damaged``, in the folder whose manifest lists it."""

    folder: Path
    name: str
    what: str

    def __str__(self) -> str:
        return f"{shown(self.folder, self.name)} is {self.what}; {mend_command(self.folder)}."


def _walk(folder: Path) -> Iterator[tuple[int, Damage | None]]:
    """Size of every listed file, and what is wrong with it."""
    for place in [folder, *sorted(m.parent for m in folder.glob("*/**/" + MANIFEST))]:
        manifest = read_manifest(place)
        if manifest["content"] != content_digest(manifest["files"]):
            raise StoreError(f"{shown(place, MANIFEST)} contradicts itself; {mend_command(place)}.")
        for name, entry in manifest["files"].items():
            path, damage = place / name, None
            if not path.is_file():
                damage = Damage(place, name, "missing")
            elif path.stat().st_size != entry["size"] or sha256_file(path) != entry["sha256"]:
                damage = Damage(place, name, "damaged")
            yield entry["size"], damage


def damages(folder: str | Path) -> tuple[Damage, ...]:
    """Every file of a study that is not what its manifest says."""
    return tuple(damage for _, damage in _walk(Path(folder)) if damage)


def verify(folder: str | Path) -> Verification:
    """Hash every listed file of a study and of its sub-folders that have manifests of their own.

    Optional parts may be absent and are named; anything else raises StoreError with the file and
    the command that repairs it.
    """
    checked, size = 0, 0
    for bytes_listed, damage in _walk(Path(folder)):
        if damage:
            raise StoreError(str(damage))
        checked += 1
        size += bytes_listed
    return Verification(checked, size, study_from(Path(folder)).absent)


def mend_guard(folder: Path) -> bool:
    """Write the guard anew where it, and not the manifest, is what was damaged.

    A changed manifest has an altogether different checksum; a damaged guard is still nearly the
    true one.
    """
    try:
        true = sha256((folder / MANIFEST).read_bytes())
        guard = (folder / GUARD).read_text(errors="replace").strip()
    except OSError:
        return False
    apart = sum(a != b for a, b in zip(true, guard, strict=False)) + abs(len(true) - len(guard))
    if not 0 < apart <= ALIKE:
        return False
    write_atomic(folder / GUARD, (true + "\n").encode())
    return True
