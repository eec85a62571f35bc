"""A task-similarity matrix that somebody already has, made into a study."""

import csv
import io
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from taskpgm_core.errors import StoreError, nearest
from taskpgm_core.files.encoding import npz_bytes
from taskpgm_core.files.hashing import digest_of
from taskpgm_core.files.locking import locked
from taskpgm_core.plans.slug import SLUG, slug_of
from taskpgm_core.records import Array, Similarity, Study, Task
from taskpgm_core.store.studies import cache_root
from taskpgm_core.store.writer import assemble, recover

KINDS = ("similarity", "divergence")
TASK_COLUMNS = ("task", "rows", "family", "mean_tokens", "source", "split")
_LN2 = float(np.log(2.0))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _csv_rows(path: Path) -> list[tuple[int, list[str]]]:
    """(line number, stripped cells) of every line that is not blank."""
    text = path.read_text(encoding="utf-8-sig")
    reader = csv.reader(io.StringIO(text), delimiter="\t" if path.suffix == ".tsv" else ",")
    rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    return [(line, row) for line, row in rows if any(row)]


def _from_csv(path: Path) -> tuple[list[str] | None, np.ndarray]:
    cells = [row for _, row in _csv_rows(path)]
    if not cells:
        raise StoreError(f"{path} is empty; it must hold a square matrix.")
    first = cells[0]
    # an empty corner is above a column of names, which may be numbers (but whole: not a hole)
    corner = not first[0] and len(first) == len(cells) > 1 and all(map(str.isdigit, first[1:]))
    header = first if corner or any(c and _number(c) is None for c in first[1:] or first) else None
    body = cells[1:] if header else cells
    labelled = corner or (bool(body and body[0][0]) and _number(body[0][0]) is None)
    names = [row[0] for row in body] if labelled else header
    if header and labelled:
        columns = header[1:] if len(header) == len(body) + 1 else header
        if columns != names:
            raise StoreError(f"{path}: the names in the first row and first column differ.")
    values = []
    for number, row in enumerate(body, start=2 if header else 1):
        numbers = row[1:] if labelled else row
        if len(numbers) != len(body):
            raise StoreError(
                f"{path}: row {number} has {len(numbers)} numbers, but the matrix has {len(body)} "
                f"rows; it must be square."
            )
        for column, cell in enumerate(numbers, start=1):
            if _number(cell) is None:
                raise StoreError(f"{path}: row {number}, column {column} is '{cell}', no number.")
        values.append([float(cell) for cell in numbers])
    return names, np.array(values, dtype=np.float64)


def _from_json(path: Path) -> tuple[list[str] | None, np.ndarray]:
    value = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(value, dict):
        return None, np.array(value, dtype=np.float64)
    names = value.get("tasks")
    if names is not None and not (
        isinstance(names, list) and all(isinstance(name, str) for name in names)
    ):
        raise StoreError(f"{path}: tasks must be a list of names.")
    return names, np.array(value["matrix"], dtype=np.float64)


def _from_npy(path: Path) -> np.ndarray:
    with path.open("rb") as file:
        array = np.lib.format.read_array(file, allow_pickle=False)
    if np.iscomplexobj(array):
        raise ValueError("its numbers are complex")
    return array.astype(np.float64)


def _matrix(path: Path) -> tuple[list[str] | None, np.ndarray]:
    try:
        if path.suffix in (".csv", ".tsv", ".txt"):
            return _from_csv(path)
        if path.suffix == ".npy":
            return None, _from_npy(path)
        if path.suffix == ".json":
            return _from_json(path)
        if path.suffix == ".parquet":
            frame = pd.read_parquet(path)
            return list(map(str, frame.columns)), frame.to_numpy(dtype=np.float64)
    except FileNotFoundError:
        raise StoreError(
            f"There is no file {path}; name a CSV, TSV, NPY, JSON or Parquet file."
        ) from None
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        RecursionError,
        OverflowError,
        csv.Error,
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StoreError(f"{path} cannot be read as a matrix: {reason}.") from None
    raise StoreError(f"{path} is no CSV, TSV, NPY, JSON or Parquet file, so it cannot be imported.")


def _tasks(path: Path) -> list[Task]:
    try:
        rows = _csv_rows(path)
    except FileNotFoundError:
        raise StoreError(
            f"There is no file {path}; --tasks wants a CSV with a column 'task'."
        ) from None
    except (OSError, ValueError, csv.Error) as error:
        raise StoreError(f"{path} cannot be read as CSV: {str(error).splitlines()[0]}.") from None
    if not rows:
        raise StoreError(f"{path} is empty; --tasks wants a CSV with a column 'task'.")
    columns = rows[0][1]
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
    numbers = {}
    for column in ("rows", "mean_tokens"):
        value = _number(known[column]) if column in known else None
        if column in known and (value is None or not math.isfinite(value)):
            raise StoreError(f"{where}: {column} is '{known[column]}', which must be a number.")
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


def import_matrix(
    file: str | Path,
    *,
    kind: str,
    tasks: str | Path | None = None,
    name: str | None = None,
    root: Path | None = None,
) -> Study:
    """A study of measure ``given`` from a file with a square symmetric matrix.

    ``kind``: ``similarity`` (high means alike; any finite numbers) or ``divergence`` (0 on the
    diagonal, never negative; S = -D). ``tasks``: CSV in the matrix's order, its columns
    TASK_COLUMNS of which only ``task`` must be; ``source`` is what a trainer reads (a file, a
    folder or a hub's id). Names may also stand in the file's first row and column. Warnings are in
    ``study.facts["warnings"]``. Raises StoreError with one sentence for anything else.
    """
    path = Path(file)
    if kind not in KINDS:
        raise StoreError(f"--kind must be similarity or divergence, not '{kind}'.")
    slug = name or slug_of(path.stem)
    if not SLUG.fullmatch(slug):
        raise StoreError(
            f"'{slug}' is no name for a study; give --name in lower-case letters, digits, hyphens."
        )
    names, matrix = _matrix(path)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        shape = " x ".join(map(str, matrix.shape)) or "a single number"
        raise StoreError(f"{path}: the matrix must be square, but it is {shape}.")
    n = len(matrix)
    if n < 2:
        raise StoreError(f"{path} holds {n} task; a mixture needs at least 2.")
    described = (
        _tasks(Path(tasks))
        if tasks
        else [Task(t) for t in names or [f"T{i + 1}" for i in range(n)]]
    )
    if names is not None and len(names) != n:
        raise StoreError(f"{path} names {len(names)} tasks, but its matrix has {n} rows.")
    for task in described:
        if not task.id.strip():
            raise StoreError(f"{path}: a task has no name.")
        if any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in task.id):
            raise StoreError(
                f"{path}: the task name {task.id!a} holds a control character or half a "
                f"character; rename the task."
            )
    if len(described) != n:
        raise StoreError(f"{tasks} lists {len(described)} tasks, but the matrix in {path} has {n}.")
    if names and tasks and [t.id for t in described] != list(names):
        if sorted(t.id for t in described) != sorted(names):
            stray = sorted({t.id for t in described} ^ set(names))[0]
            raise StoreError(f"'{stray}' stands in only one of {path} and {tasks}.")
        by_id = {t.id: t for t in described}
        described = [by_id[t] for t in names]
    warnings: list[str] = []
    try:
        checked = Similarity(tuple(t.id for t in described), matrix)
    except StoreError as error:
        raise StoreError(f"{path}: {error}") from None
    if kind == "divergence":
        D = checked.matrix
        if np.diagonal(D).any():
            worst = int(np.abs(np.diagonal(D)).argmax())
            raise StoreError(
                f"{path}: a divergence is 0 on the diagonal, but '{described[worst].id}' has "
                f"{D[worst, worst]:.6g}; for similarities use --kind similarity."
            )
        if (D < 0).any():
            i, j = np.argwhere(D < 0)[0]
            raise StoreError(
                f"{path}: a divergence is never negative, but '{described[i].id}' and "
                f"'{described[j].id}' have {D[i, j]:.6g}; for similarities use --kind similarity."
            )
        warnings = above_ln2(D)
        checked = replace(checked, matrix=0.0 - D)
    digest = digest_of(
        {
            "matrix": checked.matrix.tolist(),
            "tasks": [
                [t.id, t.family, t.rows, t.mean_tokens, *filter(None, (t.source, t.split))]
                for t in described
            ],
        }
    )
    root = root or cache_root()
    with locked(root, f"{slug}-{digest[:12]}"):
        recover(root, slug, digest)
        return assemble(
            root,
            slug=slug,
            digest=digest,
            kind="imported",
            measures=("given",),
            tasks=described,
            files={"matrices.npz": npz_bytes({"given": checked.matrix})},
            facts={"file": path.name, "kind": kind, "warnings": warnings},
        )
