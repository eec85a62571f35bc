"""The Compare page: mixtures side by side, saved under a name, or imported from a file."""

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
from taskpgm_core.analysis.trade_off import standing
from taskpgm_core.errors import TaskPGMError
from taskpgm_core.figures.compare import ordered
from taskpgm_core.figures.numbers import counted, scientific, shorten
from taskpgm_core.findings.compare import moved as share_moved
from taskpgm_core.findings.glossary import GLOSSARY
from taskpgm_core.findings.tradeoff import frontier_formula
from taskpgm_core.mixture.solution import effective_tasks
from taskpgm_core.records import Array, read_only
from taskpgm_core.similarity_measures import measure_title

HERE = "this mixture"
UNIFORM = "uniform"
SAME = 1e-9
"""L1 below which two mixtures are one, told under both names."""


@dataclass(frozen=True, eq=False)
class ComparedMixtures:
    """Mixtures over the union of their tasks: ``weights`` (mixtures, n), the baseline first.

    NaN where a mixture never had the task. ``facts``: {what: value} for each mixture.
    """

    tasks: tuple[str, ...]
    names: tuple[str, ...]
    weights: Array
    facts: tuple[dict[str, object], ...]


def _labels(scene: Scene, kept: Sequence[Scenario]) -> dict[str, str]:
    return cached.labelled(kept, {"": HERE} | cached.baselines(scene.study))


def pick_beside(scene: Scene) -> list[Scenario]:
    """Controls for what stands beside this mixture and what is pinned; all scenarios kept here."""
    kept, broken = saved_mixtures.list_scenarios()
    for file, sentence in broken:
        st.warning(escape(f"{file} cannot be shown. {sentence}"))
    known = _labels(scene, kept)
    known.pop("")
    for gone in {*scene.view.beside, scene.view.baseline} - {"", *known}:
        st.warning(f"The mixture {gone[:8]} is no longer here; it is left out.")
    st.session_state["pick-beside"] = [i for i in scene.view.beside if i in known]
    st.session_state["pick-baseline"] = (
        scene.view.baseline if scene.view.baseline in known else UNIFORM
    )
    which, pin = st.columns([2, 1], gap="large")
    with which:
        st.multiselect(
            "Beside this mixture",
            list(known),
            format_func=known.__getitem__,
            key="pick-beside",
            on_change=lambda: moved(beside=tuple(st.session_state["pick-beside"])),
            placeholder="Choose saved mixtures, or a reference",
            help="Mixtures that people saved on this server, and reference mixtures.",
        )
    with pin:
        st.selectbox(
            "Baseline",
            list(known),
            format_func=known.__getitem__,
            key="pick-baseline",
            on_change=lambda: moved(baseline=st.session_state["pick-baseline"]),
            help=GLOSSARY["baseline"],
        )
    return kept


def compared_mixtures(scene: Scene, kept: Sequence[Scenario]) -> ComparedMixtures:
    """The baseline (uniform where none is pinned), this mixture, and those chosen.

    Mixtures that are the same stand once, under all their names. Where this leaves a single one,
    and nothing was chosen, the size-proportional mixture stands beside it if sizes are known.
    """
    found = _compared(scene, kept, scene.view.beside)
    if len(found.names) == 1 and not scene.view.beside and scene.study.rows is not None:
        found = _compared(scene, kept, ("proportional",))
    return found


def _compared(scene: Scene, kept: Sequence[Scenario], beside: Sequence[str]) -> ComparedMixtures:
    named = {s.id: s for s in kept}
    called = _labels(scene, kept)
    references = cached.baselines(scene.study)
    known = {"", *named, *references}
    baseline = scene.view.baseline if scene.view.baseline in known else ""
    chosen = [i for i in dict.fromkeys([baseline or UNIFORM, "", *beside]) if i in known]
    tasks = list(scene.study.names)
    for identifier in chosen:
        if identifier in named:
            tasks += [t for t in named[identifier].tasks if t not in set(tasks)]
    rows: list[Array] = []
    names: list[str] = []
    facts: list[dict[str, object]] = []
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
                "measure": measure_title(scene.view.question.measure),
            }
            if not identifier:
                fact |= {"balance": f"{scene.view.question.balance:.4g}"}
                fact["certified gap"] = scientific(cached.solution(scene.study, scene.view).gap)
        twin = next((k for k, other in enumerate(rows) if 2 * share_moved(row, other) < SAME), None)
        if twin is None:
            rows.append(row)
            names.append(name)
            facts.append(_standing(scene, row) | fact)
        else:
            names[twin] = f"{names[twin]} ({name})"
            facts[twin] = fact | facts[twin]
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
        ((rewarded, alike),) = standing(cached.problem(scene.study, scene.view), p[:n])
        facts["representative"], facts["diverse"] = float(rewarded), -float(alike)
    return facts


def _kept_facts(scene: Scene, scenario: Scenario) -> dict[str, object]:
    gap = scenario.certificate.get("gap")
    return {
        "study": scenario.study,
        "measure": measure_title(scenario.measure),
        "balance": scenario.controls.get("balance", "1") if scenario.certificate else "",
        "certified gap": scientific(float(gap)) if gap is not None else "not solved for",
        "saved": scenario.saved[:16].replace("T", " "),
        "stale": scenario.stale(scene.study),
    }


def weights_table(beside: ComparedMixtures, finding: str, *, differing: bool) -> None:
    """Shares and differences to the baseline, task by task."""
    heading(
        finding,
        f"Gained: percentage points of the budget more than in {beside.names[0]}; "
        "below zero, lost.",
    )
    shown = ordered(beside.weights, differing=differing)
    columns: dict[str, object] = {"task": [beside.tasks[i] for i in shown]}
    looks = {"task": st.column_config.TextColumn(width=130)}
    for k, (name, row) in enumerate(zip(beside.names, beside.weights, strict=True)):
        columns[f"share {k}"] = 100 * row[shown]
        looks[f"share {k}"] = st.column_config.NumberColumn(shorten(name), format="%.1f%%")
        if k:
            columns[f"change {k}"] = 100 * (row - beside.weights[0])[shown]
            looks[f"change {k}"] = st.column_config.NumberColumn("gained", format="%+.1f", width=66)
    st.dataframe(
        pd.DataFrame(columns),
        hide_index=True,
        column_config=looks,
        height=min(440, 36 * (len(shown) + 1)),
    )


def facts_table(scene: Scene, beside: ComparedMixtures) -> None:
    """What each mixture is, one line a mixture."""
    heading(
        "What each of them is",
        "Representative and diverse by the study and measure shown; more is better.",
        frontier_formula(cached.problem(scene.study, scene.view)),
    )
    rows = [
        {"mixture": n, "moved": f["moved"]} | f
        for n, f in zip(beside.names, beside.facts, strict=True)
    ]
    table = pd.DataFrame(rows).drop(columns="stale", errors="ignore")
    words = table.columns.intersection(["study", "measure", "balance", "certified gap", "saved"])
    table[words] = table[words].fillna("")
    number = st.column_config.NumberColumn
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "moved": number("budget moved", format="%.1f%%", help=GLOSSARY["budget moved"]),
            "effective": number(
                "effective number of tasks",
                format="%.1f",
                help=GLOSSARY["effective number of tasks"],
            ),
            "representative": number(format="%.3f"),
            "diverse": number(format="%.3f"),
            "certified gap": st.column_config.TextColumn(help=GLOSSARY["certified gap"]),
        },
    )
    for name, fact in zip(beside.names, beside.facts, strict=True):
        if fact.get("stale"):
            st.warning(escape(f"{name}: {fact['stale']}"))


SAVED = "mixture-saved"
SHARED = "Everyone who can open this server sees, changes and deletes what is saved here."


def keep_this(scene: Scene) -> None:
    """Name the mixture on the dial and save it, with notes; the page stays as it is."""
    heading("Save this mixture", SHARED, word="save")

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
        help="Saved as you go under this page's address, whether or not you name the mixture.",
    )
    with st.form("keep", border=False, clear_on_submit=True):
        name = st.text_input(
            "Name", max_chars=LONGEST_NAME, help="What everyone on this server sees it by."
        )
        wanted = st.form_submit_button("Save", icon=":material/bookmark_add:")
    named = {"name": name, "notes": drafts.notes_of(scene.view)}
    if wanted and (saved := _saved(scene, drafts.scenario, **named)):
        st.session_state[SAVED] = saved.name
        st.rerun()
    if name := st.session_state.pop(SAVED, ""):
        st.success(escape(f"{name} is saved; pick it above to lay it beside another mixture."))


def bring(scene: Scene) -> None:
    """Save a mixture from a file and lay it beside the others."""
    heading(
        "Import a mixture",
        "JSON {task: weight}, an answer of solve --json, or CSV with columns task,weight.",
        word="import",
    )
    with st.form("bring", border=False, clear_on_submit=True):
        file = st.file_uploader(
            "File",
            type=MIXTURE_FILES,
            max_upload_size=1,
            help="Weights by task id; they are scaled to add up to 1.",
        )
        if st.form_submit_button("Import", icon=":material/upload_file:"):
            if file is None:
                st.error("Choose a file first.")
            elif saved := _saved(scene, mixture_from_file, name=file.name, data=file.getvalue()):
                moved(beside=(*scene.view.beside, saved.id))
                st.rerun()


def _saved(scene: Scene, make: Callable[..., Scenario], **named: str | bytes) -> Scenario | None:
    try:
        return saved_mixtures.save(make(scene.study, scene.view, **named))
    except TaskPGMError as error:
        st.error(escape(str(error)))
        return None


def kept_here(scene: Scene, kept: Sequence[Scenario]) -> None:
    """Every scenario on this server with its notes, to open, edit or delete."""
    if not kept:
        heading("Nothing is saved here yet", "Save this mixture, or import one from a file.")
        return
    heading(f"{counted(len(kept), 'mixture')} saved on this server", SHARED)
    called = _labels(scene, kept)
    chosen = st.selectbox(
        "Saved mixture",
        [s.id for s in kept],
        format_func=called.__getitem__,
        key="pick-kept",
        help=GLOSSARY["save"],
    )
    scenario = next((s for s in kept if s.id == chosen), kept[0])
    when = scenario.saved[:16].replace("T", " ")
    made = "solved" if scenario.certificate else f"from {scenario.origin}"
    st.caption(
        escape(
            f"{scenario.study}, {measure_title(scenario.measure)}, {made}, "
            f"{counted(scenario.support, 'task')}; {when} UTC"
        )
    )
    if scenario.trained:
        st.markdown(escape(" ".join(scenario.trained)))
    if stale := scenario.stale(scene.study):
        st.warning(escape(stale))
    notes = f"kept-notes-{scenario.id}-{scenario.saved}"
    text = st.text_area(
        "Its notes",
        scenario.notes,
        key=notes,
        max_chars=LONGEST_NOTES,
        height=110,
        help="Why it was saved, for whoever opens it next.",
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
