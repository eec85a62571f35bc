"""A mixture that somebody already has, as a file of weights by task or of a trainer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from taskpgm_core.errors import MixtureError, StoreError
from taskpgm_core.files.json_text import TwiceError, parsed, parsed_lines, reason
from taskpgm_core.files.packed import unpacked
from taskpgm_core.files.yaml_text import fault, loaded
from taskpgm_core.records import Array, Task
from taskpgm_core.store.delimited_text import (
    decoded,
    likely_separator,
    lines_of,
    number_of,
    separators,
    unclear_comma,
)
from taskpgm_core.store.mixture_parts import Part, UnclearError, Unit, proportions
from taskpgm_core.store.shell_arguments import arguments_of
from taskpgm_core.store.trainer_mixers import trainer_parts

LARGEST_FILE = 1_000_000
NAMES = ("task", "tasks", "name", "dataset", "id", "source", "domain", "subset", "task_name")
SHARES = {"share", "proportion", "probability", "prob", "p", "mixture_proportion", "frequency"}
PERCENTS = {"percent", "percentage", "%", "pct"}
WEIGHTS = {"weight", "weights", "ratio", "rate", "w", "relative_weight", "sampling_weight"}
ROWS = {"rows", "count", "counts", "samples", "num_samples", "n", "examples", "n_rows"}
EPOCHS = {"epochs", "repeat", "passes"}
LOOKS_LIKE_ROWS = 100
"""From this number on, a number beside 0.5 looks like rows beside a part of a set."""


def read_mixture(file: str | Path, tasks: Sequence[str], known: Sequence[Task] = ()) -> Array:
    """(n,) proportions of rows over ``tasks`` from a file; see ``parse_mixture``."""
    path = Path(file)
    try:
        with path.open("rb") as handle:
            data = handle.read(LARGEST_FILE + 1)
    except OSError as error:
        raise _unreadable(str(file), error.strerror or "it cannot be opened") from None
    return parse_mixture(data, str(file), tasks, known)


def parse_mixture(
    data: bytes, name: str, tasks: Sequence[str], known: Sequence[Task] = ()
) -> Array:
    """(n,) proportions of rows over ``tasks``, summing to 1, from the bytes of the file ``name``.

    JSON or YAML {task: weight}, the same under ``weights``, lists of objects, an answer of ``solve
    --json``, a recipe (``mixture.json``), a decision record, a table with a column of names and one
    of numbers, or the mixer of a trainer that is exported to. Weights need not sum to 1, shares and
    percentages do; tasks left out get 0. ``known``: rows, mean tokens and sources of the tasks,
    for files that speak of parts of a set, of tokens, or of paths. Raises MixtureError for anything
    else, unknown tasks and ambiguous units included.
    """
    try:
        data, plain = unpacked(data, name, LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            raise UnclearError(f"it is larger than {LARGEST_FILE:,} bytes")
        text = decoded(data, name)
        suffix = Path(plain).suffix.lower()
        if suffix in (".csv", ".tsv", ".tab", ".md"):
            parts = _from_table(text, name)
        elif suffix == ".py":
            raise UnclearError("it is a program; name the file beside it that has the numbers")
        elif suffix in (".sh", ".bash", ".args"):
            parts = _from_value(arguments_of(text))
        else:
            parts = _from_value(_loaded(text, suffix))
    except StoreError as error:
        raise MixtureError(str(error)) from None
    except UnclearError as error:
        raise _unreadable(name, str(error)) from None
    except (ValueError, TypeError, AttributeError, KeyError, ArithmeticError, RecursionError):
        raise _unreadable(name, "its layout is not known") from None
    return proportions(parts, tasks, known, name)


def _unreadable(name: str, reason: str) -> MixtureError:
    return MixtureError(
        f"{name} cannot be read as a mixture ({reason}); give JSON or YAML {{task: weight}}, a CSV "
        f"with columns task,weight, or a trainer's own mixer."
    )


def _loaded(text: str, suffix: str) -> Any:
    if suffix not in (".yaml", ".yml"):
        lines = suffix in (".jsonl", ".ndjson")
        try:
            return parsed_lines(text) if lines else parsed(text)
        except (ValueError, RecursionError) as error:
            if lines or suffix == ".json" or isinstance(error, TwiceError):
                raise UnclearError(reason(error)) from None
    try:
        return loaded(text)
    except yaml.YAMLError as error:
        raise UnclearError(f"it is {fault(error)}") from None


def _from_value(value: Any) -> list[Part]:
    """The parts of a parsed file: a trainer's, or weights by task in one of the plain layouts."""
    if isinstance(value, Mapping):
        value = {str(key): inner for key, inner in value.items()}
        if value.get("status") == "infeasible":
            raise UnclearError("it is the answer that no mixture meets the constraints")
        tasks = value.get("tasks")
        if isinstance(tasks, list) and "p" in value:
            if len(tasks) != len(value["p"]):
                raise UnclearError(f"it has {len(tasks)} tasks, but {len(value['p'])} numbers in p")
            return _weighted([(str(t), p) for t, p in zip(tasks, value["p"], strict=True)])
        if "weights" in value and isinstance(value["weights"], Mapping):
            return _weighted([(str(k), v) for k, v in value["weights"].items()])
        if isinstance(tasks, list):
            return _records(tasks)
    parts = trainer_parts(value)
    if parts is not None:
        return parts
    if isinstance(value, list):
        if value and all(isinstance(v, list) and len(v) == 2 for v in value):
            return _weighted([(str(a), b) for a, b in value])
        return _records(value)
    if not isinstance(value, Mapping):
        raise UnclearError("it holds no object by task")
    inner = [v for v in value.values() if isinstance(v, (Mapping, list))]
    if len(value) == 1 and inner:
        return _from_value(inner[0])
    if value and len(inner) == len(value):
        return _records([{"task": task, **_objectlike(v)} for task, v in value.items()])
    lists = [k for k, v in value.items() if isinstance(v, list) and v and isinstance(v[0], Mapping)]
    if len(lists) == 1 and len(inner) == 1:
        return _records(value[lists[0]])
    return _weighted(list(value.items()))


def _objectlike(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise UnclearError("it mixes lists and objects")
    return {str(key): inner for key, inner in value.items()}


def _records(entries: Sequence[Any]) -> list[Part]:
    """Parts from objects that each have a name and a number under some known key."""
    if not entries or not all(isinstance(entry, Mapping) for entry in entries):
        raise UnclearError("it holds no list of objects with a task and a weight")
    rows = [{str(k).strip().lower(): v for k, v in entry.items()} for entry in entries]
    keys = list(dict.fromkeys(key for row in rows for key in row))
    name, number = _columns(keys)
    for row in rows:
        if row.get(name) is None or row.get(number) is None:
            raise UnclearError(
                f"an entry of it lacks '{name if row.get(name) is None else number}'"
            )
    return _weighted([(str(row[name]), row[number]) for row in rows], number)


def _from_table(text: str, name: str) -> list[Part]:
    reasons: dict[str, UnclearError | StoreError] = {}
    likely = likely_separator(text, name)
    for separator in dict.fromkeys([likely, *separators(text, name)]):
        try:
            return _from_cells([row for _, row in lines_of(text, separator, name)])
        except (UnclearError, StoreError) as error:
            reasons[separator] = error
    raise reasons[likely]


def _from_cells(cells: list[list[str]]) -> list[Part]:
    if not cells:
        raise UnclearError("it is empty")
    head = [cell.strip().lower() for cell in cells[0]]
    if len(head) == 2 and _written(cells[0][1]) is not None:
        return _weighted([(row[0], row[1] if len(row) > 1 else "") for row in cells])
    name, number = (head.index(key) for key in _columns(head))
    for line, row in enumerate(cells[1:], start=2):
        if len(row) <= max(name, number) or not row[name]:
            raise UnclearError(f"row {line} lacks its {head[number] if row[name:] else head[name]}")
    return _weighted([(row[name], row[number]) for row in cells[1:]], head[number])


def _columns(keys: Sequence[str]) -> tuple[str, str]:
    """The key of the names and that of the numbers."""
    names = [key for key in NAMES if key in keys]
    if not names:
        raise UnclearError(f"none of {', '.join(NAMES[:5])} is among its columns")
    shares = [key for key in keys if key in SHARES | PERCENTS | WEIGHTS]
    if len(shares) > 1:
        raise UnclearError(f"both '{shares[0]}' and '{shares[1]}' may be the weights; keep one")
    for found in (shares, [k for k in keys if k in ROWS], [k for k in keys if k in EPOCHS]):
        if len(found) == 1:
            return names[0], found[0]
        if found:
            raise UnclearError(f"both '{found[0]}' and '{found[1]}' may be the weights; keep one")
    if "fraction" in keys:
        raise UnclearError(
            "'fraction' may be of the mixture or of each set; call it share or epochs"
        )
    raise UnclearError("none of weight, share, probability, percent, rows is among its columns")


def _written(value: Any) -> tuple[float, bool] | None:
    """(number, whether it is a percentage) of what stands in a file; None where it is neither."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        percent = text.endswith("%")
        number = number_of(text.removesuffix("%").strip())
        return None if number is None else (number, percent)
    try:
        return float(value), False
    except (TypeError, OverflowError):
        return None


def _weighted(pairs: Sequence[tuple[str, Any]], number: str = "weight") -> list[Part]:
    """Parts of one kind of number; UnclearError where its unit is."""
    found = [(task, value, _written(value)) for task, value in pairs]
    for task, value, written in found:
        if written is None:
            shown = str(value)[:40]
            raise UnclearError(
                f"'{task}' has '{shown}', which is no number that fits"
                if shown
                else f"'{task}' has no number"
            )
    amounts = [(task, *written) for task, _, written in found if written is not None]
    unclear = unclear_comma([str(value).strip() for _, value in pairs])
    if unclear:
        raise UnclearError(
            f"nobody can tell whether '{unclear}' has a decimal comma or groups thousands; write "
            f"'{unclear.replace(',', '.')}' or '{unclear.replace(',', '')}'"
        )
    percents = [percent for _, _, percent in amounts]
    if any(percents) and not all(percents):
        task = next(t for t, _, percent in amounts if not percent)
        raise UnclearError(f"'{task}' has no % sign, but others have")
    total = sum(amount for _, amount, _ in amounts)
    if number in SHARES or number in PERCENTS or any(percents):
        wholes = [100.0] if number in PERCENTS or any(percents) else [1.0, 100.0]
        slack = 0.01 + 0.005 * len(amounts)
        if all(abs(total / whole - 1) > slack for whole in wholes):
            raise UnclearError(f"its numbers are shares, but sum to {total:.4g}, not {wholes[0]:g}")
    if number in WEIGHTS:
        small = [t for t, v, (x, _) in _kept(found) if 0 < x <= 1 and "." in str(v)]
        large = [t for t, _, (x, _) in _kept(found) if x >= LOOKS_LIKE_ROWS]
        if small and large:
            raise UnclearError(
                f"'{small[0]}' looks like a part of a set and '{large[0]}' like rows; write rows "
                f"for all, or shares for all"
            )
    unit: Unit = "rows" if number in ROWS else "epochs" if number in EPOCHS else "share"
    return [Part((task,), amount, unit) for task, amount, _ in amounts]


def _kept(
    found: Sequence[tuple[str, Any, tuple[float, bool] | None]],
) -> list[tuple[str, Any, tuple[float, bool]]]:
    return [(task, value, written) for task, value, written in found if written is not None]
