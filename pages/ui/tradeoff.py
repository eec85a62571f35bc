"""What every balance gives up: the path as bands, the frontier, the variety, and their tables."""

import numpy as np
import pandas as pd
import streamlit as st

from pages.ui import cached
from pages.ui.anchor import no_middle
from pages.ui.chart import chart
from pages.ui.chart_clicks import go_to_clicked_balance
from pages.ui.layout import Scene
from pages.ui.url_state import View
from taskpgm_core.analysis.trade_off import effective_numbers, standing
from taskpgm_core.figures.balance_axis import positions, track_end
from taskpgm_core.figures.balance_points import on_curve, on_path
from taskpgm_core.figures.tradeoff import (
    by_group,
    frontier_figure,
    path_areas_figure,
    variety_figure,
)
from taskpgm_core.findings.glossary import GLOSSARY
from taskpgm_core.findings.mixture import energy_unit, rewarded
from taskpgm_core.findings.tradeoff import (
    frontier_finding,
    frontier_formula,
    frontier_reading,
    given_up_finding,
    path_finding,
    variety_finding,
)
from taskpgm_core.mixture.path import SolutionPath
from taskpgm_core.records import Array

ALWAYS = ("uniform", "proportional", "authors")
REWARDED = "representativeness"
WEIGHT = 1e-12  # below it a task has left


def useful(view: View) -> str:
    """What the balance rewards in the place of representativeness; empty where it is that."""
    if view.question.judge_by:
        return "what it is judged by"
    return "gain" if view.question.unary == "gain" else ""


def bands(scene: Scene, path: SolutionPath) -> None:
    """Every mixture of the path as stacked areas, which move the balance where they are clicked."""
    study, view = scene.study, scene.view
    utility = useful(view)
    anchor = cached.anchor_name(view)
    families = [task.family for task in study.tasks]
    band = "a task's share" + (", colours are families" if any(families) else "")
    if by_group(families):
        band = "a family's share"
    chart(
        on_path(
            path_areas_figure(
                study.names,
                families,
                path.balances,
                path.weights,
                balance=view.question.balance,
                anchor_name="" if no_middle(study, view) else anchor,
                palette=scene.palette,
            ),
            track_end(path.last),
        ),
        given_up_finding(
            study.names,
            cached.solution(study, view).p,
            cached.problem(study, view).anchor,
            path.weights[0],
            anchor,
        ),
        f"{path_finding(study.names, path.balances, path.weights, utility or REWARDED)}. "
        f"A band is {band}. Click a place to move the balance there.",
        key="path",
        on_select=go_to_clicked_balance("path"),
    )


def variety(scene: Scene, at: Array, weights: Array) -> None:
    """The effective number of tasks of ``weights`` (m, n) at the balances ``at`` (m,)."""
    balance, form = scene.view.question.balance, cached.closed_form(scene.study, scene.view)
    here = cached.solution(scene.study, scene.view)
    varied = effective_numbers(weights)
    interval = form.interval if form.exact else None
    chart(
        on_curve(
            variety_figure(
                at,
                varied,
                n=len(scene.study.tasks),
                balance=balance,
                closed_form=interval,
                palette=scene.palette,
            ),
            at,
            positions(at),
            varied,
        ),
        variety_finding(here.effective_tasks, balance, interval),
        "The effective number of tasks at every balance. Shaded: where the paper's closed form is "
        "the exact answer.",
        key="variety",
        on_select=go_to_clicked_balance("variety"),
    )


def frontier(scene: Scene, at: Array, weights: Array) -> None:
    """The exact mixtures ``weights`` (m, n) at the balances ``at`` (m,), and others beside them."""
    study, view = scene.study, scene.view
    known = cached.comparable(study)
    chosen = [name for name in dict.fromkeys((*ALWAYS, *view.beside)) if name in known]
    problem, here = cached.problem(study, view), cached.solution(study, view).p
    kernel, unit = cached.kernel(study, view), energy_unit(problem)
    word = rewarded(problem)
    units = (unit, "nats a token" if view.question.unary == "gain" else unit)
    named = {known[name]: cached.named_mixture(study, view, name) for name in chosen}
    places = standing(problem, np.array([here, *named.values()]))
    line = standing(problem, weights)
    chart(
        on_curve(
            frontier_figure(
                at,
                line,
                dict(zip(named, places[1:], strict=True)),
                here=places[0],
                units=units,
                rewarded=word,
                palette=scene.palette,
            ),
            at,
            -line[:, 1],
            line[:, 0],
        ),
        frontier_finding(problem, here, named, units, word),
        frontier_reading(problem),
        key="frontier",
        formula=frontier_formula(problem),
        on_select=go_to_clicked_balance("frontier"),
    )
    rows = {"this mixture": here, **named}
    columns = {
        "mixture": list(rows),
        word: places[:, 0],
        "diverse": -places[:, 1],
        "effective number of tasks": effective_numbers(np.array(list(rows.values()))),
    }
    if kernel.finite:
        columns["distinct skills"] = [kernel.skills_covered(p) for p in rows.values()]
    number = st.column_config.NumberColumn
    st.dataframe(
        pd.DataFrame(columns),
        hide_index=True,
        column_config={
            word: number(format="%.3f"),
            "diverse": number(format="%.3f"),
            "effective number of tasks": number(
                format="%.1f", help=GLOSSARY["effective number of tasks"]
            ),
            "distinct skills": number(
                format="%.1f",
                help=f"Those that it spreads over. {GLOSSARY['distinct skills']} Formula: 1/p′Kp.",
            ),
        },
    )


def corners(path: SolutionPath) -> None:
    """The balances at which a task enters or leaves, and how varied the mixture is there."""
    number = st.column_config.NumberColumn
    st.dataframe(
        pd.DataFrame(
            {
                "balance": path.balances,
                "tasks": (path.weights > WEIGHT).sum(axis=1),
                "effective number of tasks": effective_numbers(path.weights),
                "largest share": 100 * path.weights.max(axis=1),
            }
        ),
        hide_index=True,
        height=min(214, 36 * (len(path.balances) + 1)),
        column_config={
            "balance": number(format="%.4g", help="where a task enters or leaves the mixture"),
            "effective number of tasks": number(
                format="%.1f", help=GLOSSARY["effective number of tasks"]
            ),
            "largest share": number(format="%.1f%%"),
        },
    )
