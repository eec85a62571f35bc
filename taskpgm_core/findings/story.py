"""A story of one mixture in a few steps: each is one sentence and the numbers of one picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from taskpgm_core.analysis.graph_layout import TaskGraph
from taskpgm_core.analysis.question import Posed
from taskpgm_core.figures.numbers import count, counted, percent, shorten
from taskpgm_core.findings.mixture import mixture_finding
from taskpgm_core.findings.skills import skills_finding
from taskpgm_core.findings.trained_mixtures import TrainedMixtures
from taskpgm_core.mixture.counts import Allocation
from taskpgm_core.mixture.explanation import Explanation
from taskpgm_core.mixture.kernel import Kernel
from taskpgm_core.mixture.solution import Solution
from taskpgm_core.records import Array

SURPRISING = 5e-4
"""A weight that is nearer to its anchor than this is the same to 0.1%, and surprises nobody."""
LIVE = ("collection", "mixture")
"""Steps whose pictures can move: the task graph, and the mixture under the hand."""
LONGEST = 8
"""Bars of a picture that is read from the back row."""


@dataclass(frozen=True)
class Step:
    """``name``: which step it is; ``title``: a few words; ``sentence``: what it says; ``data``:
    what ``figures.story.step_figure`` draws of it."""

    name: str
    title: str
    sentence: str
    data: Mapping[str, Any]


def story(
    posed: Posed,
    solution: Solution,
    found: Explanation,
    graph: TaskGraph,
    *,
    trained: TrainedMixtures | None = None,
    verdict: str = "",
    allocation: Allocation | None = None,
    trainers: Sequence[str] = (),
    rewarded: str = "the anchor",
) -> tuple[Step, ...]:
    """The steps that this study has something to say in, in order.

    ``trained``: what training gave, None without finished runs; ``verdict``: what is recommended by
    it, in the one sentence; ``allocation``: the mixture in whole numbers, None where the budget
    cannot be met; ``trainers``: whose formats it comes in.
    """
    kernel, anchor = posed.kernel, posed.problem.anchor
    steps = [
        _collection(kernel, graph),
        Step(
            "mixture",
            "What to train on",
            f"{mixture_finding(solution.tasks, solution.p)}.",
            {"graph": graph, "p": solution.p, "groups": kernel.groups},
        ),
        _surprise(kernel, found, anchor, rewarded),
        _training(trained, verdict),
        _savings(kernel, solution.p, allocation),
        _take(allocation, trainers),
    ]
    return tuple(step for step in steps if step is not None)


def _collection(kernel: Kernel, graph: TaskGraph) -> Step:
    n = len(kernel.tasks)
    said = f"{skills_finding(kernel)}."
    if kernel.skills is not None:
        said = f"{counted(n, 'task')} hold {kernel.skills:.1f} distinct skills"
        members, groups = sum(map(len, kernel.groups)), len(kernel.groups)
        if groups > 1:
            once = percent(groups / (n - members + groups), 0)
            said += (
                f"; by files, {counted(groups, 'group')} of like tasks get "
                f"{percent(members / n, 0)} of the budget, counted once {once}"
            )
        said += "."
    data = {"graph": graph, "p": np.full(n, 1.0 / n), "groups": kernel.groups}
    return Step("collection", "The collection", said, data)


def _surprise(kernel: Kernel, found: Explanation, anchor: Array, rewarded: str) -> Step | None:
    """Why the weight that is farthest from the anchor's is what it is."""
    far = np.array([reason.weight for reason in found.reasons]) - anchor
    i = int(np.argmax(np.abs(far)))
    if abs(far[i]) < SURPRISING:
        return None
    why, name = found.reasons[i], shorten(found.reasons[i].task)
    gets = percent(why.weight) if why.weight > 0 else "nothing"
    said = f"{name} gets {gets}, where the anchor has {percent(float(anchor[i]))}"
    sharing = [shorten(task) for task, _ in kernel.sharing(why.task)]
    if sharing:
        more = f" and {len(sharing) - 1} more" if len(sharing) > 1 else ""
        said += f"; it shares its skill with {sharing[0]}{more}"
    elif kernel.finite:
        said += "; no other task shares its skill"
    bars: list[tuple[str, float]] = [("its share in the anchor", float(anchor[i]))]
    if why.weight > 0:
        bars += [(f"{rewarded} asks for", why.anchor), ("diversity asks for", why.diversity)]
    bars.append(("its weight here", why.weight))
    return Step("why", "The weight that moved most", f"{said}.", {"bars": bars, "unit": "%"})


def _training(trained: TrainedMixtures | None, verdict: str) -> Step | None:
    if trained is None:
        return None
    said = verdict or f"{trained.finding}, by {trained.about}."
    data = {"reference": trained.reference, "trained": trained.mixtures, "kept": trained.kept}
    return Step("training", "What training gave", said, data)


def _savings(kernel: Kernel, p: Array, allocation: Allocation | None) -> Step | None:
    """What groups that share a skill take of the budget, by files and in this mixture; None where
    it is no less."""
    groups = kernel.groups
    if not groups or allocation is None:
        return None
    at = [kernel.tasks.index(task) for group in groups for task in group]
    budget, unit = allocation.budget, allocation.unit
    even, here = round(budget * len(at) / len(p)), round(budget * float(p[at].sum()))
    if here >= even:
        return None
    said = (
        f"By files, {counted(len(groups), 'group')} of like tasks would take {count(even)} of "
        f"{count(budget)} {unit}; this mixture gives them {count(here)}, and {count(even - here)} "
        f"go to other skills."
    )
    bars = [("by files", float(even)), ("this mixture", float(here))]
    return Step("saves", "What it saves", said, {"bars": bars, "unit": unit})


def _take(allocation: Allocation | None, trainers: Sequence[str]) -> Step | None:
    if allocation is None or not trainers:
        return None
    order = sorted(range(len(allocation.tasks)), key=lambda i: (-allocation.counts[i], i))
    bars = [(shorten(allocation.tasks[i]), float(allocation.counts[i])) for i in order[:LONGEST]]
    rest = sum(allocation.counts[i] for i in order[LONGEST:])
    if len(order) > LONGEST:
        bars.append((counted(len(order) - LONGEST, "other task"), float(rest)))
    said = (
        f"Take {count(allocation.budget)} {allocation.unit} along, counted for every task, in the "
        f"format of {counted(len(trainers), 'trainer')}, such as {', '.join(trainers[:4])}."
    )
    return Step("take", "Where to take it", said, {"bars": bars, "unit": allocation.unit})
