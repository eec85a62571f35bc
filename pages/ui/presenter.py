"""The story of a study in front of an audience: one sentence and one picture a step."""

from typing import NoReturn
from urllib.parse import urlencode

import streamlit as st

from pages.ui import cached
from pages.ui.balance_dial import dial_question, path_and_graph
from pages.ui.chart import escape
from pages.ui.controls import bind
from pages.ui.explanations import asked, explanation
from pages.ui.layout import STYLE, Scene
from pages.ui.recommended import recommended
from pages.ui.trained import trained
from pages.ui.url_state import View, names, read_view
from taskpgm_core.errors import TaskPGMError
from taskpgm_core.exports import EXPORTERS
from taskpgm_core.figures.story import step_figure
from taskpgm_core.figures.theme import PALETTES, Palette
from taskpgm_core.findings.story import LIVE, Step, story
from taskpgm_core.findings.trained_mixtures import TrainedMixtures
from taskpgm_core.findings.why import reward_words
from taskpgm_core.records import Study
from taskpgm_core.report.static_charts.svg import svg
from taskpgm_core.store import list_studies
from taskpgm_core.widgets.balance_dial import presenter_data, script, style

WIDTH, NARROW = 720, 560
"""Pixels that pictures are drawn for, those of bars narrower; the screen shows them larger."""


def presenting() -> bool:
    """Whether the address asks for the story."""
    return st.query_params.get("present") == "1"


def offer(view: View) -> None:
    """The way to the story."""
    st.button(
        "Present",
        icon=":material/slideshow:",
        key="present",
        on_click=lambda: _asked_for(view),
        help="One sentence and one picture a step, under the arrow keys. Esc comes back.",
    )


def _asked_for(view: View) -> None:
    """The address of the story of a view (a link to the page that one is on does not move)."""
    st.query_params.from_dict({**view.query, "present": "1"})


def present(question: str) -> NoReturn:
    """Show the story of the address and nothing else."""
    st.set_page_config(page_title=f"{question} · TaskPGM", layout="wide")
    st.html(STYLE)
    st.title(question, anchor=False)
    studies = names(list_studies()[0])
    if not studies:
        st.error("There is no study to present yet.")
        st.stop()
    query = {name: st.query_params.get_all(name) for name in st.query_params}
    view, _ = read_view(query, studies)
    study = studies[view.study]
    bind(view, len(study.tasks))
    dark = st.context.theme.type == "dark"
    scene = Scene(study, view, PALETTES["dark" if dark else "light"], studies, [], st.container())
    try:
        _show(scene)
    except TaskPGMError as error:
        st.error(escape(str(error)))
        st.page_link("pages/mixture.py", label="Back to the mixture", query_params=view.query)
    st.stop()


def _show(scene: Scene) -> None:
    study, view = scene.study, scene.view
    mount = st.components.v2.component("taskpgm_story", js=script("presenter"), css=style())
    mount(
        key="story",
        data=presenter_data(
            _drawn(scene, trained(study, view)),
            dial_question(study, view) | {"overlays": []},  # unmarked, the bars have the room
            f"mixture?{urlencode(view.query, doseq=True)}",
        ),
        on_balance_change=lambda: _asked_for(
            view.moved(balance=float(st.session_state["story"]["balance"]))
        ),
        on_resolution_change=lambda: None,
    )
    path_and_graph(study, view)


def _drawn(scene: Scene, came: TrainedMixtures | None) -> list[tuple[str, str, str, str | None]]:
    said = f"{asked(scene.view)} {scene.view.query}"
    verdict = recommended(scene.study).sentence
    return _steps(scene.study.key, said, scene.palette.name, came, verdict, scene.study, scene.view)


@st.cache_resource(max_entries=32, show_spinner=False)
def _steps(
    content: str,
    key: str,
    theme: str,
    came: TrainedMixtures | None,
    verdict: str,
    _study: Study,
    _view: View,
) -> list[tuple[str, str, str, str | None]]:
    palette = PALETTES[theme]
    told = steps(_study, _view, came, verdict)
    return [(s.name, s.title, s.sentence, _picture(s, palette)) for s in told]


def steps(study: Study, view: View, came: TrainedMixtures | None, verdict: str) -> tuple[Step, ...]:
    """The story of a view's mixture; ``came``: what training gave, ``verdict``: what that means."""
    solution = cached.solution(study, view)
    return story(
        cached.posed(study, view),
        solution,
        explanation(study, view),
        cached.graph(study, view),
        trained=came,
        verdict=verdict,
        allocation=cached.allocation(study, view, solution.p),
        trainers=[exporter.title for exporter in EXPORTERS.values()],
        rewarded=reward_words(view.question),
    )


def _picture(step: Step, palette: Palette) -> str | None:
    if step.name in LIVE:
        return None
    width = NARROW if "bars" in step.data else WIDTH
    figure = step_figure(step.data, palette)
    return svg(figure, label=step.sentence, width=width, palette=palette)
