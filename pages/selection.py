"""Which few tasks would do?"""

import streamlit as st

from pages.ui.chart import chart, heading
from pages.ui.controls import pick_budget
from pages.ui.layout import frame
from pages.ui.selection import allocation, chosen_table, pick_k, selected, verdict
from taskpgm_core.figures.selection import (
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
        "From the first task alone (0%) to all tasks together (100%). The true best of any k lies "
        "between greedy's line and the dashed one.",
        key="curve",
    )
gains, epochs = st.columns(2, gap="large")
with gains:
    chart(
        marginal_gains_figure(selection, k, palette=scene.palette),
        findings.gains_finding(selection, k),
        "What each task adds to those before it, in the order greedy takes them.",
        key="gains",
    )
with epochs:
    pick_budget(scene.study)
    cap = scene.view.question.max_epochs
    counted = allocation(scene, selection, k)
    if not any(counted.epochs):
        heading(findings.epochs_finding(counted, cap))
    else:
        chart(
            epochs_figure(counted, cap, palette=scene.palette),
            findings.epochs_finding(counted, cap),
            f"How often {counted.budget:,} {counted.unit} over these tasks repeat each one's "
            "examples; the line is your limit, or one epoch.",
            key="epochs",
        )
chosen_table(selection, k, counted)
