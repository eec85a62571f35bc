"""Take the mixture along: every trainer's recipe, and what that trainer will really read."""

import pandas as pd
import streamlit as st

from pages.ui.chart import escape, heading
from pages.ui.view import View
from taskpgm_core.errors import TaskPGMError
from taskpgm_core.exports import EXPORTERS, Recipe, export, make_recipe
from taskpgm_core.figures.labels import percent
from taskpgm_core.mixture.budget import Allocation
from taskpgm_core.mixture.solution import Solution
from taskpgm_core.records import Study


def recipe(study: Study, view: View, solution: Solution, allocation: Allocation) -> Recipe:
    """The view's mixture with its provenance, ready for any trainer."""
    return make_recipe(
        solution.p,
        study.tasks,
        allocation,
        provenance={
            "study": study.slug,
            "digest": study.digest,
            "measure": view.measure,
            "balance": view.balance,
            "anchor": solution.anchor_name,
            "status": solution.status,
            "gap": solution.gap,
        },
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
        help="Paths are those that `python -m taskpgm_core materialise --per-task` writes.",
    )
    try:
        rendered = export(recipe(study, view, solution, allocation), name)
    except TaskPGMError as error:
        st.error(escape(str(error)))
        return
    st.markdown(escape(rendered.meaning[:1].upper() + rendered.meaning[1:] + "."))
    for warning in rendered.warnings:
        st.warning(escape(warning))
    asked = {t: float(w) for t, w in zip(solution.tasks, solution.p, strict=True) if w > 0}
    known = [abs(asked[t] - s) for t, s in rendered.realised.items() if s is not None]
    off = f", at most {percent(max(known))} off a share" if known else ""
    st.caption(f"Format as in {EXPORTERS[name].read_from}{off}.")
    files, realised = st.columns([3, 2])
    with files:
        for file, text in rendered.files.items():
            st.download_button(
                f"Download {file}", text, file, key=f"take-{name}-{file}", on_click="ignore"
            )
            with st.expander(f"Read {file}"):
                st.code(text, language=None, wrap_lines=True)  # highlighting misses contrast AA
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
