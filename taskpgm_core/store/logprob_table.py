"""The table that ``import-logprobs`` reads: how likely each model found each true token."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from taskpgm_core.errors import StoreError, nearest
from taskpgm_core.files.json_text import TwiceError, numbered, parsed
from taskpgm_core.files.packed import DAMAGED, PARQUET, is_packed, unpacking

BASE = "base"
"""What the model without any task's training is called."""
MUST = ("model", "task", "example", "position", "logprob")
COLUMNS = (*MUST, "replicate", "text")
ROUNDING = 1e-5
"""A log-probability may be so far above 0, which is taken as 0: half precision rounds."""
PLACE = ["task", "example", "position"]


@dataclass(frozen=True)
class Scores:
    """Log-probabilities of the true tokens, nats; tasks in the file's order, examples and positions
    sorted within them.

    ``first``: (n + 1, positions) of each task's model and of the base, which is last; ``second``:
    (R, positions) of the second models of the tasks ``second_tasks`` (R,). ``task``, ``row``,
    ``offsets``, ``tokens``: (E,) of each example, as in ``ProbePool``; a row is the example's own
    number, or its place among its task's where examples have names. ``text``: what each token
    writes, None where the file does not say. ``said``: what was done to the numbers.
    """

    tasks: tuple[str, ...]
    first: npt.NDArray[np.float32]
    second: npt.NDArray[np.float32]
    second_tasks: npt.NDArray[np.int64]
    task: npt.NDArray[np.int64]
    row: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int64]
    text: tuple[str, ...] | None
    said: tuple[str, ...] = ()


def read_scores(path: Path) -> Scores:
    """The table of a Parquet or JSON Lines file, checked.

    Its columns are ``model`` (a task, or ``base``), ``task`` (whose example it is), ``example`` (a
    number or a name), ``position`` (of the token in the answer), ``logprob`` (natural logarithm),
    and, where there are some, ``replicate`` (a task has at most two models) and ``text`` (what the
    token writes). Every model must have scored the same tokens. StoreError names the first row or
    token at fault.
    """
    table = _table(path)
    for column in MUST:
        if column not in table:
            raise StoreError(
                f"{path} has no column '{column}'{nearest(column, map(str, table.columns))}; it "
                f"wants {', '.join(MUST)}, and may have replicate and text."
            )
    table = table[[column for column in COLUMNS if column in table]].copy()
    said = _check_columns(table, path)
    tasks = tuple(dict.fromkeys(table["task"]))
    _check_names(table, tasks, path)
    return _arranged(table, tasks, said, path)


def _table(path: Path) -> pd.DataFrame:
    try:
        with path.open("rb") as file:
            start = file.peek(6)[:6]
            if start.startswith(PARQUET):
                return pd.read_parquet(path)
            text = unpacking(file, start) if is_packed(start) else file
            rows = [_row(line, f"{path}, line {n}") for n, line in numbered(text)]
    except FileNotFoundError:
        raise StoreError(f"There is no file {path}.") from None
    except DAMAGED:
        raise StoreError(f"{path} is a damaged packed file; pack it again.") from None
    except IsADirectoryError:
        raise StoreError(f"{path} is a folder; name a Parquet or JSON Lines file.") from None
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}.") from None
    except ValueError as error:  # of Parquet
        reason = str(error).splitlines()[0].rstrip(".")
        raise StoreError(f"{path} is no Parquet file that can be read: {reason}.") from None
    if not rows:
        raise StoreError(f"{path} is empty; it wants a row for each model and token.")
    return pd.DataFrame(rows, dtype=object)


def _row(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = parsed(line.decode())
    except TwiceError as error:
        raise StoreError(f"{where}: {error}; keep one.") from None
    except (ValueError, RecursionError):
        raise StoreError(f"{where}: this is not valid JSON; write one object a line.") from None
    if not isinstance(row, dict):
        raise StoreError(f"{where}: expected an object with {', '.join(MUST)}.")
    return row


def _check_columns(table: pd.DataFrame, path: Path) -> tuple[str, ...]:
    """Give every column its kind, in place; what was done to the numbers. StoreError names the
    first row that is of another."""
    for column in ("model", "task"):
        _refuse(
            table[column].map(lambda v: not (isinstance(v, str) and v.strip())),
            table,
            column,
            "a name",
            path,
        )
    named = isinstance(table["example"].iloc[0], str)
    wanted = "a name, as the first row's is" if named else "a whole number"
    wrong = table["example"].map(lambda v: isinstance(v, str) != named or not (named or _whole(v)))
    _refuse(wrong, table, "example", wanted, path)
    if "replicate" not in table:
        table["replicate"] = 0
    for column in ("position", "replicate"):
        _refuse(table[column].map(lambda v: not _whole(v)), table, column, "a whole number", path)
        table[column] = table[column].astype(np.int64)
    if not named:
        table["example"] = table["example"].astype(np.int64)
    numbers = pd.to_numeric(table["logprob"], errors="coerce").astype(np.float64)
    odd = ~np.isfinite(numbers) | (numbers > ROUNDING) | table["logprob"].map(_is_flag)
    _refuse(
        odd,
        table,
        "logprob",
        "a finite number of at most 0, the natural logarithm of a probability",
        path,
    )
    table["logprob"] = numbers.clip(upper=0.0)
    if "text" in table:
        _refuse(table["text"].map(lambda v: not isinstance(v, str)), table, "text", "text", path)
    above = int((numbers > 0).sum())
    said = f"Rounding put {above:,} of the log-probabilities above 0; there they count as 0."
    return (said,) if above else ()


def _whole(value: Any) -> bool:
    kinds = (int, float, np.integer, np.floating)
    if not isinstance(value, kinds) or _is_flag(value):
        return False
    return bool(float(value).is_integer() and value >= 0)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool | np.bool_)


def _refuse(wrong: Any, table: pd.DataFrame, column: str, wanted: str, path: Path) -> None:
    found = np.flatnonzero(np.asarray(wrong, dtype=bool))
    if len(found):
        value = table[column].iloc[int(found[0])]
        said = "nothing" if value is None else repr(value)
        raise StoreError(
            f"{path}, row {found[0] + 1}: the {column} is {said}, which must be {wanted}."
        )


def _check_names(table: pd.DataFrame, tasks: Sequence[str], path: Path) -> None:
    """StoreError where models and tasks do not go together."""
    if BASE in tasks:
        raise StoreError(f"{path}: a task is called '{BASE}', which is the base model's name.")
    if len(tasks) < 2:
        raise StoreError(f"{path} has examples of {len(tasks)} task; a mixture needs at least 2.")
    models = set(table["model"])
    for model in sorted(models - {BASE, *tasks}):
        raise StoreError(
            f"{path}: the model '{model}' is no task that has examples{nearest(model, tasks)}; a "
            f"model is called by the task that it was trained on, or {BASE}."
        )
    for name in (*tasks, BASE):
        if name not in models:
            what = "the base model" if name == BASE else f"the model of task '{name}'"
            raise StoreError(
                f"{path} has no rows of {what} (model: {name}); score it on the same tokens."
            )
    seeds = table.groupby("model")["replicate"].nunique()
    for model in [m for m in (*tasks, BASE) if seeds[m] > (1 if m == BASE else 2)]:
        most = "the base model once" if model == BASE else "a task's model at most twice"
        raise StoreError(f"{path} has {seeds[model]} replicates of '{model}'; it may hold {most}.")


def _arranged(
    table: pd.DataFrame, tasks: tuple[str, ...], said: tuple[str, ...], path: Path
) -> Scores:
    """The rows as arrays; StoreError where a model lacks a token of another, or has one twice."""
    order = {name: k for k, name in enumerate((*tasks, BASE))}
    table["task"], table["model"] = table["task"].map(order), table["model"].map(order)
    again = table.groupby("model")["replicate"].rank(method="dense").astype(np.int64) - 1
    places = table[PLACE].drop_duplicates().sort_values(PLACE, kind="stable", ignore_index=True)
    at = table[PLACE].merge(places.reset_index(), how="left", on=PLACE)["index"].to_numpy()
    second_tasks = np.unique(table["model"][again == 1]).astype(np.int64)
    row = np.where(
        again == 0, table["model"], len(order) + np.searchsorted(second_tasks, table["model"])
    )
    names = [*order, *(tasks[k] for k in second_tasks)]

    def token(k: int) -> str:
        task, example, position = places.iloc[k]
        return f"task '{tasks[int(task)]}', example {example}, position {position}"

    seen = np.zeros((len(names), len(places)), dtype=np.int64)
    np.add.at(seen, (row, at), 1)
    for wrong, words in ((seen > 1, "has more than one row for"), (seen == 0, "has no row for")):
        if wrong.any():
            model, k = (int(x) for x in np.argwhere(wrong)[0])
            which = " (its second replicate)" if model >= len(order) else ""
            raise StoreError(
                f"{path}: the model '{names[model]}'{which} {words} {token(k)}; every model must "
                f"be scored once on the same tokens."
            )
    values = np.empty(seen.shape, dtype=np.float32)
    values[row, at] = table["logprob"]
    text = None
    if "text" in table:
        first = pd.Series(table["text"].to_numpy()).groupby(at).first()
        differs = table["text"].to_numpy() != first.to_numpy()[at]
        if differs.any():
            raise StoreError(
                f"{path}: two models were scored on different texts at "
                f"{token(int(at[np.flatnonzero(differs)[0]]))}; give all of them the same tokens."
            )
        text = tuple(first)
    examples = places.groupby(["task", "example"], sort=True).size()
    task = examples.index.get_level_values(0).to_numpy().astype(np.int64)
    numbers = examples.index.get_level_values(1)
    own = pd.api.types.is_integer_dtype(numbers.dtype)
    tokens = examples.to_numpy().astype(np.int64)
    return Scores(
        tasks=tasks,
        first=values[: len(order)],
        second=values[len(order) :],
        second_tasks=second_tasks,
        task=task,
        row=numbers.to_numpy().astype(np.int64)
        if own
        else pd.Series(task).groupby(task).cumcount().to_numpy().astype(np.int64),
        offsets=np.cumsum(tokens) - tokens,
        tokens=tokens,
        text=text,
        said=said,
    )
