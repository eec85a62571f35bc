"""The report of what a page shows, written once for each question and wording."""

import datetime
from dataclasses import dataclass

import streamlit as st

from pages.ui import cached, explanations
from pages.ui.presenter import steps
from pages.ui.recommended import recommended as advised
from pages.ui.trained import trained
from pages.ui.url_state import View
from taskpgm_core.analysis.study_alarms import study_alarms
from taskpgm_core.errors import NotKeptError
from taskpgm_core.findings.evidence import EvidenceTable
from taskpgm_core.findings.trained_mixtures import TrainedMixtures
from taskpgm_core.mixture.uncertainty import Uncertainty
from taskpgm_core.records import Study
from taskpgm_core.report import decide, report_page

LONGEST_TITLE, LONGEST_NOTES = 120, 20_000


def wording(study: str) -> tuple[str, str]:
    """Title and notes as they are typed, kept for each study while the session lasts."""
    named, noted = (f"report-{what}-{study}" for what in ("title", "notes"))
    title = st.text_input(
        "Title",
        st.session_state.get(named, ""),
        key=f"{named}-field",
        max_chars=LONGEST_TITLE,
        placeholder=f"What to train on: {study}",
        help="The first line of the report.",
    )
    notes = st.text_area(
        "Notes",
        st.session_state.get(noted, ""),
        key=f"{noted}-field",
        max_chars=LONGEST_NOTES,
        height=150,
        help="Why this mixture, who decided, what to watch. Markup is shown, not obeyed.",
    )
    st.session_state[named], st.session_state[noted] = title, notes
    return title, notes


@dataclass(frozen=True)
class Handover:
    """``page``: the HTML file; ``record``: the JSON file; ``name``: of both, without an ending."""

    page: str
    record: str
    name: str


def handover(study: Study, view: View, title: str, notes: str) -> Handover:
    """Report and decision record of a view's mixture; MixtureError where no counts fit."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    advice = advised(study)
    said = advice.said_of(cached.solution(study, view).p)
    came = trained(study, view)
    return _handover(
        study.key,
        repr(view),
        title,
        notes,
        today,
        advice.trained,
        said,
        advice.sentence,
        advice.evidence,
        came,
        study,
        view,
    )


@st.cache_resource(max_entries=8, show_spinner="Writing the report…")
def _handover(
    content: str,
    asked: str,
    title: str,
    notes: str,
    today: str,
    outcome: tuple[str, ...],
    recommended: str,
    verdict: str,
    evidence: EvidenceTable | None,
    came: TrainedMixtures | None,
    _study: Study,
    _view: View,
) -> Handover:
    posed, solution = cached.posed(_study, _view), cached.solution(_study, _view)
    sure = _sure(_study, _view)
    counted = cached.allocation(_study, _view, solution.p)
    decision = decide(
        _study,
        posed,
        solution,
        allocation=counted,
        alarms=study_alarms(_study, posed, solution, sure, counted),
        explanation=explanations.explanation(_study, _view),
        sure=sure,
        title=title,
        notes=notes,
        made=today,
    )
    path, graph = cached.path(_study, _view), cached.graph(_study, _view)
    page = report_page(
        decision,
        posed,
        path,
        graph,
        trained=outcome,
        recommended=recommended,
        evidence=evidence,
        steps=steps(_study, _view, came, verdict),
    )
    return Handover(page, decision.to_json(), f"decision-{_study.slug}-{decision.digest[:12]}")


def _sure(study: Study, view: View) -> Uncertainty | str:
    """The bootstrap of the mixture, or why the study allows none."""
    try:
        return cached.intervals(study, view)
    except NotKeptError as error:
        return str(error)
