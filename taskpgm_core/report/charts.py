"""The figures of a report, each with its finding and how to read it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from taskpgm_core.analysis.decision import Decision, ReferenceMixture
from taskpgm_core.analysis.graph_layout import TaskGraph
from taskpgm_core.analysis.matrix_order import matrix_order
from taskpgm_core.analysis.question import Posed
from taskpgm_core.analysis.trade_off import effective_numbers, likeness
from taskpgm_core.figures.balance_axis import samples, track_end
from taskpgm_core.figures.graph import task_graph_figure
from taskpgm_core.figures.mixture import difference_figure
from taskpgm_core.figures.numbers import nats
from taskpgm_core.figures.similarity import matrix_figure
from taskpgm_core.figures.story import step_figure
from taskpgm_core.figures.tradeoff import frontier_figure, path_areas_figure
from taskpgm_core.findings import mixture as findings
from taskpgm_core.findings.similarity import block_finding
from taskpgm_core.findings.story import LIVE, Step
from taskpgm_core.findings.tradeoff import frontier_reading
from taskpgm_core.mixture import Problem, SolutionPath
from taskpgm_core.records import Similarity
from taskpgm_core.report.static_charts.svg import svg
from taskpgm_core.similarity_measures import KERNEL


@dataclass(frozen=True)
class ReportChart:
    """``finding``: what the figure says; ``drawing``: an SVG element."""

    finding: str
    how_to_read: str
    drawing: str


def report_charts(
    decision: Decision,
    posed: Posed,
    path: SolutionPath,
    graph: TaskGraph,
    *,
    told: bool = False,
) -> list[ReportChart]:
    """The report's figures, drawn from the same records as the pages'.

    ``graph``: of the measure; ``told``: whether a story shows it already.
    """
    return [
        *_difference(decision),
        _path(decision, posed.problem, path),
        _trade_off(decision, posed, path),
        *([] if told else [_graph(decision, graph)]),
        _similarity(posed.similarity),
    ]


@dataclass(frozen=True)
class StoryStep:
    """A step of the story with its picture, an SVG element. ``live``: whether it moves on the
    screen of a presenter."""

    title: str
    name: str
    sentence: str
    drawing: str
    live: bool


def story_steps(steps: Sequence[Step]) -> list[StoryStep]:
    """The steps of a story, drawn for a page that is read."""
    return [
        StoryStep(
            step.title,
            step.name,
            step.sentence,
            svg(step_figure(step.data), label=step.sentence),
            step.name in LIVE,
        )
        for step in steps
    ]


def _chart(figure: go.Figure, finding: str, how_to_read: str) -> ReportChart:
    return ReportChart(finding, how_to_read, svg(figure, label=finding))


def _families(decision: Decision) -> list[str]:
    return [line.family for line in decision.tasks]


def _difference(decision: Decision) -> list[ReportChart]:
    """What moved away from the reference; no chart where the mixture is the reference itself."""
    p, sizes = decision.weights, [line.proportional for line in decision.tasks]
    sized = sizes[0] is not None
    reference = np.array(sizes if sized else [1 / len(p)] * len(p), dtype=float)
    if not findings.differs(p, reference):
        return []
    other = "size-proportional" if sized else "uniform"
    chart = _chart(
        difference_figure([line.task for line in decision.tasks], p, reference, other, limit=18),
        findings.difference_finding(p, reference, other),
        "In percentage points of the budget: to the right, tasks that get more than there; "
        "to the left, less.",
    )
    return [chart]


def _path(decision: Decision, problem: Problem, path: SolutionPath) -> ReportChart:
    here = decision.balance_on(path)
    at = np.array(sorted({*samples(path.balances, track_end(path.last)).tolist(), 1.0, here}))
    variety = effective_numbers(np.array([path.at(r) for r in at]))
    mine, widest = float(variety[at.tolist().index(here)]), int(variety.argmax())
    finding = (
        "No other balance gives a more varied mixture than this one, which is as varied as "
        f"{mine:.1f} equal tasks"
    )
    if variety[widest] - mine >= 0.05:
        finding = (
            f"The mixture is most varied at balance {at[widest]:.3g}, as {variety[widest]:.1f} "
            f"equal tasks; this one is as {mine:.1f}"
        )
    figure = path_areas_figure(
        problem.tasks,
        _families(decision),
        path.balances,
        path.weights,
        balance=here,
        anchor_name="" if findings.no_middle(problem, path) else problem.anchor_name,
    )
    return _chart(
        figure,
        finding,
        "Every exact mixture at once: from diversity alone on the left to "
        f"{findings.rewarded(problem)}ness alone on the right. “here” is this decision.",
    )


def _trade_off(decision: Decision, posed: Posed, path: SolutionPath) -> ReportChart:
    S, anchor = posed.problem.similarity, posed.problem.anchor
    here, *others = decision.comparisons
    unit = findings.energy_unit(posed.problem)
    whole = 1.0 if S.measure == KERNEL else 0.0  # the problem is posed with K - 11'
    reading = frontier_reading(posed.problem)
    if posed.problem.utility is not None:
        reading = (
            "Up: more alike to what the anchor stands for. Right: less alike to itself. The line "
            "rewards what is useful instead, so that mixtures may lie above it."
        )
    figure = frontier_figure(
        path.balances,
        likeness(S, anchor, path.weights) + whole,
        {c.title: np.array([c.to_anchor, c.within]) + whole for c in others},
        here=np.array([here.to_anchor, here.within]) + whole,
        units=(unit, unit),
    )
    return _chart(
        figure,
        _variety_finding(here, others[0], posed),
        reading,
    )


def _graph(decision: Decision, graph: TaskGraph) -> ReportChart:
    p, families = decision.weights, _families(decision)
    return _chart(
        task_graph_figure(graph, p, families),
        findings.graph_finding(p, families, "family"),
        "Tasks joined by a line predict alike. The larger a node, the more weight it has.",
    )


def _similarity(S: Similarity) -> ReportChart:
    return _chart(
        matrix_figure(S, matrix_order(S)),
        block_finding(S),
        f"Every pair of tasks, like ones side by side. {S.reading.axis}; dark is alike.",
    )


def _variety_finding(here: ReferenceMixture, other: ReferenceMixture, posed: Posed) -> str:
    if posed.kernel.finite:  # within = p'Kp - 1
        return (
            f"This mixture spreads over {1 / (1 + here.within):.1f} skills, "
            f"the {other.title.lower()} one over {1 / (1 + other.within):.1f}"
        )
    if posed.similarity.unit == "nats":
        return (
            f"Two tasks drawn from this mixture differ by {nats(-here.within)} on average, "
            f"from the {other.title.lower()} one by {nats(-other.within)}"
        )
    return (
        f"Tasks drawn from this mixture have a similarity of {here.within:.3f}, "
        f"from the {other.title.lower()} one of {other.within:.3f}"
    )
