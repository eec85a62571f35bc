"""A panel of the head: a popover whose label says what is set in it."""

import streamlit as st
from streamlit.elements.lib.mutable_popover_container import PopoverContainer


def panel(label: str, key: str) -> PopoverContainer:
    """A popover that stays open while what is set in it changes its label.

    To Streamlit a popover with another label is another popover, and a new one is closed.
    """
    before, was_open = st.session_state.get(f"{key}-panel", (label, False))
    if was_open and before != label:
        st.session_state[key] = True
    box = st.popover(label, key=key, on_change="rerun")
    st.session_state[f"{key}-panel"] = (label, bool(box.open))
    return box
