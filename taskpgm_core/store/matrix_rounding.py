"""What a similarity or a divergence must be, with rounding cleaned and said, and doubts asked."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from taskpgm_core.errors import StoreError
from taskpgm_core.records import Array
from taskpgm_core.store.named_table import LARGEST, Table

EPS = float(np.finfo(np.float32).eps)
ROUNDING = 32 * EPS
"""Relative to the largest number. Matrices are mostly products of float32 vectors, whatever type
they were saved in: a sum of a thousand products is off by about sqrt(1000) = 32 roundings."""
HALF = 2 * float(np.finfo(np.float16).eps)
"""The same for float16, whose numbers are rounded once, after sums in a wider type."""
NEAR_ZERO = 4 * EPS**0.5
"""For a diagonal, relative to the largest number: a distance computed as the root of
x'x + y'y - 2 x'y keeps half of its digits where x and y are the same."""


@dataclass(frozen=True)
class Cleaned:
    """``matrix`` (n, n), symmetric; ``said``: what was done to it, each in a sentence;
    ``asymmetry``: the largest difference of both ways before."""

    matrix: Array
    said: tuple[str, ...]
    asymmetry: float = 0.0


@np.errstate(over="ignore", invalid="ignore")  # numbers near the largest there is
def cleaned(
    table: Table,
    names: Sequence[str],
    *,
    kind: str,
    symmetrise: bool = False,
    keep_kind: bool = False,
    where: str,
) -> Cleaned:
    """The (n, n) matrix of ``table`` as one of ``kind`` (similarity or divergence).

    A triangle is mirrored, rounding is cleaned, both said. ``symmetrise``: take the mean of both
    ways; ``keep_kind``: do not ask about a similarity whose diagonal is its least. StoreError
    says what is no matrix of that kind, and what to do.
    """
    values, said = _completed(table, kind, symmetrise, where)
    _no_holes(values, table, names, kind, where)
    tolerance = HALF if table.precision > EPS else ROUNDING
    close = tolerance * float(np.abs(values).max())
    largest = _asymmetry(values, close, names, symmetrise, where)
    if largest > close:
        said += (
            f"Both ways differed by up to {largest:.3g}; their mean was taken (--symmetrise).",
        )
    elif largest > 0:
        said += (
            f"Both ways differed by up to {largest:.2g}, which is rounding; their mean was taken.",
        )
    matrix = (values + values.T) / 2 if largest else values
    _questioned(matrix, kind, keep_kind, where)
    if kind == "divergence":
        matrix, more = _never_negative(matrix, close, names, where)
        said += more
    return Cleaned(matrix, said, largest)


def _completed(
    table: Table, kind: str, symmetrise: bool, where: str
) -> tuple[Array, tuple[str, ...]]:
    """The values without holes: a triangle mirrored, a divergence's diagonal 0."""
    values, said, n = table.values.copy(), table.said, len(table.values)
    upper = np.triu(np.ones((n, n), dtype=bool), 1)
    holes = np.isnan(values)
    for empty, word in ((upper, "below"), (upper.T, "above")):
        if holes[empty].all() and not holes[empty.T].any():
            values[empty] = values.T[empty]
            said += (f"Only the numbers {word} the diagonal were given; they count both ways.",)
            break
        if not holes.any() and values[empty.T].any() and not values[empty].any():
            # a whole side of zeros is no accident, unless it is one pair or has zeros beside it
            if n > 2 and values[empty.T].all():
                values[empty] = values.T[empty]
                said += (
                    f"All numbers but those {word} the diagonal were 0; these count both ways.",
                )
            elif not symmetrise:
                raise StoreError(
                    f"{where}: are the zeros on one side of the diagonal numbers, or is that side "
                    f"empty? Leave empty cells blank; numbers of both ways need --symmetrise."
                )
            break
    diagonal = np.isnan(np.diagonal(values))
    if diagonal.any() and kind == "divergence":
        values[diagonal, diagonal] = 0.0
        said += ("The diagonal had empty cells, which are 0, as of every divergence.",)
    elif diagonal.all():
        raise StoreError(
            f"{where}: the diagonal is empty; write what a task is to itself (1 for correlations), "
            f"or, if 0 means the same, use --kind divergence."
        )
    return values, said


def _no_holes(values: Array, table: Table, names: Sequence[str], kind: str, where: str) -> None:
    holes = np.argwhere(~np.isfinite(values))
    if not len(holes):
        if (most := float(np.abs(values).max())) > LARGEST:
            raise StoreError(
                f"{where}: the number {most:.3g} is too large to compute with; divide all numbers "
                f"by one of their size."
            )
        return
    i, j = holes[0]
    if table.words and not table.words[i][j]:
        raise StoreError(
            f"{where}: row {i + table.first_line}, column {j + 1} is '', no number; give every "
            f"number, or one side of the diagonal only."
        )
    raise StoreError(
        f"{where}: The {kind} of '{names[i]}' and '{names[j]}' is not a finite number."
    )


def _asymmetry(
    values: Array, close: float, names: Sequence[str], symmetrise: bool, where: str
) -> float:
    """The largest difference of both ways; StoreError where it is above ``close`` and unasked."""
    apart = np.abs(values - values.T)
    largest = float(apart.max())
    if largest > close and not symmetrise:
        i, j = divmod(int(apart.argmax()), len(apart))
        one, other = told_apart(float(values[i, j]), float(values[j, i]))
        raise StoreError(
            f"{where}: The matrix is not symmetric: '{names[i]}' and '{names[j]}' have {one} one "
            f"way and {other} the other; --symmetrise takes the mean of both ways."
        )
    return largest


def told_apart(one: float, other: float) -> tuple[str, str]:
    """Two different numbers with as many digits as it takes to see that they differ."""
    for digits in range(3, 17):
        texts = f"{one:.{digits}g}", f"{other:.{digits}g}"
        if texts[0] != texts[1]:
            return texts
    return f"{one:.17g}", f"{other:.17g}"


def _questioned(matrix: Array, kind: str, keep_kind: bool, where: str) -> None:
    """StoreError where every task's number with itself speaks for the other kind."""
    n = len(matrix)
    own = np.diagonal(matrix)[:, None]
    others = matrix[~np.eye(n, dtype=bool)].reshape(n, n - 1)
    if kind == "similarity" and not keep_kind and (own <= others).all() and (own < others).any():
        raise StoreError(
            f"{where}: every task is less similar to itself than to the others (the diagonal has "
            f"the least number of each row), as in a table of distances; use --kind divergence, or "
            f"add --keep-kind if high numbers do mean alike."
        )
    nonzero = np.abs(own).max() > NEAR_ZERO * np.abs(matrix).max()
    if kind == "divergence" and nonzero and (own >= others).all() and (own > others).any():
        raise StoreError(
            f"{where}: every task diverges most from itself (the diagonal has the largest number "
            f"of each row), as in a table of similarities; use --kind similarity."
        )


def _never_negative(
    matrix: Array, close: float, names: Sequence[str], where: str
) -> tuple[Array, tuple[str, ...]]:
    """A divergence, 0 on the diagonal and nowhere negative, and what rounding was cleaned."""
    said: tuple[str, ...] = ()
    own = np.diagonal(matrix)
    worst = int(np.abs(own).argmax())
    if abs(own[worst]) > NEAR_ZERO * float(np.abs(matrix).max()):
        raise StoreError(
            f"{where}: a divergence is 0 on the diagonal, but '{names[worst]}' has "
            f"{own[worst]:.6g}; write 0 there, or the divergences of one model from another."
        )
    if own.any():
        said += (f"The diagonal, up to {abs(own[worst]):.2g}, is rounding and was set to 0.",)
    matrix = matrix * (1 - np.eye(len(matrix)))
    least = float(matrix.min())
    if least < -close:
        i, j = divmod(int(matrix.argmin()), len(matrix))
        raise StoreError(
            f"{where}: a divergence is never negative, but '{names[i]}' and '{names[j]}' have "
            f"{least:.6g}; for similarities use --kind similarity."
        )
    if least < 0:
        said += (f"Negative numbers, down to {least:.2g}, are rounding and were set to 0.",)
    return np.maximum(matrix, 0.0), said
