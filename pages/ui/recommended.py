"""The one answer, said the same on every page, and how far what is shown lies from it."""

from collections.abc import Mapping

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.ui import cached
from pages.ui.chart import escape, heading
from pages.ui.layout import Scene
from taskpgm_core import store
from taskpgm_core.errors import StoreError, TaskPGMError
from taskpgm_core.evidence.forecast import Foresight, adviser
from taskpgm_core.evidence.outcome import Recommendation, recommend
from taskpgm_core.records import Array, Study


@st.cache_resource(max_entries=32, show_spinner=False)
def _recommended(content: str, runs: tuple[str, ...], _study: Study) -> Recommendation:
    return recommend(_study)


def recommended(study: Study) -> Recommendation:
    """What is recommended for a study, known anew when runs are added; to any study, since a
    confirmation may have hypotheses in several."""
    others = (other for other in store.list_studies()[0] if other.slug != study.slug)
    versions = tuple(map(store.evidence_version, (study, *others)))
    return _recommended(study.key, versions, study)


@st.cache_resource(max_entries=32, show_spinner=False)
def _adviser(content: str, runs: str, _study: Study) -> Foresight | None:
    return adviser(_study)


def forecast_here(study: Study, p: Array) -> None:
    """What the mixture ``p`` (n,) is expected to keep; nothing where forecasts do not rank, or runs
    cannot be read, which the answer says."""
    try:
        found = _adviser(study.content, store.evidence_version(study), study)
    except StoreError:
        return
    if found is not None and (said := found.advice(p)):
        st.caption(escape(said))


def answer(scene: Scene) -> None:
    """Say what is recommended, or that the question explores; called last: it may take a second."""
    found = recommended(scene.study)
    p = cached.solution(scene.study, scene.view).p
    with scene.answer, st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{escape(found.said_of(p))}**", width="stretch")
        st.page_link("pages/evidence.py", label="See the evidence", query_params=scene.view.query)


def recommended_here(
    place: DeltaGenerator, study: Study, query: Mapping[str, str | list[str]] | None = None
) -> None:
    """The sentence of a study in its place on Home and on Evidence, or why there is none; with the
    way to the evidence where that has the address ``query``."""
    try:
        sentence = recommended(study).sentence
    except TaskPGMError as error:
        place.warning(escape(str(error)))
        return
    what, _, why = sentence.partition(": ")
    with place:
        heading(what)
        if why:
            st.markdown(escape(why[:1].upper() + why[1:]))
        if query is not None:
            st.page_link("pages/evidence.py", label="See the evidence", query_params=dict(query))
