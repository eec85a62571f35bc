"""How much of a task's gain over the base model another task's model keeps."""

import numpy as np

from taskpgm_core.records import Array, LossTable, read_only

LEAST_GAIN = 0.25
"""Nats a token: a task whose own model gains less than this is not quoted, and no share of it is
counted."""


def kept_gain(table: LossTable) -> Array:
    """(n, n) kept_ij = (base_j - loss_ij) / (base_j - own_j), of losses in nats a token.

    1 where task i's model is as good on task j as j's own model, 0 where it is as good as the base
    model, negative where it is worse than that. NaN where j's own model gains less than
    ``LEAST_GAIN`` over the base model.
    """
    base, losses = table.per_token[-1], table.per_token[:-1]
    gain = base - np.diagonal(losses)
    quoted = gain >= LEAST_GAIN
    return read_only(np.where(quoted, (base - losses) / np.where(quoted, gain, 1.0), np.nan))
