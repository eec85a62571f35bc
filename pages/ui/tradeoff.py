"""The frontier with every baseline and kept mixture on it, and tables of it and of the path."""

import numpy as np
import pandas as pd
import streamlit as st

from pages.ui import cached
from pages.ui.chart import chart
from pages.ui.layout import Scene
from taskpgm_core.analysis.trade_off import effective_numbers, likeness
from taskpgm_core.figures.tradeoff import frontier_figure
from taskpgm_core.findings.tradeoff import frontier_finding
from taskpgm_core.mixture.path import SolutionPath
from taskpgm_core.records import Array

ALWAYS = ("uniform", "proportional", "authors")
WEIGHT = 1e-12  # below it a task has left


def frontier(scene: Scene, at: Array, weights: Array) -> None:
    """The exact mixtures ``weights`` (m, n) at the balances ``at`` (m,), and others beside them."""
    study, view = scene.study, scene.view
    known = cached.comparable(study)
    chosen = [name for name in dict.fromkeys((*ALWAYS, *view.beside)) if name in known]
    problem, here = cached.problem(study, view), cached.solution(study, view).p
    S, anchor = problem.similarity, problem.anchor
    named = {known[name]: cached.named_mixture(study, view, name) for name in chosen}
    points = {title: likeness(S, anchor, p)[0] for title, p in named.items()}
    mine = likeness(S, anchor, here)[0]
    chart(
        frontier_figure(
            at,
            likeness(S, anchor, weights),
            points,
            here=mine,
            jsd=S.unit == "nats",
            palette=scene.palette,
        ),
        frontier_finding(S, anchor, here, named),
        "On the line nothing is both more representative and more diverse. Up: more alike to what "
        "the anchor stands for (p′Sw). Right: less alike to itself (−p′Sp).",
        key="frontier",
    )
    rows = {"this mixture": here, **named}
    places = np.array([mine, *points.values()])
    number = st.column_config.NumberColumn
    st.dataframe(
        pd.DataFrame(
            {
                "mixture": list(rows),
                "representative": places[:, 0],
                "diverse": -places[:, 1],
                "effective tasks": effective_numbers(np.array(list(rows.values()))),
            }
        ),
        hide_index=True,
        column_config={
            "representative": number(format="%.3f"),
            "diverse": number(format="%.3f"),
            "effective tasks": number(format="%.1f"),
        },
    )


def corners(path: SolutionPath) -> None:
    """The balances at which a task enters or leaves, and how varied the mixture is there."""
    number = st.column_config.NumberColumn
    st.dataframe(
        pd.DataFrame(
            {
                "balance": path.balances,
                "tasks": (path.weights > WEIGHT).sum(axis=1),
                "effective tasks": effective_numbers(path.weights),
                "largest share": 100 * path.weights.max(axis=1),
            }
        ),
        hide_index=True,
        height=214,
        column_config={
            "balance": number(format="%.4g", help="where a task enters or leaves the mixture"),
            "effective tasks": number(format="%.1f"),
            "largest share": number(format="%.1f%%"),
        },
    )
