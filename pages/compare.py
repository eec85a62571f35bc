"""How do mixtures differ?"""

import streamlit as st

from pages.ui.chart import chart, heading
from pages.ui.compare import (
    bring,
    compared_mixtures,
    facts_table,
    keep_this,
    kept_here,
    pick_beside,
    weights_table,
)
from pages.ui.layout import frame
from taskpgm_core.figures.compare import SHOWN, comparison_figure, ordered
from taskpgm_core.findings.compare import comparison_finding, differing_finding, widest_words

scene = frame("How do mixtures differ?")
kept = pick_beside(scene)
beside = compared_mixtures(scene, kept)
differing = st.toggle(
    "Only tasks on which they differ",
    value=True,
    key="differing",
    help="Hides the tasks that get the same share in all of them.",
)

finding = comparison_finding(beside.names, beside.weights, beside.tasks)
if len(beside.names) == 1:
    heading(finding, "Move the balance, or choose another mixture to lay beside it.")
else:
    picture, numbers = st.columns([1, 1], gap="large")
    with picture:
        chart(
            comparison_figure(
                beside.tasks,
                beside.names,
                beside.weights,
                differing=differing,
                palette=scene.palette,
            ),
            finding,
            "A mark for each mixture's share; the baseline's is hollow. "
            + widest_words(len(ordered(beside.weights, differing=differing)), SHOWN),
            key="comparison",
        )
    with numbers:
        weights_table(beside, differing_finding(beside.weights), differing=differing)
facts_table(scene, beside)

mine, theirs = st.columns(2, gap="large")
with mine:
    keep_this(scene)
with theirs:
    kept_here(scene, kept)
    bring(scene)
