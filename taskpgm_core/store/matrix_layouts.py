"""Tables of numbers with names, as a square matrix: names, triangles, totals, lists of pairs."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from taskpgm_core.errors import StoreError
from taskpgm_core.records import Array
from taskpgm_core.store.delimited_text import HOLES, mixed_decimals, number_of

FIRST = {"i", "row", "source", "src", "from", "a", "x", "left", "first", "task", "dataset", "t"}
SECOND = {"j", "col", "column", "target", "tgt", "dst", "to", "b", "y", "right", "second", "other"}
VALUES = {"value", "similarity", "sim", "divergence", "distance", "dist", "jsd", "kl", "score"}
VALUES |= {"weight", "corr", "correlation", "cosine"}
TOTALS = {"total", "totals", "sum", "sums", "all", "mean", "means", "average", "avg", "margin"}
CLOSE = 1e-4
"""Relative: totals are often printed with fewer digits than what they are totals of."""


@dataclass(frozen=True)
class Table:
    """``values`` (rows, columns), NaN where nothing stands; names None where the file has none.

    ``words``: the cells as they were written, empty where there are none; ``first_line``: the row
    number of the first row of numbers; ``said``: what was done to come here, in sentences;
    ``precision``: the relative error of one number of the array's type, 0 for text and float64.
    """

    values: Array
    rows: list[str] | None = None
    columns: list[str] | None = None
    first_line: int = 1
    words: list[list[str]] = field(default_factory=list)
    said: tuple[str, ...] = ()
    precision: float = 0.0

    def saying(self, sentence: str) -> "Table":
        return replace(self, said=(*self.said, sentence))


def table_of(cells: list[list[str]], name: str) -> Table:
    """The table in ``cells``: a matrix with names in a row, a column, both or neither, or pairs.

    StoreError with the first thing that stands in the way.
    """
    if not cells:
        raise StoreError(f"{name} is empty; it must hold a square matrix.")
    table, reason = None, StoreError("")
    try:
        table = squared(_block(cells, *_usual_names(cells), name), name)
    except StoreError as error:
        reason = error
    if table is not None and np.array_equal(table.values, table.values.T):
        return table
    if (pairs := _pairs(cells, name)) is not None:
        return pairs
    if table is not None:
        return table
    for way in _other_names(cells):
        try:
            return squared(_block(cells, *way, name), name)
        except StoreError:
            continue
    raise reason


def _other_names(cells: list[list[str]]) -> list[tuple[bool, bool]]:
    """Other places for names than the usual ones, where numbers stand among the names."""
    top, side = cells[0], [row[0] for row in cells]
    ways = [(False, False)]
    if any(number_of(cell) is None for cell in side):
        ways.insert(0, (False, True))
    if any(number_of(cell) is None for cell in top):
        ways.insert(0, (True, False))
    if number_of(top[0]) is None and len(set(side[1:]) ^ set(top[1:])) < 2:
        ways.insert(0, (True, True))
    return ways


def _usual_names(cells: list[list[str]]) -> tuple[bool, bool]:
    """Whether the first row and the first column look like names."""
    first = cells[0]
    # an empty corner is above a column of names, which may be numbers (but whole: not a hole)
    corner = not first[0] and len(first) == len(cells) > 1 and all(map(str.isdigit, first[1:]))
    header = corner or any(c and number_of(c) is None for c in first[1:] or first)
    twice = len(first) > 1 and first[1:] == [row[0] for row in cells[1:]]
    if header and twice and any(number_of(c) is None for c in first[1:]):
        return True, True
    if any(number_of(c) is not None for c in first[1:]) and all(
        c.lower() in HOLES or number_of(c) is not None for c in first[1:]
    ):
        header = corner  # a row of numbers with holes is no row of names
    body = cells[1:] if header else cells
    labelled = corner or bool(body and body[0][0] and number_of(body[0][0]) is None)
    return header, labelled


def _block(cells: list[list[str]], header: bool, labelled: bool, name: str) -> Table:
    first, body = cells[0], cells[1:] if header else cells
    rows = [row[0] for row in body] if labelled else None
    words = [row[1:] if labelled else row for row in body]
    if not words:
        raise StoreError(f"{name} holds names, but no numbers.")
    width = max(map(len, words))
    if len(set(map(len, words))) > 1:
        width = max(width, len(words))
    columns = first if header else None
    if columns and labelled and len(columns) == width + 1:
        columns = columns[1:]
    both = mixed_decimals([cell for row in words for cell in row])
    if both:
        raise StoreError(
            f"{name} writes '{both[0]}' with a decimal comma and '{both[1]}' with a point; write "
            f"all numbers one way."
        )
    if len(set(map(len, words))) > 1:
        words = _stairs(words, header, name)
    if columns and len(columns) != width:
        raise StoreError(
            f"{name}: the first row names {len(columns)} tasks, but row {1 + header} has {width} "
            f"numbers."
        )
    values = np.full((len(words), max(map(len, words))), np.nan)
    for i, row in enumerate(words):
        for j, cell in enumerate(row):
            value = number_of(cell)
            if value is None and cell.lower() not in HOLES:
                raise StoreError(
                    f"{name}: row {i + 1 + header}, column {j + 1} is '{cell}', no number."
                )
            values[i, j] = np.nan if value is None else value
    return Table(values, rows, columns, 1 + header, words)


def _stairs(words: list[list[str]], header: bool, name: str) -> list[list[str]]:
    """Rows that grow or shrink by one cell as a square with empty cells."""
    lengths, n = [len(row) for row in words], len(words)
    if lengths in (list(range(1, n + 1)), list(range(n))):
        return [row + [""] * (n - len(row)) for row in words]
    if lengths in (list(range(n, 0, -1)), list(range(n - 1, -1, -1))):
        return [[""] * (n - len(row)) + row for row in words]
    for i, length in enumerate(lengths):
        if length != n:
            raise StoreError(
                f"{name}: row {i + 1 + header} has {length} numbers, but the matrix has {n} rows; "
                f"it must be square."
            )
    return words


def _pairs(cells: list[list[str]], name: str) -> Table | None:
    """The table that a list of pairs (one, other, number) stands for; None where it is none."""
    head = [cell.lower() for cell in cells[0]]
    known = _pair_columns(head)
    if known is None and any(len(row) != 3 for row in cells):
        return None
    one, other, value = known or (0, 1, 2)
    named = known is not None or (number_of(head[2]) is None and head[2] not in HOLES)
    body = cells[1:] if named else cells
    if not body or any(len(row) <= max(one, other, value) for row in body):
        return None
    triples = [(row[one], row[other], number_of(row[value])) for row in body]
    words = all(number_of(a) is None and number_of(b) is None for a, b, _ in triples)
    if words and not any(b.lower() in HOLES for _, b, _ in triples):
        return table_of_pairs(triples, name, 1 + named)
    # three columns of numbers under any names are three tasks, but ids are whole
    whole = all(a.isdigit() and b.isdigit() for a, b, _ in triples)
    if known and whole and (head[value] in VALUES or len(body) != 3):
        return table_of_pairs(triples, name, 1 + named)
    return None


def _pair_columns(head: Sequence[str]) -> tuple[int, int, int] | None:
    """Where a header names one task, the other and their number; None where it does not."""
    stems = [_stem(cell) for cell in head]
    first = [k for k, stem in enumerate(stems) if stem in FIRST]
    second = [k for k, stem in enumerate(stems) if stem in SECOND]
    numbered = [k for k, cell in enumerate(head) if cell != stems[k]]
    if len(first) == 2 and not second and set(first) <= set(numbered):
        first, second = first[:1], first[1:]  # task1, task2
    if len(first) != 1 or len(second) != 1 or len(head) < 3:
        return None
    rest = [k for k in range(len(head)) if k not in (first[0], second[0]) and head[k]]
    values = [k for k in rest if head[k] in VALUES] if len(rest) > 1 else rest
    return (first[0], second[0], values[0]) if len(values) == 1 else None


def _stem(cell: str) -> str:
    """``task_a`` is ``a``, ``task1`` is ``task``, ``source_task`` is ``source``."""
    parts = [p for p in cell.replace("-", "_").replace(" ", "_").split("_") if p]
    kept = [p for p in parts if p not in ("task", "name", "id", "dataset", "model")]
    if len(parts) > 1 and kept in (["1"], ["2"], []):
        return "task"
    if not kept:
        return parts[0] if parts else ""
    return kept[0].rstrip("12") or kept[0] if len(kept) == 1 else cell


def table_of_pairs(
    triples: Sequence[tuple[str, str, float | None]], name: str, first_line: int = 1
) -> Table:
    """The matrix of (one, other, number); a pair given one way only is the same the other way."""
    names = list(dict.fromkeys(t for a, b, _ in triples for t in (a, b)))
    place = {task: k for k, task in enumerate(names)}
    values = np.full((len(names), len(names)), np.nan)
    for line, (a, b, value) in enumerate(triples, start=first_line):
        if not a or not b:
            raise StoreError(f"{name}: row {line} names no pair of tasks.")
        if value is None:
            raise StoreError(f"{name}: row {line} has no number for '{a}' and '{b}'.")
        known = values[place[a], place[b]]
        if not np.isnan(known) and known != value:
            raise StoreError(
                f"{name}: row {line} gives '{a}' and '{b}' as {value:.9g}, but an earlier row "
                f"{known:.9g}; keep one."
            )
        values[place[a], place[b]] = value
    mirrored = np.isnan(values) & ~np.isnan(values.T)
    both = ~np.isnan(values) & ~np.isnan(values.T) & ~np.eye(len(names), dtype=bool)
    if mirrored.any() and both.any():
        i, j = np.argwhere(mirrored)[0]
        raise StoreError(
            f"{name} gives some pairs both ways, but '{names[j]}' and '{names[i]}' only one way; "
            f"give every pair once, or every pair both ways."
        )
    off = np.isnan(values) & np.isnan(values.T) & ~np.eye(len(names), dtype=bool)
    if off.any():
        i, j = np.argwhere(off)[0]
        raise StoreError(
            f"{name} says nothing of '{names[i]}' and '{names[j]}'; a matrix needs every pair."
        )
    table = Table(np.where(mirrored, values.T, values), names, names)
    if mirrored.any():
        return table.saying(f"The {len(triples)} pairs of the list were taken for both ways.")
    return table


def squared(table: Table, name: str) -> Table:
    """``table`` without a total row or column, its columns in the order of its rows."""
    if table.values.ndim == 1:
        table = _condensed(table)
    if table.values.ndim != 2:
        return table
    table = _without_totals(table)
    n, m = table.values.shape
    if n != m:
        raise StoreError(
            f"{name}: the matrix must be square, but it is {n} x {m}: row {n + table.first_line - 1}"
            f" is neither a task nor the sum or the mean of the others."
            if n == m + 1
            else f"{name}: the matrix must be square, but it is {n} x {m}."
        )
    rows, columns = table.rows, table.columns
    if rows is None or columns is None or rows == columns:
        return table
    if sorted(rows) != sorted(columns) or len(set(rows)) < n:
        raise StoreError(f"{name}: the names in the first row and first column differ.")
    order = [columns.index(row) for row in rows]
    return replace(
        table,
        values=table.values[:, order],
        words=[[row[k] for k in order] for row in table.words],
        columns=rows,
    ).saying("The columns were put into the order of the rows, by name.")


def _condensed(table: Table) -> Table:
    """The matrix of a row of n (n - 1) / 2 numbers, as scipy's ``pdist`` gives them."""
    count = len(table.values)
    n = round((1 + (1 + 8 * count) ** 0.5) / 2)
    if count < 3 or n * (n - 1) // 2 != count:
        return table
    values = np.full((n, n), np.nan)
    values[np.triu_indices(n, 1)] = table.values
    values.T[np.triu_indices(n, 1)] = table.values
    return replace(table, values=values).saying(
        f"The {count} numbers are those above the diagonal of {n} tasks, row by row."
    )


def _without_totals(table: Table) -> Table:
    n, m = table.values.shape
    names = table.rows or table.columns
    if n == m and n > 2 and names and names[-1].lower() in TOTALS:
        below, beside = table.values[-1], table.values[:, -1]
        word = _total(table.values[:-1], below)
        if word and word == _total(table.values[:, :-1].T, beside):
            return _cut(table, True, True, word)
    if n == m + 1 and n > 2 and (word := _total(table.values[:-1], table.values[-1])):
        return _default_names(_cut(table, True, False, word))
    if m == n + 1 and m > 2 and (word := _total(table.values[:, :-1].T, table.values[:, -1])):
        return _default_names(_cut(table, False, True, word))
    return _default_names(table)


def _total(parts: Array, last: Array) -> str:
    """``sums`` or ``means`` where ``last`` (m,) is that of the columns of ``parts`` (n, m)."""
    n = len(parts)
    if np.isnan(parts).any() or np.isnan(last).any() or not np.abs(parts).max(initial=0.0):
        return ""
    close = CLOSE * max(float(np.abs(last).max()), 1e-300)
    ways = {"sums": parts.sum(axis=0), "means": parts.mean(axis=0)}
    if parts.shape[0] == parts.shape[1] and n > 1:
        ways["means without the diagonal"] = (parts.sum(axis=0) - np.diagonal(parts)) / (n - 1)
    return next((word for word, way in ways.items() if np.abs(way - last).max() <= close), "")


def _cut(table: Table, row: bool, column: bool, word: str) -> Table:
    n, m = table.values.shape
    below, beside = n - row, m - column
    what = " and ".join(["last row"] * row + ["last column"] * column)
    return replace(
        table,
        values=table.values[:below, :beside],
        words=[line[:beside] for line in table.words[:below]],
        rows=table.rows[:below] if table.rows else None,
        columns=table.columns[:beside] if table.columns else None,
    ).saying(f"The {what} held the {word} of the others and was left out.")


def _default_names(table: Table) -> Table:
    """``table`` without a first row or column that only counts 0, 1, 2, ..."""
    n, m = table.values.shape
    for start in [np.arange(k, k + max(n, m)) for k in (0, 1)] if min(n, m) > 2 else []:
        if n == m + 1 and table.columns is None and np.array_equal(table.values[0], start[:m]):
            return replace(
                table,
                values=table.values[1:],
                words=table.words[1:],
                rows=table.rows[1:] if table.rows else None,
                first_line=table.first_line + 1,
            ).saying("The first row only counts the columns and was left out.")
        if m == n + 1 and table.rows is None and np.array_equal(table.values[:, 0], start[:n]):
            return replace(
                table,
                values=table.values[:, 1:],
                words=[line[1:] for line in table.words],
                columns=table.columns[1:] if table.columns else None,
            ).saying("The first column only counts the rows and was left out.")
    return table
