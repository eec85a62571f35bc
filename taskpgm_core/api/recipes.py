"""A mixture as the configuration of a trainer."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite
from os import PathLike
from pathlib import Path
from typing import Any

from taskpgm_core.analysis.provenance import provenance
from taskpgm_core.analysis.question import Posed, Question, tasks_of
from taskpgm_core.api.mixtures import Source, asked, opened
from taskpgm_core.errors import ExportError, nearest
from taskpgm_core.exports import Recipe, Rendered, export, make_recipe, placed_sources
from taskpgm_core.exports import Source as Rows
from taskpgm_core.files.atomic import write_atomic
from taskpgm_core.mixture.repetition import repetition_alarm
from taskpgm_core.records import Task


def export_recipe(
    source: Source,
    question: Question | None = None,
    *,
    to: str,
    out: str | PathLike[str] | None = None,
    sources: Mapping[str, str | Rows] | None = None,
    rows: Sequence[int | None] | None = None,
    mean_tokens: Sequence[float | None] | None = None,
    seed: int = 0,
    strict: bool = False,
    **fields: Any,
) -> Rendered:
    """The mixture as the files of the trainer ``to``, written into the folder ``out`` if given.

    The question needs a ``budget``. ``sources``: {task: the file, folder or hub id with its
    rows}; a task without one is read from where the study says, or from where ``materialise
    --per-task`` puts it. ``rows``, ``mean_tokens``: (n,) as in ``allocate``, where the source
    does not know them. ``seed``: of every draw that the trainer makes. What is amiss with the
    recipe, or what the trainer cannot do, is a Python warning, and under ``strict`` an error.
    Beside the trainer's files is ``mixture.json``, the canonical form. Raises ExportError for an
    unknown trainer (naming those there are) and for what its format needs and nobody knows;
    MixtureError where the limits clash.
    """
    known = opened(source)
    sized = _sized(tasks_of(known), rows, mean_tokens)
    posed = asked(known, question, fields, sized)
    names = posed.similarity.tasks
    for task in sources or {}:
        if task not in names:
            raise ExportError(f"sources names '{task}', which is no task{nearest(task, names)}.")
    places = {t: Rows(s) if isinstance(s, str) else s for t, s in (sources or {}).items()}
    recipe = recipe_of(posed, seed=seed, sources=places)
    rendered = export(recipe, to, strict=strict)
    for sentence in rendered.warnings:
        warnings.warn(sentence, stacklevel=2)
    rendered = replace(rendered, files={"mixture.json": recipe.to_json(), **rendered.files})
    if out is not None:
        for name, text in rendered.files.items():
            write_atomic(Path(out) / name, text.encode())
    return rendered


def recipe_of(posed: Posed, *, seed: int = 0, sources: Mapping[str, Rows] | None = None) -> Recipe:
    """The recipe of a posed question's mixture; ``sources`` go before those that a study names."""
    if posed.question.budget is None:
        raise ExportError("A recipe needs a budget: how many rows, or tokens, in all.")
    found = posed.optimum()
    allocation = posed.allocation(found.p)
    assert allocation is not None
    named, nowhere = placed_sources(posed.study) if posed.study else ({}, found.tasks)
    places = {**named, **(sources or {})}
    repeated = repetition_alarm(posed.problem, found, allocation, posed.tasks)
    return make_recipe(
        found.p,
        posed.tasks,
        allocation,
        seed=seed,
        sources=places,
        provenance=provenance(posed.study, posed, found),
        repetition=" ".join(alarm.sentence for alarm in repeated),
        unplaced=[task for task in nowhere if task not in places],
    )


def _sized(
    tasks: Sequence[Task],
    rows: Sequence[int | None] | None,
    mean_tokens: Sequence[float | None] | None,
) -> tuple[Task, ...]:
    """The tasks with the sizes given in place of their own."""
    for name, values in (("rows", rows), ("mean_tokens", mean_tokens)):
        if values is not None and len(values) != len(tasks):
            raise ExportError(
                f"{name} has {len(values)} entries, but there are {len(tasks)} tasks."
            )
    stock = [task.rows for task in tasks] if rows is None else rows
    lengths = [task.mean_tokens for task in tasks] if mean_tokens is None else mean_tokens
    return tuple(
        replace(task, rows=_whole(task, n), mean_tokens=None if m is None else float(m))
        for task, n, m in zip(tasks, stock, lengths, strict=True)
    )


def _whole(task: Task, rows: float | None) -> int | None:
    if rows is None:
        return None
    if not (isfinite(rows) and rows == int(rows)):
        raise ExportError(f"rows of task '{task.id}' is {rows}; give a whole number.")
    return int(rows)
