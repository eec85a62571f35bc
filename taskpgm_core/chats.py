"""A chat: the turns of one conversation, as its owner wrote them, and which of them are answers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from taskpgm_core.errors import SourceError

Supervise = Literal["all", "last"]
ANSWERS = "assistant"


def one_line(value: Any) -> str:
    """A JSON value as the text that ``json.dumps`` gives, its keys in their order."""
    return json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True)
class Turn:
    """One message. ``content``: its text, or None beside a call of tools. ``more``: its other keys
    (tool_calls, tool_call_id, name, ...) as one JSON object, or empty."""

    role: str
    content: str | None
    more: str = ""

    @property
    def message(self) -> dict[str, Any]:
        """The message as people write it."""
        return {
            "role": self.role,
            "content": self.content,
            **(json.loads(self.more) if self.more else {}),
        }

    @property
    def calls(self) -> list[tuple[str, str]]:
        """The name and the arguments of each tool that the turn calls, as text."""
        found = []
        for call in self.message.get("tool_calls") or ():
            made = call.get("function") or call
            given = made.get("arguments", "")
            found.append((str(made["name"]), given if isinstance(given, str) else one_line(given)))
        return found

    @property
    def pieces(self) -> tuple[str, ...]:
        """What a reader sees of it: its text, then the name and the arguments of each call."""
        return (
            *([self.content] if self.content else []),
            *(p for call in self.calls for p in call),
        )

    @property
    def text(self) -> str:
        return " ".join(self.pieces)


@dataclass(frozen=True)
class Chat:
    """The turns of a conversation; ``tools``: the definitions it was given, a JSON list, or empty.

    ``supervise``: whether every assistant turn is learnt, or the last one alone. Checked where it
    is read (``tasks.chat``): there is an assistant turn after another one.
    """

    turns: tuple[Turn, ...]
    tools: str = ""
    supervise: Supervise = "all"

    @property
    def answers(self) -> tuple[int, ...]:
        """The indices of the turns that are learnt."""
        found = tuple(k for k, turn in enumerate(self.turns) if turn.role == ANSWERS)
        return found[-1:] if self.supervise == "last" else found

    @property
    def pair(self) -> tuple[str, str] | None:
        """Prompt and completion, where the chat is one question and its answer in text alone."""
        if [turn.role for turn in self.turns] != ["user", ANSWERS] or self.tools:
            return None
        question, answer = self.turns
        if question.more or answer.more:
            return None
        return question.content or "", answer.content or ""

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [turn.message for turn in self.turns]

    @property
    def words(self) -> str:
        """Its text without the roles, a turn a line."""
        return "\n".join(turn.text for turn in self.turns)

    def lines(self, end: int | None = None) -> str:
        """The turns before ``end`` for people to read, each behind its role."""
        return "\n".join(f"{turn.role.capitalize()}: {turn.text}" for turn in self.turns[:end])

    @property
    def value(self) -> dict[str, Any]:
        """The chat as JSON: what digests and checksums are of, and what ``of_value`` reads."""
        return {
            "messages": self.messages,
            **({"tools": json.loads(self.tools)} if self.tools else {}),
            **({"supervise": self.supervise} if self.supervise != "all" else {}),
        }

    @classmethod
    def of_value(cls, value: Mapping[str, Any]) -> "Chat":
        """The chat that ``value`` was made of."""
        turns = tuple(turn_of(message) for message in value["messages"])
        tools = one_line(value["tools"]) if value.get("tools") else ""
        return cls(turns, tools, value.get("supervise", "all"))


def turn_of(message: Mapping[str, Any]) -> Turn:
    """A message with a role and a content; keys without a value are left out."""
    more = {
        k: v for k, v in message.items() if k not in ("role", "content") and v not in (None, [])
    }
    return Turn(message["role"], message.get("content"), one_line(more) if more else "")


TRAITS = ("messages", "several", "last", "tools", "uneven", "open")
"""What a trainer must know of a task of chats. ``messages``: its rows are chats; ``several``: in
some chat several answers are learnt; ``last``: in some chat the last of several alone is;
``tools``: there are calls or definitions of tools; ``uneven``: in some chat user (or tool) and
assistant do not take turns; ``open``: some chat ends on another's turn."""


def traits(chats: Sequence[Chat]) -> tuple[str, ...]:
    """Those of TRAITS that the chats of a task have; none where there are no chats."""
    if not chats:
        return ()
    spoken = [[t.role for t in c.turns if t.role not in ("system", "developer")] for c in chats]
    learnt = [
        (len(c.answers), roles.count(ANSWERS)) for c, roles in zip(chats, spoken, strict=True)
    ]
    held = {
        "messages": True,
        "several": any(some > 1 for some, _ in learnt),
        "last": any(some < all_ for some, all_ in learnt),
        "tools": any(c.tools or any(t.calls for t in c.turns) for c in chats),
        "uneven": any(
            (role == ANSWERS) == (k % 2 == 0) for roles in spoken for k, role in enumerate(roles)
        ),
        "open": any(roles[-1] != ANSWERS for roles in spoken),
    }
    return tuple(name for name in TRAITS if held[name])


def checked_supervise(value: Any, where: str) -> Supervise:
    """The option ``supervise``; SourceError for anything but all or last."""
    if value not in ("all", "last"):
        raise SourceError(f"{where}: the option supervise can be all or last, not {value!r}.")
    return "last" if value == "last" else "all"
