"""What one will be judged by: the tasks and targets that the balance's far end rewards."""

import streamlit as st

from pages.ui import cached
from pages.ui.controls import moved
from pages.ui.url_state import View
from taskpgm_core.figures.numbers import shorten
from taskpgm_core.findings.glossary import GLOSSARY
from taskpgm_core.records import Study


def judges_name(view: View) -> str:
    """What one is judged by, in few words; empty where by nothing."""
    chosen = view.question.judge_by
    return shorten(chosen[0]) if len(chosen) == 1 else f"{len(chosen)} of them" if chosen else ""


def pick_judges(study: Study, view: View) -> None:
    """A choice of tasks and targets; none for a study without losses."""
    if not study.scored:
        return
    targets = set(study.target_names)
    st.session_state["pick-judges"] = list(view.question.judge_by)
    finite = cached.kernel(study, view).finite
    st.multiselect(
        "Judged by",
        [*study.target_names, *study.names],
        format_func=lambda name: f"{name} (never trained on)" if name in targets else name,
        key="pick-judges",
        on_change=lambda: moved(judge_by=tuple(st.session_state["pick-judges"])),
        placeholder="Nothing: the anchor is represented",
        disabled=not finite and not view.question.judge_by,
        help=f"{GLOSSARY['judged by']} {GLOSSARY['target']} It needs a finite resolution.",
    )
