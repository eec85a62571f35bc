"""Keep a mixture under a name, bring one from a file, and what is kept on this server."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import streamlit as st

from pages.ui import drafts
from pages.ui.anchoring import brought
from pages.ui.beside import labels
from pages.ui.chart import escape, heading
from pages.ui.controls import go, moved
from pages.ui.frame import Scene
from taskpgm_core import scenarios
from taskpgm_core.errors import TaskPGMError
from taskpgm_core.scenarios import LONGEST_NAME, LONGEST_NOTES, Scenario

SHARED = "Everyone who can open this server sees, changes and deletes what is kept here."


def keep_this(scene: Scene) -> None:
    """Name the mixture on the dial and keep it, with notes."""
    heading("Keep this mixture", SHARED)

    def noted() -> None:
        view = drafts.note(scene.view, st.session_state[notes])
        drafts.keep(scene.study, view)
        go(view)

    notes = f"notes-{scene.view.draft}"
    st.text_area(
        "Notes",
        drafts.notes_of(scene.view),
        key=notes,
        on_change=noted,
        max_chars=LONGEST_NOTES,
        height=110,
        help="Kept as you go under this page's address, whether or not you name the mixture.",
    )
    with st.form("keep", border=False, clear_on_submit=True):
        name = st.text_input(
            "Name", max_chars=LONGEST_NAME, help="What everyone on this server sees it by."
        )
        if st.form_submit_button("Keep", icon=":material/bookmark_add:"):
            _keep(scene, drafts.scenario, name=name, notes=drafts.notes_of(scene.view))


def bring(scene: Scene) -> None:
    """Keep a mixture from a file, to lay beside others."""
    heading(
        "Bring a mixture",
        "JSON {task: weight}, an answer of `solve --json`, or CSV with columns task,weight.",
    )
    with st.form("bring", border=False, clear_on_submit=True):
        file = st.file_uploader(
            "File",
            type=["json", "csv"],
            max_upload_size=1,
            help="Weights by task id; they are scaled to add up to 1.",
        )
        if st.form_submit_button("Bring in", icon=":material/upload_file:"):
            if file is None:
                st.error("Choose a file first.")
            else:
                _keep(scene, brought, name=file.name, data=file.getvalue())


def _keep(scene: Scene, make: Callable[..., Scenario], **named: str | bytes) -> None:
    try:
        kept = scenarios.save(make(scene.study, scene.view, **named))
    except TaskPGMError as error:
        st.error(escape(str(error)))
        return
    moved(beside=(*scene.view.beside, kept.id))
    st.rerun()


def kept_here(scene: Scene, kept: Sequence[Scenario]) -> None:
    """Every scenario on this server with its notes, to open, edit or delete."""
    if not kept:
        heading("Nothing is kept here yet", "Name this mixture, or bring one from a file.")
        return
    heading(f"{len(kept)} kept on this server", SHARED)
    called = labels(kept)
    chosen = st.selectbox(
        "Scenario",
        [s.id for s in kept],
        format_func=called.__getitem__,
        key="pick-kept",
        help="A mixture with the question that it answers, kept by name.",
    )
    scenario = next((s for s in kept if s.id == chosen), kept[0])
    when = scenario.saved[:16].replace("T", " ")
    made = "solved" if scenario.certificate else f"from {scenario.origin}"
    st.caption(
        escape(
            f"{scenario.study}, {scenario.measure}, {made}, {scenario.support} tasks; {when} UTC"
        )
    )
    if stale := scenario.stale(scene.study):
        st.warning(escape(stale))
    notes = f"kept-notes-{scenario.id}-{scenario.saved}"
    text = st.text_area(
        "Its notes",
        scenario.notes,
        key=notes,
        max_chars=LONGEST_NOTES,
        height=110,
        help="Why it was kept, for whoever opens it next.",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        if scenario.certificate and scenario.controls.get("study") in scene.studies:
            query = dict(scenario.controls)
            st.page_link("pages/mixture.py", label="Open its mixture", query_params=query)
        if st.button("Save notes", disabled=text == scenario.notes):
            _changed(lambda: scenarios.save(replace(scenario, notes=text)))
        with st.popover("Delete"):
            st.write("It goes for everyone on this server.")
            if st.button("Delete it", key=f"delete-{scenario.id}"):
                _changed(lambda: scenarios.delete(scenario.id))


def _changed(act: Callable[[], object]) -> None:
    try:
        act()
    except TaskPGMError as error:
        st.error(escape(str(error)))
        return
    st.rerun()
