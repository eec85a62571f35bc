"""Floors, caps, pins, families and the pull: what a mixture must keep to, set in one place."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from pages.ui import cached
from pages.ui.chart import escape
from pages.ui.controls import moved
from pages.ui.panel import panel
from pages.ui.url_state import View
from taskpgm_core.analysis.question import EVERY, LIMITS, Question
from taskpgm_core.errors import TaskPGMError
from taskpgm_core.records import Study

COLUMNS = ("floors", "caps", "pins")
TITLES = {"floors": "at least %", "caps": "at most %", "pins": "exactly %"}


def pick_limits(study: Study, view: View) -> None:
    """A popover with all limits; its tables are drawn only while it is open."""
    count = view.question.limits
    label = f"Limits: {count}" if count else "No limits"
    box = panel(label, "limits")
    if not box.open:
        return
    with box:
        if clash := _clash(study, view):
            st.error(escape(clash))
        if count:
            st.button("Drop all limits", on_click=drop_limits)
        _every(study, view)
        _tasks(study, view)
        _families(study, view)
        _pull(study, view)


def _clash(study: Study, view: View) -> str:
    """Why no mixture keeps to the limits; empty where one does."""
    try:
        solution = cached.solution(study, view)
    except TaskPGMError as error:
        return str(error)
    return "" if solution.status == "optimal" else solution.message


def drop_limits() -> None:
    """Ask the same question without any limit."""
    default = Question()
    moved(**{name: getattr(default, name) for name in LIMITS})


def _percent(pairs: Sequence[tuple[str, float | None]], name: str) -> float | None:
    share = dict(pairs).get(name)
    return None if share is None else round(100 * share, 8)


def _with(pairs: Sequence[tuple[str, float | None]], name: str, percent: float | None) -> Any:
    """The pairs with one of them set, or left out for None."""
    kept = {n: x for n, x in pairs if n != name}
    if percent is not None:
        kept[name] = min(max(percent / 100, 0.0), 1.0)
    return tuple(kept.items())


def _every(study: Study, view: View) -> None:
    question = view.question

    def changed(field: str) -> None:
        pairs = _with(getattr(question, field), EVERY, st.session_state[f"every-{field}"])
        moved(**{field: pairs})

    columns = st.columns(3)
    for place, field, title in zip(
        columns, COLUMNS, ("Every task at least (%)", "Every task at most (%)"), strict=False
    ):
        st.session_state[f"every-{field}"] = _percent(getattr(question, field), EVERY)
        place.number_input(
            title,
            0.0,
            100.0,
            None,  # emptied, it is no limit; without this it would be the least one
            step=0.5,
            placeholder="no limit",
            key=f"every-{field}",
            on_change=changed,
            args=(field,),
            help="Holds for every task without a number of its own below.",
        )
    st.session_state["max-epochs"] = question.max_epochs
    columns[2].number_input(
        "Repeat a row at most (times)",
        0.1,
        value=None,
        step=1.0,
        placeholder="no limit",
        key="max-epochs",
        disabled=study.rows is None,
        on_change=lambda: moved(max_epochs=st.session_state["max-epochs"]),
        help="Caps every task at what its rows allow within the budget.",
    )


def _edited(key: str, names: Sequence[str]) -> list[tuple[str, str, float | None]]:
    """(name, column, value) of each cell that was changed in an editor."""
    rows: dict[int, dict[str, float | None]] = st.session_state[key]["edited_rows"]
    return [(names[int(i)], column, x) for i, row in rows.items() for column, x in row.items()]


def _tasks(study: Study, view: View) -> None:
    question, key = view.question, f"task-limits-{view.study}-{view.question.key}"

    def changed() -> None:
        new = {field: getattr(question, field) for field in COLUMNS}
        for task, field, x in _edited(key, study.names):
            new[field] = _with(new[field], task, x)
        moved(**new)

    table = pd.DataFrame(
        {"task": study.names}
        | {
            field: pd.Series(
                [_percent(getattr(question, field), t) for t in study.names], dtype=float
            )
            for field in COLUMNS
        }
    )
    st.markdown("**Single tasks**", help="Click a cell and write a share of the budget in percent.")
    _editor(table, TITLES, key, changed)


def _families(study: Study, view: View) -> None:
    families = sorted({task.family for task in study.tasks} - {""})
    if len(families) < 2:
        return
    key = f"family-limits-{view.study}-{view.question.key}"
    ends = {name: {"low": lo, "high": hi} for name, lo, hi in view.question.groups}

    def changed() -> None:
        new = {name: dict(pair) for name, pair in ends.items()}
        for family, end, x in _edited(key, families):
            default = 0.0 if end == "low" else 1.0
            share = default if x is None else min(max(x / 100, 0.0), 1.0)
            new.setdefault(family, {"low": 0.0, "high": 1.0})[end] = share
        kept = tuple(
            (name, pair["low"], pair["high"])
            for name, pair in new.items()
            if (pair["low"], pair["high"]) != (0.0, 1.0)
        )
        moved(groups=kept)

    shares = {
        end: [round(100 * ends[f][end], 8) if f in ends else None for f in families]
        for end in ("low", "high")
    }
    table = pd.DataFrame(
        {"family": families} | {end: pd.Series(x, dtype=float) for end, x in shares.items()}
    )
    st.markdown("**Families**", help="What all tasks of a family get together.")
    _editor(table, {"low": "at least %", "high": "at most %"}, key, changed)


def _editor(table: pd.DataFrame, titles: dict[str, str], key: str, changed: Any) -> None:
    number = st.column_config.NumberColumn
    st.data_editor(
        table,
        hide_index=True,
        disabled=[table.columns[0]],
        column_config={
            name: number(title, min_value=0.0, max_value=100.0, format="%.2f")
            for name, title in titles.items()
        },
        placeholder="no limit",
        height=min(240, 36 * (len(table) + 1)),
        key=key,
        on_change=changed,
    )


def _pull(study: Study, view: View) -> None:
    question = view.question
    known = {"": "nothing"} | cached.comparable(study)
    scale = cached.problem(study, view).convexity.scale
    st.session_state["pick-pull"] = question.pull
    st.session_state["pick-rho"] = question.rho
    st.markdown("**Pull toward the mixture in production**")

    def changed() -> None:
        pull = st.session_state["pick-pull"] or ""
        rho = st.session_state["pick-rho"] or 0.0
        if pull != question.pull:
            rho = round(scale / 10, 4) if pull and not question.pull else rho if pull else 0.0
        moved(pull=pull, rho=rho)

    which, strength = st.columns([2, 1])
    which.selectbox(
        "Pulled toward",
        list(known),
        format_func=lambda name: known.get(name, name),
        key="pick-pull",
        on_change=changed,
        help="A baseline, or a mixture saved on this server (import one under Anchor or on "
        "Compare).",
    )
    strength.number_input(
        "Strength",
        0.0,
        step=round(scale / 20, 4) or 0.01,
        format="%.4f",
        key="pick-rho",
        disabled=not question.pull,
        on_change=changed,
        help="More of it keeps the mixture nearer. Formula: adds ρ/2 ‖p − p₀‖², in the units of S.",
    )
