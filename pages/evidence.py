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
from pages.ui.evidence_runs import bring_runs, pick_evidence
from pages.ui.layout import frame
from pages.ui.recommended import recommended_here

scene = frame("Does it make a better model?")
trained = pick_evidence(scene)
if trained is not None:
    picture, numbers = st.columns([5, 4], gap="large")
    with picture:
        arms_chart(trained, scene)
    with numbers:
        arms_table(trained, scene)
        protocol_words(trained)
    tasks, forecasts = st.columns(2, gap="large")
    with tasks:
        gains_chart(trained, scene)
    with forecasts:
        tokens_chart(trained, scene)
        foresight_chart(trained, scene)
bring_runs(scene)
recommended_here(scene.answer, scene.study)
