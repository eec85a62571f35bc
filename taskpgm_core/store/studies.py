"""Where studies are: the cache and the package; which there are, and which one a person means."""

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from taskpgm_core.errors import StoreError, nearest
from taskpgm_core.files.locking import locked
from taskpgm_core.records import Study, Target, Task
from taskpgm_core.store.manifest import BUNDLED, MANIFEST, read_manifest

TEXT = "text.json"
LIKELY = "likely.npz"
LONGEST = 4096  # characters of a path
STUDY_FOLDER = re.compile(r"(?P<slug>[a-z0-9][a-z0-9-]*)-(?P<hex>[0-9a-f]{12})")


def cache_root() -> Path:
    """The folder of all studies: $TASKPGM_CACHE, else ``./cache`` where there is one, else the
    user's data folder of this platform.
    """
    if said := os.environ.get("TASKPGM_CACHE"):
        return Path(said)
    here = Path("cache").absolute()
    return here if here.is_dir() else user_data_path("taskpgm", appauthor=False)


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
    if manifest["kind"] == "measured" and LIKELY not in manifest["files"]:
        absent.append("likely tokens")
    return Study(
        folder=str(folder),
        slug=manifest["slug"],
        digest=manifest["digest"],
        content=manifest["content"],
        kind=manifest["kind"],
        measures=_measures(manifest),
        tasks=tuple(map(Task.of_card, manifest["tasks"])),
        plan=manifest["plan"],
        facts=manifest["facts"],
        absent=tuple(absent),
        has_text=has_text,
        targets=tuple(Target(**target) for target in manifest.get("targets", ())),
    )


def _measures(manifest: dict[str, Any]) -> tuple[str, ...]:
    """Those that were written, and ``gold``, which is computed when it is read."""
    written = tuple(manifest["measures"])
    return (*written, "gold") if "gold.npz" in manifest["files"] else written


def is_bundled(folder: str | Path) -> bool:
    """Whether a study came with the installed package, so that nothing may be written to it."""
    return Path(folder).parent == BUNDLED


def own_copy(study: Study, root: Path | None = None) -> Study:
    """The study that text or evidence may be added to: itself, or its copy in the cache where it is
    bundled.

    The copy has every file of the original and goes before it from then on.
    """
    if not is_bundled(study.folder):
        return study
    root = root or cache_root()
    place = root / Path(study.folder).name
    with locked(root, place.name, wait=True):
        if not place.exists():
            try:
                with tempfile.TemporaryDirectory(prefix=".copying-", dir=root) as copying:
                    shutil.copytree(study.folder, Path(copying) / place.name)
                    (Path(copying) / place.name).rename(place)
            except OSError as error:
                raise StoreError(f"The cache {root} cannot be written ({error}).") from None
    return study_from(place)


def _folders(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return sorted(f for f in root.iterdir() if f.is_dir() and STUDY_FOLDER.fullmatch(f.name))


def _slug(folder: Path) -> str:
    return folder.name[:-13]


def list_studies(root: Path | None = None) -> tuple[list[Study], list[tuple[str, str]]]:
    """All studies in name order, and (folder name, sentence) of each broken one.

    They are those of the cache, and bundled ones whose slug none of the cache has.
    """
    studies, broken = [], []
    own = _folders(root or cache_root())
    slugs = {_slug(folder) for folder in own}
    bundled = [folder for folder in _folders(BUNDLED) if _slug(folder) not in slugs]
    for folder in sorted(own + bundled, key=lambda f: (f.name.rpartition("-")[0], f.name)):
        try:
            studies.append(study_from(folder))
        except StoreError as error:
            broken.append((folder.name, str(error)))
        except OSError as error:
            broken.append((folder.name, f"{folder} cannot be read: {error.strerror}."))
    return studies, broken


def open_study(name: str, root: Path | None = None, *, folders: bool = True) -> Study:
    """The study called ``name``: an exact slug, else a digest prefix, else a folder.

    ``folders=False`` keeps to the cache (what a page may open from a URL).
    """
    return study_from(find_folder(name, root, folders=folders))


def find_folder(name: str, root: Path | None = None, *, folders: bool = True) -> Path:
    """The folder of the study called ``name``, see ``open_study``; its manifest unread.

    A study of the cache goes before a bundled one.
    """
    root = root or cache_root()
    both = _folders(root), _folders(BUNDLED)
    for inside in both:
        by_slug = [f for f in inside if _slug(f) == name]
        by_digest = [f for f in inside if name and f.name[-12:].startswith(name.lower()[:12])]
        by_folder = [f for f in inside if f.name == name]
        for found in (by_slug, by_digest, by_folder):
            if len(found) > 1:
                candidates = ", ".join(f.name for f in found)
                raise StoreError(
                    f"'{name}' names several studies: {candidates}; write one in full."
                )
            if found:
                return found[0]
    if folders and len(name) < LONGEST and (Path(name) / MANIFEST).is_file():
        return Path(name).resolve()
    slugs = {_slug(folder) for inside in both for folder in inside}
    listing = f"there are: {', '.join(sorted(slugs))}" if slugs else "the cache is empty"
    raise StoreError(f"There is no study '{name}'{nearest(name, slugs)}; {listing}.")
