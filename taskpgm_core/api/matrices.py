"""A task-similarity matrix that is in memory already, without a file or a study."""

import warnings
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from taskpgm_core.errors import StoreError
from taskpgm_core.records import Array, Similarity
from taskpgm_core.store.matrix_import import KINDS, above_ln2

Kind = Literal["similarity", "divergence"]


def from_matrix(matrix: Any, names: Sequence[str] | None = None, *, kind: Kind) -> Similarity:
    """The similarity of tasks from a square symmetric numpy array or pandas DataFrame (n, n).

    ``names``: (n,) the tasks' names; a DataFrame with names of its own needs none. ``kind``:
    ``similarity`` (high means alike; any finite numbers) or ``divergence`` (0 on the diagonal,
    never negative; S = -D). Nothing is written to disk. A doubt is a Python warning. Raises
    StoreError with the sentence that an import of a file would give.
    """
    if kind not in KINDS:
        raise StoreError(f"kind must be similarity or divergence, not '{kind}'.")
    if np.iscomplexobj(matrix):
        raise StoreError("The matrix cannot be read as numbers: they are complex.")
    try:
        values = np.array(matrix, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise StoreError(f"The matrix cannot be read as numbers: {error}.") from None
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        shape = " x ".join(map(str, values.shape)) or "a single number"
        raise StoreError(f"The matrix must be square, but it is {shape}.")
    if len(values) < 2:
        raise StoreError(f"The matrix holds {len(values)} task; a mixture needs at least 2.")
    found = Similarity(_names(matrix, names, len(values)), values)
    if kind == "similarity":
        return found
    _check_divergence(found)
    for sentence in above_ln2(found.matrix):
        warnings.warn(sentence, stacklevel=2)
    return Similarity(found.tasks, 0.0 - found.matrix)


def _names(matrix: Any, names: Sequence[str] | None, n: int) -> tuple[str, ...]:
    """The names given, or those of a DataFrame; StoreError where they contradict each other."""
    own = None
    if hasattr(matrix, "columns"):
        rows, columns = list(matrix.index), list(matrix.columns)
        if rows != columns:
            raise StoreError("The names of the DataFrame's rows and of its columns differ.")
        own = None if rows == list(range(n)) else [str(row) for row in rows]
    if names is None and own is None:
        raise StoreError("The tasks have no names; give them as names, a list with one a row.")
    if isinstance(names, str):
        raise StoreError(f"names is '{names}', one text; give a list with one name a row.")
    found = own if names is None else list(names)
    assert found is not None
    if own is not None and found != own:
        raise StoreError("The DataFrame has other names than those given; leave out names.")
    for name in found:
        if not isinstance(name, str) or not name.strip():
            raise StoreError(f"A task's name must be text that is not blank, not {name!r}.")
        if any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in name):
            raise StoreError(
                f"The task name {name!a} holds a control character or half a character; rename "
                f"the task."
            )
    if len(found) != n:
        raise StoreError(f"There are {len(found)} names, but the matrix has {n} rows.")
    return tuple(found)


def _check_divergence(found: Similarity) -> None:
    D: Array = found.matrix
    own = np.diagonal(D)
    if own.any():
        worst = int(np.abs(own).argmax())
        raise StoreError(
            f"A divergence is 0 on the diagonal, but '{found.tasks[worst]}' has "
            f'{own[worst]:.6g}; for similarities use kind="similarity".'
        )
    if (D < 0).any():
        i, j = np.argwhere(D < 0)[0]
        raise StoreError(
            f"A divergence is never negative, but '{found.tasks[i]}' and '{found.tasks[j]}' have "
            f'{D[i, j]:.6g}; for similarities use kind="similarity".'
        )
