"""What the Why page says about one task's weight, and about all."""

import numpy as np
import pandas as pd
import streamlit as st

from pages.ui import cached, explanations
from pages.ui.chart import chart, escape, heading
from pages.ui.chart_clicks import clicked_data
from pages.ui.controls import moved
from pages.ui.layout import Scene
from taskpgm_core.analysis.kept_gain import kept_gain
from taskpgm_core.figures.mixture import difference_figure
from taskpgm_core.figures.numbers import counted, percent
from taskpgm_core.figures.why import additive_split_figure, part_colours, waterfall_figure
from taskpgm_core.findings import why as findings
from taskpgm_core.findings.glossary import GLOSSARY
from taskpgm_core.findings.mixture import differs, energy_unit
from taskpgm_core.findings.similarity import told_apart
from taskpgm_core.mixture.explanation import Explanation
from taskpgm_core.mixture.near_duplicates import redundancies
from taskpgm_core.records import Array
from taskpgm_core.similarity_measures import KERNEL

NEAREST = 8
CONSTRAINTS = {"simplex": "price of one budget", "floor": "its floor", "cap": "its cap"}


def unit(scene: Scene) -> str:
    """The unit of the energy over lambda; empty under a kernel."""
    return energy_unit(cached.problem(scene.study, scene.view))


def titled(title: str, unit: str) -> str:
    return f"{title} ({unit})" if unit else title


def rewarded(scene: Scene) -> str:
    """What asks for the part of a weight that grows with the balance."""
    return findings.reward_words(scene.view.question)


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
    why, asks = found.reasons[found.tasks.index(task)], rewarded(scene)
    title = findings.weight_finding(task, why.weight, why.anchor, why.diversity, asks)
    if why.weight <= 0:
        _zero(scene, found, task, title)
    else:
        chart(
            waterfall_figure(
                [(f"{asks} asks", why.anchor), ("diversity asks", why.diversity)],
                "weight",
                colours=part_colours(asks, scene.palette),
                palette=scene.palette,
            ),
            title,
            _parts_meaning(scene, found, task, asks),
            key="reason",
        )
    _sharing(scene, task)


def _parts_meaning(scene: Scene, found: Explanation, task: str, asks: str) -> str:
    """How to compute the two parts again; of a measured reward, which part grows."""
    problem, i = cached.problem(scene.study, scene.view), found.tasks.index(task)
    if problem.utility is not None:
        return (
            f"Two parts that add up to the weight: what {asks} asks grows with the balance, and "
            "the rest is what diversity asks for. Tasks that are out have no part in it."
        )
    why, limits = found.reasons[i], problem.lo.any() or (problem.hi < 1).any()
    return findings.parts_meaning(
        np.array([reason.weight for reason in found.reasons]),
        float(problem.anchor[i]),
        why.anchor,
        why.diversity,
        found.balance,
        limits=bool(limits or problem.groups or problem.pull),
    )


def _zero(scene: Scene, found: Explanation, task: str, title: str) -> None:
    why, problem = found.reasons[found.tasks.index(task)], cached.problem(scene.study, scene.view)
    if why.reduced_cost is None:
        heading(title, "The limits set here allow it nothing.")
        return
    anchored = problem.utility is None and problem.pull is None
    heading(title, findings.zero_meaning(cached.kernel(scene.study, scene.view), task, anchored))
    way_in = (why.reduced_cost, why.enters_at, found.balance, unit(scene))
    st.markdown(escape(findings.zero_reason(task, *way_in)))


def _sharing(scene: Scene, task: str) -> None:
    """Who shares the task's skill by K, and what is kept of the gain both ways."""
    kernel, study = cached.kernel(scene.study, scene.view), scene.study
    finding = findings.sharing_finding(kernel, task)
    if not finding:
        return
    kept = kept_gain(cached.losses(study)) if study.scored else None
    heading(
        finding,
        findings.kept_finding(kernel, kept, task),
        word="kernel K",
    )


def by_neighbours(scene: Scene, found: Explanation, task: str) -> None:
    """The same weight by neighbours, in its stated convention."""
    i = found.tasks.index(task)
    why = found.reasons[i]
    order = [int(j) for j in np.argsort(-np.abs(why.pairwise), kind="stable")]
    shown = [j for j in order[:NEAREST] if abs(why.pairwise[j]) > 1e-12]
    others = float(why.pairwise.sum() - why.pairwise[shown].sum())
    problem = cached.problem(scene.study, scene.view)
    kernel = problem.similarity.measure == KERNEL
    parts = [("representativeness" if problem.utility is None else rewarded(scene), why.unary)]
    parts += [(found.tasks[j], float(why.pairwise[j])) for j in shown]
    if abs(others) > 1e-12:
        parts.append((counted(len(order) - len(shown) - 1, "other task"), others))
    zero = why.weight <= 0 and problem.lo[i] <= 0
    called = CONSTRAINTS | ({"floor": "held at zero"} if zero else {})
    parts += [(called.get(name, name), x) for name, x in why.constraints.items()]
    with st.expander("By neighbours, in detail", expanded=why.weight <= 0):
        chart(
            waterfall_figure(
                parts, "weight", colours={parts[0][0]: scene.palette.muted}, palette=scene.palette
            ),
            findings.neighbours_finding(task, found.tasks, why.pairwise),
            "The parts add up but can be large and cancel: they depend on where similarity "
            "counts as zero." + (f" {GLOSSARY['held at zero']}" if zero else ""),
            key="neighbours",
            formula="s = K" if kernel else f"s = S + {found.offset:.4g}, where no s is negative",
        )


def all_reasons(scene: Scene, found: Explanation, task: str) -> None:
    """Every task's two parts; a click selects a task everywhere."""
    anchor = np.array([reason.anchor for reason in found.reasons])
    diversity = np.array([reason.diversity for reason in found.reasons])

    def clicked() -> None:
        for name in clicked_data("split")[:1]:
            moved(tasks=(str(name),))

    figure = additive_split_figure(
        found.tasks,
        anchor,
        diversity,
        chosen=task,
        rewarded=rewarded(scene),
        palette=scene.palette,
    )
    chart(
        figure,
        findings.split_finding(found.tasks, anchor, diversity, rewarded(scene)),
        findings.split_reading(len(figure.data[0].y), len(found.tasks)),
        key="split",
        on_select=clicked,
    )
    with st.expander("All tasks as a table"):
        reasons_table(found, unit(scene), rewarded(scene))


def reasons_table(found: Explanation, unit: str, asks: str) -> None:
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
            "anchor": number(f"{asks.removeprefix('the ')} asks", format="%+.1f"),
            "diversity": number("diversity asks", format="%+.1f"),
            "cost": number(
                titled("reduced cost", unit), format="%.4f", help=GLOSSARY["reduced cost"]
            ),
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
        heading(f"The constraints allow no mixture without {task}", found.message)
        return
    scaled = _scaled_without(p, i)
    cost = (found.energy - here.energy) / view.question.lam
    title = findings.without_finding(task, study.names, float(p[i]), found.p - scaled)
    energy = (
        f"The energy changes by {cost:+.2g} {unit(scene)}".rstrip()
        + " for each unit of redundancy."
    )
    if not differs(found.p, scaled):
        heading(title, energy, word="energy")
        return
    chart(
        difference_figure(
            study.names, found.p, scaled, "the others scaled up", limit=10, palette=scene.palette
        ),
        title,
        "The best mixture without it against the others scaled up, in percentage points. " + energy,
        key="without",
        formula="(E − E₀)/λ, where E₀ is the energy with it",
        word="energy",
    )


def _scaled_without(p: Array, i: int) -> Array:
    rest = np.where(np.arange(len(p)) == i, 0.0, p)
    total = rest.sum()
    return rest / total if total > 0 else rest


def twins(scene: Scene, found: Explanation, task: str) -> None:
    """The tasks nearest to this one, and the closest pairs of the study, by the measure."""
    similarity = cached.similarity(scene.study, scene.view)
    kernel = cached.kernel(scene.study, scene.view)
    i, measure = scene.study.names.index(task), similarity.reading
    near = similarity.shown[i]
    others = np.delete(np.arange(similarity.n), i)
    order = others[np.argsort(-similarity.matrix[i, others], kind="stable")][:NEAREST]
    usual = float(np.median(near[others]))
    far = measure.is_divergence and usual > 0
    share = 1 - float(near[order[0]]) / usual if far else 0.0
    more = int((np.abs(near[others] - near[order[0]]) < 1e-12).sum()) - 1
    apart = [told_apart(kernel, i, int(j)) for j in order]
    unsure = "" if all(apart) else " Tasks no farther apart than their noise are not told apart."
    heading(
        findings.twins_finding(task, similarity.tasks[order[0]], share, apart[0], more),
        findings.nearest_meaning(usual, measure, len(others)) + unsure,
    )
    column = st.column_config.NumberColumn
    columns: dict[str, object] = {
        "task": [similarity.tasks[j] for j in order],
        "near": [float(near[j]) for j in order],
        "weight": [100 * found.reasons[j].weight for j in order],
    }
    if kernel.matrix is not None:
        columns["K"] = [float(kernel.matrix[i, j]) for j in order]
    if not all(apart):
        columns["told apart"] = apart
    looks = {
        "near": column(
            titled("distance", measure.unit) if measure.is_divergence else "similarity",
            format="%.3f",
        ),
        "distance": column(titled("distance", findings.distance_unit(similarity)), format="%.3f"),
        "weight": column(format="%.1f%%"),
        "K": column(format="%.2f"),
        "share": column("nearer than usual", format="percent"),
    }
    st.dataframe(pd.DataFrame(columns), hide_index=True, column_config=looks)
    with st.expander("Every task's nearest one, as measured"):
        pairs = pd.DataFrame([vars(r) for r in redundancies(similarity, limit=20)])
        st.dataframe(pairs, hide_index=True, column_config=looks)
