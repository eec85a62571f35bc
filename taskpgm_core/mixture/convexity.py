"""Curvature of the energy where it matters: along directions that keep the weights' sum."""

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from taskpgm_core.records import Array, Similarity

ZERO_CURVATURE = 1e-11
"""Tangent eigenvalues above minus this, times max|S - mean S|, are rounding, not negative."""
SINGULAR = 1e-8
"""At or below this, times max|S - mean S|, the least curvature counts as none: ties may be."""


@dataclass(frozen=True)
class Convexity:
    """What S is on {z : 1'z = 0}, and the shift that makes the energy convex there.

    ``scale``: max|S - mean S|, the yardstick of every tolerance (0 for a constant S).
    ``eigenvalue``: least eigenvalue of S there. ``shift_floor``: mu0, the least ridge that makes
    the energy convex (the pull's rho counts towards it). ``shift``: mu = mu0 (1 + margin), the
    ridge used. ``curvature``: least eigenvalue there of what is solved, S + (mu + rho) I. All in
    the units of S. ``jumpiness``: ||dp/dr||_1 at balance 1 with no bound active, L1 per unit of
    balance.
    """

    scale: float
    eigenvalue: float
    shift_floor: float
    shift: float
    curvature: float
    jumpiness: float

    @property
    def singular(self) -> bool:
        return self.curvature <= SINGULAR * self.scale


def spread(S: Array) -> float:
    """max|S - mean S|, with a spread at rounding level counted as none."""
    widest = float(np.abs(S - S.mean()).max())
    return widest if widest > 64 * np.finfo(float).eps * float(np.abs(S).max()) else 0.0


def tangent(S: Array, unit: float) -> tuple[Array, Array]:
    """(G, s): G = PSP and s = PS1/n in units of ``unit``, P = I - 11'/n."""
    if unit == 0.0:
        return np.zeros_like(S), np.zeros(len(S))
    means = S.mean(axis=1)
    offset = means - means.mean()
    G = (S - means.mean()) - offset[:, None] - offset[None, :]
    return G / unit, offset / unit


def convexity(
    similarity: Similarity,
    anchor: Array,
    utility: Array | None = None,
    *,
    margin: float = 0.1,
    pull: float = 0.0,
) -> Convexity:
    """The shift an energy needs to be convex on the simplex, and what it leaves.

    Only the curvature of S on {z : 1'z = 0} matters (S + c11' changes nothing). Where its least
    eigenvalue plus ``pull`` is negative beyond rounding, S gets the ridge mu0 (1 + margin), mu0
    minus that sum: at mu0 itself the mixture may jump on both sides of balance 1.

    S (n, n) and ``pull`` in the same units. Source: method: arXiv 2507.12612.
    """
    S, n = similarity.matrix, similarity.n
    scale = spread(S)
    if n == 1 or (scale == 0.0 and pull == 0.0):
        return Convexity(scale, 0.0, 0.0, 0.0, pull, 0.0)
    unit = scale or pull
    G, offset = tangent(S, scale)
    least = _least_eigenvalue(G) * scale
    floor = max(0.0, -(least + pull))
    if floor <= ZERO_CURVATURE * unit:
        floor = 0.0
    shift = floor * (1.0 + margin)
    curvature = max(0.0, least + pull + shift)
    w = anchor - 1.0 / n
    if utility is None:
        push = offset + G @ w + (shift / unit) * w
    else:
        push = (utility - utility.mean()) / (n * unit)
    slope = _tangent_solve(G + (shift + pull) / unit * np.eye(n), push)
    return Convexity(scale, least, floor, shift, curvature, float(np.abs(slope).sum()))


def _least_eigenvalue(G: Array) -> float:
    """Least eigenvalue of G on {z : 1'z = 0}, for G = PGP."""
    n = len(G)
    # any value at or above the mean tangent eigenvalue keeps the direction 1 out of the way
    aside = max(float(np.trace(G)) / (n - 1), 0.0)
    return float(scipy.linalg.eigh(G + aside / n, eigvals_only=True, subset_by_index=[0, 0])[0])


def _tangent_solve(G: Array, push: Array) -> Array:
    """z with Gz = push, 1'z = 0; by a ridge far below any real curvature where G is singular."""
    n = len(G)
    K = G + max(float(np.trace(G)) / (n - 1), 1.0) / n
    K[np.diag_indices(n)] += 1e-10
    factor = scipy.linalg.cho_factor(K, lower=True, overwrite_a=False)
    z = scipy.linalg.cho_solve(factor, push)
    z += scipy.linalg.cho_solve(factor, push - (K @ z - 1e-10 * z))
    centred: Array = z - z.mean()
    return centred
