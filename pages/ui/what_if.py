"""What if two tasks were more or less alike? Solved exactly, not extrapolated."""

import numpy as np
import streamlit as st

from pages.ui import cached, explanations
from pages.ui.chart import chart, escape, heading
from pages.ui.layout import Scene
from pages.ui.why import unit
from taskpgm_core.figures.mixture import difference_figure
from taskpgm_core.figures.numbers import shorten
from taskpgm_core.findings.compare import moved as share_moved
from taskpgm_core.findings.why import distance_unit, what_if_finding, what_if_hint
from taskpgm_core.records import Similarity

SMALL, STEP = 0.1, 0.01
"""The first step: a part of the resolution, or without one so much of S."""
ROUNDED = 1e-3
"""A change of K that is worth a sentence."""


@st.fragment
def what_if(scene: Scene, task: str) -> None:
    """A neighbour, a slider on how alike the two are, and how the mixture would move."""
    ask, answer = st.columns([2, 3], gap="large")
    with ask:
        j, value = _ask(scene, task)
    with answer:
        if value is None:
            _hint(scene, task, j)
        else:
            _answer(scene, task, j, value)


def _ask(scene: Scene, task: str) -> tuple[int, float | None]:
    """The second task of the pair and what its entry of S is set to, None for as measured."""
    study, view = scene.study, scene.view
    similarity, kernel = cached.similarity(study, view), cached.kernel(study, view)
    S, shown_as = similarity.matrix, similarity.reading.shown
    i = study.names.index(task)
    heading(
        "What if two tasks were more or less alike?",
        "Change what was measured of one pair, and the mixture is solved anew"
        + (", resolution and noise held." if kernel.finite else "."),
    )
    j = st.selectbox(
        f"{escape(shorten(task))} and",
        [int(j) for j in np.argsort(-S[i], kind="stable") if j != i],
        format_func=study.names.__getitem__,
        key=f"what-if-other-{task}",
        help="The second task of the pair whose measured entry is changed.",
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
    moved = abs(shown_as(shown) - measured) > (most - least) / 400
    return j, shown_as(shown) if moved else None


def _answer(scene: Scene, task: str, j: int, value: float) -> None:
    """The mixture if the pair's entry of S were ``value``, against the one as measured."""
    study, view = scene.study, scene.view
    i, kernel = study.names.index(task), cached.kernel(study, view)
    before = cached.solution(study, view)
    seen, after = explanations.what_if(study, view, i, j, value)
    if after.status != "optimal":
        st.error(escape(after.message))
        return
    K = ""
    if kernel.matrix is not None and seen.matrix is not None:
        K = f" K of the pair goes from {kernel.matrix[i, j]:.3f} to {seen.matrix[i, j]:.3f}."
    moved, ends = share_moved(after.p, before.p), (float(before.p[i]), float(after.p[i]))
    chart(
        difference_figure(
            study.names, after.p, before.p, "as measured", limit=10, palette=scene.palette
        ),
        what_if_finding(task, study.names[j], *ends, moved),
        f"Percentage points of the budget against the mixture as measured.{K}",
        key="what-if",
    )
    if after.shift > before.shift:
        st.caption(
            "So changed, the energy is not convex: "
            + f"{after.shift:.3g} {unit(scene)}".rstrip()
            + " were added to the diagonal."
        )
    if seen.change > max(kernel.change, ROUNDED):
        st.caption(
            "So changed, K is not positive semidefinite; mending that moved its entries by up "
            f"to {seen.change:.2g}."
        )


def _hint(scene: Scene, task: str, j: int) -> None:
    """How much a small step towards being more alike moves."""
    study, view = scene.study, scene.view
    kernel = cached.kernel(study, view)
    i, other = study.names.index(task), study.names[j]
    measured = float(cached.similarity(study, view).matrix[i, j])
    step = SMALL * kernel.resolution if kernel.finite else STEP
    if kernel.measured.is_divergence:
        step = min(step, -measured)  # a divergence ends at 0
    _, after = explanations.what_if(study, view, i, j, measured + step)
    if after.status != "optimal":
        return
    moved = share_moved(after.p, cached.solution(study, view).p)
    by = distance_unit(kernel.measured)
    heading(
        what_if_hint(task, other, step, moved, by),
        "Solved exactly. Move the slider for larger changes.",
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
    return max(low - room, 0.0) if measure.is_divergence else low - room, high + room, name
