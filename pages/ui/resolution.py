"""How alike is the same: the resolution as a choice and as a number, and what it tells apart."""

import math
import sys

import streamlit as st

from pages.ui import cached
from pages.ui.chart import escape
from pages.ui.controls import moved
from pages.ui.url_state import View
from taskpgm_core.findings.skills import groups_finding, skills_finding
from taskpgm_core.records import Study

CHOICES = {"auto": "auto", "set": "set", "inf": "the paper's"}


def pick_resolution(study: Study, view: View) -> None:
    """The resolution without the dial's track, and typed; a sentence where there is none."""
    missing = cached.no_axis(study, view)
    if missing:
        st.caption(escape(missing))
        return
    asked, kernel = view.question.resolution, cached.kernel(study, view)
    automatic = cached.kernel(study, view.moved(resolution="auto")).resolution
    value = kernel.resolution if kernel.finite else None
    by_choice = {"auto": "auto", "set": value or automatic, "inf": math.inf}
    chosen = "auto" if asked == "auto" else "inf" if asked == math.inf else "set"
    st.session_state["pick-resolution"] = chosen
    st.session_state["type-resolution"] = value

    def typed() -> None:
        moved(resolution=st.session_state["type-resolution"] or "auto")

    row = st.container(horizontal=True, vertical_alignment="bottom")
    row.segmented_control(
        "How alike is the same?",
        list(CHOICES),
        format_func=CHOICES.__getitem__,
        key="pick-resolution",
        on_change=lambda: moved(
            resolution=by_choice[st.session_state["pick-resolution"] or chosen]
        ),
        help="Tasks nearer than the resolution count as about one. auto: by noise and distances. "
        "set: the number beside it. The paper's: S as measured, which tells no skills apart.",
    )
    unit = kernel.measured.unit
    row.number_input(
        f"Resolution ({unit})" if unit else "Resolution",
        sys.float_info.min,
        value=None,
        step=10.0 ** math.floor(math.log10(automatic)),
        format="%.4g",
        key="type-resolution",
        on_change=typed,
        placeholder="none",
        help="Any number above 0; it is solved exactly. Empty: auto.",
        width=200,
    )
    st.caption(escape(f"{skills_finding(kernel)}. {groups_finding(kernel)}".strip()))
