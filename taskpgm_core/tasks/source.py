"""Where a task's examples come from: the part of a source before its colon chooses the reader."""

from collections.abc import Mapping
from typing import Any

from taskpgm_core.errors import SourceError, nearest
from taskpgm_core.records import Example
from taskpgm_core.tasks import bigbench
from taskpgm_core.tasks.generated import generate

KINDS = ("generated", "jsonl", "hub", "bigbench")
GENERATED_ROWS = 1000


def load(
    source: str,
    *,
    rows: int | None,
    seed: int,
    folders: Mapping[str, str],
    options: Mapping[str, Any],
) -> list[Example]:
    """The examples of a task: ``generated:NAME``, ``jsonl:PATH``, ``hub:ID``, ``bigbench:NAME``.

    At most ``rows`` of them, in the source's order, so that an index names an example for good.
    ``folders``: where each kind of source lies on this machine. SourceError says what to mend.
    """
    kind, _, name = source.partition(":")
    if kind not in KINDS or not name:
        raise SourceError(
            f"'{source}' is no task source{nearest(kind, KINDS)}; write one of "
            f"{', '.join(k + ':...' for k in KINDS)}."
        )
    if kind == "generated":
        return generate(name, rows or GENERATED_ROWS, seed)
    if kind == "bigbench":
        folder = folders.get("bigbench", bigbench.FOLDER)
        return bigbench.load(name, rows=rows, seed=seed, folder=folder, options=options)
    raise SourceError(f"{source}: not read yet.")
