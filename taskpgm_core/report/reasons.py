"""Why each task has its share, and how sure that is: one table of a report."""

import numpy as np

from taskpgm_core.analysis.decision import Decision, TaskLine, WeightReason
from taskpgm_core.figures.numbers import percent
from taskpgm_core.findings.why import signed, split_finding
from taskpgm_core.report.markup import Markup, element, table, wide

HEAVIEST, NEAREST = 40, 20
"""Tasks in sight: the heaviest, and of the zeros those that least would bring in; the others are
folded, and print as a number."""


def reasons(decision: Decision) -> list[Markup]:
    """The heaviest tasks, then the zeros nearest to entering."""
    lines, sure = decision.tasks, decision.uncertainty
    split = [line.reason for line in lines if line.reason]
    kept = sorted((line for line in lines if line.weight > 0), key=lambda line: -line.weight)
    asks = "anchor" if decision.question["unary"] == "representativeness" else "gain"
    head, how = ["task", "share"], []
    if not sure["missing"]:
        head.append(_level(decision))
        how.append(
            f"{_level(decision)}: where the share falls in {sure['draws']} bootstrap draws of the "
            f"probe examples, each solved exactly; on average {sure['stability']:.0%} of the "
            "budget stays where it is."
        )
    if split:
        head += [f"{asks} asks", "diversity asks"]
        how.append(f"What the {asks} asks and what diversity asks add up to the share.")
    without = element("p", sure["missing"] or "", class_="how")
    if len(head) == 2:
        return [without]
    title = "How sure the shares are"
    if split:
        anchor, diversity = np.array([[s.anchor, s.diversity] for s in split]).T
        title = split_finding([line.task for line in lines], anchor, diversity)
    rows = [_row(line) for line in kept]
    return [
        element("h2", title),
        *_folded(title, " ".join(how), head, rows, HEAVIEST, "lighter tasks"),
        without,
        *_ways_in(decision),
    ]


def _level(decision: Decision) -> str:
    return f"{decision.uncertainty['level']:.0%} interval"


def _ways_in(decision: Decision) -> list[Markup]:
    """What would bring in the tasks that get nothing, those that least would first."""
    zeros = [(line, line.reason) for line in decision.tasks if line.weight <= 0]
    known = sorted(((why.reduced_cost or 0.0, line, why) for line, why in zeros if why), key=_cost)
    if not known:
        return []
    unit = "nats" if decision.study["kind"] == "measured" else "units of S"
    sure = not decision.uncertainty["missing"]
    head = ["task", *([_level(decision)] if sure else []), "enters at", "reduced cost"]
    first = known[0][1].task
    title = f"Of the {len(known)} tasks left out, {first} is nearest to coming in"
    if len(known) == 1:
        title = f"{first} is left out"
    how = (
        "A task left out enters at the balance named, or where its pull (β/λ)·u rises by its "
        f"reduced cost, in {unit}."
    )
    rows = [_way_in(line, why) for _, line, why in known]
    which = "tasks farther from coming in"
    return [element("h2", title), *_folded(title, how, head, rows, NEAREST, which)]


def _folded(
    title: str, how: str, head: list[str], rows: list[Markup], most: int, which: str
) -> list[Markup]:
    """A table of the first ``most`` rows, and the others in one to unfold."""
    shown, more = wide(title, table(how, head, rows[:most], words=("task",))), len(rows) - most
    if more <= 0:
        return [shown]
    told = f"And {more} {which}; the decision record has them all."
    rest = wide(which, table("", head, rows[most:], words=("task",)))
    return [
        shown,
        element("p", told, class_="how"),
        element("details", element("summary", f"Show the {more} {which}"), rest, class_="screen"),
    ]


def _interval(line: TaskLine) -> list[str]:
    if not line.interval:
        return []
    ends = (percent(line.interval.low), percent(line.interval.high))
    return [" to ".join(dict.fromkeys(ends))]


def _row(line: TaskLine) -> Markup:
    cells = [line.task, percent(line.weight), *_interval(line)]
    if line.reason:
        cells += [signed(line.reason.anchor), signed(line.reason.diversity)]
    return element("tr", [element("td", cell) for cell in cells])


def _way_in(line: TaskLine, why: WeightReason) -> Markup:
    enters = "never" if why.enters_at is None else f"{why.enters_at:.3g}"
    cells = [line.task, *_interval(line), enters, f"{why.reduced_cost or 0.0:.3g}"]
    return element("tr", [element("td", cell) for cell in cells])


def _cost(known: tuple[float, TaskLine, WeightReason]) -> float:
    return known[0]
