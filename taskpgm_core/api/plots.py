"""Figures of records, as Plotly objects to show, change or save; the dashboard draws the same."""

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from taskpgm_core.analysis.graph_layout import task_graph
from taskpgm_core.analysis.matrix_order import matrix_order
from taskpgm_core.api.mixtures import Source, Weights, opened, similarity, weights_over
from taskpgm_core.errors import MixtureError
from taskpgm_core.figures.compare import comparison_figure
from taskpgm_core.figures.graph import task_graph_figure
from taskpgm_core.figures.selection import epochs_figure, selection_curve_figure
from taskpgm_core.figures.similarity import matrix_figure
from taskpgm_core.figures.theme import PALETTES, Palette
from taskpgm_core.figures.tradeoff import path_areas_figure
from taskpgm_core.figures.why import additive_split_figure
from taskpgm_core.mixture import Solution, SolutionPath
from taskpgm_core.mixture.counts import Allocation
from taskpgm_core.mixture.explanation import Explanation
from taskpgm_core.mixture.selection.greedy import Selection
from taskpgm_core.records import Study


def _palette(dark: bool) -> Palette:
    return PALETTES["dark" if dark else "light"]


def _families(source: Source | None, tasks: tuple[str, ...]) -> list[str]:
    """(n,) what colours the tasks: the study's families, or each task by itself."""
    known = None if source is None else opened(source)
    if isinstance(known, Study) and any(task.family for task in known.tasks):
        if known.names != tasks:
            raise MixtureError(f"{known.slug} has other tasks than what is to be drawn.")
        return [task.family for task in known.tasks]
    return list(tasks)


def plot_mixture(
    mixture: Solution,
    beside: Mapping[str, Weights] | None = None,
    *,
    limit: int = 16,
    dark: bool = False,
) -> go.Figure:
    """The weights of a solution, task by task, beside its anchor's or those of ``beside``.

    ``beside``: {name: mixture}. The ``limit`` tasks on which the mixtures differ most are shown.
    """
    others = {mixture.anchor_name: mixture.anchor} if beside is None else beside
    rows = {name: weights_over(given, mixture.tasks, name) for name, given in others.items()}
    table = np.array([weights_over(mixture, mixture.tasks), *rows.values()])
    names = ["this mixture", *rows]
    return comparison_figure(
        mixture.tasks, names, table, differing=False, limit=limit, palette=_palette(dark)
    )


def plot_path(
    path: SolutionPath,
    balance: float = 1.0,
    *,
    source: Source | None = None,
    dark: bool = False,
) -> go.Figure:
    """The share of every task at every balance, as stacked areas; ``balance`` is marked.

    ``source``: a study whose families colour the areas; else each task has a colour.
    """
    if path.status != "optimal":
        raise MixtureError(path.message)
    return path_areas_figure(
        path.tasks,
        _families(source, path.tasks),
        path.balances,
        path.weights,
        balance=min(balance, path.last),
        anchor_name=path.anchor_name,
        palette=_palette(dark),
    )


def plot_similarity(source: Source, measure: str = "", *, dark: bool = False) -> go.Figure:
    """The similarity matrix as a heat map, in an order that puts like tasks side by side."""
    found = similarity(source, measure)
    return matrix_figure(found, matrix_order(found), palette=_palette(dark))


def plot_graph(
    source: Source,
    mixture: Weights | None = None,
    *,
    measure: str = "",
    neighbours: int = 2,
    dark: bool = False,
) -> go.Figure:
    """Tasks as nodes, the most similar ones joined; as large as their weight in ``mixture``.

    Each task is joined to its ``neighbours`` most similar ones. Without a mixture all nodes are
    of one size. Colours are the study's families, or communities where it has none.
    """
    found = similarity(source, measure)
    graph = task_graph(found, neighbours=neighbours)
    groups = _families(source, found.tasks)
    if groups == list(found.tasks):
        groups = [f"community {1 + int(c)}" for c in graph.community]
    uniform = np.full(found.n, 1.0 / found.n)
    p = uniform if mixture is None else weights_over(mixture, found.tasks)
    return task_graph_figure(graph, p, groups, palette=_palette(dark))


def plot_selection(selection: Selection, k: int = 1, *, dark: bool = False) -> go.Figure:
    """What the best k tasks reach of what all tasks reach, for every k; ``k`` is marked."""
    return selection_curve_figure(selection, k, palette=_palette(dark))


def plot_explanation(
    explanation: Explanation, task: str = "", *, limit: int = 16, dark: bool = False
) -> go.Figure:
    """What the anchor asks for each task and what diversity asks, adding up to its weight.

    The heaviest ``limit`` tasks are shown, and ``task``.
    """
    anchor = np.array([reason.anchor for reason in explanation.reasons])
    diversity = np.array([reason.diversity for reason in explanation.reasons])
    return additive_split_figure(
        explanation.tasks, anchor, diversity, chosen=task, limit=limit, palette=_palette(dark)
    )


def plot_epochs(
    allocation: Allocation, max_epochs: float | None = None, *, dark: bool = False
) -> go.Figure:
    """How often the rows of each task are repeated; ``max_epochs``, or one epoch, is marked."""
    if not any(epoch is not None for epoch in allocation.epochs):
        raise MixtureError("The rows of the tasks are unknown, so there are no epochs to draw.")
    return epochs_figure(allocation, max_epochs, palette=_palette(dark))
