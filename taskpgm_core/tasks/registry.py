"""Where a task's examples come from: the part of a source before its colon chooses the reader."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskpgm_core.errors import SourceError, nearest
from taskpgm_core.records import Example
from taskpgm_core.tasks import bigbench, generated, huggingface, jsonl

if TYPE_CHECKING:
    from taskpgm_core.plans.plan import Plan, TaskEntry

OPTIONS: dict[str, tuple[str, ...]] = {
    "generated": generated.OPTIONS,
    "jsonl": (),
    "hub": huggingface.OPTIONS,
    "bigbench": bigbench.OPTIONS,
}
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

    At most ``rows`` of them (a generator makes 1,000 where none are named), the first, but of a
    hub's data set a sample; an index names an example for good. ``folders``: where each kind of
    source lies on this machine; ``options``: see each kind's reader. SourceError says what to mend.
    """
    kind, _, name = source.partition(":")
    if kind not in OPTIONS or not name:
        raise SourceError(
            f"'{source}' is no task source{nearest(kind, OPTIONS)}; write one of "
            f"{', '.join(k + ':...' for k in OPTIONS)}."
        )
    for key in options:
        if key not in OPTIONS[kind]:
            known = ", ".join(OPTIONS[kind]) or "none"
            raise SourceError(
                f"{source}: unknown option '{key}'{nearest(key, OPTIONS[kind])}; known: {known}."
            )
    if kind == "generated":
        return generated.generate(name, rows or GENERATED_ROWS, seed, options)
    if kind == "jsonl":
        return jsonl.load(Path(folders.get(kind, ".")) / name, rows=rows)
    if kind == "hub":
        place = folders.get(kind, ".")
        return huggingface.load(name, rows=rows, seed=seed, folder=place, options=options)
    folder = folders.get(kind, bigbench.FOLDER)
    return bigbench.load(name, rows=rows, seed=seed, folder=folder, options=options)


def load_task(
    entry: "TaskEntry", plan: "Plan", folders: Mapping[str, str] | None = None
) -> list[Example]:
    """The examples of a task as its plan has them; ``folders`` go before the plan's own."""
    return load(
        entry.source,
        rows=entry.rows,
        seed=plan.seed,
        folders={**plan.folders, **(folders or {})},
        options=entry.options,
    )
