"""The balance dial in the page: live in the browser, its value in the address on release."""

import json
from dataclasses import asdict
from typing import Any

import streamlit as st

from pages.ui import cached
from pages.ui.anchor import no_middle
from pages.ui.chart import escape
from pages.ui.controls import moved
from pages.ui.layout import Scene
from pages.ui.mixture import raise_alarms
from pages.ui.task_panel import task_panel
from pages.ui.trained import trained
from pages.ui.url_state import View
from taskpgm_core.analysis.replicates import drawn_again
from taskpgm_core.errors import TaskPGMError
from taskpgm_core.findings.glossary import GLOSSARY
from taskpgm_core.findings.mixture import rewarded
from taskpgm_core.findings.skills import resolution_words
from taskpgm_core.findings.trained_mixtures import trained_finding
from taskpgm_core.mixture.alarms import instability
from taskpgm_core.records import Study
from taskpgm_core.widgets.balance_dial import (
    dial_data,
    interval_data,
    resolution_data,
    script,
    style,
    trained_data,
)

MESSENGER = """
export default function ({ data }) {
  const detail = JSON.parse(new TextDecoder().decode(data));
  window.taskpgmNAME = detail;
  window.dispatchEvent(new CustomEvent("taskpgm-EVENT", { detail }));
}
"""
"""Hands data to the dial, which may come before or after the dial's own script is there."""
AT_ONCE = 100
"""Tasks up to which the second track gets its points unasked. For 316 tasks they take half a second
of the server at every balance, and other visitors would wait for it."""
WANTED = "resolution-axis"
"""Session state: whether the second track was touched."""


def _hand_over(name: str, data: bytes) -> None:
    """Give the dial its ``Path``, ``Axis`` or ``Intervals``, as JSON.

    What stays while the dial moves goes apart, so that Streamlit sends it only once; axis and
    intervals take longer than the page.
    """
    event = name.lower()
    messenger = MESSENGER.replace("NAME", name).replace("EVENT", event)
    st.components.v2.component(f"taskpgm_{event}", js=messenger)(key=event, data=data)


def dial_question(study: Study, view: View) -> dict[str, Any]:
    """What the dial is given: where it stands, and what stays beside it."""
    problem = cached.problem(study, view)
    known = cached.comparable(study)
    beside = [name for name in view.beside if name in known]
    if not view.beside and view.question.anchor != "proportional" and study.rows is not None:
        beside = ["proportional"]
    return dial_data(
        cached.dial_path(study, view)[0],
        balance=view.question.balance,
        lam=view.question.lam,
        anchor=problem.anchor,
        anchor_name=cached.anchor_name(view),
        overlays={known[name]: cached.named_mixture(study, view, name) for name in beside},
        selected=view.tasks,
        groups=cached.kernel(study, view).groups,
        limits=(problem.lo, problem.hi) if view.question.limits else None,
        graph=cached.dial_graph(study, view)[0],
        no_middle=no_middle(study, view),
        rewarded=rewarded(problem),
        resolution=None if cached.no_axis(study, view) else _stands(study, view),
    )


def dial(study: Study, view: View) -> None:
    """Mount the dial over the exact path of the view's problem."""
    mount = st.components.v2.component("taskpgm_dial", js=script(), css=style())
    mount(
        key="dial",
        data=dial_question(study, view),
        on_balance_change=lambda: moved(balance=float(st.session_state["dial"]["balance"])),
        on_task_change=lambda: toggled(view, str(st.session_state["dial"]["task"])),
        on_resolution_change=lambda: resolved(st.session_state["dial"]["resolution"]),
        on_axis_change=lambda: st.session_state.update({WANTED: True}),
    )
    path_and_graph(study, view)


def path_and_graph(study: Study, view: View) -> None:
    """Give the dial above the exact path of its problem, and where its tasks stand."""
    with st.container(gap=None):
        _hand_over("Path", cached.dial_path(study, view)[1])
        _hand_over("Graph", cached.dial_graph(study, view)[1])


def _stands(study: Study, view: View) -> dict[str, Any]:
    kernel = cached.kernel(study, view)
    return resolution_data(
        cached.axis_key(study, view),
        view.question.resolution,
        balance=view.question.balance,
        value=kernel.resolution,
        words=resolution_words(kernel, scaled=True),
        skills=kernel.skills,
        unit=kernel.measured.reading.scaled,
        on_request=not _has_points(study),
    )


def _has_points(study: Study) -> bool:
    return len(study.names) <= AT_ONCE or WANTED in st.session_state


def resolution_axis(study: Study, view: View) -> None:
    """Give the dial above the points of its second track, where it has one; of many tasks once the
    hand has come near."""
    if _has_points(study) and not cached.no_axis(study, view):
        _hand_over("Axis", cached.dial_axis(study, view))


def what_training_gave(study: Study, view: View) -> None:
    """Give the dial above the finished runs that stand on its balance; nothing where none do."""
    try:
        found = trained(study, view)
    except TaskPGMError as error:
        st.error(escape(f"The finished runs cannot be read. {error}"))
        return
    if found is None:
        return
    runs = [
        {**asdict(run), "said": trained_finding(run, found.reference)}
        for run in found.mixtures
        if run.balance is not None
    ]
    if not runs:
        return
    key, _ = cached.dial_path(study, view)
    drawn = trained_data(key, found.about, found.reference, runs, more=found.kept)
    _hand_over("Trained", json.dumps(drawn).encode())


def resolved(at: str | float) -> None:
    """See the tasks at another resolution: ``auto``, ``inf`` or a number."""
    moved(resolution=at if at == "auto" else float(at))


def say_of_the_chosen(scene: Scene) -> None:
    """Give the dial above its panel of the task chosen last; nothing where none is."""
    if not scene.view.tasks:
        return
    try:
        _hand_over("Panel", task_panel(scene))
    except TaskPGMError as error:
        st.error(escape(str(error)))


def toggled(view: View, task: str) -> None:
    """Select a task on every page, or let it go."""
    others = tuple(t for t in view.tasks if t != task)
    moved(tasks=others if task in view.tasks else (*view.tasks, task))


def whiskers(study: Study, view: View) -> None:
    """Give the dial above its intervals, or say why there are none."""
    try:
        found = cached.intervals(study, view)
    except TaskPGMError as error:
        st.caption(escape(str(error)))
        return
    name = f"{found.level:.0%} interval"
    key, _ = cached.dial_path(study, view)
    drawn = interval_data(key, name, view.question.balance, found.low, found.high)
    _hand_over("Intervals", json.dumps(drawn).encode())
    st.caption(
        f"Whiskers: {found.level:.0%} intervals {drawn_again(study)} ({found.draws} bootstrap "
        f"draws, each solved exactly). On average {found.stability:.0%} of the budget stays where "
        f"it is.",
        help=GLOSSARY["90% interval"],
    )
    raise_alarms(instability(found))
