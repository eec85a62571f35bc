"""What the task graph says, in sentences made from the numbers it shows."""

from collections.abc import Sequence

import numpy as np

from taskpgm_core.analysis.graph_layout import TaskGraph
from taskpgm_core.figures.numbers import percent, shorten, shortened
from taskpgm_core.findings.mixture import graph_finding
from taskpgm_core.findings.similarity import most_like
from taskpgm_core.records import Array
from taskpgm_core.similarity_measures import Measure

ALIKE = 1e-9
"""Shares of the budget that are nearer are one."""


def community_names(graph: TaskGraph) -> list[str]:
    """(n,) the name of each task's community: its best joined task, and how many more there are.

    It is the task whose lines to the others of its community are the strongest, so a name does
    not change with the mixture.
    """
    community, n = graph.community, len(graph.tasks)
    inside = np.zeros(n)
    for (i, j), strength in zip(graph.edges, graph.strength, strict=True):
        if community[i] == community[j]:
            inside[[i, j]] += strength
    names, short = [], shortened(graph.tasks, 18)
    for c in range(int(community.max()) + 1):
        members = np.flatnonzero(community == c)
        first, *others = members[np.argsort(-inside[members], kind="stable")]
        name = short[first]
        if len(others) == 1:
            name += f" and {short[others[0]]}"
        elif others:
            name += f" and {len(others)} more"
        names.append(name)
    return [names[c] for c in community]


def communities_finding(p: Array, groups: Sequence[str], word: str) -> str:
    """Which community or family holds the most weight; ``groups``: (n,) names."""
    if word == "family":
        return graph_finding(p, groups, word)
    names = sorted(set(groups))
    if len(names) == 1:
        return "All tasks form one community"
    share = {name: float(p[[g == name for g in groups]].sum()) for name in names}
    first = max(names, key=lambda name: share[name])
    most = sum(share[name] > share[first] - ALIKE for name in names)
    if most > 1:
        which = " hold the same" if most == len(names) else f"; {most} of them hold the most"
        return f"{len(names)} communities{which} weight, {percent(share[first])} each"
    size = sum(g == first for g in groups)
    holds = "holds" if size == 1 else "hold"
    return (
        f"{len(names)} communities; {first} {holds} the most weight, {percent(share[first])} "
        f"with {size} of {len(groups)} tasks"
    )


def neighbour_finding(
    tasks: Sequence[str], i: int, order: Sequence[int], near: Array, measure: Measure
) -> str:
    """Which task is most like task i; ``near`` (n,): its row as people read the measure."""
    if not order:
        return f"{shorten(tasks[i])} is the only task"
    closest = float(near[order[0]])
    more = int((np.abs(near[list(order)] - closest) < 1e-12).sum()) - 1
    value = measure.said(closest)
    usual = measure.said(float(np.median(near[list(order)])))
    return (
        f"{most_like(tasks[i], tasks[order[0]], more)}: {value}, "
        f"against {usual} for the task in the middle"
    )
