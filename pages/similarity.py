"""How do you know?"""

import streamlit as st

from pages.ui import load
from pages.ui.chart import chart
from pages.ui.frame import frame
from pages.ui.pair import drill_down, pair_facts, pick_pair
from pages.ui.pointing import point_at_pair
from taskpgm_core.figures.matrix import CLICKABLE, matrix_figure
from taskpgm_core.figures.matrix_findings import block_finding

scene = frame("How do you know?")
study, view = scene.study, scene.view
similarity, order = load.similarity(study, view), load.order(study, view)
unit = "Mean Jensen-Shannon divergence, nats" if view.measure == "jsd" else "Similarity S"
if len(study.tasks) < 2:
    st.info("One task alone has nothing to be compared with.")
    st.stop()

picture, facts = st.columns([3, 2], gap="large")
with facts:
    pair = pick_pair(scene)
    pair_facts(scene, pair)
with picture:
    chart(
        matrix_figure(similarity, order, pair=pair, palette=scene.palette),
        block_finding(similarity),
        f"{unit}. Like tasks are neighbours (average linkage); columns stand in the rows' order."
        + (" Click a cell below the diagonal." if len(study.tasks) <= CLICKABLE else ""),
        key="matrix",
        on_select=point_at_pair("matrix", study.names),
    )
    if len(study.tasks) > CLICKABLE:
        near, places = load.neighbourhood(study, view, pair)
        chart(
            matrix_figure(near, places, pair=(0, 1), palette=scene.palette),
            f"The {near.n} tasks nearest to the selected pair",
            f"{unit}. Click a cell below the diagonal.",
            key="near",
            on_select=point_at_pair("near", near.tasks),
        )
drill_down(scene, pair)
