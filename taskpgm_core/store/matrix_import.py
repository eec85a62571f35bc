"""A task-similarity matrix that somebody already has, made into a study."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from taskpgm_core.errors import StoreError, as_seen, look_alikes, nearest
from taskpgm_core.files.encoding import npz_bytes
from taskpgm_core.files.hashing import digest_of
from taskpgm_core.files.locking import locked
from taskpgm_core.files.packed import unpacked
from taskpgm_core.plans.slug import SLUG, slug_of
from taskpgm_core.records import Array, Similarity, Study, Task
from taskpgm_core.store.delimited_text import (
    broken,
    decoded,
    grouped,
    likely_separator,
    lines_of,
    number_of,
)
from taskpgm_core.store.matrix_rounding import cleaned
from taskpgm_core.store.matrix_tables import read_table
from taskpgm_core.store.named_table import Table
from taskpgm_core.store.studies import cache_root, folder_name
from taskpgm_core.store.writer import assemble, recover

KINDS = ("similarity", "divergence")
TASK_COLUMNS = ("task", "rows", "family", "mean_tokens", "source", "split")
LARGEST = 1e15
_LN2 = float(np.log(2.0))


def _tasks(path: Path) -> list[Task]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise StoreError(
            f"There is no file {path}; --tasks wants a CSV with a column 'task'."
        ) from None
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}.") from None
    text = decoded(unpacked(data, str(path))[0], str(path))
    separator = likely_separator(text, str(path))
    rows = lines_of(text, "," if separator == " " else separator, str(path))
    if not rows:
        raise StoreError(f"{path} is empty; --tasks wants a CSV with a column 'task'.")
    columns = [column.lower() for column in rows[0][1]]
    if len(set(columns)) < len(columns):
        twice = next(column for column in columns if columns.count(column) > 1)
        raise StoreError(f"{path}: two columns are called '{twice}'; keep one.")
    for column in columns:
        if column not in TASK_COLUMNS:
            raise StoreError(
                f"{path} has an unknown column '{column}'{nearest(column, TASK_COLUMNS)}."
            )
    if "task" not in columns:
        raise StoreError(f"{path} has no column 'task'.")
    return [_task(columns, row, f"{path}, line {line}") for line, row in rows[1:]]


def _task(columns: list[str], row: list[str], where: str) -> Task:
    if len(row) > len(columns):
        raise StoreError(f"{where}: it has more cells than the first line has columns.")
    known = {column: cell for column, cell in zip(columns, row, strict=False) if cell}
    if "task" not in known:
        raise StoreError(f"{where}: the task has no name.")
    if "split" in known and "source" not in known:
        raise StoreError(f"{where}: it has a split but no source that it is of; add the source.")
    for column, cell in known.items():
        if column != "task" and broken(cell):
            raise StoreError(f"{where}: {column} holds a control character; write it without.")
    numbers = {}
    for column in ("rows", "mean_tokens"):
        value = number_of(known[column]) if column in known else None
        if column in known and (value is None or not math.isfinite(value)):
            shown = known[column][:40]
            raise StoreError(f"{where}: {column} is '{shown}', which must be a number.")
        if column in known and grouped(known[column]):
            raise StoreError(
                f"{where}: {column} is {known[column]}, whose comma may group thousands; write it "
                f"without a comma."
            )
        if value is not None and value > LARGEST:
            raise StoreError(f"{where}: {column} is {value:.3g}, which is too large.")
        if value is not None and value <= 0:
            raise StoreError(f"{where}: {column} must be above 0.")
        numbers[column] = value
    rows = numbers["rows"]
    if rows is not None and rows != int(rows):
        raise StoreError(f"{where}: rows is {known['rows']}, which must be a whole number.")
    return Task(
        known["task"],
        known.get("family", ""),
        known.get("source", ""),
        None if rows is None else int(rows),
        numbers["mean_tokens"],
        split=known.get("split", ""),
    )


def above_ln2(divergence: Array) -> list[str]:
    """The warning that an (n, n) matrix of divergences is no JSD's, if it cannot be."""
    most = divergence.max()
    if most <= _LN2:
        return []
    return [
        f"The largest divergence is {most:.4g}, above ln 2 = 0.6931, so this is no "
        f"Jensen-Shannon divergence in nats; the mixture may need a shift to be convex."
    ]


def _check_names(names: Sequence[str], where: str) -> None:
    for name in names:
        if not as_seen(name):
            raise StoreError(f"{where}: a task has no name.")
        if broken(name):
            raise StoreError(
                f"{where}: the task name {name!a} holds a control character or half a character; "
                f"rename the task."
            )


def checked_similarity(
    table: Table,
    names: Sequence[str],
    *,
    kind: str,
    symmetrise: bool = False,
    keep_kind: bool = False,
    where: str,
) -> tuple[Similarity, list[str], float]:
    """The similarity that a square table of numbers is, as ``import_matrix`` takes it.

    With it the sentences on what was cleaned and what to know, and by how much both ways
    differed. ``where``: what sentences call the table. StoreError where it is of no such kind.
    """
    _check_names(names, where)
    ids = tuple(names)
    if len(set(ids)) < len(ids):
        twice = next(t for t in ids if ids.count(t) > 1)
        raise StoreError(f"{where}: Task ids must be unique, but '{twice}' stands more than once.")
    if twins := look_alikes(ids):
        raise StoreError(
            f"{where}: the task names {twins[0]!a} and {twins[1]!a} look alike to a reader; rename "
            f"one."
        )
    found = cleaned(table, ids, kind=kind, symmetrise=symmetrise, keep_kind=keep_kind, where=where)
    said = [*found.said]
    checked = Similarity(ids, found.matrix)
    if kind == "divergence":
        said += above_ln2(checked.matrix)
        checked = replace(checked, matrix=0.0 - checked.matrix)
    return checked, said, found.asymmetry


def described_tasks(
    path: Path, names: Sequence[str] | None, n: int, tasks: str | Path | None
) -> list[Task]:
    """The tasks of the n rows of ``path``, in its order: from the CSV ``tasks``, or by name.

    ``names``: those in ``path``, None where it has none. StoreError where the two differ.
    """
    if tasks:
        described = _tasks(Path(tasks))
    else:
        described = [Task(t) for t in names or [f"T{i + 1}" for i in range(n)]]
    if names is not None and len(names) != n:
        raise StoreError(f"{path} names {len(names)} tasks, but its matrix has {n} rows.")
    _check_names([task.id for task in described], str(path))
    if len(described) != n:
        raise StoreError(f"{tasks} lists {len(described)} tasks, but {path} has {n}.")
    if not names or not tasks or [t.id for t in described] == list(names):
        return described
    if sorted(t.id for t in described) != sorted(names):
        listed = {t.id for t in described}
        stray = min(listed ^ set(names))
        guess = nearest(stray, set(names) - listed if stray in listed else listed - set(names))
        raise StoreError(f"'{stray}' stands in only one of {path} and {tasks}{guess}.")
    by_id = {t.id: t for t in described}
    return [by_id[t] for t in names]


def _digest(checked: Similarity, described: Sequence[Task]) -> str:
    """The digest of what was brought: the matrix, and the tasks with all that is known of them."""
    rows = [
        [t.id, t.family, t.rows, t.mean_tokens, *filter(None, (t.source, t.split))]
        for t in described
    ]
    return digest_of({"matrix": checked.matrix.tolist(), "tasks": rows})


def name_of(path: Path, name: str | None) -> str:
    """The slug of a study made from ``path``: ``name``, or the file's; StoreError for no slug."""
    slug = name or slug_of(path.stem)
    if not SLUG.fullmatch(slug):
        raise StoreError(
            f"'{slug}' is no name for a study; give --name in lower-case letters, digits, hyphens."
        )
    return slug


def import_matrix(
    file: str | Path,
    *,
    kind: str,
    symmetrise: bool = False,
    keep_kind: bool = False,
    tasks: str | Path | None = None,
    name: str | None = None,
    root: Path | None = None,
) -> Study:
    """A study of measure ``given`` from a file with a square symmetric matrix.

    ``kind``: ``similarity`` (high means alike; any finite numbers) or ``divergence`` (0 on the
    diagonal, never negative; S = -D). ``symmetrise``: the mean of both ways where they differ by
    more than rounding; ``keep_kind``: take a similarity whose diagonal is its least. ``tasks``: CSV
    in the matrix's order, its columns TASK_COLUMNS of which only ``task`` must be; ``source`` is
    what a trainer reads (a file, a folder or a hub's id). Names may also stand in the file's first
    row and column, and layouts are those of ``read_table``. What was cleaned and what to know is in
    ``study.facts["warnings"]``. Raises StoreError with one sentence for anything else.
    """
    path = Path(file)
    if kind not in KINDS:
        raise StoreError(f"--kind must be similarity or divergence, not '{kind}'.")
    slug = name_of(path, name)
    table = read_table(path)
    matrix, names = table.values, table.rows or table.columns
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        shape = " x ".join(map(str, matrix.shape)) or "a single number"
        raise StoreError(f"{path}: the matrix must be square, but it is {shape}.")
    if len(matrix) < 2:
        raise StoreError(f"{path} holds {len(matrix)} task; a mixture needs at least 2.")
    described = described_tasks(path, names, len(matrix), tasks)
    checked, said, asymmetry = checked_similarity(
        table,
        [t.id for t in described],
        kind=kind,
        symmetrise=symmetrise,
        keep_kind=keep_kind,
        where=str(path),
    )
    digest = _digest(checked, described)
    root = root or cache_root()
    with locked(root, folder_name(slug, digest)):
        recover(root, slug, digest)
        return assemble(
            root,
            slug=slug,
            digest=digest,
            kind="imported",
            measures=("given",),
            tasks=described,
            files={"matrices.npz": npz_bytes({"given": checked.matrix})},
            facts={
                "file": path.name,
                "kind": kind,
                "warnings": said,
                **({"symmetrised": asymmetry} if symmetrise else {}),
            },
        )
