"""What each task gets: one table of a report, and the names of the tasks that get nothing."""

from taskpgm_core.analysis.decision import Decision, TaskLine
from taskpgm_core.figures.numbers import count, percent
from taskpgm_core.report.markup import Markup, element, table, wide

NAMED = 40
"""Tasks without weight that are named; hundreds would fill pages."""


def mixture_table(decision: Decision) -> list[Markup]:
    """Every task with weight, heaviest first; the others by name below."""
    unit = decision.question["unit"]
    order = sorted(decision.tasks, key=lambda line: -line.weight)
    kept = [line for line in order if line.weight > 0]
    zero = [line.task for line in order if line.weight <= 0]
    sized = kept[0].proportional is not None
    families = any(line.family for line in kept)
    head = ["task", *["family"] * families, "share", str(decision.question["anchor"])]
    head += ["size-proportional"] * sized + ([str(unit), "epochs"] if unit else [])
    rows = [_row(line, kept[0].weight, sized, families, bool(unit)) for line in kept]
    caption = "Shares are of the budget. Epochs: passes over the rows there are."
    shown = table(caption, head, rows, words=("task", "family"))
    return [
        element("h2", f"The mixture: {len(kept)} of {len(order)} tasks"),
        wide("The mixture", shown),
        *_zeros(zero),
    ]


def _zeros(tasks: list[str]) -> list[Markup]:
    """The tasks that get nothing by name; hundreds of them are folded, and print as a number."""
    if not tasks:
        return []
    more, named = len(tasks) - NAMED, ", ".join(tasks[:NAMED])
    rest = f" and {more} more; the decision record has them all" if more > 0 else ""
    told = element("p", f"{len(tasks)} tasks get nothing here: {named}{rest}.", class_="how")
    if more <= 0:
        return [told]
    summary = element("summary", f"Name the other {more}")
    folded = element("p", ", ".join(tasks[NAMED:]) + ".", class_="how")
    return [told, element("details", summary, folded, class_="screen")]


def _row(line: TaskLine, most: float, sized: bool, families: bool, counted: bool) -> Markup:
    cells = [element("td", line.task)]
    if families:
        cells.append(element("td", line.family, class_="word"))
    share = f"--w:{line.weight / most:.4f}"
    cells.append(element("td", percent(line.weight), class_="share", style=share))
    cells.append(element("td", percent(line.anchor)))
    if sized and line.proportional is not None:
        cells.append(element("td", percent(line.proportional)))
    if counted:
        cells.append(element("td", count(line.count or 0)))
        cells.append(element("td", "unknown" if line.epochs is None else f"{line.epochs:.2f}"))
    return element("tr", cells)
