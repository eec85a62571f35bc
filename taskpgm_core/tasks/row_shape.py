"""The shape of a data set's rows, by their keys: which of them is read, and which is learnt."""

from collections.abc import Collection, Mapping
from typing import Any

from taskpgm_core.chats import ANSWERS, Supervise
from taskpgm_core.errors import SourceError, nearest
from taskpgm_core.records import Example
from taskpgm_core.tasks.chat import (
    IncompleteError,
    as_chats,
    chat_of,
    kind_of,
    listed,
    pair_of,
    says_from,
    tools_of,
)

PAIRS = (
    ("prompt", "completion"),
    ("prompt", "response"),
    ("question", "answer"),
    ("query", "response"),
    ("instruction", "response"),
    ("input", "output"),
)
"""Keys that are what is read and what is learnt. The first goes before all else that a row may
hold; two of the others in one row are asked about."""
MORE_TO_READ = ("context", "passage", "choices", "options", "system", "history", "instruction")
"""Keys beside such a pair, or Alpaca's, of which nobody can tell whether they are of the prompt."""
PLAIN = ("Alpaca", *(" and ".join(pair) for pair in PAIRS))
TALKS = ("messages", "ShareGPT")
TALK_KEYS = ("messages", "conversations")
NAMES = (
    "prompt",
    "completion",
    "messages",
    "conversations",
    "tools",
    "system",
    "instruction",
    "input",
    "output",
    "history",
)
"""What the option ``columns`` may give another column the name of."""
WRITE = "write prompt and completion, or messages"


class UnknownShapeError(SourceError):
    """A row whose keys are no shape that is known."""


def shape_name(row: Mapping[str, Any], where: str) -> str:
    """What a row is, by its keys: ``prompt and completion``, ``messages``, ``ShareGPT``, ...

    SourceError where it is none that is known, or could be two.
    """
    keys = set(row)
    if {"prompt", "completion"} <= keys:
        parts = [listed(row["prompt"]), listed(row["completion"])]
        return "TRL conversational" if any(isinstance(p, list) for p in parts) else _pair(PAIRS[0])
    talks = [key for key in TALK_KEYS if key in keys]
    pairs = [pair for pair in PAIRS if set(pair) <= keys]
    alpaca = {"instruction", "output"} <= keys
    if alpaca:
        pairs = [pair for pair in pairs if pair != ("input", "output")]
    if len(talks) + len(pairs) + alpaca > 1:
        found = [*talks, *map(_pair, pairs), *(["instruction and output"] if alpaca else [])]
        first = (
            {"prompt": pairs[0][0], "completion": pairs[0][1]} if pairs else {talks[0]: talks[0]}
        )
        said = ", ".join(f"{name}: {column}" for name, column in first.items())
        raise SourceError(
            f"{where}: the row could be {' or '.join(found)}; say which by the option columns, as "
            f"in columns: {{{said}}}."
        )
    if talks:
        given = listed(row[talks[0]])
        return "messages" if talks == ["messages"] and not says_from(given) else "ShareGPT"
    if alpaca:
        return "Alpaca"
    if pairs:
        return _pair(pairs[0])
    raise UnknownShapeError(f"{where}: {_unknown(keys)}")


def _unknown(keys: Collection[str]) -> str:
    """Why these keys are no supervised example."""
    if {"chosen", "rejected"} <= set(keys):
        return f"chosen and rejected are a preference, which is not learnt from here; {WRITE}."
    if "text" in keys:
        return (
            f"a text alone does not say what is read and what is answered, so nothing in it can be "
            f"learnt; {WRITE}."
        )
    there = f"are {', '.join(sorted(map(str, keys)))}" if keys else "are none"
    return (
        f"expected the keys prompt and completion, or messages, but there {there}; name yours by "
        f"the option columns."
    )


def _pair(pair: tuple[str, str]) -> str:
    return f"{pair[0]} and {pair[1]}"


def renamed(row: Any, columns: Mapping[str, str], where: str) -> Mapping[str, Any]:
    """The row's object, or the part of it that ``columns`` {name: column} names, so called."""
    if not isinstance(row, Mapping):
        raise SourceError(f"{where}: expected an object, not {kind_of(row)}.")
    if not columns:
        return row
    if not any(column in row for column in columns.values()):
        wanted = ", ".join(columns.values())
        raise SourceError(
            f"{where}: the option columns names {wanted}, but there are "
            f"{', '.join(sorted(map(str, row))) or 'no keys'}."
        )
    return {name: row.get(column) for name, column in columns.items()}


def checked_columns(value: Any, where: str) -> dict[str, str]:
    """The option ``columns``; SourceError where it is no mapping of known names to columns."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(v, str) for v in value.values()):
        raise SourceError(
            f"{where}: the option columns must give names their columns, as in columns: "
            f"{{prompt: question, completion: answer}}."
        )
    for name in value:
        if name not in NAMES:
            raise SourceError(
                f"{where}: the option columns knows no '{name}'{nearest(str(name), NAMES)}; known: "
                f"{', '.join(NAMES)}."
            )
    return {str(name): str(column) for name, column in value.items()}


class RowReader:
    """Rows of one data set, one after another, all of the shape that the first one has.

    ``examples``: those read; ``incomplete``: how many were left out (only where ``skip``).
    """

    def __init__(self, columns: Mapping[str, str], supervise: Supervise, *, skip: bool) -> None:
        self.columns, self.skip = columns, skip
        self.supervise: Supervise = supervise
        self.examples: list[Example] = []
        self.incomplete = 0
        self.shape = self._first = ""

    def add(self, row: Any, where: str) -> None:
        """Read one more row; SourceError where it cannot be, or is of another shape."""
        try:
            self.examples.append(self._read(renamed(row, self.columns, where), where))
        except IncompleteError as error:
            self.leave_out(error)

    def leave_out(self, error: IncompleteError) -> None:
        """Count a row that is incomplete, or refuse it where nobody said to skip such rows."""
        if not self.skip:
            raise SourceError(
                f"{str(error).rstrip('.')}; the option incomplete: skip leaves such rows out."
            ) from None
        self.incomplete += 1

    def _read(self, row: Mapping[str, Any], where: str) -> Example:
        absent = [key for key in _keys(self.shape) if key not in row] if self.shape else []
        if absent and not (self.shape in TALKS and any(key in row for key in TALK_KEYS)):
            try:
                self._same(shape_name(row, where), where)
            except UnknownShapeError:
                if len(absent) == len(_keys(self.shape)):
                    raise
            raise IncompleteError(f"{where}: there is no {absent[0]}.")
        shape = self.shape or shape_name(row, where)
        example = self._example(shape, row, where)
        if not self.shape:
            self.shape, self._first = shape, where
        return example

    def _example(self, shape: str, row: Mapping[str, Any], where: str) -> Example:
        options: dict[str, Any] = {"supervise": self.supervise, "tools": row.get("tools")}
        if str(row.get("label")).strip().lower() == "false":  # tables hold it as text
            raise SourceError(
                f"{where}: its label false says that the completion is not wanted, which is not "
                f"learnt from here; keep the wanted rows only."
            )
        if shape in PLAIN:
            _check_whole(shape, row, where)
        elif row.get("functions"):
            raise SourceError(f"{where}: functions is the older name of tools; write tools.")
        if shape in TALKS:
            key = "messages" if "messages" in row else "conversations"
            if listed(row[key]):
                self._same(shape_name({key: row[key]}, where), where)
            return chat_of(row[key], where, system=row.get("system"), **options)
        if shape == "TRL conversational":
            return self._conversational(row, where, options)
        if shape == "Alpaca":
            return self._alpaca(row, where)
        prompt, completion = (row[key] for key in _keys(shape))
        if self.shape and (isinstance(prompt, list) or isinstance(completion, list)):
            self._refuse("TRL conversational", where)
        return pair_of(prompt, completion, where)

    def _same(self, shape: str, where: str) -> None:
        if self.shape and shape != self.shape:
            self._refuse(shape, where)

    def _refuse(self, shape: str, where: str) -> None:
        raise SourceError(
            f"{where}: this row is {shape}, but the rows before it are {self.shape} "
            f"({self._first.rpartition(', ')[2]}); keep one shape a file."
        )

    def _conversational(
        self, row: Mapping[str, Any], where: str, options: Mapping[str, Any]
    ) -> Example:
        prompt, completion = listed(row["prompt"]), listed(row["completion"])
        for name, part in (("prompt", prompt), ("completion", completion)):
            if part is None or part == []:
                raise IncompleteError(f"{where}: the {name} is empty.")
            if not isinstance(part, list):
                raise SourceError(
                    f"{where}: prompt and completion must both be lists of turns, but the {name} "
                    f"is {kind_of(part)}."
                )
        asked = any(isinstance(t, Mapping) and t.get("role") == ANSWERS for t in prompt)
        if asked:  # TRL learns the completion alone
            options = {**options, "supervise": "last"}
        example = chat_of([*prompt, *completion], where, **options)
        roles = [turn.role for turn in example.chat.turns] if example.chat else []
        answers = roles[len(prompt) :].count(ANSWERS)
        if not answers:
            raise IncompleteError(f"{where}: the completion holds no assistant turn.")
        if asked and answers > 1:
            raise SourceError(
                f"{where}: the prompt holds an assistant turn and the completion {answers}; write "
                f"messages in the place of both, where all are learnt, or the last one is."
            )
        return example

    def _alpaca(self, row: Mapping[str, Any], where: str) -> Example:
        for key in ("input", "system"):
            if row.get(key) is not None and not isinstance(row[key], str):
                raise SourceError(f"{where}: the {key} must be text, not {kind_of(row[key])}.")
        question, more = row["instruction"], row.get("input") or ""
        pair = pair_of(question, row["output"], where)
        prompt = f"{question}\n{more}" if more.strip() else pair.prompt
        system, history = row.get("system") or "", listed(row.get("history")) or []
        if not system.strip() and not history:
            return Example(prompt, pair.completion)
        try:
            before = [
                {"role": role, "content": text}
                for asked, answered in history
                for role, text in (("user", asked), ("assistant", answered))
            ]
        except (TypeError, ValueError):
            raise SourceError(
                f"{where}: history must be a list of questions with their answers."
            ) from None
        last = [
            {"role": "user", "content": prompt},
            {"role": "assistant", "content": pair.completion},
        ]
        return chat_of([*before, *last], where, supervise=self.supervise, system=system)

    def finished(self) -> list[Example]:
        """All examples, of one kind."""
        return as_chats(self.examples, self.supervise)


def _check_whole(shape: str, row: Mapping[str, Any], where: str) -> None:
    """SourceError where a row holds more to read than what is read of a pair or of Alpaca."""
    beside = f"{where}: beside {' and '.join(_keys(shape))} there"
    if tools_of(row.get("tools"), where):
        raise SourceError(f"{beside} are tools, which only a chat can call; write messages.")
    own = (*_keys(shape), *(("system", "history") if shape == "Alpaca" else ()))
    unclear = [key for key in MORE_TO_READ if key in row and key not in own]
    if unclear and shape != _pair(PAIRS[0]):
        raise SourceError(
            f"{beside} is {unclear[0]}, and nobody can tell whether it belongs to the prompt; say "
            f"what to read by the option columns."
        )


def _keys(shape: str) -> tuple[str, ...]:
    """The keys that a shape cannot be without; of those of TALKS one will do."""
    known = {"TRL conversational": PAIRS[0], "Alpaca": ("instruction", "output")}
    known |= dict.fromkeys(TALKS, TALK_KEYS)
    return known.get(shape) or tuple(shape.split(" and "))
