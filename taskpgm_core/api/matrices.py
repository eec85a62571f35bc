"""A task-similarity matrix that is in memory already, without a file or a study."""

import re
import warnings
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from taskpgm_core.errors import StoreError
from taskpgm_core.records import Similarity
from taskpgm_core.store.matrix_import import KINDS, checked_similarity
from taskpgm_core.store.matrix_tables import table_of_array, table_of_frame
from taskpgm_core.store.named_table import Table

Kind = Literal["similarity", "divergence"]
WHERE = "The matrix"


def from_matrix(
    matrix: Any,
    names: Sequence[str] | None = None,
    *,
    kind: Kind,
    symmetrise: bool = False,
    keep_kind: bool = False,
) -> Similarity:
    """The similarity of tasks from a square symmetric numpy array or pandas DataFrame (n, n).

    ``names``: (n,) the tasks' names; a DataFrame with names of its own needs none. ``kind``:
    ``similarity`` (high means alike; any finite numbers) or ``divergence`` (0 on the diagonal,
    never negative; S = -D). ``symmetrise``: the mean of both ways where they differ by more than
    rounding; ``keep_kind``: take a similarity whose diagonal is its least. Nothing is written to
    disk. Checks and sentences are those of an import: what was cleaned and what to know is a
    Python warning, and StoreError says what is no such matrix.
    """
    if kind not in KINDS:
        raise StoreError(f"kind must be similarity or divergence, not '{kind}'.")
    try:
        found, said, _ = checked_similarity(
            *_table(matrix, names),
            kind=kind,
            symmetrise=symmetrise,
            keep_kind=keep_kind,
            where=WHERE,
        )
    except StoreError as error:
        raise StoreError(_in_python(str(error))) from None
    for sentence in said:
        warnings.warn(_in_python(sentence), stacklevel=2)
    return found


def _table(matrix: Any, names: Sequence[str] | None) -> tuple[Table, list[str]]:
    """The square table of a matrix and the names of its rows."""
    given = None if names is None else list(names)
    if isinstance(names, str) or not all(isinstance(name, str) for name in given or ()):
        raise StoreError("names must be a list of texts, one a row.")
    given = None if given is None else [str(name) for name in given]  # of numpy's texts
    if isinstance(matrix, pd.DataFrame) and any(isinstance(c, str) for c in matrix.columns):
        table = table_of_frame(matrix, WHERE)
        own = table.rows or table.columns
        if given and own and given != own:
            raise StoreError("The DataFrame has other names than those given; leave out names.")
        given = given or own
    else:
        if np.ma.is_masked(matrix):  # NaN is refused by the names of its tasks
            matrix = np.ma.filled(matrix.astype(float), np.nan)
        try:
            array = np.asarray(matrix)
        except ValueError:
            raise StoreError(f"{WHERE} has rows that differ in length.") from None
        table = table_of_array(array, None, WHERE)
    shape = table.values.shape
    if len(shape) != 2:
        said = " x ".join(map(str, shape)) or "a single number"
        raise StoreError(f"{WHERE} must be square, but it is {said}.")
    if len(table.values) < 2:
        raise StoreError(f"{WHERE} holds {len(table.values)} task; a mixture needs at least 2.")
    if given is None:
        raise StoreError("The tasks have no names; give them as names, a list with one a row.")
    if len(given) != len(table.values):
        raise StoreError(f"There are {len(given)} names, but {WHERE.lower()} has {shape[0]} rows.")
    return table, given


def _in_python(sentence: str) -> str:
    """A sentence with the command line's options written as arguments."""
    sentence = re.sub(r"--kind (\w+)", r'kind="\1"', sentence)
    return sentence.replace("--symmetrise", "symmetrise=True").replace(
        "--keep-kind", "keep_kind=True"
    )
