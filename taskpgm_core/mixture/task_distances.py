"""Distances between tasks, from any similarity, with the noise of training taken out."""

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from taskpgm_core.mixture.convexity import tangent
from taskpgm_core.records import Array, Noise, Similarity, read_only

NEGATIVE = 1e-9
"""A distance below minus this, times the greatest, makes a measure no squared distance."""
CONCAVE = 1e-6
"""So does an eigenvalue of -d on {z : 1'z = 0} below minus this, times the greatest distance."""


@dataclass(frozen=True, eq=False)
class TaskDistances:
    """How far apart tasks are, in the measure's own unit (nats for ``jsd``).

    ``measured``: (n, n) d_ij = (S_ii + S_jj)/2 - S_ij. ``noise``: (n,) nu, the distance between
    two models of a task that differ only in their seed, for tasks without one the median of the
    measured; None where no noise is known. ``median_noise``: that median. ``corrected``: (n, n)
    d^_ij = max(0, d_ij - (nu_i + nu_j)/2), 0 on the diagonal. ``fault``: why the measure is no
    squared distance, in a clause; empty where it is one.
    """

    tasks: tuple[str, ...]
    measure: str
    measured: Array
    noise: Array | None
    median_noise: float | None
    corrected: Array
    fault: str

    @property
    def pairs(self) -> Array:
        """(n(n-1)/2,) the corrected distances of all pairs."""
        return self.corrected[np.triu_indices(len(self.tasks), 1)]


def task_distances(similarity: Similarity, noise: Noise | None = None) -> TaskDistances:
    """The distances that ``similarity`` implies, corrected for ``noise`` where it is known.

    Noise of another measure says nothing of this one and is not used. Two tasks' models carry
    noise each: if x_i + e_i are the points one measures and e_i is independent of the rest,
    E |x_i + e_i - x_j - e_j|^2 = |x_i - x_j|^2 + (nu_i + nu_j)/2.
    """
    tasks, d = similarity.tasks, distances(similarity.matrix)
    nu, median = None, None
    if noise is not None and noise.measure == similarity.measure and len(noise.divergence):
        median = float(np.median(noise.divergence))
        known = dict(zip(noise.tasks, noise.divergence.tolist(), strict=True))
        nu = read_only([known.get(task, median) for task in tasks])
    return TaskDistances(
        tasks,
        similarity.measure,
        read_only(d),
        nu,
        median,
        read_only(corrected(d, nu)),
        _fault(tasks, d),
    )


def distances(S: Array) -> Array:
    """(..., n, n) d_ij = (S_ii + S_jj)/2 - S_ij of one or many S; rounding counts as zero."""
    diagonal = np.diagonal(S, axis1=-2, axis2=-1)
    level = (diagonal[..., :, None] + diagonal[..., None, :]) / 2
    d = level - S
    size = np.abs(diagonal)
    rounding = 4 * np.finfo(float).eps * (size[..., :, None] + size[..., None, :])
    return np.where(np.abs(d) <= rounding, 0.0, d)


def corrected(d: Array, nu: Array | None) -> Array:
    """(..., n, n) max(0, d_ij - (nu_i + nu_j)/2), 0 on the diagonal."""
    if nu is not None:
        d = d - (nu[:, None] + nu) / 2
    d = np.maximum(d, 0.0)
    own = np.arange(d.shape[-1])
    d[..., own, own] = 0.0
    return d


def _fault(tasks: tuple[str, ...], d: Array) -> str:
    scale = float(np.abs(d).max())
    if scale == 0.0:
        return ""
    if d.min() < -NEGATIVE * scale:
        i, j = np.unravel_index(int(d.argmin()), d.shape)
        return f"'{tasks[i]}' and '{tasks[j]}' would be {d[i, j]:.3g} apart"
    G, _ = tangent(-d, scale)
    if not positive(G + CONCAVE * np.eye(len(d))):
        return "they fit into no Euclidean space"
    return ""


def positive(G: Array) -> bool:
    """Whether G is positive definite on {z : 1'z = 0}, for a symmetric G with PGP = G there."""
    n = len(G)
    # more along 1, about as much as along the rest, keeps that direction out of the way
    aside = max(float(np.trace(G)) / max(n - 1, 1), 1.0)
    try:
        scipy.linalg.cholesky(G + aside / n, lower=True, overwrite_a=True, check_finite=False)
    except np.linalg.LinAlgError:
        return False
    return True
