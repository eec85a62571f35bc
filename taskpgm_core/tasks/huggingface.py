"""Examples from the Hugging Face hub or a local folder of data files, through ``datasets``."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Formatter
from typing import Any, NamedTuple

import numpy as np

from taskpgm_core.errors import SourceError, install_command, nearest
from taskpgm_core.tasks.chat import IncompleteError
from taskpgm_core.tasks.row_shape import RowReader

WHERE = ("config", "split", "revision")
TEXTS = (
    "prompt_column",
    "completion_column",
    "prompt_template",
    "completion_template",
    "messages_column",
)
OPTIONS = (*WHERE, *TEXTS, "class_names")
PARQUET = "the option revision: refs/convert/parquet has the hub's own copy as plain files"


class Piece(NamedTuple):
    """A stretch of a text: ``literal``, then what stands in ``column``, if any, in ``form``."""

    literal: str
    column: str | None
    form: str = ""


def read_into(
    reader: RowReader,
    name: str,
    *,
    rows: int | None,
    seed: int,
    folder: str | Path,
    options: Mapping[str, Any],
) -> None:
    """Examples of a data set: all in its order, or ``rows`` of them drawn at random.

    Many data sets are sorted by class, so that the first rows would be of one class alone; which
    are drawn depends on ``seed`` and the number of rows there are, and more ``rows`` only add to
    them. ``name`` is a folder, alone or within ``folder``, else a hub id.

    Options: ``config``, ``split`` (default train) and ``revision`` choose the rows. What is read
    and learnt goes by the shape of the rows, as in a file, unless prompt and completion each come
    from a ``..._column`` (default: their own name) or a ``..._template`` with ``{column}`` in it
    (``{column:.1f}`` rounds), or both from a ``messages_column``. Class labels are read as their
    names; ``class_names`` gives those of the completion others, separated by commas. Code that
    comes with a data set is never run. Raises SourceError naming the data set, and the row at
    fault.
    """
    where = f"hub:{name}"
    for key in OPTIONS:
        if not isinstance(options.get(key, ""), str):
            raise SourceError(f"{where}: the option {key} must be text, not {options[key]!r}.")
    table = _table(name, Path(folder), options)
    if not len(table):
        raise SourceError(f"{where} has no rows in this split.")
    recipe = _recipe(where, table.column_names, options)
    if isinstance(table[0].get("prompt"), list) and not set(options) & set(TEXTS):
        recipe = {}  # turns, not text
    classes = _classes(where, table.features, recipe, options.get("class_names"))
    order = np.arange(len(table))
    if rows is not None and rows < len(table):
        order = np.random.default_rng(seed).permutation(order)
        table = table.select(order)
    for number, row in zip(order, table, strict=True):
        if len(reader.examples) == rows:
            break
        place = f"{where}, row {number}"
        try:
            record = _record(row, recipe, classes, place) if recipe else row
        except IncompleteError as error:
            reader.leave_out(error)
        else:
            reader.add(record, place)
    if not reader.examples:
        raise SourceError(f"{where} has no row that is complete.")


def _record(
    row: dict[str, Any],
    recipe: Mapping[str, str | list[Piece]],
    classes: Mapping[str, Sequence[str]],
    where: str,
) -> dict[str, Any]:
    """A row as prompt and completion, or as messages."""
    for column, names in classes.items():
        value = row[column]
        if value is not None and not (isinstance(value, int) and 0 <= value < len(names)):
            raise IncompleteError(f"{where}: column '{column}' has no class ({value!r}).")
        row[column] = None if value is None else names[value]
    record: dict[str, Any] = {"tools": row.get("tools")}
    for key, made in recipe.items():
        record[key] = row[made] if isinstance(made, str) else _filled(made, row, where)
    return record


def _classes(
    where: str, features: Mapping[str, Any], recipe: Mapping[str, Any], given: str | None
) -> dict[str, Sequence[str]]:
    """The names of the classes in each column that has any and stands in the texts."""
    texts = [pieces for pieces in recipe.values() if not isinstance(pieces, str)]
    used = {piece.column for pieces in texts for piece in pieces}
    classes = {
        k: features[k].names for k in features if k in used and hasattr(features[k], "names")
    }
    if given is None:
        return classes
    columns = [piece.column for piece in recipe.get("completion", []) if piece.column]
    if len(columns) != 1:
        raise SourceError(
            f"{where}: class_names are those of the one column that the completion is made of, "
            f"but it is made of {len(columns)}."
        )
    names = [name.strip() for name in given.split(",")]
    known = classes.get(columns[0], names)
    if len(names) != len(known) or not all(names):
        raise SourceError(
            f"{where}: class_names has {len(names)} names, but column '{columns[0]}' has the "
            f"{len(known)} classes {', '.join(known)}."
        )
    return {**classes, columns[0]: names}


def _table(name: str, folder: Path, options: Mapping[str, Any]) -> Any:
    try:
        import datasets
        from datasets.exceptions import DatasetsError
    except ImportError:
        raise SourceError(
            f"hub:{name} needs datasets, which is not installed; run: {install_command('datasets')}"
        ) from None
    split = options.get("split", "train")
    local = folder / name
    try:
        if (local / "dataset_dict.json").exists():
            return datasets.load_from_disk(str(local / split))
        if (local / "state.json").exists():
            return datasets.load_from_disk(str(local))
        place = str(local) if local.is_dir() else name
        return datasets.load_dataset(
            place, options.get("config"), split=split, revision=options.get("revision")
        )
    except (OSError, ValueError, RuntimeError, DatasetsError) as error:
        cause = error.__cause__ or error
        reason = next(iter(str(cause).strip().splitlines()), type(cause).__name__).rstrip(".")
        todo = f"; {PARQUET}" if "scripts" in reason else ""
        raise SourceError(f"hub:{name} (split {split}) cannot be loaded: {reason}{todo}.") from None


def _recipe(
    where: str, columns: list[str], options: Mapping[str, Any]
) -> dict[str, str | list[Piece]]:
    """For each key of a record, the column it is or the pieces it is written from; empty where the
    rows' own shape says it."""
    given = [key for key in TEXTS if key in options]
    if "columns" in options and given:
        raise SourceError(f"{where}: give columns or {given[0]}, not both.")
    if "messages_column" in given:
        if len(given) > 1:
            raise SourceError(f"{where}: messages_column stands alone; remove {given[0]}.")
        column = options["messages_column"]
        _must_be(column, columns, where)
        return {"messages": column}
    if "columns" in options or not (given or {"prompt", "completion"} <= set(columns)):
        return {}
    recipe: dict[str, str | list[Piece]] = {}
    for part in ("prompt", "completion"):
        template, column = f"{part}_template", f"{part}_column"
        if template in options and column in options:
            raise SourceError(f"{where}: give {template} or {column}, not both.")
        if template in options:
            pieces = _pieces(options[template], f"{where}: {template}")
        else:
            pieces = [Piece("", options.get(column, part))]
        for piece in pieces:
            if piece.column is not None:
                advice = f" for the {part}; name {column} or {template}"
                _must_be(piece.column, columns, where, advice)
        recipe[part] = pieces
    return recipe


def _must_be(column: str, columns: list[str], where: str, advice: str = "") -> None:
    if column not in columns:
        raise SourceError(
            f"{where} has no column '{column}'{nearest(column, columns)}{advice}; "
            f"it has {', '.join(columns)}."
        )


def _pieces(template: str, where: str) -> list[Piece]:
    try:
        parsed = list(Formatter().parse(template))
    except ValueError as error:
        raise SourceError(f"{where} {template!r} is not valid: {error}.") from None
    for _, field, form, conversion in parsed:
        if conversion or not re.fullmatch(r"(\.\df)?", form or ""):
            raise SourceError(
                f"{where} may hold plain {{column}} only, or {{column:.1f}} to round, "
                f"not {{{field}...}}."
            )
    return [Piece(literal, field, form or "") for literal, field, form, _ in parsed]


def _filled(pieces: list[Piece], row: Mapping[str, Any], where: str) -> str:
    text = ""
    for literal, column, form in pieces:
        text += literal
        if column is None:
            continue
        value = row[column]
        if value is None:
            raise IncompleteError(f"{where}: column '{column}' is empty.")
        if not isinstance(value, int | float if form else str | int | float):
            kind = "a number" if form else "text"
            raise SourceError(
                f"{where}: column '{column}' is a {type(value).__name__}, not {kind}."
            )
        text += format(value, form)
    return text
