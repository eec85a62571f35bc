"""Controls whose values live in the address, so that a link shows what its sender saw."""

import math
from collections.abc import Mapping
from typing import Literal

import streamlit as st

from pages.ui import drafts
from pages.ui.url_state import BUDGET, LARGEST_BUDGET, View
from taskpgm_core.analysis.question import Question
from taskpgm_core.analysis.question_words import UNITS
from taskpgm_core.figures.balance_axis import balance_at, track_end
from taskpgm_core.findings.glossary import GLOSSARY
from taskpgm_core.mixture.counts import Unit
from taskpgm_core.records import Study
from taskpgm_core.similarity_measures import MEASURES


def bind(view: View, n: int) -> None:
    """Give every shared control the value that the address holds, for a study of n tasks."""
    st.session_state["view"] = view
    st.session_state["pick-study"] = view.study
    for name in ("measure", "budget", "unit"):
        st.session_state[f"pick-{name}"] = getattr(view.question, name)
    st.session_state["pick-lam"] = view.question.lam
    st.session_state["pick-beta"] = view.question.beta(n)


def go(view: View) -> None:
    """Make the address say ``view``; nothing happens where it does already."""
    if view != st.session_state.get("view"):
        st.query_params.from_dict(drafts.own(view).query)


def moved(**changes: object) -> None:
    """Change what the address says: fields of the view or of its question."""
    go(st.session_state["view"].moved(**changes))


def pick_study(studies: Mapping[str, Study]) -> None:
    def changed() -> None:
        asked: Question = st.session_state["view"].question
        name = st.session_state["pick-study"]
        measures = studies[name].measures
        same = asked.measure if asked.measure in measures else measures[0]
        kept: float | Literal["auto"] = math.inf if asked.resolution == math.inf else "auto"
        unit: Unit = asked.unit if asked.unit in units(studies[name]) else "rows"
        question = Question(same, asked.balance, resolution=kept, budget=asked.budget, unit=unit)
        go(View(name, question))

    st.selectbox(
        "Study",
        list(studies),
        key="pick-study",
        on_change=changed,
        width=160,
        help=GLOSSARY["study"],
    )


def pick_measure(study: Study) -> None:
    def changed() -> None:
        asked = st.session_state["view"].question
        kept = asked.resolution if asked.resolution in ("auto", math.inf) else "auto"
        moved(measure=st.session_state["pick-measure"], resolution=kept)  # its unit is another

    st.selectbox(
        "Measure",
        study.measures,
        format_func=lambda m: MEASURES[m].title,
        key="pick-measure",
        on_change=changed,
        help=GLOSSARY["measure"],
        width=150,
    )


def units(study: Study) -> tuple[str, ...]:
    """What its budget may be counted in."""
    return UNITS if all(t.mean_tokens is not None for t in study.tasks) else UNITS[:1]


def pick_budget(study: Study) -> None:
    """The budget and its unit; what is out of reach is said, and the budget stays as it was."""

    def changed() -> None:
        asked = st.session_state["pick-budget"]
        if asked is not None and not 1 <= asked <= LARGEST_BUDGET:
            st.session_state["budget-refused"] = (
                f"A budget is a whole number from 1 to {LARGEST_BUDGET:,}, not {asked:,}; "
                f"showing {st.session_state['view'].question.budget:,}."
            )
            return
        moved(budget=asked or BUDGET)

    known = units(study)
    row = st.container(horizontal=True, vertical_alignment="bottom")
    row.number_input(
        "Budget",
        step=1000,
        key="pick-budget",
        on_change=changed,
        help=GLOSSARY["budget"],
        width=200,
    )
    row.segmented_control(
        "Unit",
        known,
        key="pick-unit",
        on_change=lambda: moved(unit=st.session_state["pick-unit"] or "rows"),
        help=GLOSSARY["rows and tokens"],
    )
    if refused := st.session_state.pop("budget-refused", ""):
        st.error(refused)


def pick_reference(known: Mapping[str, str], view: View) -> str:
    """The id of the pinned mixture among ``known`` {id: title}; uniform where none is pinned."""
    chosen = view.baseline if view.baseline in known else "uniform"
    st.session_state["pick-reference"] = chosen
    st.selectbox(
        "Compare with",
        list(known),
        format_func=known.__getitem__,
        key="pick-reference",
        on_change=lambda: moved(baseline=st.session_state["pick-reference"]),
        help=GLOSSARY["baseline"],
        width=260,
    )
    return chosen


def pick_beside(known: Mapping[str, str], view: View) -> None:
    """Which mixtures are marked on the bars."""
    st.session_state["pick-overlays"] = [name for name in view.beside if name in known]
    st.multiselect(
        "Also show",
        list(known),
        format_func=known.__getitem__,
        key="pick-overlays",
        on_change=lambda: moved(beside=tuple(st.session_state["pick-overlays"])),
        placeholder="Baselines and saved mixtures",
        help="Marks on every bar what another mixture gives that task; the first four are drawn.",
    )


def pick_balance(last: float, view: View, key: str = "pick-balance") -> None:
    """The balance as a slider, for pages without the dial; ``last`` is where the path ends."""
    end = track_end(last)
    steps = {round(balance_at(k / 80, end), 4) for k in range(81)}
    st.session_state[key] = view.question.balance
    st.select_slider(
        "Balance: diverse to representative",
        sorted({*steps, 1.0, view.question.balance}),
        format_func=lambda r: f"{r:.4g}",
        key=key,
        on_change=lambda: moved(balance=float(st.session_state[key])),
        help=GLOSSARY["balance"],
    )


def pick_tasks(study: Study, view: View) -> None:
    """The selected tasks, the same on every page."""
    st.session_state["pick-tasks"] = list(view.tasks)
    st.multiselect(
        "Selected tasks",
        study.names,
        key="pick-tasks",
        on_change=lambda: moved(tasks=tuple(st.session_state["pick-tasks"])),
        placeholder="Find a task by name, or click it",
        help="Marked on every page, and kept in the address.",
    )


def pick_symbols(study: Study) -> None:
    """Beta and lambda: the same balance as the paper writes it."""
    n = len(study.tasks)

    def changed() -> None:
        beta = st.session_state["pick-beta"] or 0.0
        lam = st.session_state["pick-lam"] or 1.0
        moved(balance=n * beta / lam, lam=lam)

    st.number_input(
        "Representativeness (β)",
        0.0,
        format="%.5f",
        step=0.1 / n,
        key="pick-beta",
        on_change=changed,
        help="More of it moves the mixture to representative tasks. Formula: the unary potential's "
        "weight.",
    )
    st.number_input(
        "Redundancy (λ)",
        1e-6,
        format="%.4f",
        step=0.1,
        key="pick-lam",
        on_change=changed,
        help="More of it moves the mixture to diverse tasks. Formula: the pairwise potential's "
        "weight.",
    )
    asked: Question = st.session_state["view"].question
    st.caption(
        f"Two views of one number: balance = n·β/λ = {n} × {asked.beta(n):.5g} / "
        f"{asked.lam:.4g} = {asked.balance:.4g}. Scaling both together changes the energy's scale, "
        "never the mixture."
    )
