"""A record of a data set, as a prompt and a completion or as the turns of a conversation."""

from collections.abc import Mapping
from typing import Any

from taskpgm_core.errors import SourceError
from taskpgm_core.records import Example


def example_of(record: Any, where: str) -> Example:
    """The supervised example in ``{"prompt", "completion"}`` or ``{"messages": [...]}``.

    Of a conversation, the last assistant turn is the completion and the turns before it are the
    prompt (one a line, each with its role, where there are several); turns after it are not used.
    Raises SourceError, beginning with ``where``, for anything else and for empty text.
    """
    if not isinstance(record, Mapping):
        raise SourceError(f"{where}: expected an object, not {_kind(record)}.")
    if "prompt" in record and "completion" in record:
        return checked(record["prompt"], record["completion"], where)
    if "messages" in record:
        return _conversation(record["messages"], where)
    raise SourceError(
        f"{where}: expected the keys prompt and completion, or messages, but there "
        f"{'are ' + ', '.join(map(str, record)) if record else 'are none'}."
    )


def checked(prompt: Any, completion: Any, where: str) -> Example:
    """An example of two texts, neither blank, that can be written as UTF-8."""
    for name, text in (("prompt", prompt), ("completion", completion)):
        if not isinstance(text, str):
            raise SourceError(f"{where}: the {name} must be text, not {_kind(text)}.")
        if not text.strip():
            raise SourceError(f"{where}: the {name} is empty; give it text or remove the example.")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise SourceError(f"{where}: the {name} holds half a surrogate pair.") from None
    return Example(prompt, completion)


def _conversation(turns: Any, where: str) -> Example:
    if not isinstance(turns, list):
        raise SourceError(f"{where}: messages must be a list, not {_kind(turns)}.")
    for number, turn in enumerate(turns, 1):
        if not isinstance(turn, Mapping) or not isinstance(turn.get("role"), str):
            raise SourceError(f"{where}: message {number} must have a role and a content.")
        if not isinstance(turn.get("content"), str):
            raise SourceError(
                f"{where}: the content of message {number} must be text, "
                f"not {_kind(turn.get('content'))}."
            )
    answers = [k for k, turn in enumerate(turns) if turn["role"] == "assistant"]
    if not answers:
        raise SourceError(f"{where}: no message is the assistant's, so there is no completion.")
    before = turns[: answers[-1]]
    prompt = "\n".join(f"{turn['role'].capitalize()}: {turn['content']}" for turn in before)
    if len(before) == 1:
        prompt = before[0]["content"]
    return checked(prompt, turns[answers[-1]]["content"], where)


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "a truth value"}
    return "nothing" if value is None else names.get(type(value), "a number")
