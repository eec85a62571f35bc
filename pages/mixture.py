"""What should I train on?"""

import streamlit as st

from pages.ui import load
from pages.ui.chart import chart, heading
from pages.ui.controls import pick_budget, pick_reference, pick_symbols
from pages.ui.dial import dial
from pages.ui.frame import frame
from pages.ui.panels import certificate, counts_table
from taskpgm_core.figures import findings
from taskpgm_core.figures.difference import difference_figure
from taskpgm_core.figures.energy import energy_figure
from taskpgm_core.figures.task_graph import task_graph_figure

scene = frame("What should I train on?")
study, view, palette = scene.study, scene.view, scene.palette
solution = load.solution(study, view)
references = load.references(study)
families = [task.family for task in study.tasks]

bars, side = st.columns([5, 2], gap="large")
with bars:
    dial(study, view)
with side:
    heading(findings.mixture_finding(study.names, solution.p), findings.zero_finding(solution.p))
    certificate(solution)
    with st.popover("Set β and λ", width="stretch"):
        pick_symbols(study)

budget, against = st.columns(2, gap="large")
with budget:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        pick_budget(study)
    counts_table(study, solution.p, load.allocation(study, view, solution.p))
with against:
    name = pick_reference(list(references))
    chart(
        difference_figure(study.names, solution.p, references[name], name, palette=palette),
        findings.difference_finding(solution.p, references[name], name),
        "In percentage points: to the right, tasks that get more than there; to the left, less.",
        key="against",
    )
graph, energy = st.columns(2, gap="large")
with graph:
    chart(
        task_graph_figure(load.graph(study, view), solution.p, families, palette=palette),
        findings.graph_finding(solution.p, families, "family"),
        "Tasks joined by a line predict alike. The larger a node, the more weight it has here.",
        key="graph",
    )
with energy:
    split = (solution.unary_energy, solution.pairwise_energy, solution.energy)
    chart(
        energy_figure(*split, palette=palette),
        findings.energy_finding(*split),
        "E(p) = −β u′p + λ/2 p′Sp, lower is better: its two parts add up to it.",
        key="energy",
    )
