"""How do you know?"""

import streamlit as st

from pages.ui import cached
from pages.ui.chart import chart
from pages.ui.chart_clicks import select_clicked_pair
from pages.ui.layout import frame
from pages.ui.similarity import (
    noise_of_tasks,
    pair_facts,
    pair_heading,
    pair_sources,
    pick_pair,
    token_drill_down,
)
from taskpgm_core.analysis.matrix_order import keep_together
from taskpgm_core.figures.similarity import CLICKABLE, matrix_figure
from taskpgm_core.findings.similarity import block_finding, scale_words
from taskpgm_core.findings.skills import OUTLINED

scene = frame("How do you know?")
study, view = scene.study, scene.view
similarity, kernel = cached.similarity(study, view), cached.kernel(study, view)
groups = [[similarity.tasks.index(task) for task in group] for group in kernel.groups]
order = keep_together(cached.order(study, view), groups)
unit = similarity.reading.axis
if len(study.tasks) < 2:
    st.info("One task alone has nothing to be compared with.")
    st.stop()

picture, beside = st.columns([9, 7], gap="large")
with beside:
    pair = pick_pair(scene)
    pair_heading(scene, pair)
    token_drill_down(scene, pair)
    if len(study.tasks) > CLICKABLE:
        near, places = cached.neighbourhood(study, view, pair)
        parts = [[i for i, task in enumerate(near.tasks) if task in g] for g in kernel.groups]
        shown = [part for part in parts if len(part) > 1]
        chart(
            matrix_figure(
                near,
                keep_together(places, shown),
                pair=(0, 1),
                groups=shown,
                palette=scene.palette,
            ),
            f"The {near.n} tasks nearest to the selected pair",
            f"{unit}; dark is alike. Click a cell.",
            key="near",
            on_select=select_clicked_pair("near", near.tasks),
        )
with picture:
    chart(
        matrix_figure(
            similarity,
            order,
            pair=pair,
            groups=groups,
            noise=noise_of_tasks(scene),
            palette=scene.palette,
        ),
        block_finding(similarity),
        f"{scale_words(similarity.reading)}; dark is alike. Click a cell. "
        f"{OUTLINED if groups else ''}".rstrip(),
        key="matrix",
        word="nats" if similarity.reading.unit == "nats" else "",
        on_select=select_clicked_pair("matrix", study.names),
    )
    pair_sources(scene, pair)
    pair_facts(scene, pair)
