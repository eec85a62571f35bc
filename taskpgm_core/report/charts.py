"""The figures of a report, each with its finding and how to read it."""

from dataclasses import dataclass

import numpy as np

from taskpgm_core.analysis.decision import Decision, ReferenceMixture
from taskpgm_core.analysis.graph_layout import TaskGraph, task_graph
from taskpgm_core.analysis.matrix_order import matrix_order
from taskpgm_core.analysis.trade_off import effective_numbers, likeness
from taskpgm_core.figures.graph import task_graph_figure
from taskpgm_core.figures.mixture import difference_figure
from taskpgm_core.figures.numbers import nats
from taskpgm_core.figures.similarity import matrix_figure
from taskpgm_core.figures.tradeoff import frontier_figure, path_areas_figure
from taskpgm_core.findings import mixture as findings
from taskpgm_core.mixture import Problem, SolutionPath
from taskpgm_core.report.static_charts.svg import svg


@dataclass(frozen=True)
class Plate:
    """``finding``: what the figure says; ``how``: how to read it; ``drawing``: an SVG element."""

    finding: str
    how: str
    drawing: str


def plates(
    decision: Decision, problem: Problem, path: SolutionPath, graph: TaskGraph | None = None
) -> list[Plate]:
    """The report's figures, drawn from the same records as the pages'.

    ``graph``: of the problem's similarity, where it is known already.
    """
    S, names, p = problem.similarity, problem.tasks, decision.weights
    families = [line.family for line in decision.tasks]
    jsd = S.measure == "jsd"
    sized = decision.tasks[0].proportional is not None
    other = "size-proportional" if sized else "uniform"
    reference = np.array(
        [line.proportional if sized else 1 / len(names) for line in decision.tasks], dtype=float
    )
    balance = decision.balance_on(path)
    variety = effective_numbers(path.weights)
    widest = int(variety.argmax())
    here, *others = decision.comparisons
    marks = {c.title: np.array([c.to_anchor, c.within]) for c in others}
    drawn = [
        (
            difference_figure(names, p, reference, other, limit=18),
            findings.difference_finding(p, reference, other),
            "In percentage points of the budget: to the right, tasks that get more than there; "
            "to the left, less.",
        ),
        (
            path_areas_figure(
                names,
                families,
                path.balances,
                path.weights,
                balance=balance,
                anchor_name=problem.anchor_name,
            ),
            f"The mixture is most varied at balance {path.balances[widest]:.3g}, "
            f"as {variety[widest]:.1f} equal tasks; this one is as "
            f"{decision.certificate['effective_tasks']:.1f}",
            "Every exact mixture at once: from pure diversity on the left to the most "
            "representative task on the right. “here” is this decision.",
        ),
        (
            frontier_figure(
                path.balances,
                likeness(S, problem.anchor, path.weights),
                marks,
                here=np.array([here.to_anchor, here.within]),
                jsd=jsd,
            ),
            _variety_finding(here, others[0], jsd),
            "To the right: tasks in the mixture resemble one another less (−p′Sp). Upwards: they "
            "resemble the anchor more (p′Sw). No mixture lies above the line.",
        ),
        (
            task_graph_figure(graph or task_graph(S), p, families),
            findings.graph_finding(p, families, "family"),
            "Tasks joined by a line predict alike. The larger a node, the more weight it has.",
        ),
        (
            matrix_figure(S, matrix_order(S)),
            _nearest(problem),
            "Every pair of tasks, like ones side by side. "
            + ("Mean Jensen-Shannon divergence" if jsd else "Similarity")
            + ": dark is alike.",
        ),
    ]
    if not findings.differs(p, reference):
        del drawn[0]
    return [Plate(finding, how, svg(figure, label=finding)) for figure, finding, how in drawn]


def _variety_finding(here: ReferenceMixture, other: ReferenceMixture, jsd: bool) -> str:
    if jsd:
        return (
            f"Two tasks drawn from this mixture differ by {nats(-here.within)} on average, "
            f"from the {other.title.lower()} one by {nats(-other.within)}"
        )
    return (
        f"Tasks drawn from this mixture have a similarity of {here.within:.3f}, "
        f"from the {other.title.lower()} one of {other.within:.3f}"
    )


def _nearest(problem: Problem) -> str:
    S, n = problem.similarity, problem.n
    i, j = np.triu_indices(n, 1)
    if not len(i):
        return "There is only one task"
    k = int(np.argmax(S.matrix[i, j]))
    return f"{S.tasks[i[k]]} and {S.tasks[j[k]]} are the most alike"
