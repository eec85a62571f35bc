"""Rows of a file: JSON Lines, a JSON array, CSV, TSV or Parquet, plain or packed."""

import csv
import io
import json
import math
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from taskpgm_core.errors import SourceError
from taskpgm_core.files.json_text import numbered, parsed, reason
from taskpgm_core.files.packed import DAMAGED, PARQUET, is_packed, plain_name, unpacking
from taskpgm_core.tasks.chat import kind_of
from taskpgm_core.tasks.row_shape import RowReader

OPTIONS = ("columns", "incomplete", "supervise")
ZIP = b"PK\x03\x04"
WIDE = (b"\xff\xfe", b"\xfe\xff")  # how UTF-16 and UTF-32 begin, where they say so
SEPARATORS = (",", ";", "\t", "|")
LONGEST_CELL = 2**31 - 1
NO_VALUE = ("NaN", "nan")
"""What tables write where there is no value; an empty cell is empty text."""

Row = tuple[Any, str]


def read_into(reader: RowReader, path: Path, *, rows: int | None) -> None:
    """The first ``rows`` complete rows of the file, in its order; blank lines do not count.

    Raises SourceError naming the file, and the line or row where one is at fault.
    """
    if path.is_dir():
        raise SourceError(f"{path} is a folder; name a file in it, or read it by hub:{path}.")
    try:
        with ExitStack() as opened:
            for row, where in _rows(opened, path):
                reader.add(_valued(row), where)
                if len(reader.examples) == rows:
                    break
    except FileNotFoundError:
        raise SourceError(f"There is no file {path}; mend the path in the plan.") from None
    except DAMAGED:
        raise SourceError(f"{path} is a damaged packed file; pack it again.") from None
    except UnicodeDecodeError:
        raise SourceError(f"{path}: the text is not UTF-8; save the file as UTF-8.") from None
    except csv.Error as error:
        raise SourceError(f"{path} is no table that can be read: {error}.") from None
    except OSError as error:
        why = (error.strerror or str(error)).rstrip(".")
        raise SourceError(f"{path} cannot be read: {why}.") from None
    if not reader.examples:
        if reader.incomplete:
            raise SourceError(f"{path} has no row that is complete.")
        raise SourceError(f"{path} holds no examples; fill it or take the task out.")


def _rows(opened: ExitStack, path: Path) -> Iterator[Row]:
    """Each row with where it stands, by what the file begins with and, for tables, its name."""
    file: Any = opened.enter_context(path.open("rb"))
    name, start = path.name.lower(), file.peek(6)[:6]
    if start.startswith(PARQUET):
        return _parquet(path)
    if start.startswith(ZIP):
        raise SourceError(f"{path} is a zip archive; unpack it and name the file that was in it.")
    if is_packed(start):
        file, name = opened.enter_context(unpacking(file, start)), plain_name(name)
        start = file.peek(6)[:6]
    if start.startswith(WIDE) or (b"\0" in start[:4] and start.isascii()):  # no mark
        raise SourceError(f"{path}: the text is UTF-16 or UTF-32; save the file as UTF-8.")
    if start.startswith(PARQUET):
        raise SourceError(f"{path} is a packed Parquet file; unpack it and name what was in it.")
    if name.endswith((".csv", ".tsv")):
        return _table(opened, file, path, tabs=name.endswith(".tsv"))
    if file.peek(4096).removeprefix(BOM_UTF8).lstrip()[:1] == b"[":
        return _array(file, path)
    return _lines(file, path, whole=name.endswith(".json"))


def _lines(text: IO[bytes], path: Path, *, whole: bool) -> Iterator[Row]:
    """``whole``: the name says that it is one JSON value, so one that spans lines is told of."""
    for number, line in numbered(text):
        where = f"{path}, line {number}"
        if whole and line.strip() == b"{":
            raise SourceError(
                f"{path} holds one JSON object over several lines, not a list of rows; write a "
                f"list of objects, or one object a line."
            )
        yield _parsed(line, where), where


def _array(text: IO[bytes], path: Path) -> Iterator[Row]:
    rows = _parsed(text.read(), str(path))
    if not isinstance(rows, list):
        raise SourceError(f"{path} must hold a list of objects, not {kind_of(rows)}.")
    for number, row in enumerate(rows, 1):
        yield row, f"{path}, row {number}"


def _parsed(data: bytes, where: str) -> Any:
    try:
        return parsed(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise SourceError(f"{where}: the text is not UTF-8; save the file as UTF-8.") from None
    except json.JSONDecodeError as error:
        raise SourceError(f"{where}: this is not valid JSON ({error.msg}).") from None
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{where}: this cannot be read: {reason(error)}.") from None


def _table(opened: ExitStack, text: IO[bytes], path: Path, *, tabs: bool) -> Iterator[Row]:
    csv.field_size_limit(LONGEST_CELL)
    lines = opened.enter_context(io.TextIOWrapper(text, encoding="utf-8-sig", newline=""))
    first, above = lines.readline(), 1
    while first and not first.strip():
        first, above = lines.readline(), above + 1
    mark = "\t" if tabs else next((m for m in SEPARATORS if m in first), ",")
    names = [name.strip() for name in next(csv.reader([first], delimiter=mark), [])]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise SourceError(f"{path}: two columns are called '{twice}'; rename one.")
    reader = csv.reader(lines, delimiter=mark, strict=True)
    for cells in reader:
        where = f"{path}, line {reader.line_num + above}"
        if not cells:
            continue
        if len(cells) != len(names):
            raise SourceError(
                f"{where}: there are {len(cells)} cells, but the header has {len(names)}; put text "
                f"with a separator or a line end in it between quotes."
            )
        yield {n: None if c in NO_VALUE else c for n, c in zip(names, cells, strict=True)}, where


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        number = 0
        for batch in pyarrow.parquet.ParquetFile(path).iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield row, f"{path}, row {number}"
    except pyarrow.ArrowException as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise SourceError(f"{path} is no Parquet file that can be read: {reason}.") from None


def _valued(row: Any) -> Any:
    """The row with nothing where a cell holds the number NaN, as tables say it."""
    if not isinstance(row, Mapping):
        return row
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()}
