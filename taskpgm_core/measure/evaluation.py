"""How well a model does on held-out rows: completion loss, and whether it would answer exactly."""

from collections.abc import Sequence

import numpy as np
import torch

from taskpgm_core.measure.base_model import BaseModel
from taskpgm_core.measure.probe_pool import ProbeTokens
from taskpgm_core.measure.rendering import RenderedExample
from taskpgm_core.records import Array


def evaluate(
    base: BaseModel, examples: Sequence[RenderedExample], batch: int = 16
) -> tuple[Array, Array]:
    """(E,) mean completion loss of each example (nats a token), and (E,) exact match (0 or 1).

    Exact: greedy decoding gives the completion and ends the turn, which holds if and only if every
    completion token is the likeliest one after its true prefix.
    """
    pool = ProbeTokens(
        tuple(examples), np.zeros(len(examples), dtype=np.int64), np.arange(len(examples))
    )
    loss = np.empty(pool.positions)
    right = np.empty(pool.positions)
    with torch.inference_mode():
        for part in pool.batches(batch):
            hidden = base.body(torch.from_numpy(part.ids).to(base.device))
            logits = base.head(hidden[torch.from_numpy(part.rows), torch.from_numpy(part.columns)])
            gold = torch.from_numpy(part.gold).to(base.device)
            loss[part.places] = (
                torch.nn.functional.cross_entropy(logits, gold, reduction="none").cpu().numpy()
            )
            right[part.places] = (logits.argmax(dim=-1) == gold).cpu().numpy()
    per_token = np.add.reduceat(loss, pool.first) / pool.tokens
    exact = np.minimum.reduceat(right, pool.first)
    return per_token, exact
