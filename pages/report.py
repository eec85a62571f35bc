"""How do I hand this over?"""

import streamlit as st

from pages.ui.chart import escape, heading
from pages.ui.layout import frame
from pages.ui.report import handover, wording
from taskpgm_core.errors import TaskPGMError

scene = frame("How do I hand this over?")
words, files = st.columns([3, 2], gap="large")
with words:
    title, notes = wording(scene.view.study)
try:
    made = handover(scene.study, scene.view, title, notes)
except TaskPGMError as error:
    st.error(escape(str(error)))
    st.stop()
with files:
    heading(
        "One file, no server needed",
        "The report opens offline, prints on A4, and its dial moves over the exact path. The "
        "decision record holds the same facts as JSON, for machines and for the archive.",
    )
    size = f"{len(made.page.encode()) / 1000:,.0f} kB"
    st.download_button(
        f"Report (HTML, {size})",
        made.page,
        f"{made.name}.html",
        "text/html",
        on_click="ignore",
        type="primary",
        width="stretch",
    )
    st.download_button(
        "Decision record (JSON)",
        made.record,
        f"{made.name}.json",
        "application/json",
        on_click="ignore",
        width="stretch",
    )
heading("This is what they will see")
st.iframe(made.page, height=900, alt="The report")
