"""Why this weight, why zero?"""

import streamlit as st

from pages.ui.explanations import explanation
from pages.ui.layout import frame
from pages.ui.what_if import what_if
from pages.ui.why import all_reasons, by_neighbours, pick_task, reason, twins, without_it

scene = frame("Why this weight, why zero?")
found = explanation(scene.study, scene.view)
task = pick_task(scene, found)

one, every = st.columns(2, gap="large")
with one:
    reason(scene, found, task)
    by_neighbours(scene, found, task)
    without_it(scene, task)
with every:
    all_reasons(scene, found, task)
    twins(scene, found, task)
what_if(scene, task)
