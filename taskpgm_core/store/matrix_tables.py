"""The kinds of file that a matrix comes in, each read as a table of numbers with names."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from taskpgm_core.errors import StoreError
from taskpgm_core.files.json_text import parsed, parsed_lines, reason
from taskpgm_core.files.packed import PARQUET, unpacked
from taskpgm_core.store.delimited_text import (
    decoded,
    likely_separator,
    lines_of,
    number_of,
    separators,
)
from taskpgm_core.store.matrix_layouts import table_of
from taskpgm_core.store.named_table import Table, squared
from taskpgm_core.store.pair_lists import pairs_of

NO_NPZ = (zipfile.BadZipFile, NotImplementedError)
"""What zipfile raises of a damaged archive, beside what others raise too."""
TEXT = (".csv", ".tsv", ".tab", ".txt", ".dat", ".md")
NAMES = ("tasks", "names", "labels", "index", "columns", "datasets")
BEGINNINGS = {b"\x93NUMPY": ".npy", PARQUET: ".parquet"}
"""How files begin that are told by that, whatever their name ends in."""
MATRICES = tuple(
    "matrix data values similarity similarities divergence distance distances S D".split()
)


def read_table(path: Path) -> Table:
    """The table in a CSV, TSV, text, NPY, NPZ, JSON, JSON lines or Parquet file, packed or not.

    StoreError in one sentence for anything else.
    """
    name = str(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise StoreError(
            f"There is no file {path}; name a CSV, TSV, NPY, NPZ, JSON or Parquet file."
        ) from None
    except OSError as error:
        raise _unreadable(name, error.strerror or "it cannot be opened") from None
    data, plain = unpacked(data, name)
    suffix = next((s for start, s in BEGINNINGS.items() if data.startswith(start)), "")
    suffix = suffix or Path(plain).suffix.lower()
    if suffix in TEXT:
        return _from_text(decoded(data, name), name)
    if suffix in (".json", ".jsonl", ".ndjson"):
        return _from_json(decoded(data, name), suffix != ".json", name)
    if suffix == ".npy":
        return table_of_array(_array(data, name), None, name)
    if suffix == ".npz":
        return _from_npz(data, name)
    if suffix in (".parquet", ".pq"):
        try:
            frame = pd.read_parquet(io.BytesIO(data))
        except (OSError, ValueError):
            raise _unreadable(name, "it is no whole Parquet file") from None
        return table_of_frame(frame, name)
    raise StoreError(
        f"{path} does not end in .csv, .tsv, .txt, .md, .npy, .npz, .json or .parquet, so nobody "
        f"can tell how to read it; save it as one of these."
    )


def _unreadable(name: str, reason: str) -> StoreError:
    return StoreError(f"{name} cannot be read as a matrix: {reason}.")


def _from_text(text: str, name: str) -> Table:
    """The table between the first separator that makes one."""
    reasons: dict[str, StoreError] = {}
    likely, ways = likely_separator(text, name), list(separators(text, name))
    if len({len(row) for _, row in lines_of(text, ways[0], name)}) > 1:
        ways = [likely]  # rows that differ in length may be a triangle, or badly cut
    for separator in dict.fromkeys(ways):
        cells: list[list[str]] = []
        try:
            cells = [row for _, row in lines_of(text, separator, name)]
            return table_of(cells, name)
        except StoreError as error:
            reasons[separator] = error
        if separator == " " and cells and cells[0][0] == "#":  # as numpy.savetxt writes a header
            try:
                return table_of([cells[0][1:], *cells[1:]], name)
            except StoreError:
                continue
    raise reasons[likely]


def _from_json(text: str, lines: bool, name: str) -> Table:
    try:
        value = parsed_lines(text) if lines else parsed(text)
    except (RecursionError, ValueError) as error:
        raise _unreadable(name, reason(error)) from None
    if value is None or value in ([], {}):
        raise StoreError(f"{name} is empty; it must hold a square matrix.")
    if isinstance(value, Mapping):
        return _from_object(value, name)
    if isinstance(value, list) and value and all(isinstance(row, Mapping) for row in value):
        return _from_records(value, name)
    return squared(Table(_numbers(value, name)), name)


def _from_object(value: Mapping[str, Any], name: str) -> Table:
    """pandas' orients split, table, columns and index, and names beside a matrix."""
    if any(isinstance(v, list) for v in value.values()):
        known = {*NAMES, *MATRICES, "schema"}
        value = {k.lower() if k.lower() in known else k: v for k, v in value.items()}
    schema = value.get("schema")
    if isinstance(schema, Mapping) and isinstance(value.get("data"), list):
        key = (schema.get("primaryKey") or [None])[0]
        return _from_records(value["data"], name, key)
    inner = next((k for k in MATRICES if isinstance(value.get(k), list)), None)
    if inner and value[inner] and isinstance(value[inner][0], (list, int, float)):
        lists = {k: value[k] for k in NAMES if value.get(k) is not None and k != inner}
        for key, names in lists.items():
            plain = isinstance(names, list) and all(isinstance(n, (str, int)) for n in names)
            if not plain or (key == "tasks" and not all(isinstance(n, str) for n in names)):
                raise StoreError(f"{name}: {key} must be a list of names.")
        rows = next((lists[k] for k in ("tasks", "index", *NAMES) if k in lists), None)
        columns = lists.get("columns", rows)
        matrix = _numbers(value[inner], name)
        rows, columns = _texts(rows), _texts(columns)
        for names in (rows, columns):
            if names is not None and matrix.ndim == 2 and len(names) != len(matrix):
                raise StoreError(
                    f"{name} names {len(names)} task{'s' if len(names) != 1 else ''}, but its "
                    f"matrix has {len(matrix)} rows."
                )
        return squared(Table(matrix, rows, columns), name)
    if value and all(isinstance(v, Mapping) and _plain(v) for v in value.values()):
        names = list(dict.fromkeys([*value, *(k for v in value.values() for k in v)]))
        words = [[value.get(a, {}).get(b) for b in names] for a in names]
        return squared(Table(_numbers(words, name), names, names), name)
    if value and all(isinstance(v, list) for v in value.values()):
        return table_of_frame(_frame(dict(value), name), name)
    raise _unreadable(
        name, "it holds neither a list of rows, nor an object by task, nor the key 'matrix'"
    )


def _plain(row: Mapping[str, Any]) -> bool:
    """Whether a row holds numbers or words, and no further objects or lists."""
    return not any(isinstance(cell, (Mapping, list)) for cell in row.values())


def _from_records(records: Sequence[Any], name: str, key: Any = None) -> Table:
    if not all(isinstance(record, Mapping) for record in records):
        raise _unreadable(name, "not all of its rows are objects")
    frame = _frame(list(records), name)
    return table_of_frame(frame.set_index(key) if key in frame.columns else frame, name)


def _frame(value: Any, name: str) -> pd.DataFrame:
    try:
        return pd.DataFrame(value)
    except ValueError:
        raise _unreadable(name, "its columns differ in length") from None


def _texts(names: Any) -> list[str] | None:
    return None if names is None else [str(one) for one in names]


def table_of_frame(frame: pd.DataFrame, name: str) -> Table:
    """A data frame: names in the index, in a column of words, or in the columns alone."""
    frame = frame.reset_index() if isinstance(frame.index, pd.MultiIndex) else frame
    words = [c for c in frame.columns if frame[c].map(lambda v: isinstance(v, str)).all()]
    if len(words) == 2 and len(frame.columns) > 2:
        ordered = frame[[*words, *(c for c in frame.columns if c not in words)]]
        cells = ordered.astype(object).where(ordered.notna(), "").to_numpy().tolist()
        head = [str(column) for column in ordered.columns]
        pairs = pairs_of([head, *([str(cell) for cell in row] for row in cells)], name, header=True)
        if pairs is None:
            raise StoreError(
                f"{name} has two columns of words, but nobody can tell which column is the number "
                f"of a pair; call them task, other and similarity."
            )
        return pairs
    if len(words) == 1 and len(frame.columns) > 2:
        frame = frame.set_index(words[0])
    columns = [str(column) for column in frame.columns]
    labels = [str(label) for label in frame.index]
    named = all(isinstance(label, str) for label in frame.index)
    if not named and set(labels) != set(columns) and all(c.isdigit() for c in columns):
        columns = []  # a frame without names counts its columns
    said = Table(np.empty((0, 0)))
    known = labels if named else None
    if named and len(labels) == len(columns) and set(labels) != set(columns):
        known, said = None, said.saying("The row names differ from the column names; these count.")
    precision = max((_precision(dtype) for dtype in frame.dtypes), default=0.0)
    values = _numbers(frame.astype(object).to_numpy().tolist(), name)
    return squared(Table(values, known, columns or None, said=said.said, precision=precision), name)


def _number(value: Any) -> float | None:
    """``value`` as a number, NaN where there is none; None where it is something else."""
    if value is None or value is pd.NA:
        return float("nan")
    if isinstance(value, str):
        return number_of(value)
    if isinstance(value, (int, float, np.generic)):
        try:
            return float(value)
        except (OverflowError, TypeError):
            return None
    return None


def _numbers(value: Any, name: str) -> np.ndarray:
    """Nested lists as an array of float64, NaN for null."""
    if not isinstance(value, list):
        if _number(value) is None:
            raise _unreadable(name, "it holds no numbers")
        return np.array(_number(value))
    rows = [row if isinstance(row, list) else [row] for row in value]
    if len({len(row) for row in rows}) > 1:
        raise _unreadable(name, "its rows differ in length")
    for i, row in enumerate(rows, start=1):
        for j, cell in enumerate(row, start=1):
            if _number(cell) is None:
                raise _unreadable(name, f"row {i}, column {j} is no number that fits")
    if any(not isinstance(row, list) for row in value):
        return np.array([_number(cell) for cell in value], dtype=np.float64)
    return np.array([[_number(cell) for cell in row] for row in rows], dtype=np.float64)


def _precision(dtype: Any) -> float:
    """The relative rounding of a floating type below float64; 0 for all others."""
    known = isinstance(dtype, np.dtype) and dtype.kind == "f" and dtype.itemsize < 8
    return float(np.finfo(dtype).eps) if known else 0.0


def _array(data: bytes, name: str) -> np.ndarray:
    try:
        array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError):
        raise _unreadable(name, "it is no whole NPY file of numbers") from None
    return array


def table_of_array(array: np.ndarray, names: list[str] | None, name: str) -> Table:
    """An array of numbers, with the names of its rows; ``name`` is what sentences call it."""
    if np.iscomplexobj(array):
        raise _unreadable(name, "its numbers are complex")
    if array.dtype.kind not in "fiub":
        raise _unreadable(name, f"its type {array.dtype} is no type of numbers")
    if names is not None and len(names) != len(array):
        raise StoreError(f"{name} names {len(names)} tasks, but its matrix has {len(array)} rows.")
    values = array.astype(np.float64)
    return squared(Table(values, names, names, precision=_precision(array.dtype)), name)


def _from_npz(data: bytes, name: str) -> Table:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except (*NO_NPZ, OSError, ValueError, EOFError, KeyError, TypeError, AttributeError) as error:
        why = "it is no whole NPZ file of numbers and names"
        if "Object arrays" in str(error):  # as numpy calls them
            why = "it holds an array of Python objects; save names with .astype(str)"
        raise _unreadable(name, why) from None
    if {"indices", "indptr", "shape"} <= set(arrays):
        raise _unreadable(name, "its matrix is sparse; save it with .toarray()")
    words = [key for key, a in arrays.items() if a.ndim == 1 and a.dtype.kind in "US"]
    squares = [key for key, a in arrays.items() if a.ndim == 2]
    chosen = squares if len(squares) < 2 else [key for key in squares if key in MATRICES]
    if len(chosen) != 1:
        listing = ", ".join(arrays) or "nothing"
        raise _unreadable(name, f"it must hold one matrix, but holds {listing}")
    usual = [key for key in words if key.lower() in NAMES] if len(words) > 1 else words
    lists = {tuple(arrays[key].astype(str).tolist()) for key in usual}
    if len(lists) > 1 or (words and not lists):
        raise _unreadable(
            name, f"{', '.join(words)} may all name its tasks; keep one, or call one of them tasks"
        )
    names = next((list(one) for one in lists), None)
    return table_of_array(arrays[chosen[0]], names, name)
