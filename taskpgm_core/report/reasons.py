"""Why each task has its share, and how sure that is: one table of a report."""

import numpy as np

from taskpgm_core.figures.labels import percent
from taskpgm_core.figures.why_findings import signed, split_finding
from taskpgm_core.report.decision import Decision, Split, TaskLine
from taskpgm_core.report.markup import Markup, element, table, wide

HEAVIEST, NEAREST = 60, 30
"""Tasks that are shown: the heaviest, and of the zeros those that least would bring in."""


def reasons(decision: Decision) -> list[Markup]:
    """The heaviest tasks, then the zeros nearest to entering."""
    lines, sure = decision.tasks, decision.uncertainty
    split = [line.reason for line in lines if line.reason]
    kept = sorted((line for line in lines if line.weight > 0), key=lambda line: -line.weight)
    zeros = sorted((line for line in lines if line.weight <= 0), key=_cost)
    asks = "anchor" if decision.question["unary"] == "representativeness" else "gain"
    head, how = ["task", "share"], []
    if not sure["missing"]:
        level = f"{sure['level']:.0%} interval"
        head.append(level)
        how.append(
            f"{level}: where the share falls in {sure['draws']} bootstrap draws of the probe "
            f"examples, each solved exactly; on average {sure['stability']:.0%} of the budget "
            "stays where it is."
        )
    if split:
        head += [f"{asks} asks", "diversity asks"]
        how.append(f"What the {asks} asks and what diversity asks add up to the share.")
    if split and zeros:
        head += ["enters at", "reduced cost"]
        unit = "nats" if decision.study["kind"] == "measured" else "units of S"
        how.append(
            "A task left out enters at the balance named, or where its pull (β/λ)·u rises by its "
            f"reduced cost, in {unit}."
        )
    without = element("p", sure["missing"] or "", class_="how")
    if len(head) == 2:
        return [without]
    title = "How sure the shares are"
    if split:
        anchor, diversity = np.array([[s.anchor, s.diversity] for s in split]).T
        title = split_finding([line.task for line in lines], anchor, diversity)
    shown = [*kept[:HEAVIEST], *zeros[:NEAREST]]
    rows = [_row(line, bool(zeros)) for line in shown]
    return [
        element("h2", title),
        wide(title, table(" ".join(how), head, rows, words=("task",))),
        element("p", _left_out(len(kept) - HEAVIEST, len(zeros) - NEAREST), class_="how"),
        without,
    ]


def _left_out(lighter: int, farther: int) -> str:
    told = [f"{lighter} lighter tasks"] if lighter > 0 else []
    told += [f"{farther} tasks farther from coming in"] if farther > 0 else []
    return f"And {' and '.join(told)}; the decision record has them all." if told else ""


def _row(line: TaskLine, left_out: bool) -> Markup:
    cells = [line.task, percent(line.weight)]
    if line.interval:
        ends = (percent(line.interval.low), percent(line.interval.high))
        cells.append(" to ".join(dict.fromkeys(ends)))
    if line.reason:
        cells += [signed(line.reason.anchor), signed(line.reason.diversity)]
        if left_out:
            cells += _way_in(line.reason)
    return element("tr", [element("td", cell) for cell in cells])


def _way_in(why: Split) -> tuple[str, str]:
    if why.reduced_cost is None:
        return "", ""
    return "never" if why.enters_at is None else f"{why.enters_at:.3g}", f"{why.reduced_cost:.3g}"


def _cost(line: TaskLine) -> float:
    return (line.reason.reduced_cost or 0.0) if line.reason else 0.0
