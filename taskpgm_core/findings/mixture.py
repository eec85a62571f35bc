"""Findings: the sentences above the charts, made from the numbers that the charts show."""

from collections.abc import Sequence

import numpy as np

from taskpgm_core.figures.numbers import count, percent, shorten, shortened, times, with_sign
from taskpgm_core.mixture import Problem, SolutionPath
from taskpgm_core.records import Array
from taskpgm_core.similarity_measures import KERNEL

CARRIED = 0.9
REACHED = 1e-6
"""Share of the budget by which the mixture at balance 1 may miss the anchor and be it still."""


def energy_unit(problem: Problem) -> str:
    """The unit of what is solved, E/lambda; empty for a kernel, which has none."""
    S = problem.similarity
    return "" if S.measure == KERNEL else S.unit or "units of S"


def rewarded(problem: Problem) -> str:
    """What more of the balance makes a mixture; with "ness", what it is then rewarded for."""
    return "representative" if problem.utility is None else "useful"


def no_middle(problem: Problem, path: SolutionPath) -> str:
    """Why balance 1 is not the anchor itself, and how near it comes; empty where it is."""
    if problem.utility is not None:
        return "no middle: what is useful is rewarded in place of the anchor"
    far = float(np.abs(path.at(1.0) - problem.anchor).sum()) / 2
    if far <= REACHED:
        return ""
    index = {task: i for i, task in enumerate(problem.tasks)}
    shares = [float(problem.anchor[[index[t] for t in g.tasks]].sum()) for g in problem.groups]
    held = np.any(problem.anchor < problem.lo - REACHED) or np.any(
        problem.anchor > problem.hi + REACHED
    )
    if held or any(
        not g.lo - REACHED <= x <= g.hi + REACHED
        for g, x in zip(problem.groups, shares, strict=True)
    ):
        why = "the limits rule the anchor out"
    elif problem.pull is not None:
        why = "the pull moves it"
    else:
        why = "other mixtures are as good there"
    return f"no middle: {why}; at balance 1 {percent(far)} of the budget lies elsewhere"


def carriers(p: Array) -> int:
    """How few tasks carry nine tenths of the weight."""
    return int(np.searchsorted(np.cumsum(np.sort(p)[::-1]), CARRIED - 1e-12) + 1)


def mixture_finding(tasks: Sequence[str], p: Array) -> str:
    """What the mixture does in one sentence."""
    n = len(tasks)
    positive = int((p > 0).sum())
    top = int(np.argmax(p))
    if positive == 1:
        return f"Everything goes to one task, {shortened(tasks)[top]}"
    if np.ptp(p) < 1e-9:
        return f"{'Both' if n == 2 else f'All {n}'} tasks get the same share, {percent(1 / n)} each"
    few, alike, most = carriers(p), int((p[top] - p < 1e-9).sum()), percent(float(p[top]))
    gets = f"{shortened(tasks)[top]} gets the most, {most}"
    if alike > 1:
        gets = f"{alike} tasks get the most, {most} each"
    carry = "carries" if few == 1 else "carry"
    return f"{few} of {n} tasks {carry} {CARRIED:.0%} of the weight; {gets}"


def zero_finding(p: Array) -> str:
    """How many tasks the mixture leaves out."""
    zero = int((p <= 0).sum())
    if not zero:
        return "No task is left out."
    return f"{zero} of {len(p)} tasks {'gets' if zero == 1 else 'get'} nothing at this balance."


def energy_finding(
    unary: float, pairwise: float, total: float, rewarded: str = "representativeness"
) -> str:
    """The energy as the sum that it is; its unary part is for what is ``rewarded``."""
    return (
        f"Energy {with_sign(total)}: {with_sign(unary)} for {rewarded}, "
        f"{with_sign(pairwise)} for redundancy"
    )


def differs(p: Array, reference: Array) -> bool:
    """Whether there is anything to draw between two mixtures."""
    return float(np.abs(p - reference).sum()) >= 1e-9


def difference_finding(p: Array, reference: Array, name: str) -> str:
    """How much of the budget moves between two mixtures."""
    if not differs(p, reference):
        return f"This is the {name} mixture itself"
    moved = float(np.abs(p - reference).sum()) / 2
    return f"{percent(moved)} of the budget moves away from the {name} mixture"


def graph_finding(p: Array, groups: Sequence[str], word: str) -> str:
    """Which group of the task graph holds the most weight."""
    share: dict[str, float] = {}
    for group, weight in zip(groups, p, strict=True):
        share[group] = share.get(group, 0.0) + float(weight)
    if len(share) == 1:
        return "Weight on the task graph"
    first, *others = sorted(share, key=lambda g: (-share[g], g))
    most = sum(share[g] > share[first] - 1e-9 for g in share)
    if most > 1:
        many = "groups" if "" in share else f"{word.removesuffix('y')}ies"
        which = f"All {most} {many}" if most == len(share) else f"{most} of {len(share)} {many}"
        same = "same" if most == len(share) else "most"
        return f"{which} hold the {same} weight, {percent(share[first])} each"
    holds = f"The {word} {first} holds" if first else f"Tasks without a {word} hold"
    follows = f"{others[0]} follows" if others[0] else "those without one follow"
    return (
        f"{holds} the most weight, {percent(share[first])}; {follows} with "
        f"{percent(share[others[0]])}"
    )


def budget_finding(tasks: Sequence[str], epochs: Sequence[float | None]) -> str:
    """How often the budget repeats examples."""
    known = [(e, t) for e, t in zip(epochs, tasks, strict=True) if e is not None]
    if not known:
        return "How many rows each task has is unknown, so repeats cannot be counted"
    repeated = [(e, t) for e, t in known if e > 1]
    if not repeated:
        some = "" if len(known) == len(tasks) else f" of the {len(known)} whose rows are known"
        return f"No task{some} runs out of rows within this budget"
    most, task = max(repeated)
    are = "is" if len(repeated) == 1 else "are"
    return (
        f"{count(len(repeated))} of {len(tasks)} tasks {are} seen more than once, "
        f"{shorten(task)} {times(most)} times"
    )
