"""Where mixtures stand between the two things that the energy weighs."""

import numpy as np

from taskpgm_core.records import Array, Similarity, read_only


def likeness(similarity: Similarity, anchor: Array, mixtures: Array) -> Array:
    """(m, 2): of each of ``mixtures`` (m, n), its likeness to the anchor p'Sw and to itself p'Sp.

    Units of S (minus nats for ``jsd``). The first is the unary potential per u = n S w; the
    second the pairwise one.
    """
    P = np.atleast_2d(mixtures)
    S = similarity.matrix
    return read_only(np.column_stack([P @ (S @ anchor), ((P @ S) * P).sum(axis=1)]))


def effective_numbers(mixtures: Array) -> Array:
    """(m,) exp of the entropy of each of ``mixtures`` (m, n)."""
    P = np.atleast_2d(mixtures)
    logs = np.log(np.where(P > 0, P, 1.0))
    return read_only(np.exp(-(P * logs).sum(axis=1)))
