"""What the Selection page asks and says beside its charts."""

from dataclasses import replace

import pandas as pd
import streamlit as st

from pages.ui import cached
from pages.ui.chart import escape, fact_list, heading
from pages.ui.controls import moved
from pages.ui.explanations import asked
from pages.ui.layout import Scene
from pages.ui.url_state import View
from taskpgm_core.analysis.question_words import UNITS
from taskpgm_core.errors import TaskPGMError
from taskpgm_core.figures.numbers import percent, shorten
from taskpgm_core.findings.mixture import energy_unit
from taskpgm_core.findings.selection import ENOUGH, certainty, chosen_reading, enough
from taskpgm_core.mixture.counts import Allocation
from taskpgm_core.mixture.selection.greedy import Selection, select
from taskpgm_core.records import Study

FARTHEST = 60
"""Greedy goes no farther: beyond, next to nothing is gained and bounds take seconds."""
SMALL = 16
"""Studies of at most so many tasks are searched exactly without asking."""


@st.cache_resource(max_entries=64, show_spinner="Choosing…")
def _selection(
    content: str, asked: str, k_max: int, exact: bool, _study: Study, _view: View
) -> Selection:
    problem = cached.problem(_study, _view)
    return select(
        problem, _view.question.balance, k_max=k_max, exact_up_to=problem.n if exact else 0
    )


def selected(scene: Scene) -> Selection:
    """Greedy's choice for every k, and the best k where asked for; limits are set aside."""
    study, view = scene.study, replace(scene.view, question=scene.view.question.unlimited)
    if scene.view.question.limits:
        st.info("Few tasks are chosen without your limits: a floor or a cap may leave no choice.")
    n = len(study.tasks)
    exact = n <= SMALL
    if SMALL < n <= FARTHEST:
        exact = st.toggle(
            "Find the best of any k as well",
            key="exact",
            help="Rules out every other choice, by branch and bound; takes seconds to a minute.",
        )
    farthest = min(n, FARTHEST)
    return _selection(study.key, asked(view), farthest, exact, study, view)


def pick_k(scene: Scene, selection: Selection) -> int:
    """How many tasks, from the address; as many as are enough where it says none."""
    k = min(scene.view.k or enough(selection), len(selection.steps))
    st.session_state["pick-k"] = k
    st.slider(
        "How many tasks (k)",
        1,
        len(selection.steps),
        key="pick-k",
        on_change=lambda: moved(k=st.session_state["pick-k"]),
        help=f"At first the fewest that cover {ENOUGH:.0%} of the objective.",
    )
    return k


def verdict(scene: Scene, selection: Selection, k: int) -> None:
    """How sure the choice of k is, in numbers."""
    step, kernel = selection.steps[k - 1], cached.kernel(scene.study, scene.view)
    unit = energy_unit(cached.problem(scene.study, scene.view))
    heading("How good is this choice?", certainty(selection, k), word="upper bound")

    def reached(value: float) -> str:
        return percent(selection.captured(value))

    def said(F: float) -> str:
        return f"F = {F + 0.0:.3g} {unit}".rstrip()

    facts = {
        "of the objective": reached(step.value),
        "upper bound for any k": reached(step.upper_bound),
        "best of any k": "not searched" if step.exact is None else reached(step.exact),
    }
    covered = kernel.skills_covered(step.p)
    if covered is not None:
        facts = {"distinct skills": f"{covered:.1f} of {kernel.skills:.1f}"} | facts
    fact_list(facts)
    with st.expander("Guarantee and formula"):
        st.caption(
            "The objective is F = −E/λ"
            + (", with S = K − 1 at this resolution." if kernel.finite else ".")
            + " Greedy cannot do worse than the guarantee, whatever the tasks are."
        )
        fact_list(
            {
                "guaranteed beforehand": reached(step.guarantee),
                "submodularity ratio γ ≥": "–" if step.gamma is None else f"{step.gamma:.2g}",
                "0%, the first task alone": said(selection.steps[0].value),
                "100%, all tasks together": said(selection.best),
            }
        )


def allocation(scene: Scene, selection: Selection, k: int) -> Allocation | None:
    """The chosen tasks in whole numbers; None, and why, where the budget cannot be met."""
    try:
        return cached.allocation(scene.study, scene.view, selection.steps[k - 1].p)
    except TaskPGMError as error:
        st.error(escape(str(error)))
        return None


def chosen_table(selection: Selection, k: int, counted: Allocation | None) -> None:
    """The chosen tasks in the order greedy took them, with shares, and counts and epochs where
    they are known."""
    step = selection.steps[k - 1]
    place = {task: i for i, task in enumerate(selection.tasks)}
    optimum = None if step.exact_tasks is None else set(step.exact_tasks)
    heading(
        "This task" if k == 1 else f"These {k} tasks",
        chosen_reading(selection, k),
    )
    rows = []
    for s in selection.steps[:k]:
        i = place[s.added]
        rows.append(
            {
                "task": s.added,
                "covered with it": 100 * selection.captured(s.value),
                "share": 100 * float(step.p[i]),
            }
            | ({counted.unit: counted.counts[i], "epochs": counted.epochs[i]} if counted else {})
            | ({} if optimum is None else {"in the best k": s.added in optimum})
        )
    table = pd.DataFrame(rows)
    st.dataframe(
        table,
        hide_index=True,
        column_order=[str(name) for name in table if not table[name].isna().all()],
        column_config={
            "covered with it": st.column_config.NumberColumn(format="%.1f%%"),
            "share": st.column_config.NumberColumn(format="%.1f%%"),
            **dict.fromkeys(UNITS, st.column_config.NumberColumn(format="localized")),
            "epochs": st.column_config.NumberColumn(format="%.2f"),
        },
    )
    missing = [] if optimum is None else sorted(optimum - set(step.tasks))
    if missing:
        named = ", ".join(escape(shorten(task)) for task in missing)
        st.caption(f"In the best k but not here: {named}")
