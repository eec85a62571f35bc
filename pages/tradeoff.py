"""What do I give up?"""

import streamlit as st

from pages.ui import cached
from pages.ui.chart import chart
from pages.ui.controls import pick_balance, pick_beside
from pages.ui.layout import frame
from pages.ui.tradeoff import corners, frontier, useful
from taskpgm_core.analysis.trade_off import effective_numbers
from taskpgm_core.figures.tradeoff import path_areas_figure, variety_figure
from taskpgm_core.findings.tradeoff import path_finding, variety_finding

scene = frame("What do I give up?")
study, view, palette = scene.study, scene.view, scene.palette
utility = useful(view)
path, form = cached.path(study, view), cached.closed_form(study, view)
at, weights = cached.walk(study, view)

balance, show = st.columns(2, gap="large")
with balance:
    pick_balance(path.last, view)
with show:
    pick_beside(cached.comparable(study), view)
chart(
    path_areas_figure(
        study.names,
        [task.family for task in study.tasks],
        path.balances,
        path.weights,
        balance=view.question.balance,
        anchor_name="" if utility else cached.anchor_name(view),
        palette=palette,
    ),
    path_finding(study.names, path.balances, path.weights, utility or "representativeness"),
    "From pure diversity on the left to the most "
    f"{'useful' if utility else 'representative'} tasks on the right; a band is a task's share, "
    "colours are families.",
    key="path",
)
left, right = st.columns(2, gap="large")
with left:
    frontier(scene, at, weights)
with right:
    interval = form.interval if form.exact else None
    chart(
        variety_figure(
            at,
            effective_numbers(weights),
            n=len(study.tasks),
            balance=view.question.balance,
            closed_form=interval,
            palette=palette,
        ),
        variety_finding(at, effective_numbers(weights), view.question.balance, interval),
        "Effective number of tasks: as many as an equal split of the same entropy. Shaded: where "
        "the paper's closed form is the exact answer.",
        key="variety",
    )
    corners(path)
