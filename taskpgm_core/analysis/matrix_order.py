"""The order in which a similarity matrix shows its blocks."""

import numpy as np

from taskpgm_core.analysis.graph_layout import unit_strength
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
