"""A mixture that somebody already has, as a file of weights by task."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from taskpgm_core.errors import MixtureError, nearest
from taskpgm_core.records import Array, read_only

LARGEST_FILE = 1_000_000


def read_mixture(file: str | Path, tasks: Sequence[str]) -> Array:
    """(n,) proportions over ``tasks`` from a JSON or CSV file; see ``parse_mixture``."""
    path = Path(file)
    try:
        with path.open("rb") as handle:
            data = handle.read(LARGEST_FILE + 1)
    except OSError as error:
        raise _unreadable(str(file), error.strerror or "it cannot be opened") from None
    return parse_mixture(data, str(file), tasks)


def parse_mixture(data: bytes, name: str, tasks: Sequence[str]) -> Array:
    """(n,) proportions over ``tasks``, summing to 1, from the bytes of the file ``name``.

    JSON {task: weight}, JSON with these under ``weights``, an answer of ``solve --json``, a recipe
    (``mixture.json``), a decision record, or CSV with columns task,weight. Weights need not sum
    to 1; tasks left out get 0. Raises MixtureError for anything else, unknown tasks included.
    """
    if len(data) > LARGEST_FILE:
        raise _unreadable(name, f"it is larger than {LARGEST_FILE:,} bytes")
    try:
        text = data.decode("utf-8-sig")
        weights = _from_csv(text) if name.lower().endswith(".csv") else _from_json(text)
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        ArithmeticError,
        RecursionError,
        csv.Error,
    ) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise _unreadable(name, reason) from None
    for task in weights:
        if task not in tasks:
            raise MixtureError(f"{name} names '{task}', which is no task{nearest(task, tasks)}.")
    values = np.array([weights.get(task, 0.0) for task in tasks])
    with np.errstate(over="ignore"):
        total = values.sum()
    if not np.isfinite(total) or values.min(initial=0.0) < 0 or total <= 0:
        raise MixtureError(f"{name}: weights must be finite, not negative, and not all zero.")
    return read_only(values / total)


def _unreadable(name: str, reason: str) -> MixtureError:
    return MixtureError(
        f"{name} cannot be read as a mixture ({reason}); it must be JSON {{task: weight}} or "
        f"CSV with columns task,weight."
    )


def _from_csv(text: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for row in csv.DictReader(io.StringIO(text, newline="")):
        if row["task"] in weights:
            raise ValueError(f"'{row['task']}' stands in it twice")
        weights[row["task"]] = float(row["weight"])
    return weights


def _from_json(text: str) -> dict[str, float]:
    value = json.loads(text, object_pairs_hook=_once)
    if value.get("status") == "infeasible":
        raise ValueError("it is the answer that no mixture meets the constraints")
    tasks = value.get("tasks")
    if isinstance(tasks, list) and "p" in value:
        value = dict(zip(tasks, value["p"], strict=True))
    elif isinstance(tasks, list) and "weights" not in value:
        value = _once([(task["task"], task["weight"]) for task in tasks])
    value = value.get("weights", value)
    return {str(task): float(weight) for task, weight in value.items()}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of ``pairs``; ValueError where a name stands in it twice."""
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"'{next(n for n in names if names.count(n) > 1)}' stands in it twice")
    return value
