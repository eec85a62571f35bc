"""JSON that people bring: no name stands twice in an object, and why a text cannot be read."""

import json
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
    """The values of JSON lines, blank lines left out."""
    return [parsed(line) for line in text.splitlines() if line.strip()]


def reason(error: ValueError | RecursionError) -> str:
    """Why ``parsed`` failed: one clause without a full stop."""
    if isinstance(error, TwiceError):
        return str(error)
    if isinstance(error, json.JSONDecodeError):
        return f"it is not valid JSON on line {error.lineno}, column {error.colno}"
    if isinstance(error, RecursionError):
        return "its JSON is nested too deeply"
    return "its JSON holds too long a number"
