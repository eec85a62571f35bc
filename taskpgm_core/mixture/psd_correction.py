"""The nearby kernel that is positive semidefinite, where noise correction has left one that is not.

A kernel K with a unit diagonal is held as S = K - 11'. On the simplex the two are the same energy,
and S keeps its digits where K is nearly constant.
"""

import numpy as np
import scipy.linalg

from taskpgm_core.mixture.convexity import tangent
from taskpgm_core.mixture.task_distances import positive
from taskpgm_core.records import Array

JITTER = 5e-12
"""K counts as positive semidefinite if it is so with this, times max|S|, on its diagonal."""
LIFT = 1e-7
"""What is clipped is clipped at this times max|S|, not at 0: the mixture is then the only one, and
no rounding makes an eigenvalue negative again."""
NEARLY_CONSTANT = 1e-3
"""Below this max|S| the eigenvectors of K are found on {z : 1'z = 0}, where no digits cancel."""


def semidefinite(S: Array) -> tuple[Array, float]:
    """(S' = K' - 11', the largest change of an entry): K' is positive semidefinite, K'_ii = 1.

    ``S`` (n, n) is K - 11' with zeros on the diagonal and K >= 0. Cholesky tells whether K is
    positive semidefinite; only where it is not, its negative eigenvalues are clipped and its
    diagonal is rescaled to 1.
    """
    unit = float(np.abs(S).max())
    if unit == 0.0 or positive(_complement(S, unit) + JITTER * np.eye(len(S))):
        return S, 0.0
    added = _clip_small(S, unit) if unit <= NEARLY_CONSTANT else _clip(S, unit)
    root = np.sqrt(1.0 + np.diagonal(added))
    more = np.diagonal(added) / (1.0 + root)  # root - 1, all its digits kept
    products = more[:, None] + more + np.outer(more, more)
    corrected = (S + added - products) / (1.0 + products)
    return _tidied(corrected, S)


def euclidean(d: Array) -> tuple[Array, float]:
    """(d', the largest change of an entry): d' are squared distances of points, near d (n, n).

    Clips the negative eigenvalues of the points' Gram matrix -PdP, P = I - 11'/n (classical
    scaling, Torgerson 1952). It is what ``semidefinite`` does to exp(-d/sigma) as sigma grows.
    """
    unit = float(np.abs(d).max())
    if unit == 0.0:
        return d, 0.0
    G, _ = tangent(-d, unit)
    if positive(G + JITTER * np.eye(len(d))):
        return d, 0.0
    values, vectors = _below(_with_ones(G), LIFT)
    added = (vectors * (LIFT - values)) @ vectors.T * unit
    own = np.diagonal(added)
    return _tidied(d - added + (own[:, None] + own) / 2, d)


def _tidied(corrected: Array, before: Array) -> tuple[Array, float]:
    corrected = (corrected + corrected.T) / 2
    np.fill_diagonal(corrected, 0.0)
    return corrected, float(np.abs(corrected - before).max())


def _complement(S: Array, unit: float) -> Array:
    """The Schur complement of K with respect to the direction 1, in ``unit``: K is positive
    semidefinite where it is so on {z : 1'z = 0}."""
    G, offset = tangent(S, unit)
    return G - np.outer(offset, offset) * (unit / (1.0 + float(S.mean())))


def _clip_small(S: Array, unit: float) -> Array:
    """What clipping K adds; exact to max|S|^2, relative to what it adds."""
    n, mean = len(S), 1.0 + float(S.mean())
    values, vectors = _below(_with_ones(_complement(S, unit)), LIFT)
    _, offset = tangent(S, unit)
    vectors = vectors - (unit / mean) * (offset @ vectors) * np.ones((n, 1))
    vectors /= np.linalg.norm(vectors, axis=0)
    return (vectors * (LIFT - values)) @ vectors.T * unit


def _clip(S: Array, unit: float) -> Array:
    values, vectors = _below(1.0 + S, LIFT * unit)
    return (vectors * (LIFT * unit - values)) @ vectors.T


def _with_ones(G: Array) -> Array:
    """G with curvature along 1, which it lacks, well above what is clipped."""
    return G + max(float(np.trace(G)), 1.0) / len(G)


def _below(A: Array, least: float) -> tuple[Array, Array]:
    """(values, vectors) of A's eigenvalues below ``least``."""
    try:
        values, vectors = scipy.linalg.eigh(A, subset_by_value=(-np.inf, least), check_finite=False)
    except np.linalg.LinAlgError:  # LAPACK's partial search can fail on clustered eigenvalues
        values, vectors = np.linalg.eigh(A)
        values, vectors = values[values <= least], vectors[:, values <= least]
    return values, vectors
