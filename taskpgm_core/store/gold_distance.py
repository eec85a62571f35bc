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
NONE: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)
"""The tasks with a second model where there are none."""


def gold_divergence(
    log_probability: npt.NDArray[np.floating],
    weights: Array,
    second_tasks: npt.NDArray[np.integer] = NONE,
    second: npt.NDArray[np.floating] | None = None,
) -> Array:
    """(n, n) d_ij of the models' log-probabilities of the true tokens.

    ``log_probability`` (n, positions) nats; ``weights`` (positions,) sum to 1; ``second``
    (R, positions) of the second models of the tasks ``second_tasks`` (R,).
    """
    n, positions = log_probability.shape
    gram, spread = np.zeros((n, n)), np.zeros(n)
    for start in range(0, positions, CHUNK):
        part = slice(start, start + CHUNK)
        again = None if second is None else second[:, part]
        mean, v = seed_roots(log_probability[:, part], second_tasks, again)
        root = mean * np.sqrt(weights[part])
        gram += root @ root.T
        spread += v @ weights[part]
    own = np.diagonal(gram)
    d = np.maximum(own[:, None] + own - (gram + gram.T), 0.0) + (spread[:, None] + spread)
    np.fill_diagonal(d, 0.0)
    return d


def gold_noise(
    first: npt.NDArray[np.floating], second: npt.NDArray[np.floating], weights: Array
) -> Array:
    """(R,) nu, the distance of two models of a task; ``first``, ``second`` (R, positions) nats."""
    _, v = seed_roots(first, np.arange(len(first)), second)
    nu: Array = 4 * v @ weights
    return nu


def seed_roots(
    log_probability: npt.NDArray[np.floating],
    second_tasks: npt.NDArray[np.integer] = NONE,
    second: npt.NDArray[np.floating] | None = None,
) -> tuple[Array, Array]:
    """(n, positions) twice: the mean m of each task's roots of probabilities, and v."""
    mean: Array = np.exp(log_probability.astype(np.float64) / 2)
    v = np.zeros_like(mean)
    if second is not None and len(second_tasks):
        first, again = mean[second_tasks], np.exp(second.astype(np.float64) / 2)
        v[second_tasks] = ((first - again) / 2) ** 2
        mean[second_tasks] = (first + again) / 2
    return mean, v
