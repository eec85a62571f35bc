"""What a model says on the probe pool: hidden states, gold log-probabilities, likeliest tokens."""

import numpy as np
import torch

from taskpgm_core.measure.base_model import BaseModel
from taskpgm_core.measure.probe_pool import Batch

HEAD_CHUNK = 64


def score(base: BaseModel, batch: Batch, top: int) -> dict[str, np.ndarray]:
    """Score the resident model on one batch of the pool.

    ``hidden``: (positions, hidden) in the dtype as run, as float32; ``gold``: (positions,) natural
    log-probability of the true next token; ``top_ids``, ``top_log_probability``: (positions, top).
    Log-softmax in float32, the head at completion positions only.
    """
    with torch.inference_mode():
        ids = torch.from_numpy(batch.ids).to(base.device)
        hidden = base.body(ids)[
            torch.from_numpy(batch.rows), torch.from_numpy(batch.columns)
        ].clone()
        gold_ids = torch.from_numpy(batch.gold).to(base.device)
        gold, top_ids, top_values = [], [], []
        parts, targets = (torch.split(each, HEAD_CHUNK) for each in (hidden, gold_ids))
        for part, target in zip(parts, targets, strict=True):
            log_probability = torch.log_softmax(base.head(part), dim=-1)
            gold.append(log_probability.gather(1, target[:, None])[:, 0])
            values, indices = log_probability.topk(min(top, log_probability.shape[-1]), dim=-1)
            top_ids.append(indices)
            top_values.append(values)
    return {
        "hidden": hidden.float().cpu().numpy(),
        "gold": torch.cat(gold).cpu().numpy(),
        "top_ids": torch.cat(top_ids).int().cpu().numpy(),
        "top_log_probability": torch.cat(top_values).cpu().numpy(),
    }
