"""Lists of pairs (one task, the other, their number), as the matrix that they stand for."""

from collections.abc import Sequence

import numpy as np

from taskpgm_core.errors import StoreError
from taskpgm_core.store.delimited_text import HOLES, number_of
from taskpgm_core.store.named_table import Table

FIRST = {"i", "row", "source", "src", "from", "a", "x", "left", "first", "task", "dataset", "t"}
SECOND = {"j", "col", "column", "target", "tgt", "dst", "to", "b", "y", "right", "second", "other"}
VALUES = {"value", "similarity", "sim", "divergence", "distance", "dist", "jsd", "kl", "score"}
VALUES |= {"weight", "corr", "correlation", "cosine"}


def pairs_of(cells: list[list[str]], name: str, *, header: bool = False) -> Table | None:
    """The table that a list of pairs (one, other, number) stands for; None where it is none.

    ``header``: the first row is known to be one, whatever it looks like.
    """
    head = [cell.lower() for cell in cells[0]]
    known = None if number_of(head[-1]) is not None and not header else _pair_columns(head)
    if known is None and any(len(row) != 3 for row in cells):
        return None
    one, other, value = known or (0, 1, 2)
    named = header or known is not None or (number_of(head[2]) is None and head[2] not in HOLES)
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
