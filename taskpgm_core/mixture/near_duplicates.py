"""Which tasks say the same thing: each with its twin, the most alike first."""

from dataclasses import dataclass

import numpy as np

from taskpgm_core.mixture.task_distances import distances
from taskpgm_core.records import Similarity


@dataclass(frozen=True)
class Redundancy:
    """``task`` and the one most like it. ``distance``: (e_i - e_j)'S(e_i - e_j) / 2, units of S
    (D_ij for JSD). ``share``: how much nearer the twin is than the task's median neighbour, from
    0 (not at all) to 1 (the two are the same)."""

    task: str
    twin: str
    distance: float
    share: float


def redundancies(similarity: Similarity, limit: int | None = None) -> tuple[Redundancy, ...]:
    """Every task's twin, the most redundant tasks first, at most ``limit`` of them."""
    n = similarity.n
    if n < 2:
        return ()
    distance = distances(similarity.matrix)
    others = np.where(np.eye(n, dtype=bool), np.inf, distance)
    twins = others.argmin(axis=1)
    found = []
    for i, j in enumerate(twins):
        nearest, usual = float(distance[i, j]), float(np.median(np.delete(distance[i], i)))
        share = 1.0 - nearest / usual if usual > 0 else float(nearest == 0)
        names = similarity.tasks[i], similarity.tasks[int(j)]
        found.append(Redundancy(*names, nearest, float(np.clip(share, 0.0, 1.0))))
    return tuple(sorted(found, key=lambda r: -r.share)[:limit])
