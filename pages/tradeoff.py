"""What do I give up?"""

import streamlit as st

from pages.ui import cached
from pages.ui.chart import chart
from pages.ui.chart_clicks import go_to_clicked_balance
from pages.ui.controls import pick_balance, pick_beside
from pages.ui.layout import frame
from pages.ui.tradeoff import corners, frontier, useful
from taskpgm_core.analysis.trade_off import effective_numbers
from taskpgm_core.figures.balance_axis import positions, track_end
from taskpgm_core.figures.balance_points import on_curve, on_path
from taskpgm_core.figures.tradeoff import path_areas_figure, variety_figure
from taskpgm_core.findings.tradeoff import given_up_finding, path_finding, variety_finding

scene = frame("What do I give up?")
study, view, palette = scene.study, scene.view, scene.palette
utility = useful(view)
path, form = cached.path(study, view), cached.closed_form(study, view)
at, weights = cached.walk(study, view)

families = ", colours are families" if any(task.family for task in study.tasks) else ""
balance, show = st.columns(2, gap="large")
with balance:
    pick_balance(path.last, view)
with show:
    pick_beside(cached.comparable(study), view)
chart(
    on_path(
        path_areas_figure(
            study.names,
            [task.family for task in study.tasks],
            path.balances,
            path.weights,
            balance=view.question.balance,
            anchor_name="" if utility else cached.anchor_name(view),
            palette=palette,
        ),
        track_end(path.last),
    ),
    given_up_finding(
        study.names,
        cached.solution(study, view).p,
        cached.problem(study, view).anchor,
        path.weights[0],
        cached.anchor_name(view),
    ),
    f"{path_finding(study.names, path.balances, path.weights, utility or 'representativeness')}. "
    f"A band is a task's share{families}. Click a place to move the balance there.",
    key="path",
    on_select=go_to_clicked_balance("path"),
)
left, right = st.columns(2, gap="large")
with left:
    frontier(scene, at, weights)
with right:
    varied = effective_numbers(weights)
    interval = form.interval if form.exact else None
    chart(
        on_curve(
            variety_figure(
                at,
                varied,
                n=len(study.tasks),
                balance=view.question.balance,
                closed_form=interval,
                palette=palette,
            ),
            at,
            positions(at),
            varied,
        ),
        variety_finding(at, varied, view.question.balance, interval),
        "The effective number of tasks at every balance. Shaded: where the paper's closed form is "
        "the exact answer.",
        key="variety",
        on_select=go_to_clicked_balance("variety"),
    )
    corners(path)
