"""Balance and resolution in the head of every page without the dial."""

import math

import streamlit as st

from pages.ui import cached
from pages.ui.chart import escape
from pages.ui.controls import moved, pick_balance
from pages.ui.panel import panel
from pages.ui.url_state import View
from taskpgm_core.findings.glossary import GLOSSARY
from taskpgm_core.findings.skills import resolution_number, resolution_words
from taskpgm_core.records import Study


def pick_question(study: Study, view: View) -> None:
    """A popover that names the balance and the resolution, and changes them."""
    asked, kernel = view.question, cached.kernel(study, view)
    label = f"Balance {asked.balance:.4g} at {resolution_number(kernel)}"
    box = panel(label, "question")
    if not box.open:
        return
    with box:
        pick_balance(cached.path(study, view).last, view, "header-balance")
        if missing := cached.no_axis(study, view):
            st.caption(escape(missing))
            return
        choices = {"auto": "auto", "inf": "the paper's"}
        if asked.resolution not in ("auto", math.inf):
            choices["set"] = "set"
        st.session_state["header-resolution"] = (
            "auto" if asked.resolution == "auto" else "set" if kernel.finite else "inf"
        )
        st.segmented_control(
            "How alike is the same?",
            list(choices),
            format_func=choices.__getitem__,
            key="header-resolution",
            on_change=_resolved,
            required=True,
            help=f"{GLOSSARY['resolution']} A number of your own is set on Mixture.",
        )
        st.caption(f"Resolution: {resolution_words(kernel)}.")


def _resolved() -> None:
    chosen = st.session_state["header-resolution"]
    if chosen != "set":
        moved(resolution="auto" if chosen == "auto" else math.inf)
