"""What the Why page says about one task's weight, and about all."""

import numpy as np
import pandas as pd
import streamlit as st

from pages.ui import cached, explanations
from pages.ui.chart import chart, escape, heading
from pages.ui.chart_clicks import clicked_data
from pages.ui.controls import moved
from pages.ui.layout import Scene
from taskpgm_core.figures.mixture import difference_figure
from taskpgm_core.figures.numbers import percent
from taskpgm_core.figures.why import additive_split_figure, waterfall_figure
from taskpgm_core.findings import why as findings
from taskpgm_core.mixture.explanation import Explanation
from taskpgm_core.mixture.near_duplicates import redundancies
from taskpgm_core.records import Array

NEAREST = 8
CONSTRAINTS = {"simplex": "price of one budget", "floor": "its floor", "cap": "its cap"}


def unit(scene: Scene) -> str:
    return "nats" if scene.study.kind == "measured" else "units of S"


def pick_task(scene: Scene, found: Explanation) -> str:
    """The task that the page is about: the last one selected, else the heaviest."""
    weight = {reason.task: reason.weight for reason in found.reasons}
    heaviest = sorted(weight, key=lambda t: -weight[t])
    task = scene.view.tasks[-1] if scene.view.tasks else heaviest[0]
    st.session_state["pick-task"] = task

    def changed() -> None:
        moved(tasks=(st.session_state["pick-task"],))

    st.selectbox(
        "Task",
        heaviest,
        format_func=lambda t: f"{t} ({percent(weight[t])})",
        key="pick-task",
        on_change=changed,
        help="Type to search. The selection goes with you to the other pages.",
        width=460,
    )
    return task


def reason(scene: Scene, found: Explanation, task: str) -> None:
    """One task's weight as what the anchor and what diversity ask for; a zero's way in."""
    why = found.reasons[found.tasks.index(task)]
    if why.weight <= 0:
        heading(
            findings.weight_finding(task, why.weight, why.anchor, why.diversity),
            "What it would add is said already by tasks that are in.",
        )
        cost = why.reduced_cost or 0.0
        st.markdown(
            escape(findings.zero_reason(task, cost, why.enters_at, found.balance, unit(scene)))
        )
        return
    parts = [
        ("the anchor asks", why.anchor),
        ("diversity asks", why.diversity),
    ]
    chart(
        waterfall_figure(parts, "weight", palette=scene.palette),
        findings.weight_finding(task, why.weight, why.anchor, why.diversity),
        "Two parts that add up to the weight, whatever constant is added to S: r·w of the "
        "anchor and (1 − r)·w₀ of pure diversity, among the tasks that are in.",
        key="reason",
    )


def by_neighbours(scene: Scene, found: Explanation, task: str) -> None:
    """The same weight by neighbours, in its stated convention."""
    i = found.tasks.index(task)
    why = found.reasons[i]
    order = [int(j) for j in np.argsort(-np.abs(why.pairwise), kind="stable")]
    shown = [j for j in order[:NEAREST] if abs(why.pairwise[j]) > 1e-12]
    others = float(why.pairwise.sum() - why.pairwise[shown].sum())
    parts = [("representativeness", why.unary)]
    parts += [(found.tasks[j], float(why.pairwise[j])) for j in shown]
    if abs(others) > 1e-12:
        parts.append((f"{len(order) - len(shown) - 1} other tasks", others))
    parts += [(CONSTRAINTS.get(name, name), x) for name, x in why.constraints.items()]
    with st.expander("By neighbours, in detail", expanded=why.weight <= 0):
        chart(
            waterfall_figure(parts, "weight", palette=scene.palette),
            findings.neighbours_finding(task, found.tasks, why.pairwise),
            "The parts add up but can be large and cancel: they depend on the convention "
            f"s = S + {found.offset:.4g}, which makes similarities positive.",
            key="neighbours",
        )


def all_reasons(scene: Scene, found: Explanation, task: str) -> None:
    """Every task's two parts; a click selects a task everywhere."""
    anchor = np.array([reason.anchor for reason in found.reasons])
    diversity = np.array([reason.diversity for reason in found.reasons])

    def clicked() -> None:
        for name in clicked_data("split")[:1]:
            moved(tasks=(str(name),))

    chart(
        additive_split_figure(found.tasks, anchor, diversity, chosen=task, palette=scene.palette),
        findings.split_finding(found.tasks, anchor, diversity),
        "Bars to either side add up to the ring, the weight. Click one to ask about its task.",
        key="split",
        on_select=clicked,
    )
    with st.expander("All tasks as a table"):
        reasons_table(found, unit(scene))


def reasons_table(found: Explanation, unit: str) -> None:
    table = pd.DataFrame(
        {
            "task": found.tasks,
            "weight": [100 * r.weight for r in found.reasons],
            "anchor": [100 * r.anchor for r in found.reasons],
            "diversity": [100 * r.diversity for r in found.reasons],
            "cost": [r.reduced_cost for r in found.reasons],
            "enters": [r.enters_at for r in found.reasons],
        }
    ).sort_values("weight", ascending=False, kind="stable")
    number = st.column_config.NumberColumn
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "weight": number(format="%.1f%%"),
            "anchor": number("anchor asks", format="%+.1f"),
            "diversity": number("diversity asks", format="%+.1f"),
            "cost": number(f"reduced cost ({unit})", format="%.4f"),
            "enters": number("enters at balance", format="%.3f"),
        },
    )


def without_it(scene: Scene, task: str) -> None:
    """Where the task's share goes when it is left out."""
    study, view = scene.study, scene.view
    i = study.names.index(task)
    here = cached.solution(study, view)
    p = here.p
    if p[i] <= 0:
        heading(findings.without_finding(task, study.names, 0.0, np.zeros(1)))
        return
    found = explanations.without(study, view, i)
    if found.status != "optimal":
        heading(f"The constraints allow no mixture without {task}", escape(found.message))
        return
    scaled = _scaled_without(p, i)
    cost = (found.energy - here.energy) / view.question.lam
    chart(
        difference_figure(
            study.names, found.p, scaled, "the others scaled up", limit=10, palette=scene.palette
        ),
        findings.without_finding(task, study.names, float(p[i]), found.p - scaled),
        "The best mixture without it against the others scaled up, in percentage points. "
        f"The energy (with λ = 1) changes by {cost:+.2g} {unit(scene)}.",
        key="without",
    )


def _scaled_without(p: Array, i: int) -> Array:
    rest = np.where(np.arange(len(p)) == i, 0.0, p)
    total = rest.sum()
    return rest / total if total > 0 else rest


def twins(scene: Scene, found: Explanation, task: str) -> None:
    """The tasks nearest to this one, and the closest pairs of the study."""
    similarity = cached.similarity(scene.study, scene.view)
    S, i = similarity.matrix, scene.study.names.index(task)
    distance = (S[i, i] + np.diagonal(S)) / 2 - S[i]
    others = np.delete(np.arange(similarity.n), i)
    order = others[np.argsort(distance[others], kind="stable")]
    usual = float(np.median(distance[others]))
    share = 1 - float(distance[order[0]]) / usual if usual > 0 else 0.0
    heading(
        findings.twins_finding(task, similarity.tasks[order[0]], share),
        f"Its nearest tasks; the median one is {usual:.3f} {unit(scene)} away. Near-copies share "
        "one weight between them.",
    )
    column = st.column_config.NumberColumn
    nearest = pd.DataFrame(
        {
            "task": [similarity.tasks[j] for j in order[:NEAREST]],
            "distance": [float(distance[j]) for j in order[:NEAREST]],
            "weight": [100 * found.reasons[j].weight for j in order[:NEAREST]],
        }
    )
    looks = {
        "distance": column(f"distance ({unit(scene)})", format="%.3f"),
        "weight": column(format="%.1f%%"),
        "share": column("nearer than usual", format="percent"),
    }
    st.dataframe(nearest, hide_index=True, column_config=looks)
    with st.expander("The most redundant tasks of the study"):
        pairs = pd.DataFrame([vars(r) for r in redundancies(similarity, limit=20)])
        st.dataframe(pairs, hide_index=True, column_config=looks)
