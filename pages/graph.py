"""Which tasks belong together?"""

import streamlit as st

from pages.ui import cached
from pages.ui.chart import chart
from pages.ui.chart_clicks import select_clicked_tasks
from pages.ui.controls import pick_balance, pick_tasks
from pages.ui.graph import neighbours
from pages.ui.layout import frame
from taskpgm_core.figures.graph import task_graph_figure
from taskpgm_core.findings.glossary import GLOSSARY
from taskpgm_core.findings.graph import communities_finding, community_names
from taskpgm_core.findings.skills import OUTLINED

scene = frame("Which tasks belong together?")
study, view, palette = scene.study, scene.view, scene.palette
solution = cached.solution(study, view)

families = tuple(task.family for task in study.tasks)
known = ["community", "family"] if any(families) else ["community"]
picture, beside = st.columns([5, 3], gap="large")
with beside:
    pick_tasks(study, view)
    pick_balance(cached.path(study, view).last, view)
    colour, edges = st.columns([3, 2], vertical_alignment="bottom")
    word = str(
        colour.segmented_control(
            "Colour",
            known,
            default="community",
            required=True,
            help=f"{GLOSSARY['community']} {GLOSSARY['family']}",
        )
    )
    close = edges.slider(
        "Edges a task",
        1,
        5,
        2,
        help="Each task's most similar others that are joined to it, beside a tree that holds all "
        "tasks together. More edges show more, and read worse.",
    )
graph, hulls = cached.graph(study, view, close), cached.kernel(study, view).groups
groups = families if word == "family" else community_names(graph)
with picture:
    chart(
        task_graph_figure(
            graph, solution.p, groups, hulls=hulls, selected=view.tasks, palette=palette
        ),
        communities_finding(solution.p, groups, word),
        "Joined tasks are alike; larger ones have more weight. "
        + (f"{OUTLINED} " if hulls else "")
        + "Click one, or a line, to select it.",
        key="graph",
        height="stretch",
        on_select=select_clicked_tasks("graph"),
    )
with beside:
    neighbours(scene, graph)
