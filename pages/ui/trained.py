"""The finished runs of a study, read and compared once; anew where runs were added."""

import streamlit as st

from pages.ui.url_state import View
from taskpgm_core import store
from taskpgm_core.evidence.balance_runs import balance_runs
from taskpgm_core.findings.trained_mixtures import TrainedMixtures
from taskpgm_core.records import Study


@st.cache_resource(max_entries=16, show_spinner=False)
def _trained(runs: str, asked: str, _study: Study, _view: View) -> tuple[TrainedMixtures | None]:
    return (balance_runs(_study, _view.question),)


def trained(study: Study, view: View) -> TrainedMixtures | None:
    """What training gave, by the view's balance; StoreError where finished runs are damaged."""
    runs = store.evidence_version(study)
    return _trained(f"{study.key} {runs}", view.question.key, study, view)[0]
