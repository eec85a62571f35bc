"""What the resolution tells apart, below the track on which it is set."""

import streamlit as st

from pages.ui import cached
from pages.ui.chart import escape
from pages.ui.url_state import View
from taskpgm_core.findings.glossary import GLOSSARY
from taskpgm_core.findings.skills import groups_finding, skills_finding
from taskpgm_core.records import Study


def skills_here(study: Study, view: View) -> None:
    """How many skills the tasks hold, and their groups; a sentence where there is no resolution."""
    if missing := cached.no_axis(study, view):
        st.caption(escape(missing))
        return
    kernel = cached.kernel(study, view)
    said = f"{skills_finding(kernel)}. {groups_finding(kernel)}".strip()
    st.caption(escape(said), help=f"{GLOSSARY['distinct skills']} {GLOSSARY['resolution']}")
