"""What the task graph says, in sentences made from the numbers it shows."""

from collections.abc import Sequence

import numpy as np

from taskpgm_core.figures.numbers import percent, shorten
from taskpgm_core.findings.mixture import graph_finding
from taskpgm_core.records import Array
from taskpgm_core.similarity_measures import Measure


def letter(community: int) -> str:
    """What a community is called: A is the largest; those beyond Z are Z1, Z2 and so on."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return letters[community] if community < len(letters) else f"Z{community - len(letters) + 1}"


def communities_finding(p: Array, groups: Sequence[str], word: str) -> str:
    """Which community or family holds the most weight."""
    if word == "family":
        return graph_finding(p, groups, word)
    names = sorted(set(groups))
    if len(names) == 1:
        return "All tasks form one community"
    share = {name: float(p[[g == name for g in groups]].sum()) for name in names}
    first = max(names, key=lambda name: share[name])
    return (
        f"{len(names)} communities; {first} holds the most weight, {percent(share[first])}, "
        f"with {sum(g == first for g in groups)} of {len(groups)} tasks"
    )


def neighbour_finding(
    tasks: Sequence[str], i: int, order: Sequence[int], near: Array, measure: Measure
) -> str:
    """Which task is most like task i; ``near`` (n,): its row as people read the measure."""
    if not order:
        return f"{shorten(tasks[i])} is the only task"
    j = order[0]
    value = measure.said(float(near[j]))
    usual = measure.said(float(np.median(near[list(order)])))
    return (
        f"The task most like {shorten(tasks[i])} is {shorten(tasks[j])}: {value}, "
        f"against {usual} for the task in the middle"
    )
