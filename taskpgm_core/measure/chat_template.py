"""A chat through a model's own chat template: its tokens, and which of them are its answers'."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from taskpgm_core.chats import Chat, Turn, one_line
from taskpgm_core.errors import ModelError

MARK = re.compile(r"\{%-?\s*generation\b")
NAMED = 40
"""Characters of a turn that a message quotes."""
TODAY = datetime(2024, 7, 26)
"""What every template takes for today; Llama 3.1's take it where they are told no date."""
CLOCK = (
    "{% macro strftime_now(format) %}{{ format"
    + "".join(
        f" | replace('%{c}', '{TODAY.strftime(f'%{c}')}')"
        for c in (*"aAbBcdfHIjmMpSUwWxXyYzZ", "-d", "-m")
    )
    + " }}{% endmacro %}\n"
)

Stretch = tuple[int, int]


@dataclass(frozen=True)
class Rendering:
    """``ids`` of the whole chat, which of them are ``supervised`` (tokens,), and for each its
    ``spans``: characters of the answers' text one after another (``Example.completion``)."""

    ids: list[int]
    supervised: npt.NDArray[np.bool_]
    spans: list[Stretch]


def without_clock(template: Any) -> Any:
    """A tokenizer's chat template, or its several by name, with a date that is always ``TODAY``.

    The template itself stands in for transformers' clock, which an argument cannot replace.
    """
    if isinstance(template, dict):
        return {name: without_clock(text) for name, text in template.items()}
    return CLOCK + template if template and "strftime_now" in template else template


def render_chat(chat: Chat, tokenizer: Any) -> Rendering:
    """The whole chat as the template writes it, tokenised at once.

    Where the template marks what the model says ({% generation %}), the mark decides, as it does
    in trainers. Else a chat is written up to each answer and with it: the answer's tokens are those
    that came, up to the special token that ends the turn. ModelError, in one sentence, where the
    template cannot write the chat, leaves out a turn or its tools, or writes an earlier turn
    otherwise once a later one is there.
    """
    text = _written(chat, tokenizer)
    _all_there(chat, text, tokenizer)
    if MARK.search(tokenizer.get_chat_template(tools=chat.value.get("tools"))):
        ids, offsets, supervised = _marked(chat, tokenizer)
    else:
        ids, offsets = _tokens(text, tokenizer)
        supervised = np.zeros(len(ids), dtype=bool)
        for stretch in _stretches(chat, text, tokenizer):
            supervised |= _within(offsets, stretch)
    if chat.supervise == "last":
        supervised = _last_run(supervised)
    if not supervised.any():
        raise ModelError(
            f"The chat template marks no token of {_named(chat.turns[chat.answers[-1]])} as the "
            f"assistant's."
        )
    return Rendering(ids, supervised, _spans(chat, text, offsets, supervised))


def _apply(chat: Chat, tokenizer: Any, **options: Any) -> Any:
    try:
        return tokenizer.apply_chat_template(
            chat.messages, tools=chat.value.get("tools"), **options
        )
    except Exception as error:  # templates raise whatever Jinja raises
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
        raise ModelError(
            f"The base model's chat template refuses the chat that begins with "
            f"{_named(chat.turns[0])}: {reason}."
        ) from None


def _written(chat: Chat, tokenizer: Any, *, asks: bool = False) -> str:
    """The text of a chat; ``asks``: with what the model's own turn begins with."""
    return str(_apply(chat, tokenizer, tokenize=False, add_generation_prompt=asks))


def _tokens(text: str, tokenizer: Any) -> tuple[list[int], list[Stretch]]:
    # a template writes the tokens that begin a text itself
    made = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    return list(made.input_ids), [(int(a), int(b)) for a, b in made.offset_mapping]


def _marked(chat: Chat, tokenizer: Any) -> tuple[list[int], list[Stretch], npt.NDArray[np.bool_]]:
    made = _apply(
        chat,
        tokenizer,
        tokenize=True,
        return_dict=True,
        return_assistant_tokens_mask=True,
        tokenizer_kwargs={"return_offsets_mapping": True},
    )
    offsets = [(int(a), int(b)) for a, b in made["offset_mapping"]]
    return list(made["input_ids"]), offsets, np.array(made["assistant_masks"], dtype=bool)


def _stretches(chat: Chat, text: str, tokenizer: Any) -> list[Stretch]:
    """The characters of each answer that is learnt, by writing the chat up to it and with it."""
    found = []
    for k in chat.answers:
        start = _written(replace(chat, turns=chat.turns[:k]), tokenizer, asks=True)
        end = _written(replace(chat, turns=chat.turns[: k + 1]), tokenizer)
        if not (text.startswith(end) and end.startswith(start)):
            raise ModelError(
                f"The base model's chat template writes {_named(chat.turns[k])} otherwise once "
                f"later turns are there, so its tokens cannot be told; mark them in the template "
                f"with {{% generation %}}, or write supervise: last."
            )
        found.append((len(start), len(start) + _ended(end[len(start) :], tokenizer)))
    return found


def _ended(answer: str, tokenizer: Any) -> int:
    """The length of an answer with its end-of-turn token, without white space after that token."""
    bare = answer.rstrip()
    special = (str(token) for token in tokenizer.added_tokens_decoder.values() if token.special)
    return len(bare) if bare.endswith(tuple(special)) else len(answer)


def _within(offsets: Sequence[Stretch], stretch: Stretch) -> npt.NDArray[np.bool_]:
    """(tokens,) those with a character in the stretch, and those of no character that lie in it
    (tokenizers leave white space out of a token's characters)."""
    first, last = stretch
    a, b = np.array(offsets).T
    inside = np.where(a == b, (first < a) & (a <= last), (a < last) & (first < b))
    return np.asarray(inside, dtype=bool)


def _last_run(supervised: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    found = np.flatnonzero(supervised)
    breaks = np.flatnonzero(np.diff(found) > 1)
    kept = np.zeros_like(supervised)
    kept[found[breaks[-1] + 1 if len(breaks) else 0 :]] = True
    return kept


def _all_there(chat: Chat, text: str, tokenizer: Any) -> None:
    """ModelError for a turn, a call or a definition of tools that the template leaves out."""
    for turn in chat.turns:
        said = (turn.content or "").strip()
        if said and said not in text and one_line(said)[1:-1] not in text:
            raise ModelError(
                f"The base model's chat template leaves out or rewrites {_named(turn)}; take that "
                f"part out of the file, or bring a template that keeps it."
            )
    calls = any(turn.calls for turn in chat.turns)
    silent = replace(chat, turns=tuple(_without_calls(turn) for turn in chat.turns))
    for there, less, what in (
        (bool(chat.tools), replace(chat, tools=""), "definitions of tools"),
        (calls, silent, "calls of tools"),
    ):
        if there and _same(less, text, tokenizer):
            raise ModelError(
                f"The base model's chat template has no place for {what}, so they would be "
                f"dropped; take a base model whose template knows tools."
            )


def _without_calls(turn: Turn) -> Turn:
    return Turn(turn.role, turn.content or "") if turn.calls else turn


def _same(less: Chat, text: str, tokenizer: Any) -> bool:
    try:
        return _written(less, tokenizer) == text
    except ModelError:
        return False  # it cannot be written without, so it is not dropped


def _named(turn: Turn) -> str:
    text = " ".join(turn.text.split())
    return f"the {turn.role}'s turn {text[:NAMED] + '…' if len(text) > NAMED else text!r}"


def _spans(
    chat: Chat, text: str, offsets: Sequence[Stretch], supervised: npt.NDArray[np.bool_]
) -> list[Stretch]:
    """For each token the characters of ``Example.completion`` that it writes.

    Each piece of an answer is looked for in the written chat, one after another; between pieces,
    and after an answer, a span is empty.
    """
    spans: list[Stretch] = [(0, 0)] * len(offsets)
    learnt = np.flatnonzero(supervised)
    runs = [run.tolist() for run in np.split(learnt, np.flatnonzero(np.diff(learnt) > 1) + 1)]
    answers = [chat.turns[k].pieces for k in chat.answers]
    if len(runs) != len(answers):  # a template that marks parts of an answer, or two as one
        runs, answers = [learnt.tolist()], [tuple(p for pieces in answers for p in pieces)]
    done = 0
    for run, pieces in zip(runs, answers, strict=True):
        token, written = 0, offsets[run[0]][0]
        for piece in pieces:
            bare = piece.strip()
            lead = done + len(piece) - len(piece.lstrip())
            place = text.find(bare, written, offsets[run[-1]][1]) if bare else -1
            written = max(place + len(bare), written)
            while place >= 0 and token < len(run) and offsets[run[token]][0] < written:
                a, b = offsets[run[token]]
                within = (lead + max(a - place, 0), lead + min(b, written) - place)
                spans[run[token]] = within if b > place else (done, done)
                token += 1
            done += len(piece) + 1
        for k in run[token:]:
            spans[k] = (done - 1, done - 1)
    return spans
