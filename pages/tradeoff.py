"""What do I give up?"""

import streamlit as st

from pages.ui import cached
from pages.ui.controls import pick_balance, pick_beside
from pages.ui.layout import frame
from pages.ui.tradeoff import bands, corners, frontier, variety

scene = frame("What do I give up?")
study, view = scene.study, scene.view
path = cached.path(study, view)
at, weights = cached.walk(study, view)

balance, show = st.columns(2, gap="large")
with balance:
    pick_balance(path.last, view)
with show:
    pick_beside(cached.comparable(study), view)
bands(scene, path)
left, right = st.columns(2, gap="large")
with left:
    frontier(scene, at, weights)
with right:
    variety(scene, at, weights)
    corners(path)
