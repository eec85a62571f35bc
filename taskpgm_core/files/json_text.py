"""JSON that people bring: no name stands twice in an object, and why a text cannot be read."""

import io
import json
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from typing import Any


class TwiceError(ValueError):
    """An object that names something twice, of which a reader would keep the last in silence."""


def once(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """The object of ``pairs``; TwiceError where a name stands in it twice."""
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        raise TwiceError(f"'{next(n for n in names if names.count(n) > 1)}' stands in it twice")
    return value


def parsed(text: str) -> Any:
    """The value of a JSON text; ValueError or RecursionError, which ``reason`` puts in words."""
    return json.loads(text, object_pairs_hook=once)


def parsed_lines(text: str) -> list[Any]:
    """The values of JSON lines, blank lines left out; what fails is told of its own line."""
    values, start = [], 0
    for number, line in enumerate(io.StringIO(text), 1):  # str.splitlines cuts at U+2028, too
        try:
            if line.strip():
                values.append(parsed(line.rstrip()))
        except TwiceError as error:
            raise TwiceError(f"{error} on line {number}") from None
        except json.JSONDecodeError as error:
            raise json.JSONDecodeError(error.msg, text, start + error.pos) from None
        start += len(line)
    return values


def numbered(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """The lines of a file that are not blank, without byte order marks, with their numbers."""
    for number, line in enumerate(lines, 1):
        if (rest := line.removeprefix(BOM_UTF8)).strip():
            yield number, rest


def reason(error: ValueError | RecursionError) -> str:
    """Why ``parsed`` failed: one clause without a full stop."""
    if isinstance(error, TwiceError):
        return str(error)
    if isinstance(error, json.JSONDecodeError):
        return f"it is not valid JSON on line {error.lineno}, column {error.colno}"
    if isinstance(error, RecursionError):
        return "its JSON is nested too deeply"
    return "its JSON holds too long a number"
