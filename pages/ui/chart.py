"""A chart with its finding above it and one line on how to read it."""

import plotly.graph_objects as go
import streamlit as st

from taskpgm_core.figures.labels import shorten

CONFIG = {"displayModeBar": False, "responsive": True}


def escape(text: str) -> str:
    """Text that Markdown shows as it stands."""
    for sign in "\\`*_{}[]<>#$|~:":
        text = text.replace(sign, f"\\{sign}")
    return text


def heading(finding: str, how: str = "") -> None:
    st.markdown(f"### {escape(finding)}")
    if how:
        st.caption(how)


def chart(figure: go.Figure, finding: str, how: str, *, key: str) -> None:
    heading(finding, how)
    st.plotly_chart(
        figure, theme=None, config=CONFIG, key=key, alt=f"{shorten(finding, 120)}. {how}"
    )
