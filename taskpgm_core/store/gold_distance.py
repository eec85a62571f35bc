"""The measure ``gold``: how differently two models rate the true next tokens.

d_ij is the weighted mean over the pool's positions of (sqrt p_i(y|x) - sqrt p_j(y|x))^2, y the true
token: a squared Euclidean distance in [0, 1] that needs no vocabulary, only the probabilities that
served models report as well.
"""

import numpy as np
import numpy.typing as npt

from taskpgm_core.records import Array

CHUNK = 8192
"""Positions taken at a time, which bounds memory."""


def gold_divergence(log_probability: npt.NDArray[np.floating], weights: Array) -> Array:
    """(n, n) d_ij of the models' log-probabilities of the true tokens.

    ``log_probability`` (n, positions) nats; ``weights`` (positions,) sum to 1.
    """
    n, positions = log_probability.shape
    gram = np.zeros((n, n))
    for start in range(0, positions, CHUNK):
        part = slice(start, start + CHUNK)
        root = _root(log_probability[:, part]) * np.sqrt(weights[part])
        gram += root @ root.T
    own = np.diagonal(gram)
    d = np.maximum(own[:, None] + own - (gram + gram.T), 0.0)
    np.fill_diagonal(d, 0.0)
    return d


def gold_per_example(
    log_probability: npt.NDArray[np.floating],
    first: npt.NDArray[np.integer],
    tokens: npt.NDArray[np.integer],
) -> Array:
    """(pairs, E) the mean over each example's tokens, pairs as of ``numpy.triu_indices(n, 1)``.

    ``first``, ``tokens`` (E,): first position and number of positions of each example.
    """
    root = _root(log_probability)
    n = len(root)
    rows = [
        np.add.reduceat((root[i + 1 :] - root[i]) ** 2, first, axis=1) / tokens
        for i in range(n - 1)
    ]
    return np.concatenate(rows) if rows else np.zeros((0, len(first)))


def _root(log_probability: npt.NDArray[np.floating]) -> Array:
    root: Array = np.exp(log_probability.astype(np.float64) / 2)
    return root
