"""What will it take to measure my own tasks?"""

import streamlit as st

from pages.ui.build import cost, start_buttons, watched
from pages.ui.layout import outline
from pages.ui.plan_editor import verdict, write_plan
from taskpgm_core.builds import background

outline("Measure tasks of your own")
refused = background.refusal(st.get_option("server.address"))
lacking = background.missing()
if refused:
    st.info(refused)
elif lacking:
    st.info(lacking)
st.markdown(
    "A plan names the tasks, the base model and how to measure it. A build trains one small model "
    "a task, scores every model on every task's examples, and puts the study in the cache."
)
editor, side = st.columns([3, 2], gap="large")
with editor:
    text = write_plan()
with side:
    plan = verdict(text)
    if plan and not refused and not lacking:
        start_buttons(text, plan)
        cost(plan.slug)
    if not refused:
        watched()
