"""Which tasks deserve more probe examples: those whose error moves the mixture most."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture.sensitivity import Sensitivity
from taskpgm_core.records import Array, read_only

PRIOR = 4.0
"""Examples' worth of trust in the spread over all tasks: a task's own spread rests on few."""


@dataclass(frozen=True, eq=False)
class ProbeAllocation:
    """``counts``: (n,) further probe examples of each task; ``error``: the mixture's expected
    standard errors summed over its weights, now and after them."""

    counts: npt.NDArray[np.int64]
    now: float
    after: float


def influences(
    sensitivity: Sensitivity, divergence: npt.NDArray[np.floating]
) -> npt.NDArray[np.float64]:
    """(E, n) how far the mixture would move per unit of weight given to each probe example.

    ``divergence``: (pairs, E) nats, pairs in the order of ``numpy.triu_indices(n, 1)``. With
    D_e one example's divergences the mixture moves by -response D_e aim: dp/dS of every pair
    times that pair's deviation, added up before squares are taken, since one example moves all
    pairs together.
    """
    n, examples = len(sensitivity.tasks), divergence.shape[1]
    first, second = np.triu_indices(n, 1)
    pulled = np.zeros((n, examples))
    np.add.at(pulled, first, divergence * sensitivity.aim[second, None])
    np.add.at(pulled, second, divergence * sensitivity.aim[first, None])
    return -(sensitivity.response @ pulled).T


def spend(
    influence: npt.NDArray[np.float64],
    task: npt.NDArray[np.integer],
    further: int,
    *,
    left: npt.NDArray[np.integer] | None = None,
) -> ProbeAllocation:
    """Share ``further`` examples among the tasks so that the mixture's error falls most.

    ``influence``: (E, n) of the examples measured so far, ``task``: (E,) their tasks. Every
    example is scored by all models and tasks go on weighing equally (an example of a task with
    m_t of them weighs 1 / (n m_t)): the estimand stays what it was, and -D stays convex on the
    simplex. With v_t the variance within task t of the influence on each weight, scaled by what
    one unit of that weight's variance adds to the sum of standard errors, the sum of
    v_t / (n^2 m_t) is least for m_t in proportion to sqrt(v_t); one example at a time to where
    it helps most is exactly that in whole numbers. ``left``: (n,) how many each task still has (no
    end by default). MixtureError for a negative ``further`` or more than are left.

    Source: Neyman (1934), optimal allocation to strata.
    """
    if further < 0:
        raise MixtureError(f"There cannot be {further} further probe examples.")
    n = influence.shape[1]
    left = np.full(n, further) if left is None else left
    if further > left.sum():
        raise MixtureError(f"Only {left.sum()} probe examples are left, not {further}.")
    m = np.bincount(task, minlength=n).astype(np.float64)
    if m.min() < 1:
        raise MixtureError("Every task needs a probe example before more can be shared out.")
    spread = _within(influence, task, m)
    errors = np.sqrt((spread / (n**2 * m[:, None])).sum(axis=0))
    worth = np.divide(0.5, errors, out=np.zeros(n), where=errors > 0)
    v = spread @ worth
    counts = np.zeros(n, dtype=np.int64)
    for _ in range(further):
        total = m + counts
        gain = np.where(counts < left, v / (total * (total + 1)), -1.0)
        counts[int(np.argmax(gain))] += 1
    after = np.sqrt((spread / (n**2 * (m + counts)[:, None])).sum(axis=0))
    return ProbeAllocation(counts, float(errors.sum()), float(after.sum()))


def _within(
    influence: npt.NDArray[np.float64], task: npt.NDArray[np.integer], m: Array
) -> npt.NDArray[np.float64]:
    """(n, n) variance within each task of the influence on each weight, drawn to their mean."""
    n = len(m)
    square = np.zeros((n, n))
    means = np.zeros((n, n))
    np.add.at(means, task, influence)
    means /= m[:, None]
    np.add.at(square, task, (influence - means[task]) ** 2)
    freedom = np.maximum(m - 1, 0.0)
    pooled = square.sum(axis=0) / max(freedom.sum(), 1.0)
    own: npt.NDArray[np.float64] = (square + PRIOR * pooled) / (freedom + PRIOR)[:, None]
    return read_only(own)
