"""The frame of every page: title, way round, study and measure, and what went wrong."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NoReturn
from urllib.parse import urlsplit

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.ui import cached, drafts
from pages.ui.anchor import pick_anchor
from pages.ui.chart import escape
from pages.ui.constraints import drop_limits, pick_limits
from pages.ui.controls import bind, pick_measure, pick_study
from pages.ui.question_header import pick_question
from pages.ui.url_state import View, names, read_view
from taskpgm_core.errors import TaskPGMError
from taskpgm_core.figures.theme import PALETTES, Palette
from taskpgm_core.records import Study
from taskpgm_core.store import list_studies

PAGES = {
    "app.py": "Studies",
    "pages/mixture.py": "Mixture",
    "pages/graph.py": "Task graph",
    "pages/similarity.py": "Similarity",
    "pages/tradeoff.py": "Trade-off",
    "pages/selection.py": "Selection",
    "pages/why.py": "Why",
    "pages/compare.py": "Compare",
    "pages/evidence.py": "Evidence",
    "pages/build.py": "Build",
    "pages/report.py": "Report",
}
STYLE = Path(__file__).with_name("style.css")
FILL = "make study"
IMPORT = "python -m taskpgm_core import FILE --kind similarity --tasks tasks.csv"


@dataclass(frozen=True)
class Scene:
    """What a page works on. ``studies``: all usable ones by their name in the address; ``answer``:
    the place below the title where a page says what is recommended."""

    study: Study
    view: View
    palette: Palette
    studies: dict[str, Study]
    broken: list[tuple[str, str]]
    answer: DeltaGenerator


def frame(
    question: str,
    *,
    pickers: bool = True,
    dial: bool = False,
    empty: Callable[[], None] | None = None,
) -> Scene:
    """Draw what all pages share and say what to show; stops the page where nothing can be shown.

    A page without ``pickers`` is about all studies and lists every broken one; one with a ``dial``
    has balance and resolution on it. ``empty`` draws what comes last where there is no study.
    """
    st.set_page_config(page_title=f"{question} · TaskPGM", layout="wide")
    st.html(STYLE)
    found, broken = list_studies()
    studies = names(found)
    if not studies:
        _way_round({})
        st.title("No study yet")
        _broken(broken)
        st.markdown(
            "A study holds what single-task models do on one another's examples. "
            "Build one from real models, or bring a similarity matrix that you already have:"
        )
        st.code(f"{FILL}\n{IMPORT}", language=None)
        st.markdown("Then reload this page.")
        if empty:
            empty()
        st.stop()
    query = {name: st.query_params.get_all(name) for name in st.query_params}
    view, ignored = read_view(query, studies)
    bind(view, len(studies[view.study].tasks))
    _way_round(view.query)
    study = studies[view.study]
    with st.container(
        horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"
    ):
        st.title(question, width="content", anchor=False)
        if pickers:
            pickers_place = st.container(
                horizontal=True, width="content", vertical_alignment="bottom"
            )
    answer = st.container()
    asked = query.get("study", [""])[-1:]
    _broken([b for b in broken if not pickers or b[0] in asked or b[0][:-13] in asked])
    for sentence in ignored:
        st.warning(escape(sentence))
    if pickers:
        with pickers_place:
            pick_study(studies)
            pick_measure(study)
        try:
            with pickers_place:
                cached.similarity(study, view)
                pick_anchor(study, view)
                pick_limits(study, view)
                if not dial:
                    pick_question(study, view)
            solution = cached.solution(study, view)
            drafts.keep(study, view)
        except TaskPGMError as error:
            _refuse(str(error), view)
        if solution.status != "optimal":
            _refuse(solution.message, view)
    palette = PALETTES["dark" if st.context.theme.type == "dark" else "light"]
    return Scene(study, view, palette, studies, broken, answer)


def outline(question: str) -> None:
    """What a page has that needs no study: title and way round, the address kept as it is."""
    st.set_page_config(page_title=f"{question} · TaskPGM", layout="wide")
    st.html(STYLE)
    _way_round({name: st.query_params.get_all(name) for name in st.query_params})
    st.title(question, anchor=False)


def _way_round(query: dict[str, str | list[str]]) -> None:
    with st.container(horizontal=True, key="way-round", vertical_alignment="center"):
        st.markdown("**TaskPGM**", width="content")
        shown = PurePosixPath(urlsplit(st.context.url or "").path).name or "app"
        for page, label in PAGES.items():
            here = Path(page).stem == shown
            with st.container(key="here", width="content") if here else nullcontext():
                st.page_link(page, label=label, query_params=query)


def _refuse(sentence: str, view: View) -> NoReturn:
    st.error(escape(sentence))
    if view.question.limits:
        st.button("Drop all limits", on_click=drop_limits, key="drop-limits")
    st.stop()


def _broken(broken: list[tuple[str, str]]) -> None:
    for folder, sentence in broken:
        st.error(escape(f"{folder} cannot be shown. {sentence}"))
