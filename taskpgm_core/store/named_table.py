"""A table of numbers with names, made square: totals, counts and a condensed row taken out."""

from dataclasses import dataclass, field, replace

import numpy as np

from taskpgm_core.errors import StoreError
from taskpgm_core.records import Array

TOTALS = {"total", "totals", "sum", "sums", "all", "mean", "means", "average", "avg", "margin"}
LARGEST = 1e300  # beyond it a sum may overflow
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


def squared(table: Table, name: str) -> Table:
    """``table`` without a total row or column, its columns in the order of its rows."""
    if table.values.ndim == 1:
        table = _condensed(table)
    if table.values.ndim != 2:
        return table
    table = _without_totals(table)
    n, m = table.values.shape
    if n != m:
        last = f"row {n + table.first_line - 1}" if n > m else f"column {m}"
        more = f"; its {last} is no sum or mean of the others" if abs(n - m) == 1 else ""
        raise StoreError(f"{name}: the matrix must be square, but it is {n} x {m}{more}.")
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
    if m == n + 1 and n > 1 and np.isnan(table.values[:, -1]).all():
        left = _cut(table, False, True, "")
        return replace(left, said=table.said).saying("The last column was empty and was left out.")
    return _default_names(table)


def _total(parts: Array, last: Array) -> str:
    """``sums`` or ``means`` where ``last`` (m,) is that of the columns of ``parts`` (n, m)."""
    n = len(parts)
    known = np.isfinite(parts).all() and np.isfinite(last).all()
    if not known or not 0 < np.abs(parts).max(initial=0.0) < LARGEST:
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
