"""What if two tasks were more or less alike? Solved exactly, not extrapolated."""

import math

import numpy as np
import streamlit as st

from pages.ui import cached, explanations
from pages.ui.chart import chart, heading
from pages.ui.layout import Scene
from pages.ui.why import unit
from taskpgm_core.figures.mixture import difference_figure
from taskpgm_core.figures.numbers import shorten
from taskpgm_core.findings.compare import moved as share_moved
from taskpgm_core.findings.why import what_if_finding, what_if_hint
from taskpgm_core.records import Array


@st.fragment
def what_if(scene: Scene, task: str) -> None:
    """A neighbour, a slider on how alike the two are, and how the mixture would move."""
    study, view = scene.study, scene.view
    S = cached.similarity(study, view).matrix
    i = study.names.index(task)
    others = [j for j in np.argsort(-S[i], kind="stable") if j != i]
    ask, answer = st.columns([2, 3], gap="large")
    with ask:
        heading(
            "What if two tasks were more or less alike?",
            "Change one similarity, and the mixture is solved anew.",
        )
        j = st.selectbox(
            f"{shorten(task)} and",
            [int(j) for j in others],
            format_func=study.names.__getitem__,
            key=f"what-if-other-{task}",
            help="The second task of the pair whose entry of S is changed.",
        )
        measured = float(S[i, j])
        least, most, said = _range(S, view.question.measure)
        shown = st.slider(
            said,
            least,
            most,
            _shown(measured, view.question.measure),
            step=(most - least) / 200,
            format="%.3f",
            key=f"what-if-{task}-{j}-{view.question.measure}",
            help=f"As measured: {_shown(measured, view.question.measure):.4g}. Nothing is saved.",
        )
    value = -shown if view.question.measure == "jsd" else shown
    before = cached.solution(study, view)
    if abs(value - measured) <= (most - least) / 400:
        with answer:
            small = explanations.derivatives(study, view).by_similarity(i, j)
            moved = 0.01 * float(np.abs(small).sum()) / 2
            heading(
                what_if_hint(task, study.names[j], moved, unit(scene)),
                "As far as the mixture moves in proportion. Move the slider for larger changes.",
            )
        return
    after = explanations.what_if(study, view, i, j, value)
    with answer:
        if after.status != "optimal":
            st.error(after.message)
            return
        chart(
            difference_figure(
                study.names, after.p, before.p, "as measured", limit=10, palette=scene.palette
            ),
            what_if_finding(
                task,
                study.names[j],
                float(before.p[i]),
                float(after.p[i]),
                share_moved(after.p, before.p),
            ),
            "Percentage points of the budget against the mixture as measured.",
            key="what-if",
        )
        if after.shift > before.shift:
            st.caption(
                f"So changed, the energy is not convex: {after.shift:.3g} {unit(scene)} were added "
                "to the diagonal."
            )


def _shown(value: float, measure: str) -> float:
    return 0.0 - value if measure == "jsd" else value


def _range(S: Array, measure: str) -> tuple[float, float, str]:
    """The slider's ends and name: nats of divergence for JSD, else S's own range."""
    if measure == "jsd":
        return 0.0, math.log(2.0), "Divergence (nats)"
    low, high = float(S.min()), float(S.max())
    room = 0.1 * (high - low) or 1.0
    return low - room, high + room, "Similarity S"
