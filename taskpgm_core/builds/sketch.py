"""A study in seconds: tasks from files, compared by words alone; no plan is written for it."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from taskpgm_core.builds.cost_model import Estimate, small_model_cost
from taskpgm_core.builds.material import Material
from taskpgm_core.builds.text_study import Texts, keep_texts
from taskpgm_core.errors import SourceError, StoreError, install_command
from taskpgm_core.plans.plan import Plan, Probe, TaskEntry, fault_sentence, load_plan
from taskpgm_core.plans.plan_edits import with_models
from taskpgm_core.plans.slug import checked_slug, slug_of
from taskpgm_core.records import Study
from taskpgm_core.store import cache_root, list_studies
from taskpgm_core.tasks import Split, TaskRows, normalised
from taskpgm_core.tasks.file_search import FilesFound, RowFile, find_files, task_names
from taskpgm_core.tasks.registry import read

PREFIX = "sketch-"
BASE_OF = "starter"
"""The committed plan whose base model and dtype a sketch's plan names, to be measured with."""


class FilesError(SourceError):
    """Files and folders that cannot be read, each with a sentence of its own."""


@dataclass(frozen=True)
class Cost:
    """What it takes to measure a sketch's tasks by models: ``on_gpu`` for an H100, ``seconds`` on
    two CPU cores, ``held_out`` examples of each task; ``short``: the tasks with too few different
    rows to hold so many out; ``shared``: different rows that stand in several tasks, which a build
    refuses where it holds one out."""

    on_gpu: Estimate
    seconds: float
    held_out: int
    short: tuple[str, ...]
    shared: int


@dataclass(frozen=True)
class Sketch:
    """``made``: whether the study was made now, or found; ``said``: a sentence on each file that
    was read; ``left_out``: one on each that could not be, where that was asked for; ``passed``:
    how many files in folders are no rows."""

    study: Study
    made: bool
    said: tuple[str, ...]
    left_out: tuple[str, ...]
    passed: int
    cost: Cost


def sketch(
    places: Sequence[str | Path],
    *,
    name: str | None = None,
    prefix: str = PREFIX,
    called: str = "",
    options: Mapping[str, Any] | None = None,
    skip: bool = False,
    inside: Path | None = None,
    root: Path | None = None,
) -> Sketch:
    """A study of the tasks in files and folders of rows, by words alone.

    ``name``: the study's slug; by default it is made of ``prefix`` and ``called``, or the folder
    that holds the files, and a number where another study has it. ``options``: of the reader, for
    every file. ``skip``: leave out files that cannot be read. ``inside``: a folder that the places
    are named from and that will not stay (an upload's), so the study does not remember it; else
    they are named from the working directory, which it does.

    FilesError with a sentence on every place and file that cannot be read, a line each, before
    anything is kept; SourceError where one task is left. StoreError where another study has
    ``name``.
    """
    if find_spec("sklearn") is None:
        raise SourceError(
            f"A study by words alone needs scikit-learn, which is not installed; run: "
            f"{install_command('sklearn')}"
        )
    if name is not None:
        checked_slug(name)
    root, base = root or cache_root(), inside or Path.cwd()
    found = find_files([base / place if inside else place for place in places])
    if inside:
        found = FilesFound(
            tuple(RowFile(f.path.relative_to(inside), f.family) for f in found.files),
            found.passed,
            found.faults,
        )
    names, folders = task_names(found.files), {"file": str(base)}
    rows, faults = _read(found, names, options or {}, folders)
    if faults and not (skip and rows):
        raise FilesError(_all_faults(faults, found))
    if len(rows) < 2:
        raise SourceError(
            f"A study compares at least 2 tasks, one a file, but there is {len(rows)}; name more "
            f"files, or a folder of them."
        )
    kept = [(f, n) for f, n in zip(found.files, names, strict=True) if n in rows]
    plan = _plan(kept, rows, options or {}, {} if inside else folders)
    texts = Texts(plan, _whole(rows))
    slug = name or _free(texts, f"{prefix}{called or slug_of(_home(found, base))}".strip("-"), root)
    texts = Texts(plan.model_copy(update={"slug": slug}), texts.material)
    if name and (other := _other(texts, root)):
        raise StoreError(
            f"There is a study '{name}' of other files ({other}); give another --name, or delete "
            f"it first."
        )
    study, made = keep_texts(texts, root)
    left = tuple(faults) if skip else ()
    return Sketch(study, made, tuple(texts.material.said), left, found.passed, cost_of(texts))


def _read(
    found: FilesFound, names: Sequence[str], options: Mapping[str, Any], folders: Mapping[str, str]
) -> tuple[dict[str, TaskRows], list[str]]:
    """The rows of every file that can be read, and a sentence on every other file and place."""
    rows: dict[str, TaskRows] = {}
    faults = [*found.faults]
    for file, name in zip(found.files, names, strict=True):
        source = f"file:{file.path}"
        try:
            if any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in name):
                raise SourceError(
                    f"{str(file.path)!a} has a control character or half a character in its name; "
                    f"rename the file."
                )
            rows[name] = read(source, rows=None, seed=0, folders=folders, options=options)
        except SourceError as error:
            faults.append(str(error).replace(f"{folders['file']}{os.sep}", ""))
    return rows, faults


def _all_faults(faults: Sequence[str], found: FilesFound) -> str:
    if len(faults) == 1:
        return faults[0]
    listed = "\n".join(f"  {fault}" for fault in faults)
    named = len(found.files) + len(found.faults)
    return f"{len(faults)} of {named} files and folders cannot be read:\n{listed}"


def _plan(
    files: Sequence[tuple[RowFile, str]],
    rows: Mapping[str, TaskRows],
    options: Mapping[str, Any],
    folders: dict[str, str],
) -> Plan:
    """The plan of the files that were read, which holds nothing out."""
    known = load_plan(BASE_OF)
    try:
        return Plan(
            slug="sketch",
            base=known.base,
            dtype=known.dtype,
            template="chat" if any(task.traits for task in rows.values()) else known.template,
            probe=Probe(examples_per_task=0),
            folders=folders,
            tasks=tuple(
                TaskEntry(
                    source=f"file:{file.path}", id=name, family=file.family, options=dict(options)
                )
                for file, name in files
            ),
        )
    except ValidationError as error:
        raise SourceError(fault_sentence(error.errors()[0], "The files")) from None


def _whole(rows: Mapping[str, TaskRows]) -> Material:
    """All rows of every task, none held out."""
    splits = {name: Split(tuple(range(len(task.examples))), ()) for name, task in rows.items()}
    return Material({name: task.examples for name, task in rows.items()}, splits, rows)


def _home(found: FilesFound, base: Path) -> str:
    """The name of the nearest folder that holds all files."""
    parents = [os.path.abspath((base / file.path).parent) for file in found.files]  # noqa: PTH100
    return Path(os.path.commonpath(parents)).name or "files"


def _other(texts: Texts, root: Path) -> str:
    """The folder of another study of this name in the cache, or nothing."""
    studies, _ = list_studies(root)
    same = [s for s in studies if s.slug == texts.plan.slug and s.digest != texts.digest]
    return Path(same[0].folder).name if same else ""


def _free(texts: Texts, slug: str, root: Path) -> str:
    """The first of slug, slug-2, ... that no other study has; that of the same files is theirs."""
    studies, _ = list_studies(root)
    taken = {study.slug for study in studies if study.digest != texts.digest}
    for number in count(1):
        end = "" if number == 1 else f"-{number}"
        wanted = slug_of(slug, 48 - len(end)) + end
        if wanted not in taken:
            return wanted
    raise AssertionError("there are more numbers than studies")


def cost_of(texts: Texts) -> Cost:
    """What measuring the tasks by models would cost, from their rows' length alone."""
    measured, tasks = with_models(texts.plan), texts.material.examples.values()
    prompt, completion = (
        float(np.mean([np.mean([len(text) for text in part]) for part in parts]))
        for parts in (
            [[e.prompt for e in rows] for rows in tasks],
            [[e.completion for e in rows] for rows in tasks],
        )
    )
    on_gpu, seconds = small_model_cost(measured, prompt, completion)
    held_out = measured.probe.examples_per_task
    rows = {name: set(map(normalised, found)) for name, found in texts.material.examples.items()}
    short = tuple(name for name, keys in rows.items() if len(keys) <= held_out)
    often = Counter(key for keys in rows.values() for key in keys)
    return Cost(on_gpu, seconds, held_out, short, sum(n > 1 for n in often.values()))
