"""What a mixture file says of each task (an amount in some unit), as proportions of rows."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

import numpy as np

from taskpgm_core.errors import MixtureError, nearest
from taskpgm_core.records import Array, Task, read_only

Unit = Literal["share", "rows", "epochs", "token share"]
_TAIL = re.compile(r"-([0-9a-f]{8})")


class UnclearError(ValueError):
    """Why a file is no mixture as it stands: the reason for a sentence, in our words."""


@dataclass(frozen=True)
class Part:
    """One task's ``amount``; ``names``: what the file calls it (ids, paths), the plainest first.

    ``unit``: ``share`` of the mixture's rows (relative), ``rows``, ``epochs`` (passes over the set,
    0.5 is half of it), ``token share`` (relative).
    """

    names: tuple[str, ...]
    amount: float
    unit: Unit = "share"


def proportions(
    parts: Sequence[Part], tasks: Sequence[str], known: Sequence[Task], where: str
) -> Array:
    """(n,) proportions of rows over ``tasks``, summing to 1; tasks that are not named get 0.

    ``known``: what the study knows of the tasks (rows, mean tokens, sources), for units that need
    it. MixtureError for unknown or repeated tasks, unknown sizes, and numbers that are no weights.
    """
    about = {task.id: task for task in known}
    amounts: dict[str, float] = {}
    units = {part.unit for part in parts}
    if len(units) > 1 and units & {"share", "token share"}:
        raise MixtureError(
            f"{where} gives some tasks as shares and others as rows; write all one way."
        )
    for part in parts:
        task = _task(part.names, tasks, known)
        if task is None:
            raise MixtureError(
                f"{where} names '{part.names[0]}', which is no task{nearest(part.names[0], tasks)}."
            )
        if task in amounts:
            raise MixtureError(f"{where} names '{task}' twice; keep one line of it.")
        amounts[task] = part.amount * _rows_each(part, task, about.get(task), where)
    values = np.array([amounts.get(task, 0.0) for task in tasks], dtype=np.float64)
    with np.errstate(over="ignore"):
        total = values.sum()
    if not np.isfinite(total) or values.min(initial=0.0) < 0 or total <= 0:
        raise MixtureError(f"{where}: weights must be finite, not negative, and not all zero.")
    return read_only(values / total)


def _rows_each(part: Part, task: str, known: Task | None, where: str) -> float:
    """What one unit of a part's amount is in rows (up to a factor that is the same for all)."""
    if part.unit in ("share", "rows") or not part.amount:
        return 1.0
    if part.unit == "epochs":
        if known is None or known.rows is None:
            raise MixtureError(
                f"{where} gives a part of each set's rows, and the rows of '{task}' are unknown "
                f"here; import the study with --tasks (task,rows), or write rows or shares."
            )
        return float(known.rows)
    if known is None or known.mean_tokens is None:
        raise MixtureError(
            f"{where} gives shares of tokens, and the mean tokens a row of '{task}' are unknown "
            f"here; import the study with --tasks (task,mean_tokens), or write shares of rows."
        )
    return 1.0 / known.mean_tokens


def _task(names: Sequence[str], tasks: Sequence[str], known: Sequence[Task]) -> str | None:
    """The task that a file means: by id, by source, by a materialised file's name, by file name."""
    for name in names:
        if name in tasks:
            return name
    sources = _by_source(known)
    digests = {_digest(task): task for task in tasks}
    for name in names:
        place = _bare(name).removesuffix("_text_document")
        if place in sources:
            return sources[place]
        for piece in reversed(PurePosixPath(name).parts):
            stem = piece.removesuffix("_text_document").removesuffix("-mds").partition(".")[0]
            tail = _TAIL.search(stem[-9:])
            if tail and tail[1] in digests:
                return digests[tail[1]]
            if stem in tasks:
                return stem
    return None


def _by_source(known: Sequence[Task]) -> dict[str, str]:
    """Tasks by their source, whole, without its ending and without what follows a colon."""
    found: dict[str, set[str]] = {}
    for task in known:
        whole = _bare(task.source)
        for way in {whole, whole.rpartition(":")[0], whole.rpartition(".")[0]} - {""}:
            found.setdefault(way, set()).add(task.id)
    return {way: ids.pop() for way, ids in found.items() if len(ids) == 1}


def _bare(source: str) -> str:
    return source.removeprefix("jsonl:").removeprefix("file:").removeprefix("hub:")


def _digest(task: str) -> str:
    """What the file names of a recipe end with, see ``exports.file_name``."""
    return hashlib.sha256(task.encode("utf-8", "surrogatepass")).hexdigest()[:8]
