"""What the Mixture page says beside its bars: counts, certificate, energy."""

import pandas as pd
import streamlit as st

from pages.ui.chart import fact_list, heading
from taskpgm_core.figures.findings import budget_finding
from taskpgm_core.figures.labels import scientific
from taskpgm_core.mixture.budget import Allocation
from taskpgm_core.mixture.solution import Solution
from taskpgm_core.records import Array, Study


def counts_table(study: Study, p: Array, allocation: Allocation) -> None:
    """Every task's share, whole-number count and epochs."""
    heading(
        budget_finding(allocation.tasks, allocation.epochs),
        f"Counts are whole {allocation.unit} by largest remainder and add up to "
        f"{allocation.budget:,}. Epochs: how often the task's examples are repeated.",
    )
    table = pd.DataFrame(
        {
            "task": study.names,
            "family": [task.family for task in study.tasks],
            "share": [round(100 * float(w), 6) for w in p],
            allocation.unit: allocation.counts,
            "available rows": [task.rows for task in study.tasks],
            "epochs": allocation.epochs,
        }
    ).sort_values("share", ascending=False, kind="stable")
    st.dataframe(
        table,
        hide_index=True,
        column_config={
            "share": st.column_config.NumberColumn(format="%.1f%%"),
            allocation.unit: st.column_config.NumberColumn(format="localized"),
            "available rows": st.column_config.NumberColumn(format="localized"),
            "epochs": st.column_config.NumberColumn(format="%.2f"),
        },
        height=420,
    )


def certificate(solution: Solution) -> None:
    """Why this is the optimum, in numbers."""
    if solution.status != "optimal":
        st.error(solution.message)
        return
    heading(
        "This is the exact optimum", "No other mixture has a lower energy by more than the gap."
    )
    closed = "gives the same mixture" if solution.closed_form_valid else "is no mixture here"
    shift = (
        "none needed: the energy is convex"
        if solution.shift == 0
        else f"{solution.shift:.4g} added to the diagonal (it pulls towards the anchor)"
    )
    facts = {
        "gap": f"{scientific(solution.gap)} (relative {scientific(solution.gap_relative)})",
        "status": solution.status,
        "only minimiser": "yes"
        if solution.unique
        else "no: the one nearest to the anchor is shown",
        "closed form": closed,
        "shift": shift,
        "tasks in the mixture": f"{len(solution.support)} of {len(solution.tasks)}",
        "effective number": f"{solution.effective_tasks:.1f} tasks",
    }
    fact_list(facts)
