"""Examples as token ids, and which of them are supervised: a completion, or a chat's answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from taskpgm_core.errors import ModelError
from taskpgm_core.measure.chat_template import Rendering, render_chat
from taskpgm_core.records import Example


@dataclass(frozen=True)
class RenderedExample:
    """Token ids. ``prompt``: before the first supervised one. ``completion``: the supervised ones,
    of a chat those of all its answers (the last one ends the turn unless truncated).

    ``gaps``: what is read between answers and not learnt, as (how many completion tokens come
    before it, its ids). ``spans``: (completion tokens, 2) characters of the example's
    ``completion``, which of a chat is its answers' text one after another; a token that stands in
    no answer's text (the end of a turn, what a template writes around calls) has an empty span.
    """

    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    gaps: tuple[tuple[int, tuple[int, ...]], ...] = ()

    @property
    def length(self) -> int:
        return len(self.prompt) + len(self.completion) + sum(len(ids) for _, ids in self.gaps)

    def cut(self, most: int) -> "RenderedExample":
        """At most ``most`` completion tokens, from the first, and nothing after them."""
        gaps = tuple(gap for gap in self.gaps if gap[0] < most)
        return RenderedExample(self.prompt, self.completion[:most], self.spans[:most], gaps)

    @property
    def places(self) -> npt.NDArray[np.int64]:
        """(completion tokens,) where in ``ids`` each of them stands."""
        places = np.arange(len(self.completion), dtype=np.int64) + len(self.prompt)
        for before, ids in self.gaps:
            places[before:] += len(ids)
        return places

    @property
    def last_answer(self) -> int:
        """How many completion tokens come before those of the last answer."""
        return self.gaps[-1][0] if self.gaps else 0

    @property
    def ids(self) -> npt.NDArray[np.int64]:
        if not self.gaps:
            return np.array(self.prompt + self.completion, dtype=np.int64)
        parts, done = [self.prompt], 0
        for before, ids in self.gaps:
            parts += [self.completion[done:before], ids]
            done = before
        return np.concatenate(
            [np.array(p, dtype=np.int64) for p in (*parts, self.completion[done:])]
        )

    @property
    def value(self) -> list[Any]:
        """All that training on it depends on, as JSON."""
        return [self.prompt, self.completion, *([self.gaps] if self.gaps else [])]


def render(examples: Sequence[Example], tokenizer: Any, template: str) -> list[RenderedExample]:
    """Token ids of every example under a template with ``{prompt}``, or the model's ``chat``.

    A chat goes through the model's template as it is; ModelError where there is none, or where it
    drops or rewrites a turn.
    """
    end = int(tokenizer.eos_token_id)
    if template == "chat" and not tokenizer.chat_template:
        raise ModelError("The base model has no chat template; use a template with {prompt}.")
    if examples and all(example.chat for example in examples):
        return [_chat(render_chat(e.chat, tokenizer)) for e in examples if e.chat]
    if any(example.chat for example in examples):
        raise ModelError("Chats and pairs of prompt and completion cannot be one task's rows.")
    if template == "chat":
        prompts = [
            tokenizer.apply_chat_template(
                [{"role": "user", "content": e.prompt}],
                add_generation_prompt=True,
                tokenize=True,
                return_dict=False,
            )
            for e in examples
        ]
    else:
        texts = [template.replace("{prompt}", e.prompt) for e in examples]
        ends = tokenizer("a").input_ids[-1] == end  # whatever it reads, but here the answer follows
        prompts = [ids[:-1] if ends else ids for ids in tokenizer(texts).input_ids]
    answers = tokenizer(
        [e.completion for e in examples], add_special_tokens=False, return_offsets_mapping=True
    )
    return [
        RenderedExample(
            tuple(prompt),
            (*ids, end),
            (*((int(a), int(b)) for a, b in spans), (len(e.completion), len(e.completion))),
        )
        for e, prompt, ids, spans in zip(
            examples, prompts, answers.input_ids, answers.offset_mapping, strict=True
        )
    ]


def _chat(rendered: Rendering) -> RenderedExample:
    """Prompt, completion and gaps; what follows the last answer teaches nothing and is left out."""
    learnt = np.flatnonzero(rendered.supervised)
    gaps = []
    for k in np.flatnonzero(np.diff(learnt) > 1):
        between = rendered.ids[learnt[k] + 1 : learnt[k + 1]]
        gaps.append((int(k) + 1, tuple(between)))
    return RenderedExample(
        tuple(rendered.ids[: learnt[0]]),
        tuple(rendered.ids[k] for k in learnt),
        tuple(rendered.spans[k] for k in learnt),
        tuple(gaps),
    )
