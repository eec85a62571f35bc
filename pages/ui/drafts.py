"""What a person does is kept without asking, under a random id that the address carries.

A draft is written only by the session that made its id: whoever else opens the link, or comes
back after a lost connection, reads it, and goes on under an id of their own.
"""

from dataclasses import replace

import streamlit as st

from pages.ui import cached
from pages.ui.chart import escape
from pages.ui.url_state import View
from taskpgm_core.analysis.provenance import provenance
from taskpgm_core.analysis.saved_mixtures import (
    Scenario,
    new_id,
    open_draft,
    save_draft,
)
from taskpgm_core.errors import TaskPGMError
from taskpgm_core.records import Study

OWN = "own-drafts"
"""In the session: {id of a draft made here: its notes}."""
KEPT = "kept-draft"


def own(view: View) -> View:
    """The view under a draft that this session may write to."""
    mine = st.session_state.setdefault(OWN, {})
    if view.draft in mine:
        return view
    identifier = new_id()
    mine[identifier] = notes_of(view)
    return replace(view, draft=identifier)


def notes_of(view: View) -> str:
    """The notes on a view's draft; empty where there are none."""
    mine = st.session_state.get(OWN, {})
    if view.draft in mine:
        return str(mine[view.draft])
    if not view.draft:
        return ""
    try:
        return open_draft(view.draft).notes
    except TaskPGMError:
        return ""


def note(view: View, text: str) -> View:
    """The view with these notes on its draft."""
    view = own(view)
    st.session_state[OWN][view.draft] = text
    return view


def keep(study: Study, view: View) -> None:
    """Write the view's draft, where it is this session's own and something changed."""
    mine = st.session_state.get(OWN, {})
    if view.draft not in mine or st.session_state.get(KEPT) == (view, mine[view.draft]):
        return
    solution = cached.solution(study, view)
    if solution.status != "optimal":
        return
    try:
        save_draft(scenario(study, view, notes=mine[view.draft], id=view.draft))
    except TaskPGMError as error:
        st.warning(escape(f"What you do here is not kept: {error}"))
    st.session_state[KEPT] = (view, mine[view.draft])


def scenario(study: Study, view: View, **named: str) -> Scenario:
    """The view's mixture, to be kept."""
    solution = cached.solution(study, view)
    controls = replace(view, draft="", baseline="", beside=()).query
    return Scenario(
        study.slug,
        study.content,
        view.question.measure,
        solution.tasks,
        solution.p,
        controls=controls,
        certificate=provenance(study, cached.posed(study, view), solution),
        evidence={},
        **named,
    )
