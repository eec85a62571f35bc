"""The code that draws charts, loaded while the reader is still on a page that has none."""

from functools import cache
from pathlib import Path

import streamlit as st

SCRIPT = """
export default function ({ data }) {
  const app = document.querySelector("script[type=module][src*='static/js/']");
  const load = () => app && import(new URL(data, app.src).href).catch(() => {});
  (window.requestIdleCallback ?? setTimeout)(load);
}
"""
"""At the address of Streamlit's own import, so that the browser loads it once. Where this fails a
chart asks for it again."""


@cache
def chart_code() -> str | None:
    """The file's name beside Streamlit's other scripts; None where a version names it otherwise."""
    scripts = Path(st.__file__).with_name("static") / "static" / "js"
    return next((path.name for path in scripts.glob("PlotlyChart.*.js")), None)


def load_chart_code() -> None:
    """Have the browser load it once it has nothing else to do."""
    if name := chart_code():
        st.components.v2.component("taskpgm_chart_code", js=SCRIPT)(key="chart-code", data=name)
