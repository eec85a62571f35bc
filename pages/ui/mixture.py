"""What the Mixture page says beside its bars: counts, certificate, energy, recipes."""

from collections.abc import Sequence
from decimal import ROUND_CEILING, Context

import pandas as pd
import streamlit as st

from pages.ui import cached
from pages.ui.chart import chart, escape, fact_list, heading
from pages.ui.url_state import View
from taskpgm_core.analysis.provenance import provenance
from taskpgm_core.errors import TaskPGMError
from taskpgm_core.exports import EXPORTERS, Recipe, export, make_recipe, placed_sources
from taskpgm_core.figures.mixture import difference_figure, energy_figure
from taskpgm_core.figures.numbers import percent, scientific
from taskpgm_core.figures.theme import Palette
from taskpgm_core.findings.alike_warnings import alike_warnings
from taskpgm_core.findings.glossary import GLOSSARY
from taskpgm_core.findings.mixture import (
    budget_finding,
    difference_finding,
    differs,
    energy_finding,
    energy_unit,
    rewarded,
    zero_finding,
)
from taskpgm_core.mixture import Problem
from taskpgm_core.mixture.alarms import Alarm
from taskpgm_core.mixture.counts import Allocation
from taskpgm_core.mixture.repetition import repetition_alarm
from taskpgm_core.mixture.solution import Solution
from taskpgm_core.records import Array, Study

FOLDED = ("closed-form-invalid", "kernel-corrected", "bounds-lost")
"""Alarms that say how the mixture was computed; they stand beside the certificate's numbers."""


def what_to_know(study: Study, view: View, solution: Solution) -> None:
    """Which tasks have no weight, alarms, and the certificate, before one acts on a mixture."""
    st.caption(zero_finding(solution.p))
    raised = cached.raised(study, view)
    raise_alarms([alarm for alarm in raised if alarm.name not in FOLDED])
    notes = [alarm.sentence for alarm in raised if alarm.name in FOLDED]
    certificate(cached.problem(study, view), solution, notes)


def raise_alarms(raised: Sequence[Alarm]) -> None:
    """What to know before acting on the mixture, one line each."""
    for alarm in raised:
        if alarm.level == "note":
            st.info(escape(alarm.sentence))
        else:
            st.warning(escape(alarm.sentence), icon=":material/priority_high:")


def warning_box(sentences: Sequence[str]) -> None:
    """All warnings in one box, those alike told once; below it every one of them, folded."""
    groups = alike_warnings(sentences)
    if not groups:
        return
    lines = [escape(group.headline) for group in groups]
    st.warning(lines[0] if len(lines) == 1 else "\n".join(f"- {line}" for line in lines))
    each = [sentence for group in groups if len(group.each) > 1 for sentence in group.each]
    if each:
        with st.expander(f"All {len(each)} warnings"), st.container(height=260, border=False):
            st.markdown("\n".join(f"- {escape(sentence)}" for sentence in each))


def counts(study: Study, view: View, p: Array) -> Allocation | None:
    """The mixture in whole numbers, shown as a table; None where the budget cannot be met."""
    try:
        allocation = cached.allocation(study, view, p)
    except TaskPGMError as error:
        st.error(escape(str(error)))
        return None
    raise_alarms(repetition(study, view, allocation))
    counts_table(study, p, allocation)
    return allocation


def repetition(study: Study, view: View, allocation: Allocation) -> tuple[Alarm, ...]:
    """The alarm that the budget reads some task again and again."""
    asked, found = cached.problem(study, view), cached.solution(study, view)
    return repetition_alarm(asked, found, allocation, study.tasks)


def counts_table(study: Study, p: Array, allocation: Allocation) -> None:
    """Every task's share, whole-number count and epochs."""
    heading(
        budget_finding(allocation.tasks, allocation.epochs),
        f"Counts are whole {allocation.unit} by largest remainder and add up to "
        f"{allocation.budget:,}.",
        word="epochs",
    )
    table = pd.DataFrame(
        {
            "task": study.names,
            "share": [round(100 * float(w), 6) for w in p],
            allocation.unit: allocation.counts,
            "epochs": allocation.epochs,
            "available rows": [task.rows for task in study.tasks],
            "family": [task.family or None for task in study.tasks],
        }
    ).sort_values("share", ascending=False, kind="stable")
    number = st.column_config.NumberColumn
    st.dataframe(
        table,
        hide_index=True,
        column_order=[str(name) for name in table if not table[name].isna().all()],
        column_config={
            "task": st.column_config.TextColumn(width=150),  # a long name leaves the numbers room
            "share": number(format="%.1f%%"),
            allocation.unit: number(format="localized"),
            "epochs": number(format="%.2f"),
            "available rows": number(format="localized"),
        },
        height=min(420, 36 * (len(table) + 1)),
    )


def exactness(solution: Solution) -> str:
    """How near to the optimum the mixture is proven to be, as in ``Exact: proven to 1e-16``."""
    if not solution.gap:
        return "Exact: its gap is 0"
    upwards = Context(prec=1, rounding=ROUND_CEILING)
    return f"Exact: proven to {float(upwards.create_decimal_from_float(solution.gap)):g}"


def certificate(problem: Problem, solution: Solution, notes: Sequence[str] = ()) -> None:
    """Why this is the optimum: one line, and folded below it ``notes`` and the numbers."""
    if solution.status != "optimal":
        st.error(escape(solution.message))
        return
    closed = "gives the same mixture" if solution.closed_form_valid else "is not this mixture"
    toward = "the anchor" if problem.utility is None else "an even split"
    shift = (
        "none needed: the energy is convex"
        if solution.shift == 0
        else f"{solution.shift:.4g} added to the diagonal (it pulls towards {toward})"
    )
    facts = {
        "certified gap": f"{scientific(solution.gap)} "
        f"(relative {scientific(solution.gap_relative)})",
        "status": solution.status,
        "only minimiser": "yes"
        if solution.unique
        else "no: the one nearest to the anchor is shown",
        "closed form": closed,
        "shift": shift,
        "tasks in the mixture": f"{len(solution.support)} of {len(solution.tasks)}",
        "effective number of tasks": f"{solution.effective_tasks:.1f}",
    }
    with st.expander(exactness(solution)):
        st.caption(f"{GLOSSARY['certified gap']} {GLOSSARY['effective number of tasks']}")
        for note in notes:
            st.caption(escape(note))
        fact_list(facts)


def difference(study: Study, p: Array, reference: Array, name: str, palette: Palette) -> None:
    """What this mixture gives and takes against another one."""
    finding = difference_finding(p, reference, name)
    if not differs(p, reference):
        heading(finding, "Move the balance, or compare with another mixture.")
        return
    chart(
        difference_figure(study.names, p, reference, name, palette=palette),
        finding,
        "In percentage points: to the right, tasks that get more than there; to the left, less.",
        key="against",
    )


def energy(solution: Solution, problem: Problem, palette: Palette) -> None:
    """The energy as the sum of its two potentials."""
    split = (solution.unary_energy, solution.pairwise_energy, solution.energy)
    reward = f"{rewarded(problem)}ness"
    unit = f"in {energy_unit(problem)}" if energy_unit(problem) else "S = K − 1, without unit"
    chart(
        energy_figure(*split, rewarded=reward, palette=palette),
        energy_finding(*split, reward),
        "Lower is better. Its two parts add up to it.",
        key="energy",
        word="energy",
        formula=f"E(p) = −β u′p + λ/2 p′Sp ({unit})",
    )


def recipe(study: Study, view: View, solution: Solution, allocation: Allocation) -> Recipe:
    """The view's mixture with its provenance, ready for any trainer."""
    sources, unplaced = placed_sources(study)
    return make_recipe(
        solution.p,
        study.tasks,
        allocation,
        sources=sources,
        provenance=provenance(study, cached.posed(study, view), solution),
        repetition=" ".join(a.sentence for a in repetition(study, view, allocation)),
        unplaced=unplaced,
    )


@st.fragment
def take_along(study: Study, view: View, solution: Solution, allocation: Allocation) -> None:
    """Pick a trainer, read what its numbers mean, take its files."""
    heading(
        "Take it with you",
        "The mixture in each trainer's own format, and what that trainer will really read.",
    )
    name = st.selectbox(
        "Trainer",
        list(EXPORTERS),
        format_func=lambda n: EXPORTERS[n].title,
        key="pick-trainer",
        help="Paths are those that an import's tasks.csv names as sources, else those that "
        "`python -m taskpgm_core materialise --per-task` writes.",
    )
    try:
        rendered = export(recipe(study, view, solution, allocation), name)
    except TaskPGMError as error:
        st.error(escape(str(error)))
        return
    st.markdown(escape(rendered.meaning[:1].upper() + rendered.meaning[1:] + "."))
    beside = tuple(alarm.sentence for alarm in repetition(study, view, allocation))
    warning_box([said for said in rendered.warnings if not said.startswith(beside)])
    asked = {t: float(w) for t, w in zip(solution.tasks, solution.p, strict=True) if w > 0}
    known = [abs(asked[t] - s) for t, s in rendered.realised.items() if s is not None]
    off = f" What it reads is at most {percent(max(known))} off a share." if known else ""
    st.caption(escape(f"{EXPORTERS[name].versions.sentences}{off}"))
    files, realised = st.columns([3, 2])
    with files:
        for file, text in rendered.files.items():
            st.download_button(
                f"Download {file}", text, file, key=f"take-{name}-{file}", on_click="ignore"
            )
            # For the first code that is shown a browser fetches 1.5 MB of script.
            with st.expander(f"Read {file}", on_change="rerun", key=f"read-{name}-{file}") as read:
                if read.open:
                    st.code(text, language=None, wrap_lines=True)  # highlighted it misses AA
    realised.dataframe(
        pd.DataFrame(
            {
                "task": list(rendered.realised),
                "asked": [100 * asked[t] for t in rendered.realised],
                "will get": [None if s is None else 100 * s for s in rendered.realised.values()],
            }
        ),
        hide_index=True,
        column_config={
            name: st.column_config.NumberColumn(format="%.2f%%") for name in ("asked", "will get")
        },
        height=300,
    )
