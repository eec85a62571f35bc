"""Where a task's examples come from: the part of a source before its colon chooses the reader."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from taskpgm_core.chats import checked_supervise, traits
from taskpgm_core.errors import SourceError, nearest
from taskpgm_core.records import Example
from taskpgm_core.tasks import bigbench, generated, huggingface, row_file
from taskpgm_core.tasks.row_shape import RowReader, checked_columns

if TYPE_CHECKING:
    from taskpgm_core.plans.plan import Plan, SourceEntry

OPTIONS: dict[str, tuple[str, ...]] = {
    "generated": generated.OPTIONS,
    "jsonl": row_file.OPTIONS,
    "file": row_file.OPTIONS,
    "hub": (*huggingface.OPTIONS, *row_file.OPTIONS),
    "bigbench": bigbench.OPTIONS,
}
GENERATED_ROWS = 1000


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


@dataclass(frozen=True)
class TaskRows:
    """A task's examples; of a file or data set also its name, the shape that its rows were
    recognised by, and how many rows ``incomplete: skip`` left out."""

    examples: list[Example]
    name: str = ""
    shape: str = ""
    incomplete: int = 0

    @cached_property
    def traits(self) -> tuple[str, ...]:
        """``chats.TRAITS`` of them."""
        return traits([example.chat for example in self.examples if example.chat])

    def said(self) -> str:
        """What was read, in one sentence; empty where rows have no shape."""
        if not self.shape:
            return ""
        kind = "conversation" if self.traits else "row"
        left = f"; {counted(self.incomplete, 'incomplete row')} left out" if self.incomplete else ""
        return f"{self.name}: {self.shape}, {counted(len(self.examples), kind)}{left}."


def read(
    source: str,
    *,
    rows: int | None,
    seed: int,
    folders: Mapping[str, str],
    options: Mapping[str, Any],
) -> TaskRows:
    """The rows of a task: ``generated:NAME``, ``file:PATH``, ``hub:ID``, ``bigbench:NAME``.

    At most ``rows`` of them (a generator makes 1,000 where none are named), the first, but of a
    hub's data set a sample; an index names an example for good. ``jsonl:PATH`` is ``file:PATH``;
    a BIG-bench task's own file is one, too.
    ``folders``: where each kind of source lies on this machine; ``options``: see each kind's
    reader. SourceError says what to mend.
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
        return TaskRows(generated.generate(name, rows or GENERATED_ROWS, seed, options))
    if kind == "bigbench":
        folder = folders.get(kind, bigbench.FOLDER)
        return TaskRows(bigbench.load(name, rows=rows, seed=seed, folder=folder, options=options))
    reader = _reader(source, options)
    place = folders.get(kind, ".")
    if kind != "hub" and (task := bigbench.task_of(path := Path(place) / name)):
        for option in options:
            raise SourceError(
                f"{source} is a BIG-bench task, whose rows need no option {option}; take it out."
            )
        found = bigbench.examples_of(task, path, rows=rows, seed=seed)
        return TaskRows(found, name, "BIG-bench task")
    if kind == "hub":
        huggingface.read_into(reader, name, rows=rows, seed=seed, folder=place, options=options)
    else:
        row_file.read_into(reader, Path(place) / name, rows=rows)
    return TaskRows(reader.finished(), name, reader.shape, reader.incomplete)


def _reader(source: str, options: Mapping[str, Any]) -> RowReader:
    skip = "incomplete" in options
    if skip and options["incomplete"] != "skip":
        raise SourceError(
            f"{source}: the option incomplete can be skip, not {options['incomplete']!r}."
        )
    supervise = checked_supervise(options.get("supervise", "all"), source)
    columns = checked_columns(options.get("columns"), source)
    return RowReader(columns, supervise, skip=skip)


def read_task(
    entry: "SourceEntry", plan: "Plan", folders: Mapping[str, str] | None = None
) -> TaskRows:
    """The rows of a task or a target as its plan has them; ``folders`` go before the plan's own.

    Where the plan's template is a text with {prompt}, a chat of one question and its answer is a
    prompt and a completion; SourceError for any other chat.
    """
    found = read(
        entry.source,
        rows=entry.rows,
        seed=plan.seed,
        folders={**plan.folders, **(folders or {})},
        options=entry.options,
    )
    if plan.template == "chat" or not found.traits:
        return found
    pairs = []
    for number, example in enumerate(found.examples, 1):
        pair = example.chat.pair if example.chat else None
        if example.chat and not pair:
            raise SourceError(
                f"Task '{entry.id}': example {number} of {entry.source} is a chat of "
                f"{len(example.chat.turns)} turns, for which the plan's template has no place; "
                f"write template: chat in the plan."
            )
        pairs.append(Example(*pair) if pair else example)
    return replace(found, examples=pairs)


def load_task(
    entry: "SourceEntry", plan: "Plan", folders: Mapping[str, str] | None = None
) -> list[Example]:
    """The examples that ``read_task`` finds."""
    return read_task(entry, plan, folders).examples
