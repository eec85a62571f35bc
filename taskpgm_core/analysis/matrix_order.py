"""The order in which a similarity matrix shows its blocks."""

from collections.abc import Sequence

import numpy as np

from taskpgm_core.mixture.baselines import unit_strength
from taskpgm_core.records import Similarity


def matrix_order(similarity: Similarity) -> tuple[int, ...]:
    """Task indices so that like tasks are neighbours.

    Average linkage of 1 - strength with the leaf order of least total distance (Bar-Joseph et
    al. 2001).
    """
    from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
    from scipy.spatial.distance import squareform

    if similarity.n < 3:
        return tuple(range(similarity.n))
    distance = 1 - unit_strength(similarity)
    np.fill_diagonal(distance, 0)
    condensed = squareform(distance, checks=False)
    tree = optimal_leaf_ordering(linkage(condensed, "average"), condensed)
    return tuple(int(i) for i in leaves_list(tree))


def keep_together(order: Sequence[int], groups: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """``order`` with the members of each of the disjoint ``groups`` side by side.

    A group stands where its first member stood; within it and outside it the order stays.
    """
    group_of = {i: k for k, group in enumerate(groups) for i in group}
    kept: dict[int, list[int]] = {}
    for i in order:
        kept.setdefault(group_of.get(i, len(groups) + i), []).append(i)
    return tuple(i for members in kept.values() for i in members)
