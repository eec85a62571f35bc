"""A study at a glance: what it is, where it comes from, its headline mixture."""

from collections.abc import Mapping
from math import inf

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.ui import cached
from pages.ui.chart import escape
from pages.ui.url_state import BUDGET, View
from taskpgm_core.analysis.question import Question
from taskpgm_core.errors import TaskPGMError
from taskpgm_core.figures.mixture import MARKS, headline
from taskpgm_core.figures.numbers import count, shorten
from taskpgm_core.figures.theme import Palette
from taskpgm_core.findings import mixture as findings
from taskpgm_core.findings.rows_left_out import incomplete_rows
from taskpgm_core.findings.skills import (
    groups_finding,
    headline_words,
    resolution_words,
    skills_counted,
)
from taskpgm_core.mixture.kernel import Kernel
from taskpgm_core.records import Study

SHOWN = 5


def study_card(name: str, study: Study, palette: Palette) -> DeltaGenerator:
    """The card, and the place in it where the recommendation goes.

    A study whose arrays are damaged shows its sentence instead of its mixture.
    """
    view, damaged = View(name, Question(study.measures[0], budget=BUDGET)), ""
    even = view
    try:
        even = headline_view(name, study)
    except TaskPGMError as error:
        damaged = str(error)
    st.header(escape(name), divider="gray")
    kernel = None if damaged else cached.kernel(study, even)
    answer = st.container(key=f"answer-{name}")
    if kernel is not None:
        found = groups_finding(kernel)
        st.markdown(f"**{escape(skills_counted(kernel))}.** {escape(found)}")
    _steps(view)
    facts, mixture = st.columns([2, 3], gap="large")
    with facts:
        for line in provenance(study):
            st.markdown(line)
        if kernel is not None and kernel.finite:
            scale = "; JSD goes from 0 nats to 0.69" if kernel.measured.measure == "jsd" else ""
            said = f"tasks nearer than {resolution_words(kernel)} count as about one{scale}"
            st.markdown(escape(said))
    with mixture:
        if kernel is None:
            st.error(escape(damaged))
        else:
            _headline(study, even, kernel, palette)
    return answer


def made_of_these(studies: Mapping[str, Study]) -> dict[str, Study]:
    """Those that remove-task made from a study that is here too, and that need no card."""
    digests = {study.digest for study in studies.values()}
    return {
        name: study
        for name, study in studies.items()
        if study.facts.get("derived", {}).get("from") in digests
    }


def study_line(name: str, study: Study) -> None:
    """A study in one line: its way, how many skills it holds, what it was made from."""
    try:
        said = escape(skills_counted(cached.kernel(study, headline_view(name, study))))
    except TaskPGMError as error:
        said = escape(str(error))
    view = View(name, Question(study.measures[0], budget=BUDGET))
    way, line = st.columns([1, 4], vertical_alignment="center")
    way.page_link("pages/mixture.py", label=name, query_params=view.query)
    line.markdown(f"{said}; made from {escape(study.origin.partition(';')[0])}")


def _steps(view: View) -> None:
    """What to do with a study, in order."""
    mixture, why, report = "pages/mixture.py", "pages/why.py", "pages/report.py"
    with st.container(horizontal=True):
        for page, label in (
            (mixture, "1. See it"),
            (why, "2. Ask why"),
            (report, "3. Take it along"),
        ):
            st.page_link(page, label=label, query_params=view.query)


def _headline(study: Study, view: View, kernel: Kernel, palette: Palette) -> None:
    """The mixture that counts every skill once, or the nearest thing the measure allows."""
    solution = cached.solution(study, view)
    for alarm in cached.raised(study, view):
        if alarm.level == "warning":
            st.warning(escape(alarm.sentence))
    references = cached.references(study)
    shown = f"The {SHOWN} largest shares" if len(study.tasks) > SHOWN else "The shares"
    marks = ", ".join(f"{mark} {name}" for mark, name in zip(MARKS, references, strict=False))
    words = headline_words(kernel, view.question.balance)
    st.markdown(escape(f"To explore: {words}."))
    st.caption(f"{escape(findings.mixture_finding(study.names, solution.p))}. {shown}; {marks}.")
    st.html(headline(study.names, solution.p, references, limit=SHOWN, palette=palette))
    st.page_link("pages/mixture.py", label="Open this mixture", query_params=view.query)


def headline_view(name: str, study: Study) -> View:
    """Even over skills; halfway to pure diversity where the measure tells no skills apart."""
    even = View(name, Question(study.measures[0], 0.0, budget=BUDGET))
    if cached.kernel(study, even).finite:
        return even
    return even.moved(balance=cached.HEADLINE, resolution=inf)


def provenance(study: Study) -> list[str]:
    """Lines of Markdown that say where a study comes from."""
    families = len({task.family for task in study.tasks if task.family})
    lines = [escape(str(about))] if (about := (study.plan or {}).get("about")) else []
    lines += [
        f"**{len(study.tasks)} tasks**" + (f" in {families} families" if families > 1 else ""),
    ]
    if study.targets:
        what = "target" if len(study.targets) == 1 else "targets"
        named = escape(", ".join(map(shorten, study.target_names[:SHOWN])))
        more = " and more" if len(study.targets) > SHOWN else ""
        lines.append(f"{len(study.targets)} {what}, scored and never trained on: {named}{more}")
    if study.rows is not None:
        lines.append(f"{count(study.rows.sum())} rows to train on")
    if left := incomplete_rows(study.tasks):
        lines.append(escape(left))
    if study.kind == "imported":
        lines.append(f"imported from {escape(str(study.facts.get('file', 'a file')))}")
    elif study.kind == "served":
        lines.append(f"log-probabilities from {escape(str(study.facts.get('file', 'a file')))}")
    elif study.kind == "text":
        lines.append("compared by words alone, without models")
    else:
        lines.append(_measured(study))
    lines += [f":orange[{escape(w)}]" for w in study.facts.get("warnings", ())]
    if study.origin:
        lines.append(f"made from {escape(study.origin)}")
    lines.append(f"digest `{study.digest[:12]}`")
    return lines


def _measured(study: Study) -> str:
    base = str((study.plan or {}).get("base") or "").rpartition("/")[2]
    seconds = study.facts.get("seconds")
    said = f"measured with {escape(base)}" if base else "measured"
    how = {"device": " on {}", "dtype": " in {}"}
    on = "".join(form.format(study.facts[k]) for k, form in how.items() if k in study.facts)
    took = f", {float(seconds) / 60:.0f} minutes" if seconds else ""
    return said + escape(on.replace(" cpu", " CPU").replace(" cuda", " CUDA")) + took
