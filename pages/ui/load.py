"""What pages show, read or computed once per study content and shared by all sessions."""

import numpy as np
import streamlit as st

from pages.ui.view import View
from taskpgm_core import mixture, store
from taskpgm_core.figures.graph_layout import TaskGraph, task_graph
from taskpgm_core.mixture.baselines import baseline
from taskpgm_core.mixture.budget import Allocation, allocate
from taskpgm_core.mixture.path import Path
from taskpgm_core.mixture.problem import Problem
from taskpgm_core.mixture.solution import Solution
from taskpgm_core.records import Array, Similarity, Study

HEADLINE = 0.5
"""The balance of the mixtures on the first page, halfway between diversity and the anchor."""


@st.cache_resource(max_entries=16, show_spinner=False)
def _similarity(content: str, measure: str, _study: Study) -> Similarity:
    return store.similarity(_study, measure)


def similarity(study: Study, view: View) -> Similarity:
    return _similarity(study.content, view.measure, study)


@st.cache_resource(max_entries=16, show_spinner=False)
def _problem(content: str, measure: str, anchor: str, _study: Study) -> Problem:
    S = _similarity(content, measure, _study)
    if anchor == "uniform":
        return mixture.pose(S)
    return mixture.pose(S, anchor=baseline(anchor, S, rows=_study.rows), anchor_name=anchor)


def problem(study: Study, view: View) -> Problem:
    return _problem(study.content, view.measure, view.anchor, study)


@st.cache_resource(max_entries=256, show_spinner=False)
def _solution(
    content: str, measure: str, anchor: str, balance: float, lam: float, _study: Study
) -> Solution:
    return mixture.solve(_problem(content, measure, anchor, _study), balance, lam=lam)


def solution(study: Study, view: View) -> Solution:
    """The exact mixture of a view, with its certificate."""
    return _solution(study.content, view.measure, view.anchor, view.balance, view.lam, study)


@st.cache_resource(max_entries=16, show_spinner=False)
def _path(content: str, measure: str, anchor: str, _study: Study) -> Path:
    return mixture.trace(_problem(content, measure, anchor, _study))


def path(study: Study, view: View) -> Path:
    """The mixture at every balance at once."""
    return _path(study.content, view.measure, view.anchor, study)


@st.cache_resource(max_entries=16, show_spinner=False)
def _graph(content: str, measure: str, _study: Study) -> TaskGraph:
    return task_graph(_similarity(content, measure, _study))


def graph(study: Study, view: View) -> TaskGraph:
    return _graph(study.content, view.measure, study)


def references(study: Study) -> dict[str, Array]:
    """Uniform and, where rows are known, size-proportional."""
    n = len(study.tasks)
    mixtures = {"uniform": np.full(n, 1 / n)}
    if study.rows is not None:
        mixtures["size-proportional"] = study.rows / study.rows.sum()
    return mixtures


def allocation(study: Study, view: View, p: Array) -> Allocation:
    """The mixture in whole rows or tokens."""
    return allocate(
        p,
        study.names,
        view.budget,
        unit="tokens" if view.unit == "tokens" else "rows",
        rows=[task.rows for task in study.tasks],
        mean_tokens=[task.mean_tokens for task in study.tasks],
    )
