"""The balance dial in the page: live in the browser, its value in the address on release."""

import streamlit as st

from pages.ui import load
from pages.ui.controls import ANCHOR_NAMES, moved
from pages.ui.view import View
from taskpgm_core.figures.dial import SCRIPT, STYLE, dial_data
from taskpgm_core.records import Study


def dial(study: Study, view: View, *, no_middle: str = "") -> None:
    """Mount the dial over the exact path of the view's problem."""
    path = load.path(study, view)
    problem = load.problem(study, view)
    mount = st.components.v2.component(
        "taskpgm_dial",
        js=SCRIPT.read_text(encoding="utf-8"),
        css=STYLE.read_text(encoding="utf-8"),
    )
    mount(
        key="dial",
        data=dial_data(
            f"{study.content}/{view.measure}/{view.anchor}",
            [task.family for task in study.tasks],
            path.sparse(),
            balance=view.balance,
            lam=view.lam,
            anchor=problem.anchor,
            anchor_name=ANCHOR_NAMES[view.anchor],
            size=load.references(study).get("size-proportional"),
            no_middle=no_middle,
        ),
        on_balance_change=lambda: moved(balance=float(st.session_state["dial"]["balance"])),
    )
