"""From positions to tables: mean divergences, the loss table, and PMI similarity."""

import numpy as np
import numpy.typing as npt

from taskpgm_core.measure.probe_pool import ProbeTokens
from taskpgm_core.records import Array


def example_means(values: npt.NDArray[np.floating], pool: ProbeTokens) -> Array:
    """(rows, positions) -> (rows, E): mean over each example's completion tokens."""
    sums = np.add.reduceat(values.astype(np.float64), pool.first, axis=1)
    return sums / pool.tokens


def symmetric(pairs: Array, n: int) -> Array:
    """(n(n-1)/2,) values of the strict upper triangle -> (n, n), zeros on the diagonal."""
    matrix = np.zeros((n, n))
    matrix[np.triu_indices(n, 1)] = pairs
    return matrix + matrix.T


def loss_tables(gold: npt.NDArray[np.float32], pool: ProbeTokens) -> tuple[Array, Array]:
    """(models, n) mean completion loss on each task's probe examples: per sequence, per token.

    Per sequence: nats summed over the completion's tokens; per token: their mean, tokens equal
    within an example and examples equal within a task.
    """
    per_token = example_means(-gold, pool)
    per_sequence = per_token * pool.tokens
    n = int(pool.task.max()) + 1
    share = np.zeros((len(pool.task), n))
    share[np.arange(len(pool.task)), pool.task] = 1.0
    share /= share.sum(axis=0)
    return per_sequence @ share, per_token @ share


def seed_means(first: Array, second: Array, second_tasks: npt.NDArray[np.integer]) -> Array:
    """(models, n) a table of the first models with the rows ``second_tasks`` (R,) made means over
    both seeds; ``second``: (R, n) the rows of the second models."""
    means = first.copy()
    means[second_tasks] = (first[second_tasks] + second) / 2
    return means


def pmi(losses: Array) -> Array:
    """S by pointwise mutual information from the models' (n, n) loss table, nats.

    With l_m(D) the mean gold log-probability of model m on task D's examples,
    S_ij = ((l_i(D_j) - l_j(D_j)) + (l_j(D_i) - l_i(D_i))) / 2 and S_ii = 0 (arXiv 2507.12612):
    minus the symmetrised excess loss. Log-probabilities are never floored.
    """
    excess = losses - np.diagonal(losses)
    S = -(excess + excess.T) / 2
    np.fill_diagonal(S, 0.0)
    return S
