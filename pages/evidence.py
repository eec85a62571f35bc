"""Does training on the recommended mixture make a better model?"""

import streamlit as st

from pages.ui.evidence import (
    arms_chart,
    arms_table,
    foresight_chart,
    gains_chart,
    protocol_words,
    tokens_chart,
)
from pages.ui.evidence_runs import FinishedRuns, bring_runs, pick_evidence
from pages.ui.evidence_skills import by_skill
from pages.ui.layout import Scene, frame
from pages.ui.recommended import recommended_here


def by_task(trained: FinishedRuns, scene: Scene) -> None:
    """The same of runs judged by loss or exact match."""
    picture, numbers = st.columns([5, 4], gap="large")
    with picture:
        arms_chart(trained, scene)
    with numbers:
        arms_table(trained, scene)


scene = frame("Does it make a better model?")
trained = pick_evidence(scene)
if trained is not None:
    if trained.skills:
        by_skill(trained, trained.skills, scene)
    else:
        by_task(trained, scene)
    tasks, forecasts = st.columns(2, gap="large")
    with tasks:
        gains_chart(trained, scene)
    with forecasts:
        tokens_chart(trained, scene)
        foresight_chart(trained, scene)
    protocol_words(trained)
bring_runs(scene)
recommended_here(scene.answer, scene.study)
