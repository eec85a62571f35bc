"""The anchor: which mixture the middle of the dial is, or what one is judged by instead."""

import streamlit as st

from pages.ui import cached
from pages.ui.chart import escape
from pages.ui.controls import moved
from pages.ui.judged_by import judges_name, pick_judges
from pages.ui.panel import panel
from pages.ui.url_state import View, usable
from taskpgm_core.analysis import saved_mixtures
from taskpgm_core.analysis.mixture_reference import referred_tasks, tasks_reference
from taskpgm_core.analysis.saved_mixtures import LONGEST_NAME, Scenario
from taskpgm_core.errors import TaskPGMError
from taskpgm_core.figures.numbers import shorten
from taskpgm_core.findings import mixture as findings
from taskpgm_core.findings.glossary import GLOSSARY
from taskpgm_core.records import Study
from taskpgm_core.store import parse_mixture

MIXTURE_FILES = ["json", "csv", "tsv", "yaml", "yml", "sh"]
"""Endings of the files that a mixture is read from."""
CHOSEN = "task:"
"""In the list of anchors: the chosen tasks, whichever they are."""
SIZES = ("uniform", "proportional", "square-root", "temperature")


def pick_anchor(study: Study, view: View) -> None:
    """A popover with every way to say what the mixture should represent."""
    judges = judges_name(view)
    said = f"Judged by: {judges}" if judges else f"Anchor: {shorten(cached.anchor_name(view), 24)}"
    with panel(escape(said), "anchor"):
        names = {name: cached.baseline_title(name) for name in SIZES if usable(name, study)}
        names[CHOSEN] = "chosen tasks"
        kept, _ = saved_mixtures.list_scenarios()
        names = cached.labelled([s for s in kept if set(s.tasks) == set(study.names)], names)
        asked = view.question.anchor
        targets = referred_tasks(asked, study.names)
        shown = CHOSEN if targets else asked
        names.setdefault(shown, cached.anchor_name(view))

        def changed() -> None:
            anchor = st.session_state["pick-anchor"]
            if anchor == CHOSEN:
                anchor = tasks_reference(view.tasks or study.names[:1])
            moved(anchor=anchor, anchor_name="")

        st.session_state["pick-anchor"] = shown
        st.selectbox(
            "Anchor",
            list(names),
            format_func=names.__getitem__,
            key="pick-anchor",
            on_change=changed,
            help=f"{GLOSSARY['anchor']} Below 1 the mixture moves from it towards diversity, above "
            "1 towards the tasks that represent it best.",
        )
        if targets:
            st.session_state["pick-targets"] = list(targets)
            st.multiselect(
                "Chosen tasks",
                study.names,
                key="pick-targets",
                on_change=lambda: moved(
                    anchor=tasks_reference(st.session_state["pick-targets"] or targets)
                ),
                help="The tasks that matter in the end, each alike: the mixture then represents "
                "these.",
            )
        pick_judges(study, view)
        _upload(study, view)


def _upload(study: Study, view: View) -> None:
    with st.form("anchor-file", border=False, clear_on_submit=True):
        file = st.file_uploader(
            "Or a mixture from a file",
            type=MIXTURE_FILES,
            max_upload_size=1,
            help="JSON or YAML {task: weight}, a CSV with columns task,weight, or the mixer of a "
            "trainer that recipes are written for. It is saved on this server under the file's "
            "name, so that a link to it works.",
        )
        if st.form_submit_button("Anchor at it") and file is not None:
            try:
                kept = saved_mixtures.save(
                    mixture_from_file(study, view, name=file.name, data=file.getvalue())
                )
            except TaskPGMError as error:
                st.error(escape(str(error)))
                return
            moved(anchor=kept.id, anchor_name="")
            st.rerun()


def mixture_from_file(study: Study, view: View, *, name: str, data: bytes) -> Scenario:
    """A scenario from a file's bytes; MixtureError where it is no mixture of the study's tasks."""
    return Scenario(
        study.slug,
        study.content,
        view.question.measure,
        study.names,
        parse_mixture(data, name, study.names, study.tasks),
        controls={"study": view.study, "measure": view.question.measure},
        origin=name,
        name=name[:LONGEST_NAME],
    )


def no_middle(study: Study, view: View) -> str:
    """Why balance 1 is not the anchor itself; empty where it is."""
    if cached.solution(study, view).status != "optimal":
        return ""
    return findings.no_middle(cached.problem(study, view), cached.path(study, view))
