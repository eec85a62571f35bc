"""Which tasks belong together?"""

import streamlit as st

from pages.ui import cached
from pages.ui.chart import chart
from pages.ui.chart_clicks import select_clicked_tasks
from pages.ui.controls import pick_balance, pick_tasks
from pages.ui.graph import neighbours
from pages.ui.layout import frame
from taskpgm_core.figures.graph import task_graph_figure
from taskpgm_core.findings.graph import communities_finding, letter
from taskpgm_core.findings.skills import OUTLINED

scene = frame("Which tasks belong together?")
study, view, palette = scene.study, scene.view, scene.palette
solution = cached.solution(study, view)

select, balance, colour, edges = st.columns([3, 2, 1.4, 1.4], vertical_alignment="bottom")
with select:
    pick_tasks(study, view)
with balance:
    pick_balance(cached.path(study, view).last, view)
families = tuple(task.family for task in study.tasks)
known = ["community", "family"] if any(families) else ["community"]
word = str(
    colour.segmented_control(
        "Colour",
        known,
        default="community",
        required=True,
        help="Communities are found in what was measured; families are what the study calls them.",
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
groups = families if word == "family" else [f"community {letter(c)}" for c in graph.community]

picture, table = st.columns([5, 3], gap="large")
with picture:
    chart(
        task_graph_figure(
            graph, solution.p, groups, hulls=hulls, selected=view.tasks, palette=palette
        ),
        communities_finding(solution.p, groups, word),
        "Tasks joined by a line are alike, the wider the more. The larger a node, the more weight "
        f"it has at this balance. {f'{OUTLINED} ' if hulls else ''}Click a node or an edge to "
        "select it on every page.",
        key="graph",
        on_select=select_clicked_tasks("graph"),
    )
with table:
    neighbours(scene, graph)
