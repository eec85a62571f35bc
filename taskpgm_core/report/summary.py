"""The report's first page: the mixture, what training gave, and what to do next."""

from collections.abc import Sequence
from dataclasses import dataclass

from taskpgm_core.analysis.decision import Decision
from taskpgm_core.figures.numbers import count, counted, percent, shorten
from taskpgm_core.report import sections

HEAVIEST = 8
"""Tasks that the first page names; the table below it has them all."""


@dataclass(frozen=True)
class SummaryBar:
    """One task. ``bar``: its weight over the largest, in [0, 1]; ``amount``: rows or tokens."""

    task: str
    bar: str
    share: str
    amount: str


@dataclass(frozen=True)
class Summary:
    """``rest``: what the tasks get that ``bars`` do not show, empty where they show all;
    ``trained``, ``steps``: sentences."""

    bars: tuple[SummaryBar, ...]
    rest: str
    trained: tuple[str, ...]
    steps: tuple[str, ...]


def summary(decision: Decision, trained: Sequence[str]) -> Summary:
    """The first page of ``decision``; ``trained``: what training on mixtures has come to."""
    order = sorted(decision.tasks, key=lambda line: -line.weight)
    kept = [line for line in order if line.weight > 0]
    shown, others = kept[:HEAVIEST], kept[HEAVIEST:]
    unit = decision.question["unit"] or ""
    bars = tuple(
        SummaryBar(
            shorten(line.task),
            f"{line.weight / kept[0].weight:.4f}",
            percent(line.weight),
            "" if line.count is None else f"{count(line.count)} {unit}",
        )
        for line in shown
    )
    rest = ""
    if others:
        together = percent(sum(line.weight for line in others))
        share = "shares" if len(others) == 1 else "share"
        rest = f"{counted(len(others), 'more task')} {share} the other {together}."
    untrained = (
        "No mixture of this study has been trained on yet, so this is what the similarities ask "
        "for, not what a training has shown.",
    )
    return Summary(bars, rest, tuple(trained) or untrained, tuple(_steps(decision, bool(trained))))


def _steps(decision: Decision, trained: bool) -> list[str]:
    alarmed = len(sections.alarms(decision).warnings)
    budget, unit = decision.question["budget"], decision.question["unit"]
    unknown = sum(line.rows is None and line.weight > 0 for line in decision.tasks)
    steps = []
    if alarmed:
        several = counted(alarmed, "alarm") if alarmed > 1 else "alarm"
        steps.append(f"Read the {several} below first.")
    if unknown:
        steps.append(
            f"Find out the row counts of {counted(unknown, 'task')}: without them nothing says "
            "how often a budget repeats their rows."
        )
    steps.append(
        f"Train on {count(budget)} {unit}, divided as the table of the mixture says. The Mixture "
        "page and the command export write it for your trainer."
        if budget
        else "Choose a budget; the Mixture page and the command export then write the mixture for "
        "your trainer."
    )
    beside = (
        "If this mixture is none of those that were trained on, train it beside uniform under the "
        "same budget."
        if trained
        else "Train this mixture beside uniform under the same budget, to see what it gains."
    )
    here = decision.study["kind"] == "measured"
    steps.append(f"{beside} The command validate does it." if here else beside)
    return steps
