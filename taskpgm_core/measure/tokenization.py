"""Examples as token ids: prompt and completion apart, the end-of-turn token supervised."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from taskpgm_core.errors import ModelError
from taskpgm_core.records import Example


@dataclass(frozen=True)
class RenderedExample:
    """``prompt`` and ``completion``: token ids (the last one ends the turn unless truncated).

    ``spans``: (completion tokens, 2) characters of the completion's text; the end-of-turn token
    has an empty span at the text's end.
    """

    prompt: tuple[int, ...]
    completion: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]

    @property
    def length(self) -> int:
        return len(self.prompt) + len(self.completion)

    def cut(self, most: int) -> "RenderedExample":
        """At most ``most`` completion tokens, from the first."""
        return RenderedExample(self.prompt, self.completion[:most], self.spans[:most])

    @property
    def ids(self) -> npt.NDArray[np.int64]:
        return np.array(self.prompt + self.completion, dtype=np.int64)


def render(examples: Sequence[Example], tokenizer: Any, template: str) -> list[RenderedExample]:
    """Token ids of every example under a template with ``{prompt}``, or the model's ``chat``."""
    end = int(tokenizer.eos_token_id)
    if template == "chat":
        if not tokenizer.chat_template:
            raise ModelError("The base model has no chat template; use a template with {prompt}.")
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
        prompts = tokenizer(texts).input_ids
        prompts = [ids[:-1] if ids and ids[-1] == end else ids for ids in prompts]
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
