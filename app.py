"""Home: what this is for, which studies there are, and what to train on by each."""

import streamlit as st

from pages.ui.chart_code import load_chart_code
from pages.ui.layout import frame
from pages.ui.recommended import recommended_here
from pages.ui.study_card import made_of_these, study_card, study_line
from pages.ui.upload import upload

scene = frame("Which tasks, and how much of each?", pickers=False, empty=lambda: upload({}))
st.markdown(
    "TaskPGM says how much of each task to fine-tune on. It compares models that were trained on "
    "one task each, to see which tasks teach the same."
)
derived = made_of_these(scene.studies)
answers = [
    (study_card(name, study, scene.palette), study, {"study": name})
    for name, study in scene.studies.items()
    if name not in derived
]
if derived:
    st.header("Made of these by leaving tasks out", divider="gray")
for name, study in derived.items():
    study_line(name, study)
for place, study, address in answers:  # last, since reading the runs of a study may take a second
    recommended_here(place, study, address)
upload(scene.studies)
load_chart_code()
