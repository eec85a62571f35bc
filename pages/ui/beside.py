"""Mixtures laid beside the one on the dial: which ones, their weights, and facts about them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from pages.ui import load
from pages.ui.chart import escape, heading
from pages.ui.controls import moved
from pages.ui.frame import Scene
from taskpgm_core import scenarios
from taskpgm_core.figures.compare_findings import moved as share_moved
from taskpgm_core.figures.comparison import ordered
from taskpgm_core.figures.labels import scientific
from taskpgm_core.mixture.solution import effective_tasks
from taskpgm_core.records import Array, read_only
from taskpgm_core.scenarios import Scenario

HERE = "this mixture"


@dataclass(frozen=True, eq=False)
class Beside:
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
    kept, broken = scenarios.list_scenarios()
    for file, sentence in broken:
        st.warning(f"{file} cannot be shown. {sentence}")
    known = load.baselines(scene.study) | labels(kept)
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


def mixtures_beside(scene: Scene, kept: Sequence[Scenario]) -> Beside:
    """The baseline, this mixture, and those chosen; with nothing chosen, uniform beside it."""
    named = {s.id: s for s in kept}
    called = labels(kept)
    references = load.baselines(scene.study)
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
            name, p = HERE, load.solution(scene.study, scene.view).p
            if identifier:
                name = references[identifier]
                p = load.named_mixture(scene.study, scene.view, identifier)
            row = read_only([*p, *[np.nan] * (len(tasks) - len(p))])
            fact = {"study": scene.study.slug, "measure": scene.view.measure}
            if not identifier:
                fact |= {"balance": f"{scene.view.balance:.4g}"}
                fact["certified gap"] = scientific(load.solution(scene.study, scene.view).gap)
        rows.append(row)
        names.append(name)
        facts.append(_standing(scene, row) | fact)
    weights = np.array(rows)
    for fact, row in zip(facts, weights, strict=True):
        fact["moved"] = 100 * share_moved(row, weights[0])
    return Beside(tuple(tasks), tuple(names), weights, tuple(facts))


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
        problem = load.problem(scene.study, scene.view)
        S = problem.similarity.matrix
        facts["representative"] = float(p[:n] @ problem.unary) / n
        facts["diverse"] = -float(p[:n] @ S @ p[:n])
    return facts


def _kept_facts(scene: Scene, scenario: Scenario) -> dict[str, object]:
    gap = scenario.certificate.get("gap")
    return {
        "study": scenario.study,
        "measure": scenario.measure,
        "balance": scenario.controls.get("balance", "1") if scenario.certificate else "",
        "certified gap": scientific(float(gap)) if gap is not None else "not solved for",
        "saved": scenario.saved[:16].replace("T", " "),
        "stale": scenario.stale(scene.study),
    }


def weights_table(beside: Beside, finding: str, *, differing: bool) -> None:
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


def facts_table(beside: Beside) -> None:
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
