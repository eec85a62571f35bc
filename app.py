"""Home: which studies there are, where they come from, and what each recommends."""

import streamlit as st

from pages.ui.layout import frame
from pages.ui.study_card import study_card
from taskpgm_core.analysis.question import DEFAULT

scene = frame("Which tasks, and how much of each?", pickers=False)
st.markdown(
    "TaskPGM reads how alike tasks are from what single-task models predict, and finds the "
    "mixture to fine-tune on. Pick a study to see what it recommends. Each card says at "
    "which balance and resolution its mixture is. Where an address names no balance, pages open at "
    f"balance {DEFAULT[0]:g}" + (", the uniform mixture." if DEFAULT[0] == 1 else ".")
)
for name, study in scene.studies.items():
    study_card(name, study, scene.palette)
