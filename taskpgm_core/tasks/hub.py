"""Examples from the Hugging Face hub or a local folder of data files, through ``datasets``."""

from collections.abc import Mapping
from pathlib import Path
from string import Formatter
from typing import Any

from taskpgm_core.errors import SourceError, nearest
from taskpgm_core.records import Example
from taskpgm_core.tasks.conversation import example_of

OPTIONS = (
    "config",
    "split",
    "revision",
    "prompt_column",
    "completion_column",
    "prompt_template",
    "completion_template",
    "messages_column",
)
PARQUET = "the option revision: refs/convert/parquet has the hub's own copy as plain files"
Piece = tuple[str, str | None]  # literal text, then the column that follows it


def load(
    name: str, *, rows: int | None, folder: str | Path, options: Mapping[str, Any]
) -> list[Example]:
    """The first ``rows`` examples of a data set, in its order.

    ``name`` is a folder, alone or within ``folder``, else a hub id. Options: ``config``, ``split``
    (default train) and ``revision`` choose the rows; prompt and completion each come from a
    ``..._column`` (default: their own name) or a ``..._template`` with ``{column}`` in it, or both
    from a ``messages_column``. Class labels are read as their names. Code that comes with a data
    set is never run. Raises SourceError naming the data set, and the row where one is at fault.
    """
    for key, value in options.items():
        if not isinstance(value, str):
            raise SourceError(f"hub:{name}: the option {key} must be text, not {value!r}.")
    table = _table(name, Path(folder), options)
    recipe = _recipe(f"hub:{name}", table.column_names, options)
    labels = {
        column: feature.names
        for column, feature in table.features.items()
        if hasattr(feature, "int2str")
    }
    if rows is not None:
        table = table.select(range(min(rows, len(table))))
    if not len(table):
        raise SourceError(f"hub:{name} has no rows in this split.")
    examples = []
    for number, row in enumerate(table):
        for column, names in labels.items():
            if row[column] is not None and row[column] >= 0:
                row[column] = names[row[column]]
        where = f"hub:{name}, row {number}"
        record = {
            key: row[made] if isinstance(made, str) else _filled(made, row, where)
            for key, made in recipe.items()
        }
        examples.append(example_of(record, where))
    return examples


def _table(name: str, folder: Path, options: Mapping[str, Any]) -> Any:
    try:
        import datasets
    except ImportError:
        raise SourceError(
            f"hub:{name} needs the package datasets; install requirements.txt."
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
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        cause = error.__cause__ or error
        reason = next(iter(str(cause).strip().splitlines()), type(cause).__name__).rstrip(".")
        todo = f"; {PARQUET}" if "scripts" in reason else ""
        raise SourceError(f"hub:{name} (split {split}) cannot be loaded: {reason}{todo}.") from None


def _recipe(
    where: str, columns: list[str], options: Mapping[str, Any]
) -> dict[str, str | list[Piece]]:
    """For each key of a record, the column it is or the pieces it is written from."""
    given = [key for key in OPTIONS[3:] if key in options]
    if "messages_column" in given or (
        not given and "messages" in columns and "prompt" not in columns
    ):
        if len(given) > 1:
            raise SourceError(f"{where}: messages_column stands alone; remove {given[0]}.")
        column = options.get("messages_column", "messages")
        _must_be(column, columns, where)
        return {"messages": column}
    recipe: dict[str, str | list[Piece]] = {}
    for part in ("prompt", "completion"):
        template, column = f"{part}_template", f"{part}_column"
        if template in options and column in options:
            raise SourceError(f"{where}: give {template} or {column}, not both.")
        if template in options:
            pieces = _pieces(options[template], f"{where}: {template}")
        else:
            pieces = [("", options.get(column, part))]
        for _, field in pieces:
            if field is not None:
                _must_be(field, columns, where, f" for the {part}; name {column} or {template}")
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
        if form or conversion:
            raise SourceError(f"{where} may hold plain {{column}} only, not {{{field}...}}.")
    return [(literal, field) for literal, field, _, _ in parsed]


def _filled(pieces: list[Piece], row: Mapping[str, Any], where: str) -> str:
    text = ""
    for literal, field in pieces:
        text += literal
        if field is not None:
            value = row[field]
            if not isinstance(value, str | int | float):
                kind = "empty" if value is None else f"a {type(value).__name__}, not text"
                raise SourceError(f"{where}: column '{field}' is {kind}.")
            text += str(value)
    return text
