"""A chart with its finding above it and one line on how to read it."""

import html
import zlib
from collections.abc import Callable, Mapping
from typing import Literal

import plotly.graph_objects as go
import streamlit as st

from taskpgm_core.figures.numbers import shorten
from taskpgm_core.findings.glossary import GLOSSARY

CONFIG = {"displayModeBar": False, "responsive": True}
CLICKED = {"clickmode": "event+select", "hovermode": "closest"}
"""What Streamlit makes of a layout whose points are clicked."""


def escape(text: str) -> str:
    """Text that Markdown shows as it stands."""
    for sign in "\\`*_{}[]<>#$|~:":
        text = text.replace(sign, f"\\{sign}")
    return text


def heading(finding: str, how: str = "", formula: str = "", word: str = "") -> None:
    """A finding and how to read what stands below it; folded behind a mark what a ``word`` of the
    glossary means, and its symbols."""
    told = [escape(GLOSSARY[word])] if word else []
    told += [f"Formula: {escape(formula)}"] if formula else []
    st.markdown(f"### {escape(finding)}", help=" ".join(told) or None)
    if how:
        st.caption(escape(how))


def fact_list(facts: Mapping[str, str]) -> None:
    """Names and values as a plain list."""
    rows = "".join(
        f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>"
        for name, value in facts.items()
    )
    st.html(f'<dl class="facts">{rows}</dl>')


def chart(
    figure: go.Figure,
    finding: str,
    how: str,
    *,
    key: str,
    formula: str = "",
    word: str = "",
    height: Literal["content", "stretch"] = "content",
    on_select: Callable[[], None] | None = None,
) -> None:
    """The chart under its heading; ``on_select`` is called when its points are clicked."""
    heading(finding, how, formula, word)
    plot(figure, f"{shorten(finding, 120)}. {how}", key=key, height=height, on_select=on_select)


def plot(
    figure: go.Figure,
    alt: str,
    *,
    key: str,
    height: Literal["content", "stretch"] = "content",
    on_select: Callable[[], None] | None = None,
) -> None:
    """The chart alone, told to those who cannot see it by ``alt``.

    Streamlit gives every chart to Plotly twice. Plotly draws it once where nothing differs, which
    it takes the data's word for: ``datarevision`` stands for all that they hold. So everything is
    set here that Streamlit would set in between.
    """
    written = figure.to_json(validate=False).encode()
    figure.layout.update(datarevision=zlib.crc32(written), **(CLICKED if on_select else {}))
    st.plotly_chart(
        figure,
        theme=None,
        config=CONFIG,
        key=key,
        height=height,
        on_select=on_select or "ignore",
        selection_mode="points",
        alt=alt,
    )
