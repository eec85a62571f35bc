"""How do you know?"""

import streamlit as st

from pages.ui.layout import frame
from pages.ui.matrix import matrix, near_matrix
from pages.ui.similarity import (
    pair_facts,
    pair_heading,
    pair_sources,
    pick_pair,
    token_drill_down,
)
from taskpgm_core.figures.similarity import CLICKABLE

scene = frame("How do you know?")
if len(scene.study.tasks) < 2:
    st.info("One task alone has nothing to be compared with.")
    st.stop()

picture, beside = st.columns([9, 7], gap="large")
with beside:
    pair = pick_pair(scene)
    pair_heading(scene, pair)
    token_drill_down(scene, pair)
    if len(scene.study.tasks) > CLICKABLE:
        near_matrix(scene, pair)
with picture:
    matrix(scene, pair)
    pair_sources(scene, pair)
    pair_facts(scene, pair)
