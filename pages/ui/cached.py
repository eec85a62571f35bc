"""What pages show, read or computed once per study content and shared by all sessions."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import streamlit as st

from pages.ui.url_state import BUDGET, View
from taskpgm_core import mixture, store
from taskpgm_core.analysis.graph_layout import TaskGraph, task_graph
from taskpgm_core.analysis.matrix_order import matrix_order
from taskpgm_core.analysis.mixture_reference import TASKS, reference_mixture, reference_name
from taskpgm_core.analysis.question import Posed, pose_question, study_kernel
from taskpgm_core.analysis.replicates import DRAWS, LEVEL, replicates
from taskpgm_core.analysis.saved_mixtures import ID, Scenario, list_scenarios, open_scenario
from taskpgm_core.analysis.study_alarms import study_alarms
from taskpgm_core.errors import TaskPGMError
from taskpgm_core.figures.balance_axis import samples, track_end
from taskpgm_core.figures.numbers import shorten
from taskpgm_core.mixture import ClosedForm
from taskpgm_core.mixture.alarms import Alarm
from taskpgm_core.mixture.baselines import BASELINES
from taskpgm_core.mixture.counts import Allocation, allocate
from taskpgm_core.mixture.kernel import Kernel
from taskpgm_core.mixture.path import SolutionPath
from taskpgm_core.mixture.problem import Problem
from taskpgm_core.mixture.resolution_axis import ResolutionAxis, resolution_axis
from taskpgm_core.mixture.solution import Solution
from taskpgm_core.mixture.uncertainty import Uncertainty, uncertainty
from taskpgm_core.records import Array, LossTable, Noise, Similarity, Study, read_only
from taskpgm_core.widgets.balance_dial import axis_data, graph_data, path_data

HEADLINE = 0.5
"""The balance of a study's mixture on the first page where its measure tells no skills apart:
halfway between diversity and the anchor."""


@st.cache_resource(max_entries=16, show_spinner=False)
def _similarity(content: str, measure: str, _study: Study) -> Similarity:
    return store.similarity(_study, measure)


def similarity(study: Study, view: View) -> Similarity:
    return _similarity(study.key, view.question.measure, study)


@st.cache_resource(max_entries=256, show_spinner=False)
def _baseline(content: str, measure: str, name: str, balance: float, _study: Study) -> Array:
    S = _similarity(content, measure, _study)
    utility = losses(_study).gain if _study.scored else None
    noise = store.noise(_study, measure) if _study.kind != "imported" else None
    return reference_mixture(name, S, _study.tasks, balance=balance, utility=utility, noise=noise)


def named_mixture(study: Study, view: View, reference: str) -> Array:
    """(n,) the mixture that a reference names, over the study's tasks; NaN where it has none."""
    if reference in BASELINES:
        at = view.question.balance if BASELINES[reference].moves else 1.0
        return _baseline(study.key, view.question.measure, reference, at, study)
    if ID.fullmatch(reference):
        return open_scenario(reference).over(study.names)
    return reference_mixture(reference, similarity(study, view), study.tasks)


def anchor_name(view: View) -> str:
    """What the anchor is called, in a person's words."""
    asked = view.question.anchor
    if asked.startswith(TASKS):
        several = asked.count(",") + 1
        return shorten(asked.removeprefix(TASKS)) if several == 1 else f"{several} chosen tasks"
    if asked in BASELINES:
        return baseline_title(asked)
    return view.question.anchor_name or reference_name(asked)


@st.cache_resource(max_entries=32, show_spinner=False)
def _kernel(
    content: str, measure: str, resolution: float | Literal["auto"], _study: Study
) -> Kernel:
    return study_kernel(_study, _similarity(content, measure, _study), resolution)


def kernel(study: Study, view: View) -> Kernel:
    """The measure as seen at the view's resolution: its skills and groups."""
    asked = view.question
    return _kernel(study.key, asked.measure, asked.resolution, study)


@st.cache_resource(max_entries=64, show_spinner=False)
def _posed(content: str, key: str, _study: Study, _view: View) -> Posed:
    known, seen = similarity(_study, _view), kernel(_study, _view)
    return pose_question(_study, _view.question, similarity=known, seen=seen)


def posed(study: Study, view: View) -> Posed:
    """The view's question, posed at a balance and a scale that are not to be read off it."""
    return _posed(study.key, view.question.key, study, view)


def problem(study: Study, view: View) -> Problem:
    """The problem of a view; it does not depend on the view's balance."""
    return posed(study, view).problem


@st.cache_resource(max_entries=512, show_spinner=False)
def _solution(
    content: str, question: str, balance: float, lam: float, _study: Study, _view: View
) -> Solution:
    return mixture.solve(problem(_study, _view), balance, lam=lam)


def solution(study: Study, view: View) -> Solution:
    """The exact mixture of a view, with its certificate."""
    asked = view.question
    return _solution(study.key, asked.key, asked.balance, asked.lam, study, view)


@st.cache_resource(max_entries=32, show_spinner="Following the mixture over every balance")
def _path(content: str, question: str, _study: Study, _view: View) -> SolutionPath:
    return mixture.trace(problem(_study, _view))


def path(study: Study, view: View) -> SolutionPath:
    """The mixture at every balance at once."""
    return _path(study.key, view.question.key, study, view)


@st.cache_resource(max_entries=32, show_spinner=False)
def _dial_path(content: str, question: str, _study: Study, _view: View) -> tuple[str, bytes]:
    key, families = f"{content}/{question}", [task.family for task in _study.tasks]
    written = json.dumps(path_data(key, families, path(_study, _view).sparse()))
    return key, written.encode()


def dial_path(study: Study, view: View) -> tuple[str, bytes]:
    """The dial's key, and its path as JSON: 1.7 MB at 316 tasks, too much to write at every run."""
    return _dial_path(study.key, view.question.key, study, view)


def no_axis(study: Study, view: View) -> str:
    """Why the view has no resolution to vary, in a sentence; empty where it has."""
    auto = view.moved(resolution="auto")
    try:
        return posed(study, auto).kernel.message
    except TaskPGMError as error:
        return str(error)


def axis_key(study: Study, view: View) -> str:
    """What the axis depends on beside the balance: all of the question but its resolution."""
    return f"{study.key}/{view.moved(resolution='auto').question.key}"


@st.cache_resource(max_entries=64, show_spinner="Following the mixture over every resolution")
def _axis(key: str, balance: float, _study: Study, _view: View) -> ResolutionAxis:
    asked = posed(_study, _view.moved(resolution="auto"))
    return resolution_axis(asked.problem, asked.kernel, balance)


def axis(study: Study, view: View) -> ResolutionAxis:
    """The mixture at every resolution; MixtureError where there is none to vary."""
    return _axis(axis_key(study, view), view.question.balance, study, view)


@st.cache_resource(max_entries=64, show_spinner=False)
def _dial_axis(key: str, balance: float, _axis: ResolutionAxis) -> bytes:
    levels = [(level.first, level.last, level.skills) for level in _axis.plateaus]
    drawn = (_axis.resolutions, _axis.weights, _axis.skills, _axis.automatic, levels)
    return json.dumps(axis_data(key, balance, *drawn)).encode()


def dial_axis(study: Study, view: View) -> bytes:
    """The axis for the dial's second track, as JSON."""
    return _dial_axis(axis_key(study, view), view.question.balance, axis(study, view))


@st.cache_resource(max_entries=16, show_spinner=False)
def _walk(content: str, question: str, _study: Study, _view: View) -> tuple[Array, Array]:
    found = path(_study, _view)
    at = samples(found.balances, track_end(found.last))
    return at, read_only([found.at(float(r)) for r in at])


def walk(study: Study, view: View) -> tuple[Array, Array]:
    """(m,) balances that draw the path well, and (m, n) the exact mixtures there."""
    return _walk(study.key, view.question.key, study, view)


@st.cache_resource(max_entries=32, show_spinner=False)
def _closed_form(content: str, question: str, _study: Study, _view: View) -> ClosedForm:
    return mixture.closed_form(problem(_study, _view))


def closed_form(study: Study, view: View) -> ClosedForm:
    """The paper's closed form, and where along the balance it is the optimum."""
    return _closed_form(study.key, view.question.key, study, view)


def baseline_title(name: str) -> str:
    title = BASELINES[name].title
    return title if title[:2].isupper() else title[:1].lower() + title[1:]


def baselines(study: Study) -> dict[str, str]:
    """{id: title} of every baseline that the study knows enough for."""
    return {
        name: baseline_title(name)
        for name, rule in BASELINES.items()
        if study.rows is not None or not rule.needs_rows
    }


def labelled(kept: Sequence[Scenario], others: Mapping[str, str]) -> dict[str, str]:
    """{id: label} of ``others`` and of what is ``kept``; no label stands twice.

    A mixture that is called as another one says when it was saved too, and where that is not
    enough its id.
    """
    known = dict(others) | {s.id: s.name for s in kept}
    for more in ("saved", "id"):
        twice = Counter(known.values())
        for s in kept:
            if twice[known[s.id]] > 1:
                told = s.saved[:16].replace("T", " ") if more == "saved" else s.id[:8]
                known[s.id] += f" ({told})"
    return known


def comparable(study: Study) -> dict[str, str]:
    """{id: title} of the baselines and of every scenario over these very tasks."""
    kept, _ = list_scenarios()
    here = set(study.names)
    return labelled([s for s in kept if set(s.tasks) == here], baselines(study))


@st.cache_resource(max_entries=16, show_spinner=False)
def _graph(content: str, measure: str, neighbours: int, _study: Study) -> TaskGraph:
    return task_graph(_similarity(content, measure, _study), neighbours=neighbours)


def graph(study: Study, view: View, neighbours: int = 2) -> TaskGraph:
    return _graph(study.key, view.question.measure, neighbours, study)


@st.cache_resource(max_entries=16, show_spinner=False)
def _dial_graph(content: str, measure: str, _graph: TaskGraph) -> tuple[str, bytes]:
    key = f"{content}/{measure}"
    drawn = graph_data(key, _graph.position, _graph.edges, _graph.strength)
    return key, json.dumps(drawn).encode()


def dial_graph(study: Study, view: View) -> tuple[str, bytes]:
    """The key of the graph's layout, and the layout for the dial's graph as JSON."""
    return _dial_graph(study.key, view.question.measure, graph(study, view))


@st.cache_resource(max_entries=16, show_spinner=False)
def _order(content: str, measure: str, _study: Study) -> tuple[int, ...]:
    return matrix_order(_similarity(content, measure, _study))


def order(study: Study, view: View) -> tuple[int, ...]:
    """Task indices so that like tasks are neighbours."""
    return _order(study.key, view.question.measure, study)


@st.cache_resource(max_entries=8, show_spinner=False)
def _replicates(content: str, measure: str, _study: Study) -> Array:
    return replicates(_study, measure, draws=DRAWS)


@st.cache_resource(max_entries=256, show_spinner=False)
def _uncertainty(
    content: str, question: str, balance: float, _study: Study, _view: View
) -> Uncertainty:
    drawn = kernel(_study, _view).replicates(_replicates(content, _view.question.measure, _study))
    return uncertainty(problem(_study, _view), balance, drawn, level=LEVEL)


def intervals(study: Study, view: View) -> Uncertainty:
    """The bootstrap of the view's mixture; StoreError where nothing was kept by example."""
    return _uncertainty(study.key, view.question.key, view.question.balance, study, view)


def pair_interval(study: Study, view: View, i: int, j: int) -> tuple[float, float]:
    """The bootstrap interval of what the measure says of two tasks, as people read it."""
    drawn = _replicates(study.key, view.question.measure, study)[:, i, j]
    values = similarity(study, view).reading.shown(drawn)
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def neighbourhood(
    study: Study, view: View, pair: tuple[int, int], most: int = 32
) -> tuple[Similarity, tuple[int, ...]]:
    """The tasks nearest to a pair, the pair first among them, and their order for a heat map."""
    S = similarity(study, view)
    near = np.argsort(-np.maximum(S.matrix[pair[0]], S.matrix[pair[1]]), kind="stable")
    kept = [*pair, *[int(k) for k in near if k not in pair][: most - 2]]
    names = tuple(S.tasks[k] for k in kept)
    part = replace(S, tasks=names, matrix=S.matrix[np.ix_(kept, kept)])
    return part, matrix_order(part)


@st.cache_resource(max_entries=16, show_spinner=False)
def _losses(content: str, _study: Study) -> LossTable:
    return store.losses(_study)


def losses(study: Study) -> LossTable:
    """The loss table of a measured study."""
    return _losses(study.key, study)


@st.cache_resource(max_entries=16, show_spinner=False)
def _noise(content: str, measure: str, _study: Study) -> Noise:
    return store.noise(_study, measure)


def noise(study: Study, view: View) -> Noise:
    """The noise floor of the view's measure; empty for imports."""
    if study.kind == "imported":
        return Noise((), read_only([]))
    return _noise(study.key, view.question.measure, study)


@st.cache_resource(max_entries=256, show_spinner=False)
def _raised(
    content: str, question: str, balance: float, _study: Study, _view: View
) -> tuple[Alarm, ...]:
    asked, found = posed(_study, _view), solution(_study, _view)
    return study_alarms(_study, asked, found, "whether it is steady is said beside its intervals")


def raised(study: Study, view: View) -> tuple[Alarm, ...]:
    """What to know before acting on the view's mixture."""
    return _raised(study.key, view.question.key, view.question.balance, study, view)


def references(study: Study) -> dict[str, Array]:
    """Uniform and, where rows are known, size-proportional."""
    n = len(study.tasks)
    mixtures = {"uniform": np.full(n, 1 / n)}
    if study.rows is not None:
        mixtures["size-proportional"] = study.rows / study.rows.sum()
    return mixtures


def allocation(study: Study, view: View, p: Array) -> Allocation:
    """The mixture in whole rows or tokens."""
    asked = view.question
    return allocate(
        p,
        study.names,
        asked.budget or BUDGET,
        unit=asked.unit,
        rows=[task.rows for task in study.tasks],
        mean_tokens=[task.mean_tokens for task in study.tasks],
        max_epochs=asked.max_epochs,
    )
