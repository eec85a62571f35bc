"""Which few tasks would do?"""

import streamlit as st

from pages.ui.chart import chart, heading
from pages.ui.controls import pick_budget
from pages.ui.layout import frame
from pages.ui.selection import allocation, chosen_table, pick_k, selected, verdict
from taskpgm_core.figures.selection import (
    SHOWN,
    epochs_figure,
    marginal_gains_figure,
    selection_curve_figure,
)
from taskpgm_core.findings import selection as findings

scene = frame("Which few tasks would do?")
selection = selected(scene)
curve, side = st.columns([5, 3], gap="large")
with side:
    k = pick_k(scene, selection)
    verdict(scene, selection, k)
with curve:
    chart(
        selection_curve_figure(selection, k, palette=scene.palette),
        findings.curve_finding(selection, k),
        findings.curve_reading(selection),
        key="curve",
    )
gains, epochs = st.columns(2, gap="large")
with gains:
    chart(
        marginal_gains_figure(selection, k, palette=scene.palette),
        findings.gains_finding(selection, k),
        findings.gains_reading(selection, SHOWN),
        key="gains",
    )
with epochs:
    pick_budget(scene.study)
    cap = scene.view.question.max_epochs
    counted = allocation(scene, selection, k)
    if counted and not any(counted.epochs):
        heading(findings.epochs_finding(counted, cap))
    elif counted:
        chart(
            epochs_figure(counted, cap, palette=scene.palette),
            findings.epochs_finding(counted, cap),
            findings.epochs_reading(counted, SHOWN),
            key="epochs",
        )
chosen_table(selection, k, counted)
