"""Explanations of a view's mixture, computed once and shared by all sessions."""

from dataclasses import replace

import streamlit as st

from pages.ui import cached
from pages.ui.url_state import View
from taskpgm_core import mixture
from taskpgm_core.mixture.explanation import Explanation, explain
from taskpgm_core.mixture.kernel import Kernel
from taskpgm_core.mixture.solution import Solution
from taskpgm_core.records import Similarity, Study


def asked(view: View) -> str:
    """The key of a view's mixture: its question, balance and lambda."""
    return f"{view.question.key} {view.question.balance!r} {view.question.lam!r}"


@st.cache_resource(max_entries=64, show_spinner=False)
def _explanation(content: str, asked: str, _study: Study, _view: View) -> Explanation:
    return explain(
        cached.problem(_study, _view), cached.solution(_study, _view), cached.path(_study, _view)
    )


def explanation(study: Study, view: View) -> Explanation:
    """Why each task has its weight, with the balance at which each zero enters."""
    return _explanation(study.key, asked(view), study, view)


@st.cache_resource(max_entries=256, show_spinner=False)
def _without(content: str, asked: str, i: int, _study: Study, _view: View) -> Solution:
    problem, here = cached.problem(_study, _view), cached.solution(_study, _view)
    lo, hi = problem.lo.copy(), problem.hi.copy()
    lo[i] = hi[i] = 0.0
    question = _view.question
    return mixture.solve(problem.bounded(lo, hi), question.balance, warm=here, lam=question.lam)


def without(study: Study, view: View, i: int) -> Solution:
    """The best mixture that gives task i nothing; only this one, all n take seconds at n = 316."""
    return _without(study.key, asked(view), i, study, view)


@st.cache_resource(max_entries=16, show_spinner=False)
def _what_if(
    content: str, asked: str, i: int, j: int, value: float, _study: Study, _view: View
) -> tuple[Kernel, Solution]:
    problem, measured = cached.problem(_study, _view), cached.similarity(_study, _view)
    S = measured.matrix.copy()
    S[i, j] = S[j, i] = value
    seen = cached.kernel(_study, _view).of(Similarity(measured.tasks, S, measured.measure))
    found = mixture.solve(
        replace(problem, similarity=seen.similarity),
        _view.question.balance,
        warm=cached.solution(_study, _view),
        lam=_view.question.lam,
    )
    return seen, found


def what_if(study: Study, view: View, i: int, j: int, value: float) -> tuple[Kernel, Solution]:
    """The kernel and the exact mixture if S_ij and S_ji were measured as ``value``.

    Resolution and noise are held; the unary term u = nSw moves along.
    """
    return _what_if(study.key, asked(view), i, j, value, study, view)
