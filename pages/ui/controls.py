"""Controls whose values live in the address, so that a link shows what its sender saw."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import streamlit as st

from pages.ui import drafts
from pages.ui.view import BUDGET, LARGEST_BUDGET, UNITS, View
from taskpgm_core.records import Study

MEASURE_NAMES = {
    "jsd": "JSD",
    "pmi": "PMI, per sequence",
    "pmi-token": "PMI, per token",
    "given": "as imported",
}
ANCHOR_NAMES = {"uniform": "uniform", "proportional": "size-proportional"}


def bind(view: View, n: int) -> None:
    """Give every shared control the value that the address holds, for a study of n tasks."""
    st.session_state["view"] = view
    for name in ("study", "measure", "anchor", "budget", "unit"):
        st.session_state[f"pick-{name}"] = getattr(view, name)
    st.session_state["pick-lam"] = view.lam
    st.session_state["pick-beta"] = view.balance * view.lam / n


def go(view: View) -> None:
    """Make the address say ``view``; nothing happens where it does already."""
    if view != st.session_state.get("view"):
        st.query_params.from_dict(drafts.own(view).query)


def moved(**changes: object) -> None:
    go(replace(st.session_state["view"], **changes))  # type: ignore[arg-type]


def pick_study(studies: Mapping[str, Study]) -> None:
    def changed() -> None:
        old = st.session_state["view"]
        name = st.session_state["pick-study"]
        same = old.measure if old.measure in studies[name].measures else studies[name].measures[0]
        go(View(name, same, budget=old.budget, balance=old.balance))

    st.selectbox("Study", list(studies), key="pick-study", on_change=changed, width=200)


def pick_measure(study: Study) -> None:
    st.selectbox(
        "Measure",
        study.measures,
        format_func=lambda m: MEASURE_NAMES.get(m, m),
        key="pick-measure",
        on_change=lambda: moved(measure=st.session_state["pick-measure"]),
        help="How alike two tasks are. JSD: how differently their models predict on common "
        "examples. PMI: what one model's training is worth on the other's examples.",
        width=190,
    )


def pick_anchor(study: Study) -> None:
    known = ["uniform"] if study.rows is None else list(ANCHOR_NAMES)
    st.selectbox(
        "Anchor",
        known,
        format_func=ANCHOR_NAMES.__getitem__,
        key="pick-anchor",
        on_change=lambda: moved(anchor=st.session_state["pick-anchor"]),
        help="The mixture that balance 1 gives back. Below 1 the mixture moves from it towards "
        "diversity, above 1 towards the tasks that represent it best.",
        width=190,
    )


def pick_budget(study: Study) -> None:
    st.number_input(
        "Budget",
        1,
        LARGEST_BUDGET,
        step=1000,
        key="pick-budget",
        on_change=lambda: moved(budget=st.session_state["pick-budget"] or BUDGET),
        help="How many examples (rows) or supervised tokens to train on in all. "
        "Counts always add up to it.",
        width=200,
    )
    known = UNITS if all(t.mean_tokens is not None for t in study.tasks) else UNITS[:1]
    st.segmented_control(
        "Unit",
        known,
        key="pick-unit",
        on_change=lambda: moved(unit=st.session_state["pick-unit"] or "rows"),
    )


def pick_reference(known: Sequence[str]) -> str:
    return str(
        st.segmented_control(
            "Compare with", known, default=known[0], required=True, key="pick-reference"
        )
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
        help="The unary potential's weight. More of it moves the mixture to representative tasks.",
    )
    st.number_input(
        "Redundancy (λ)",
        1e-6,
        format="%.4f",
        step=0.1,
        key="pick-lam",
        on_change=changed,
        help="The pairwise potential's weight. More of it moves the mixture to diverse tasks.",
    )
    view: View = st.session_state["view"]
    st.caption(
        f"Two views of one number: balance = n·β/λ = {n} × {view.balance * view.lam / n:.5g} / "
        f"{view.lam:.4g} = {view.balance:.4g}. Scaling both together changes the energy's scale, "
        "never the mixture."
    )
