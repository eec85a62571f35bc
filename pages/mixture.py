"""What should I train on?"""

import streamlit as st

from pages.ui import cached
from pages.ui.balance_dial import (
    dial,
    resolution_axis,
    say_of_the_chosen,
    what_training_gave,
    whiskers,
)
from pages.ui.controls import pick_beside, pick_budget, pick_reference, pick_symbols, pick_tasks
from pages.ui.layout import frame
from pages.ui.mixture import counts, difference, energy, take_along, what_to_know
from pages.ui.presenter import offer, present, presenting
from pages.ui.recommended import answer, forecast_here
from pages.ui.resolution import skills_here

QUESTION = "What should I train on?"
if presenting():
    present(QUESTION)
scene = frame(QUESTION, dial=True)
study, view, palette = scene.study, scene.view, scene.palette
solution = cached.solution(study, view)
known = cached.comparable(study)

dial(study, view)
later = st.container(gap=None)
shown, side = st.columns([3, 2], gap="large")
with shown:
    skills_here(study, view)
    pick_beside(known, view)
    pick_tasks(study, view)
with side:
    offer(view)
    what_to_know(study, view, solution)
    with st.popover("Formula", width="stretch"):
        pick_symbols(study)

budget, against = st.columns(2, gap="large")
with budget:
    pick_budget(study)
    allocation = counts(study, view, solution.p)
with against:
    name = pick_reference(known, view)
    title, reference = known[name], cached.named_mixture(study, view, name)
    difference(study, solution.p, reference, title, palette)
    energy(solution, cached.problem(study, view), palette)
if allocation is not None:
    take_along(study, view, solution, allocation)
with later:
    say_of_the_chosen(scene)
    what_training_gave(study, view)
    forecast_here(study, solution.p)
    resolution_axis(study, view)
    whiskers(study, view)
answer(scene)
