"""The arguments in a shell script: bash arrays and ``--options``, under the names of both."""

import re
import shlex
from typing import Any

from taskpgm_core.store.mixture_parts import UnclearError

_ARRAY = re.compile(r"(\w+)=\(")


def arguments_of(text: str) -> dict[str, Any]:
    """The bash arrays and ``--options`` of a shell script, names as in a configuration file."""
    try:
        words = shlex.split(text, comments=True)
    except ValueError:
        raise UnclearError("its quotes do not match") from None
    found: dict[str, list[str]] = {}
    key = ""
    for word in words:
        array = _ARRAY.fullmatch(word)
        option, equals, value = word.partition("=")
        if array:
            key = array[1].lower()
        elif word.startswith("--") and len(word) > 2:
            key = option.lstrip("-").removeprefix("data.").replace("-", "_").lower()
            found[key] = [value] if equals else []
            continue
        elif word == ")":
            key = ""
        elif key:
            found.setdefault(key, []).append(word)
    return {k: v[0] if len(v) == 1 else v for k, v in found.items()}
