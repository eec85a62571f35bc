"""The table beside the task graph: a task's neighbours, or the communities."""

import numpy as np
import pandas as pd
import streamlit as st

from pages.ui import cached
from pages.ui.chart import heading
from pages.ui.controls import moved
from pages.ui.layout import Scene
from taskpgm_core.analysis.graph_layout import TaskGraph
from taskpgm_core.findings.graph import community_names, neighbour_finding


def neighbours(scene: Scene, graph: TaskGraph) -> None:
    """Every other task by how alike it is to the selected one; without one, the communities."""
    study, view = scene.study, scene.view
    if not view.tasks:
        _communities(scene, graph)
        return
    task = view.tasks[-1]
    i = study.names.index(task)
    similarity, p = cached.similarity(study, view), cached.solution(study, view).p
    measure, near = similarity.reading, similarity.shown[i]
    order = [int(j) for j in np.argsort(-similarity.matrix[i], kind="stable") if j != i]
    noise = cached.noise(study, view)
    floor = noise.floor if noise.measure == similarity.measure else 0.0
    if measure.is_divergence:
        said = f"Divergence{measure.unit and f' in {measure.unit}'}, the most alike first. "
    else:
        said = "Similarity, highest first. "
    heading(
        neighbour_finding(study.names, i, order, near, measure),
        said + (f"The {measure.noise} is up to {measure.said(floor)}." if floor else ""),
    )
    community = community_names(graph)
    joined = {int(a + b - i) for a, b in graph.edges if i in (a, b)}
    st.dataframe(
        pd.DataFrame(
            {
                "task": [study.names[j] for j in order],
                measure.label: [round(float(near[j]), 4) for j in order],
                "share": [100 * float(p[j]) for j in order],
                "community": [community[j] for j in order],
                "joined": [j in joined for j in order],
            }
        ),
        hide_index=True,
        column_config={
            "share": st.column_config.NumberColumn(format="%.1f%%"),
            measure.label: st.column_config.NumberColumn(format="%.3f"),
        },
        height=300,
    )
    other = st.selectbox(
        "Why are they alike?",
        [study.names[j] for j in order],
        key=f"why-alike-{task}",
        help="The task to lay beside the selected one, down to what the two models predict.",
    )
    query = {**view.query, "task": [task, other]}
    st.page_link("pages/similarity.py", label="See what the two predict", query_params=query)
    st.button("Clear the selection", on_click=lambda: moved(tasks=()))


def _communities(scene: Scene, graph: TaskGraph) -> None:
    p = cached.solution(scene.study, scene.view).p
    names, rows = community_names(graph), []
    for c in range(int(graph.community.max()) + 1):
        members = [i for i in np.argsort(-p, kind="stable") if graph.community[i] == c]
        rows.append(
            {
                "community": names[members[0]],
                "share": 100 * float(p[members].sum()),
                "members, heaviest first": ", ".join(scene.study.names[i] for i in members),
            }
        )
    heading(
        "1 community" if len(rows) == 1 else f"{len(rows)} communities",
        "Select a task to see its neighbours.",
        word="community",
    )
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_config={"share": st.column_config.NumberColumn(format="%.1f%%")},
    )
