"""Rows of cells as a square matrix: names in a row, a column, both or neither, triangles."""

import numpy as np

from taskpgm_core.errors import StoreError
from taskpgm_core.store.delimited_text import HOLES, mixed_decimals, number_of, unclear_comma
from taskpgm_core.store.named_table import Table, squared
from taskpgm_core.store.pair_lists import pairs_of


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
    if (pairs := pairs_of(cells, name)) is not None:
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
    if all(side) and any(number_of(cell) is None for cell in side):
        ways.insert(0, (False, True))
    if all(top) and any(number_of(cell) is None for cell in top):
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
    unclear = unclear_comma([cell for row in words for cell in row])
    if unclear:
        raise StoreError(
            f"{name}: nobody can tell whether '{unclear}' has a decimal comma or groups thousands; "
            f"write '{unclear.replace(',', '.')}' or '{unclear.replace(',', '')}'."
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
