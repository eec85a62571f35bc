"""Where mixtures stand between the two things that the energy weighs."""

import numpy as np

from taskpgm_core.mixture import Problem
from taskpgm_core.records import Array, Similarity, read_only
from taskpgm_core.similarity_measures import KERNEL


def likeness(similarity: Similarity, anchor: Array, mixtures: Array) -> Array:
    """(m, 2): of each of ``mixtures`` (m, n), its likeness to the anchor p'Sw and to itself p'Sp.

    Units of S (minus nats for ``jsd``). The first is the unary potential per u = n S w; the
    second the pairwise one.
    """
    P = np.atleast_2d(mixtures)
    S = similarity.matrix
    return read_only(np.column_stack([P @ (S @ anchor), ((P @ S) * P).sum(axis=1)]))


def standing(problem: Problem, mixtures: Array) -> Array:
    """(m, 2): of each of ``mixtures`` (m, n), the two things that the problem's energy weighs.

    The first is what balance rewards: the likeness to the anchor p'Sw, or v'p for a utility v. The
    second is the likeness to itself p'Sp. Under a kernel S is K itself and neither likeness has a
    unit; else they are in the units of S (minus nats for ``jsd``).
    """
    found = likeness(problem.similarity, problem.anchor, mixtures).copy()
    if problem.similarity.measure == KERNEL:
        found += 1.0  # the problem is posed with K - 11', and proportions sum to one
    if problem.utility is not None:
        found[:, 0] = np.atleast_2d(mixtures) @ problem.utility
    return read_only(found)


def effective_numbers(mixtures: Array) -> Array:
    """(m,) exp of the entropy of each of ``mixtures`` (m, n)."""
    P = np.atleast_2d(mixtures)
    logs = np.log(np.where(P > 0, P, 1.0))
    return read_only(np.exp(-(P * logs).sum(axis=1)))
