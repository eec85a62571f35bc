"""The Compare page: mixtures side by side, kept under a name, or brought from a file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import streamlit as st

from pages.ui import cached, drafts
from pages.ui.anchor import MIXTURE_FILES, mixture_from_file
from pages.ui.chart import escape, heading
from pages.ui.controls import go, moved
from pages.ui.layout import Scene
from taskpgm_core.analysis import saved_mixtures
from taskpgm_core.analysis.saved_mixtures import LONGEST_NAME, LONGEST_NOTES, Scenario
from taskpgm_core.errors import TaskPGMError
from taskpgm_core.figures.compare import ordered
from taskpgm_core.figures.numbers import scientific
from taskpgm_core.findings.compare import moved as share_moved
from taskpgm_core.mixture.solution import effective_tasks
from taskpgm_core.records import Array, measure_words, read_only

HERE = "this mixture"


@dataclass(frozen=True, eq=False)
class ComparedMixtures:
    """Mixtures over the union of their tasks: ``weights`` (mixtures, n), the baseline first.

    NaN where a mixture never had the task. ``facts``: {what: value} for each mixture.
    """

    tasks: tuple[str, ...]
    names: tuple[str, ...]
    weights: Array
    facts: tuple[dict[str, object], ...]


def labels(kept: Sequence[Scenario]) -> dict[str, str]:
    """{id: name} of scenarios; where two share a name, with the time they were saved."""
    names = [scenario.name for scenario in kept]
    return {
        s.id: s.name if names.count(s.name) == 1 else f"{s.name} ({s.saved[:16].replace('T', ' ')})"
        for s in kept
    }


def pick_beside(scene: Scene) -> list[Scenario]:
    """Controls for what stands beside this mixture and what is pinned; all scenarios kept here."""
    kept, broken = saved_mixtures.list_scenarios()
    for file, sentence in broken:
        st.warning(f"{file} cannot be shown. {sentence}")
    known = cached.baselines(scene.study) | labels(kept)
    for gone in {*scene.view.beside, scene.view.baseline} - {"", *known}:
        st.warning(f"The scenario {gone[:8]} is no longer here; it is left out.")
    st.session_state["pick-beside"] = [i for i in scene.view.beside if i in known]
    st.session_state["pick-baseline"] = scene.view.baseline if scene.view.baseline in known else ""
    which, pin = st.columns([2, 1], gap="large")
    with which:
        st.multiselect(
            "Beside this mixture",
            list(known),
            format_func=known.__getitem__,
            key="pick-beside",
            on_change=lambda: moved(beside=tuple(st.session_state["pick-beside"])),
            placeholder="Choose scenarios, or a reference",
            help="Scenarios that people kept on this server, and reference mixtures.",
        )
    with pin:
        st.selectbox(
            "Baseline",
            ["", *known],
            format_func=lambda i: known.get(i, HERE),
            key="pick-baseline",
            on_change=lambda: moved(baseline=st.session_state["pick-baseline"] or ""),
            help="Pinned: all differences are taken against it, on every page that shows one.",
        )
    return kept


def compared_mixtures(scene: Scene, kept: Sequence[Scenario]) -> ComparedMixtures:
    """The baseline, this mixture, and those chosen; with nothing chosen, uniform beside it."""
    named = {s.id: s for s in kept}
    called = labels(kept)
    references = cached.baselines(scene.study)
    chosen = [scene.view.baseline, "", *scene.view.beside]
    chosen = [i for i in dict.fromkeys(chosen) if not i or i in named or i in references]
    if len(chosen) == 1:
        chosen.append("uniform")
    tasks = list(scene.study.names)
    for identifier in chosen:
        if identifier in named:
            tasks += [t for t in named[identifier].tasks if t not in set(tasks)]
    rows, names, facts = [], [], []
    for identifier in chosen:
        if identifier in named:
            row, name = named[identifier].over(tasks), called[identifier]
            fact = _kept_facts(scene, named[identifier])
        else:
            name, p = HERE, cached.solution(scene.study, scene.view).p
            if identifier:
                name = references[identifier]
                p = cached.named_mixture(scene.study, scene.view, identifier)
            row = read_only([*p, *[np.nan] * (len(tasks) - len(p))])
            fact = {
                "study": scene.study.slug,
                "measure": measure_words(scene.view.question.measure),
            }
            if not identifier:
                fact |= {"balance": f"{scene.view.question.balance:.4g}"}
                fact["certified gap"] = scientific(cached.solution(scene.study, scene.view).gap)
        rows.append(row)
        names.append(name)
        facts.append(_standing(scene, row) | fact)
    weights = np.array(rows)
    for fact, row in zip(facts, weights, strict=True):
        fact["moved"] = 100 * share_moved(row, weights[0])
    return ComparedMixtures(tuple(tasks), tuple(names), weights, tuple(facts))


def _standing(scene: Scene, row: Array) -> dict[str, object]:
    """What a mixture is worth by the measure shown; unknown where it has tasks that have none."""
    n = len(scene.study.tasks)
    p = np.nan_to_num(row)
    facts: dict[str, object] = {
        "tasks": int((p > 0).sum()),
        "effective": effective_tasks(p),
        "representative": None,
        "diverse": None,
    }
    if not np.isnan(row[:n]).any() and not p[n:].any():
        problem = cached.problem(scene.study, scene.view)
        S = problem.similarity.matrix
        facts["representative"] = float(p[:n] @ problem.unary) / n
        facts["diverse"] = -float(p[:n] @ S @ p[:n])
    return facts


def _kept_facts(scene: Scene, scenario: Scenario) -> dict[str, object]:
    gap = scenario.certificate.get("gap")
    return {
        "study": scenario.study,
        "measure": measure_words(scenario.measure),
        "balance": scenario.controls.get("balance", "1") if scenario.certificate else "",
        "certified gap": scientific(float(gap)) if gap is not None else "not solved for",
        "saved": scenario.saved[:16].replace("T", " "),
        "stale": scenario.stale(scene.study),
    }


def weights_table(beside: ComparedMixtures, finding: str, *, differing: bool) -> None:
    """Shares and differences to the baseline, task by task."""
    heading(
        finding,
        f"Shares in percent; differences to {escape(beside.names[0])} in percentage points.",
    )
    shown = ordered(beside.weights, differing=differing)
    columns: dict[str, object] = {"task": [beside.tasks[i] for i in shown]}
    looks = {}
    for k, (name, row) in enumerate(zip(beside.names, beside.weights, strict=True)):
        columns[f"share {k}"] = 100 * row[shown]
        looks[f"share {k}"] = st.column_config.NumberColumn(name, format="%.1f%%")
        if k:
            columns[f"change {k}"] = 100 * (row - beside.weights[0])[shown]
            looks[f"change {k}"] = st.column_config.NumberColumn("difference", format="%+.1f")
    st.dataframe(pd.DataFrame(columns), hide_index=True, column_config=looks, height=440)


def facts_table(beside: ComparedMixtures) -> None:
    """What each mixture is, one line a mixture."""
    heading(
        "What each of them is",
        "Representative (p′Sw) and diverse (−p′Sp) by the study and measure shown; more is better.",
    )
    rows = [{"mixture": n} | f for n, f in zip(beside.names, beside.facts, strict=True)]
    table = pd.DataFrame(rows).drop(columns="stale", errors="ignore")
    words = table.columns.intersection(["study", "measure", "balance", "certified gap", "saved"])
    table[words] = table[words].fillna("")
    number = st.column_config.NumberColumn
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "moved": number("moved from the baseline", format="%.1f%%"),
            "effective": number("effective number", format="%.1f"),
            "representative": number(format="%.3f"),
            "diverse": number(format="%.3f"),
        },
    )
    for name, fact in zip(beside.names, beside.facts, strict=True):
        if fact.get("stale"):
            st.warning(escape(f"{name}: {fact['stale']}"))


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
            type=MIXTURE_FILES,
            max_upload_size=1,
            help="Weights by task id; they are scaled to add up to 1.",
        )
        if st.form_submit_button("Bring in", icon=":material/upload_file:"):
            if file is None:
                st.error("Choose a file first.")
            else:
                _keep(scene, mixture_from_file, name=file.name, data=file.getvalue())


def _keep(scene: Scene, make: Callable[..., Scenario], **named: str | bytes) -> None:
    try:
        kept = saved_mixtures.save(make(scene.study, scene.view, **named))
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
            f"{scenario.study}, {measure_words(scenario.measure)}, {made}, "
            f"{scenario.support} tasks; {when} UTC"
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
            _changed(lambda: saved_mixtures.save(replace(scenario, notes=text)))
        with st.popover("Delete"):
            st.write("It goes for everyone on this server.")
            if st.button("Delete it", key=f"delete-{scenario.id}"):
                _changed(lambda: saved_mixtures.delete(scenario.id))


def _changed(act: Callable[[], object]) -> None:
    try:
        act()
    except TaskPGMError as error:
        st.error(escape(str(error)))
        return
    st.rerun()
