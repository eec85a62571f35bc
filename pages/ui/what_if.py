"""What if two tasks were more or less alike? Solved exactly, not extrapolated."""

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
from taskpgm_core.records import Similarity


@st.fragment
def what_if(scene: Scene, task: str) -> None:
    """A neighbour, a slider on how alike the two are, and how the mixture would move."""
    study, view = scene.study, scene.view
    similarity = cached.similarity(study, view)
    S, shown_as = similarity.matrix, similarity.reading.shown
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
        least, most, said = _range(similarity)
        shown = st.slider(
            said,
            least,
            most,
            shown_as(measured),
            step=(most - least) / 200,
            format="%.3f",
            key=f"what-if-{task}-{j}-{view.question.measure}",
            help=f"As measured: {shown_as(measured):.4g}. Nothing is saved.",
        )
    value = shown_as(shown)
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


def _range(similarity: Similarity) -> tuple[float, float, str]:
    """The slider's ends and name: from 0 to the most a divergence can be, else what there is."""
    measure, values = similarity.reading, similarity.shown
    name = "Divergence" if measure.is_divergence else "Similarity S"
    name += f" ({measure.unit})" if measure.unit else ""
    if measure.is_divergence and measure.most is not None:
        return 0.0, measure.most, name
    low, high = float(values.min()), float(values.max())
    room = 0.1 * (high - low) or 1.0
    return low - room, high + room, name
