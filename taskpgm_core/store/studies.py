"""The cache folder: which studies there are, and which one a person means."""

import os
import re
from pathlib import Path
from typing import Any

from taskpgm_core.errors import StoreError, nearest
from taskpgm_core.records import Study, Task
from taskpgm_core.store.manifest import MANIFEST, read_manifest

TEXT = "text.json"
LONGEST = 4096  # characters of a path
STUDY_FOLDER = re.compile(r"(?P<slug>[a-z0-9][a-z0-9-]*)-(?P<hex>[0-9a-f]{12})")


def cache_root() -> Path:
    """The folder of all studies: $TASKPGM_CACHE, else ``cache/`` beside the package."""
    return Path(os.environ.get("TASKPGM_CACHE") or Path(__file__).parents[2] / "cache")


def folder_name(slug: str, digest: str) -> str:
    """The name of a study's folder, and of its lock and its archive."""
    return f"{slug}-{digest[:12]}"


def study_folder(root: Path, slug: str, digest: str) -> Path:
    return root / folder_name(slug, digest)


def study_from(folder: Path) -> Study:
    """The card of the study in ``folder``; StoreError if there is none or it is damaged."""
    manifest: dict[str, Any] = read_manifest(folder)
    has_text = TEXT in manifest["files"] or (folder / "text" / MANIFEST).is_file()
    absent = []
    units = folder.parent / ".units"
    # what a study without some tasks kept was scored in batches of all of them
    scored = all((units / unit).is_file() for unit in manifest.get("units", ()))
    if not scored or (manifest["plan"] and "derived" in manifest["facts"]):
        absent.append("rebuild")
    if manifest["kind"] == "measured" and not has_text:
        absent.append("text")
    return Study(
        folder=str(folder),
        slug=manifest["slug"],
        digest=manifest["digest"],
        content=manifest["content"],
        kind=manifest["kind"],
        measures=_measures(manifest),
        tasks=tuple(Task(**task) for task in manifest["tasks"]),
        plan=manifest["plan"],
        facts=manifest["facts"],
        absent=tuple(absent),
        has_text=has_text,
    )


def _measures(manifest: dict[str, Any]) -> tuple[str, ...]:
    """Those that were written, and ``gold``, which is computed when it is read."""
    written = tuple(manifest["measures"])
    return (*written, "gold") if "gold.npz" in manifest["files"] else written


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return sorted(f for f in root.iterdir() if f.is_dir() and STUDY_FOLDER.fullmatch(f.name))


def list_studies(root: Path | None = None) -> tuple[list[Study], list[tuple[str, str]]]:
    """All studies of the cache in name order, and (folder name, sentence) of each broken one."""
    studies, broken = [], []
    for folder in _folders(root or cache_root()):
        try:
            studies.append(study_from(folder))
        except StoreError as error:
            broken.append((folder.name, str(error)))
    return studies, broken


def open_study(name: str, root: Path | None = None, *, folders: bool = True) -> Study:
    """The study called ``name``: an exact slug, else a digest prefix, else a folder.

    ``folders=False`` keeps to the cache (what a page may open from a URL).
    """
    return study_from(find_folder(name, root, folders=folders))


def find_folder(name: str, root: Path | None = None, *, folders: bool = True) -> Path:
    """The folder of the study called ``name``, see ``open_study``; its manifest unread."""
    root = root or cache_root()
    inside = _folders(root)
    by_slug = [f for f in inside if STUDY_FOLDER.fullmatch(f.name)["slug"] == name]  # type: ignore[index]
    by_digest = [
        f
        for f in inside
        if name and STUDY_FOLDER.fullmatch(f.name)["hex"].startswith(name.lower()[:12])  # type: ignore[index]
    ]
    by_folder = [f for f in inside if f.name == name]
    for found in (by_slug, by_digest, by_folder):
        if len(found) > 1:
            candidates = ", ".join(f.name for f in found)
            raise StoreError(f"'{name}' names several studies: {candidates}; write one in full.")
        if found:
            return found[0]
    if folders and len(name) < LONGEST and (Path(name) / MANIFEST).is_file():
        return Path(name).resolve()
    slugs = {STUDY_FOLDER.fullmatch(f.name)["slug"] for f in inside}  # type: ignore[index]
    listing = f"the cache holds: {', '.join(sorted(slugs))}" if slugs else "the cache is empty"
    raise StoreError(f"There is no study '{name}'{nearest(name, slugs)}; {listing}.")
