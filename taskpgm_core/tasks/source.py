"""Where a task's examples come from."""

from collections.abc import Mapping
from typing import Any

from taskpgm_core.errors import SourceError
from taskpgm_core.records import Example
from taskpgm_core.tasks.generated import generate


def load(
    source: str,
    *,
    rows: int | None,
    seed: int,
    folders: Mapping[str, str],
    options: Mapping[str, Any],
) -> list[Example]:
    kind, _, name = source.partition(":")
    if kind == "generated":
        return generate(name, rows or 1000, seed)
    raise SourceError(f"Unknown source {source}.")
