"""Where tasks stand in the task graph, which edges it keeps, and which tasks form communities."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse.csgraph import minimum_spanning_tree

from taskpgm_core.mixture.baselines import unit_strength
from taskpgm_core.records import Array, Similarity, read_only


@dataclass(frozen=True)
class TaskGraph:
    """A readable picture of a similarity matrix.

    ``position``: (n, 2) in [-1, 1]; ``edges``: (m, 2) task indices i < j of the backbone;
    ``strength``: (m,) similarity of each edge stretched to [0, 1] over all pairs of the study;
    ``community``: (n,) 0 for the largest community, and so on.
    """

    tasks: tuple[str, ...]
    position: Array
    edges: np.ndarray
    strength: Array
    community: np.ndarray


def backbone(strength: Array, neighbours: int) -> list[tuple[int, int]]:
    """The strongest connected skeleton: a maximum spanning tree and each task's nearest ones."""
    tree = minimum_spanning_tree(2.0 - strength)  # zeros would be no edges
    kept = set(zip(*map(np.ndarray.tolist, tree.nonzero()), strict=True))
    apart = -strength
    np.fill_diagonal(apart, np.inf)
    nearest = np.argsort(apart, axis=1, kind="stable")[:, : min(neighbours, len(apart) - 1)]
    kept |= {(i, j) for i, near in enumerate(nearest.tolist()) for j in near}
    return sorted({(min(edge), max(edge)) for edge in kept})


def _start(strength: Array) -> dict[int, np.ndarray]:
    """Classical scaling of 1 - strength: a start that puts like tasks side by side."""
    n = len(strength)
    distance = 1 - strength
    np.fill_diagonal(distance, 0)
    J = np.eye(n) - 1 / n
    values, vectors = np.linalg.eigh(-J @ (distance**2) @ J / 2)
    plane = vectors[:, -2:] * np.sqrt(np.maximum(values[-2:], 1e-12))
    signs = np.sign(plane[np.abs(plane).argmax(axis=0), np.arange(plane.shape[1])])
    plane = plane * np.where(signs == 0, 1, signs)
    if plane.shape[1] < 2:
        plane = np.column_stack([plane, np.zeros(n)])
    return dict(enumerate(plane / max(float(np.abs(plane).max()), 1e-12)))


def task_graph(similarity: Similarity, *, neighbours: int = 2, seed: int = 0) -> TaskGraph:
    """Layout, backbone and communities of the tasks; equal input gives equal output.

    The backbone is a maximum spanning tree plus each task's ``neighbours`` most similar tasks.
    Positions: networkx's spring layout (Fruchterman and Reingold 1991) of the backbone, started
    from classical scaling. Communities: Louvain's method (Blondel et al. 2008) on the backbone.
    """
    import networkx as nx

    n = similarity.n
    strength = unit_strength(similarity)
    edges = backbone(strength, neighbours)
    graph = nx.Graph()
    graph.add_nodes_from(range(n))
    graph.add_weighted_edges_from((i, j, 0.05 + float(strength[i, j])) for i, j in edges)
    placed = nx.spring_layout(
        graph, pos=_start(strength), k=1.6 / np.sqrt(n), iterations=120, seed=seed, weight="weight"
    )
    position = np.array([placed[i] for i in range(n)])
    position = position - (position.max(axis=0) + position.min(axis=0)) / 2
    position = position / np.maximum(np.abs(position).max(axis=0), 1e-12)
    found = nx.community.louvain_communities(graph, weight="weight", seed=seed)
    community = np.zeros(n, dtype=np.int64)
    for rank, members in enumerate(sorted(found, key=lambda c: (-len(c), min(c)))):
        community[list(members)] = rank
    return TaskGraph(
        similarity.tasks,
        read_only(np.round(position, 4)),
        np.array(edges, dtype=np.int64).reshape(-1, 2),
        read_only([round(float(strength[i, j]), 4) for i, j in edges]),
        community,
    )
