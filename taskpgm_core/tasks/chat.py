"""The turns of a conversation in a row: OpenAI's messages, or ShareGPT's from and value."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from taskpgm_core.chats import ANSWERS, Chat, Supervise, Turn, one_line, turn_of
from taskpgm_core.errors import SourceError, nearest
from taskpgm_core.records import Example

ROLES = ("system", "developer", "user", "assistant", "tool")
SPEAKERS = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "function_call": "assistant",
    "observation": "tool",
    "tool": "tool",
}
"""ShareGPT's names of who speaks, and the role that each has."""
LEFT_OUT = ("weight", "train", "training", "loss")
"""Keys by which data sets say that a turn is not to be learnt."""


class IncompleteError(SourceError):
    """A row that lacks a value, an answer, a class or all text; ``incomplete: skip`` is for it."""


def kind_of(value: Any) -> str:
    """What a JSON value is, in words."""
    names = {dict: "an object", list: "a list", str: "text", bool: "a truth value"}
    return "nothing" if value is None else names.get(type(value), "a number")


def pair_of(prompt: Any, completion: Any, where: str) -> Example:
    """An example of two texts, neither blank, that can be written as UTF-8."""
    for name, text in (("prompt", prompt), ("completion", completion)):
        if text is None:
            raise IncompleteError(f"{where}: there is no {name}.")
        if not isinstance(text, str):
            raise SourceError(f"{where}: the {name} must be text, not {kind_of(text)}.")
        if not text.strip():
            raise IncompleteError(f"{where}: the {name} is empty.")
        _writable(text, name, where)
    return Example(prompt, completion)


def listed(value: Any) -> Any:
    """A list that a table keeps as JSON text, as the list; all else as it is."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def says_from(turns: Any) -> bool:
    """Whether turns are written as ShareGPT writes them, with from and value."""
    first = turns[0] if isinstance(turns, list) and turns else None
    return isinstance(first, Mapping) and first.get("from") is not None


def chat_of(
    turns: Any,
    where: str,
    *,
    supervise: Supervise = "all",
    tools: Any = None,
    system: Any = None,
) -> Example:
    """The example that a list of turns is; ``system``: a system text from beside the list.

    Raises SourceError, beginning with ``where``, for turns that cannot be read, and its kind
    IncompleteError where there is no answer, or an answer without text and without a call.
    """
    turns = listed(turns)
    if turns is None:
        raise IncompleteError(f"{where}: there are no messages.")
    if not isinstance(turns, list):
        raise SourceError(f"{where}: messages must be a list, not {kind_of(turns)}.")
    if not turns:
        raise IncompleteError(f"{where}: the list of messages is empty.")
    read = _from_value if says_from(turns) else _role_content
    found = [read(turn, f"{where}: message {n}") for n, turn in enumerate(turns, 1)]
    if isinstance(system, str) and system.strip():
        if found[0].role == "system":
            raise SourceError(f"{where}: there is a system text in the row and one in its turns.")
        found.insert(0, Turn("system", system))
    chat = Chat(tuple(found), tools_of(tools, where), supervise)
    if not chat.answers:
        raise IncompleteError(f"{where}: no message is the assistant's, so there is no completion.")
    if found[0].role == ANSWERS:
        raise SourceError(
            f"{where}: the first message is the assistant's, so nothing asks for it; begin with a "
            f"user's or a system's."
        )
    _writable(one_line(chat.value), "conversation", where)
    return Example.of_chat(chat)


def _role_content(turn: Any, where: str) -> Turn:
    if not isinstance(turn, Mapping) or not isinstance(turn.get("role"), str):
        raise SourceError(f"{where} must have a role and a content.")
    role, content = turn["role"], turn.get("content")
    if role not in ROLES:
        raise SourceError(
            f"{where} has the role '{role}'{nearest(role, ROLES)}; known: {', '.join(ROLES)}."
        )
    if turn.get("function_call"):
        raise SourceError(
            f"{where} has a function_call, the older form of a call; write it as tool_calls, and "
            f"its answer with the role tool."
        )
    if content is not None and not isinstance(content, str):
        parts = "; write its text as one text" if isinstance(content, list) else ""
        raise SourceError(f"{where}: the content must be text, not {kind_of(content)}{parts}.")
    for key in LEFT_OUT:
        if role == ANSWERS and turn.get(key) is not None and not turn[key]:
            raise SourceError(
                f"{where} says {key}: {json.dumps(turn[key])}, which is not read here: every "
                f"assistant turn is learnt, or with the option supervise: last the last one alone."
            )
    try:
        found = turn_of(turn)
        calls = found.calls
    except (TypeError, ValueError, KeyError, AttributeError):
        raise SourceError(
            f"{where}: tool_calls must be a list of functions with a name and arguments."
        ) from None
    if calls and role != ANSWERS:
        raise SourceError(f"{where} calls a tool, but its role is {role}.")
    if not calls and not (content or "").strip():
        if role == ANSWERS:
            raise IncompleteError(f"{where}, the assistant's, has no text and calls no tool.")
        if role == "user" or content is None:
            raise IncompleteError(f"{where}, the {role}'s, has no text.")
    return found


def _from_value(turn: Any, where: str) -> Turn:
    if not isinstance(turn, Mapping) or not isinstance(turn.get("from"), str):
        raise SourceError(f"{where} must have a from and a value, as the first one has.")
    speaker, value = turn["from"], turn.get("value")
    if speaker not in SPEAKERS:
        raise SourceError(
            f"{where} is from '{speaker}'{nearest(speaker, SPEAKERS)}; known: "
            f"{', '.join(SPEAKERS)}."
        )
    more = {k: v for k, v in turn.items() if k not in ("from", "value")}
    if speaker == "function_call":
        return _role_content(
            {"role": ANSWERS, "content": None, "tool_calls": _called(value, where)}, where
        )
    return _role_content({"role": SPEAKERS[speaker], "content": value, **more}, where)


def _called(value: Any, where: str) -> list[dict[str, Any]]:
    """ShareGPT's call of tools, a JSON text, as OpenAI's ``tool_calls``."""
    try:
        made = json.loads(value) if isinstance(value, str) else value
        calls = made if isinstance(made, list) else [made]
        return [
            {"type": "function", "function": {"name": c["name"], "arguments": c["arguments"]}}
            for c in calls
        ]
    except (ValueError, TypeError, KeyError):
        raise SourceError(
            f"{where}: a function_call must be JSON with a name and arguments."
        ) from None


def tools_of(value: Any, where: str) -> str:
    """The definitions of tools as one JSON text, from a list or a text; empty for none."""
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except ValueError:
            raise SourceError(f"{where}: tools is a text that is not JSON.") from None
    if value is None or value in ("", []):
        return ""
    if not isinstance(value, list) or not all(isinstance(each, Mapping) for each in value):
        raise SourceError(f"{where}: tools must be a list of definitions, not {kind_of(value)}.")
    return one_line(value)


def _writable(text: str, name: str, where: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise SourceError(f"{where}: the {name} holds half a surrogate pair.") from None


def as_chats(examples: Sequence[Example], supervise: Supervise) -> list[Example]:
    """All as chats where any is one: the rows of a task are of one kind."""
    if not any(example.chat for example in examples):
        return list(examples)
    return [
        e
        if e.chat
        else Example.of_chat(
            Chat((Turn("user", e.prompt), Turn(ANSWERS, e.completion)), supervise=supervise)
        )
        for e in examples
    ]
