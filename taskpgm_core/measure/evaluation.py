"""How well a model does on held-out rows: completion loss, and whether it would answer exactly."""

from collections.abc import Sequence

import numpy as np
import torch

from taskpgm_core.measure.base_model import BaseModel
from taskpgm_core.measure.finetuning import packed_completions
from taskpgm_core.measure.tokenization import RenderedExample
from taskpgm_core.records import Array


def evaluate(
    base: BaseModel, examples: Sequence[RenderedExample], batch: int = 4
) -> tuple[Array, Array]:
    """(E,) mean completion loss of each example (nats a token), and (E,) exact match (0 or 1).

    Exact: greedy decoding gives the completion and ends the turn, which holds if and only if every
    completion token is the likeliest one after its true prefix. Of a chat the last answer counts,
    after the turns before it as they are.
    """
    loss, right = [], []
    with torch.inference_mode():
        for start in range(0, len(examples), batch):
            logits, gold = packed_completions(base, examples[start : start + batch])
            loss.append(torch.nn.functional.cross_entropy(logits, gold, reduction="none"))
            right.append(logits.argmax(dim=-1) == gold)
    tokens = np.array([len(e.completion) for e in examples])
    first = np.concatenate([[0], np.cumsum(tokens)[:-1]])
    per_token = np.add.reduceat(torch.cat(loss).double().cpu().numpy(), first) / tokens
    ends, answer = first + tokens, first + [e.last_answer for e in examples]
    hits = torch.cat(right).double().cpu().numpy()
    exact = np.array([hits[a:b].min() for a, b in zip(answer, ends, strict=True)])
    return per_token, exact
