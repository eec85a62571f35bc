"""The tasks that lie in files and folders: one file of rows a task, each with a name of its own."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from taskpgm_core.files.packed import ENDINGS as PACKED
from taskpgm_core.files.packed import plain_name
from taskpgm_core.tasks import bigbench

ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
BIGBENCH_FILE = "task.json"


@dataclass(frozen=True)
class RowFile:
    """A file of rows. ``path``: as it was named, or found below a folder that was; ``family``: the
    folder between that one and the file, empty where there is none."""

    path: Path
    family: str = ""


@dataclass(frozen=True)
class FilesFound:
    """``files`` in the order of the places, each once; ``passed``: how many files in folders are no
    rows, by their ending or since a BIG-bench task beside them is; ``faults``: a sentence on each
    place that holds none."""

    files: tuple[RowFile, ...]
    passed: int
    faults: tuple[str, ...]


def find_files(places: Sequence[str | Path]) -> FilesFound:
    """The files of rows at the places, which are files or folders.

    A file is taken whatever it is called. Of a folder all files below are looked at, hidden ones
    not, in the order of their names, and those are taken that end like rows (``ENDINGS``, packed or
    not). Where a folder holds a BIG-bench task, that alone is; a task without examples of its own
    only names its subtasks.
    """
    files: dict[Path, RowFile] = {}
    passed, faults = 0, []
    for place in map(Path, places):
        if place.is_dir():
            inside, others = _below(place)
            passed += others
            if not inside:
                faults.append(
                    f"{place} holds no files of rows ({', '.join(ENDINGS)}); name a folder that "
                    f"does."
                )
        elif place.is_file():
            inside = [RowFile(place)]
        else:
            inside = []
            faults.append(f"There is no file {place}.")
        for found in inside:
            files.setdefault(found.path.resolve(), found)
    return FilesFound(tuple(files.values()), passed, tuple(faults))


def _below(folder: Path) -> tuple[list[RowFile], int]:
    """The files of rows below a folder, and how many others there are."""
    found, others = [], 0
    walked: set[str] = set()  # a link may lead back up
    for root, folders, names in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(root)) in walked:
            folders.clear()
            continue
        walked.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        here = Path(root)
        seen = sorted(name for name in names if not name.startswith("."))
        task = bigbench.task_of(here / BIGBENCH_FILE)
        if task is None:
            taken = [name for name in seen if is_row_file(name)]
        else:
            taken = [BIGBENCH_FILE] if task.get("examples") else []
        others += len(seen) - len(taken)
        home = here.parent if task and here != folder else here
        family = home.name if home != folder and home.is_relative_to(folder) else ""
        found += [RowFile(here / name, family) for name in taken]
    return found, others


def is_row_file(name: str) -> bool:
    """Whether a file's name ends like one of rows."""
    return plain_name(name).lower().endswith(ENDINGS)


def task_names(files: Sequence[RowFile]) -> list[str]:
    """A name for the task in each file, no two alike: its family, the file's name without its
    ending, and as many folders before them as it takes.

    A BIG-bench task is called by its folder. Files that differ in nothing but their ending keep it.
    """
    parts = [_parts(file.path) for file in files]
    seen = Counter(map(tuple, parts))
    parts = [
        [*p[:-1], file.path.name] if seen[tuple(p)] > 1 else p
        for p, file in zip(parts, files, strict=True)
    ]
    depth = [2 if file.family else 1 for file in files]
    while True:
        names = ["/".join(p[-d:]) for p, d in zip(parts, depth, strict=True)]
        often = Counter(names)
        longer = [
            d + 1 if often[name] > 1 and d < len(p) else d
            for name, p, d in zip(names, parts, depth, strict=True)
        ]
        if longer == depth:  # all differ, or are no longer told apart by folders
            return names
        depth = longer


def _parts(path: Path) -> list[str]:
    *folders, name = [part for part in path.parts if part not in (path.anchor, ".", "..")]
    if name == BIGBENCH_FILE and folders:
        return folders
    for ending in (*PACKED, *ENDINGS):
        if name.lower().endswith(ending) and len(name) > len(ending):
            name = name[: -len(ending)]
    return [*folders, name]
