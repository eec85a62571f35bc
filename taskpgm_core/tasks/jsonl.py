"""Examples from a JSON Lines file: one object a line, in UTF-8."""

import json
from pathlib import Path

from taskpgm_core.errors import SourceError
from taskpgm_core.records import Example
from taskpgm_core.tasks.chat import example_of


def load(path: Path, *, rows: int | None) -> list[Example]:
    """The first ``rows`` examples of the file, in its order; blank lines do not count.

    Raises SourceError naming the file, and the line where one is at fault.
    """
    if path.is_dir():
        raise SourceError(f"{path} is a folder; name a .jsonl file in it.")
    examples: list[Example] = []
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if len(examples) == rows:
                    break
                if line.strip():
                    examples.append(_example(line, f"{path}, line {number}"))
    except FileNotFoundError:
        raise SourceError(f"There is no file {path}; mend the path in the plan.") from None
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from None
    if not examples:
        raise SourceError(f"{path} holds no examples; write one JSON object a line.")
    return examples


def _example(line: bytes, where: str) -> Example:
    try:
        record = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise SourceError(f"{where}: the text is not UTF-8; save the file as UTF-8.") from None
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "it nests too deeply"
        raise SourceError(f"{where}: this is not valid JSON ({reason}).") from None
    return example_of(record, where)
