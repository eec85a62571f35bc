"""The balance dial in the page: live in the browser, its value in the address on release."""

import json

import streamlit as st

from pages.ui import cached
from pages.ui.anchor import no_middle
from pages.ui.controls import moved
from pages.ui.mixture import raise_alarms
from pages.ui.url_state import View
from taskpgm_core.errors import TaskPGMError
from taskpgm_core.mixture.alarms import instability
from taskpgm_core.records import Study
from taskpgm_core.widgets.balance_dial import SCRIPT, STYLE, dial_data, interval_data

MESSENGER = """
export default function ({ data }) {
  const detail = JSON.parse(new TextDecoder().decode(data));
  window.taskpgmNAME = detail;
  window.dispatchEvent(new CustomEvent("taskpgm-EVENT", { detail }));
}
"""
"""Hands data to the dial, which may come before or after the dial's own script is there."""


def _hand_over(name: str, data: bytes) -> None:
    """Give the dial its ``Path`` or ``Intervals``, as JSON.

    What stays while the dial moves goes apart, so that Streamlit sends it only once; intervals
    take longer than the page.
    """
    event = name.lower()
    script = MESSENGER.replace("NAME", name).replace("EVENT", event)
    st.components.v2.component(f"taskpgm_{event}", js=script)(key=event, data=data)


def dial(study: Study, view: View) -> None:
    """Mount the dial over the exact path of the view's problem."""
    problem = cached.problem(study, view)
    known = cached.comparable(study)
    beside = [name for name in view.beside if name in known]
    if not view.beside and view.question.anchor != "proportional" and study.rows is not None:
        beside = ["proportional"]
    mount = st.components.v2.component(
        "taskpgm_dial",
        js=SCRIPT.read_text(encoding="utf-8"),
        css=STYLE.read_text(encoding="utf-8"),
    )
    key, path = cached.dial_path(study, view)
    data = dial_data(
        key,
        balance=view.question.balance,
        lam=view.question.lam,
        anchor=problem.anchor,
        anchor_name=cached.anchor_name(view),
        overlays={known[name]: cached.named_mixture(study, view, name) for name in beside},
        selected=view.tasks,
        no_middle=no_middle(study, view),
    )
    _hand_over("Path", path)
    mount(
        key="dial",
        data=data,
        on_balance_change=lambda: moved(balance=float(st.session_state["dial"]["balance"])),
        on_task_change=lambda: toggled(view, str(st.session_state["dial"]["task"])),
    )


def toggled(view: View, task: str) -> None:
    """Select a task on every page, or let it go."""
    others = tuple(t for t in view.tasks if t != task)
    moved(tasks=others if task in view.tasks else (*view.tasks, task))


def whiskers(study: Study, view: View) -> None:
    """Give the dial above its intervals, or say why there are none."""
    try:
        found = cached.intervals(study, view)
    except TaskPGMError as error:
        st.caption(str(error))
        return
    name = f"{found.level:.0%} interval"
    key, _ = cached.dial_path(study, view)
    drawn = interval_data(key, name, view.question.balance, found.low, found.high)
    _hand_over("Intervals", json.dumps(drawn).encode())
    st.caption(
        f"Whiskers: {found.level:.0%} of {found.draws} bootstrap draws of the probe examples, each "
        f"solved exactly. On average {found.stability:.0%} of the budget stays where it is."
    )
    raise_alarms(instability(found))
