"""Clicks on charts: what was pointed at becomes the selection of every page."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from pages.ui.controls import moved


def clicked_data(key: str) -> list[Any]:
    """The customdata of the points that are selected on the chart ``key``."""
    state = st.session_state.get(key) or {}
    points = state.get("selection", {}).get("points", [])
    return [point["customdata"] for point in points if point.get("customdata")]


def select_clicked_tasks(key: str) -> Callable[[], None]:
    """A callback: a node's task, or an edge's two tasks, become the selected ones.

    A node's customdata is (task, weight), an edge's (task, task).
    """

    def clicked() -> None:
        for data in clicked_data(key)[:1]:
            moved(tasks=tuple(item for item in list(data)[:2] if isinstance(item, str)))

    return clicked


def go_to_clicked_balance(key: str) -> Callable[[], None]:
    """A callback: the balance of the point clicked, whose customdata is [balance], is asked."""

    def clicked() -> None:
        for data in clicked_data(key)[:1]:
            moved(balance=float(data[0]))

    return clicked


def select_clicked_pair(key: str, tasks: tuple[str, ...]) -> Callable[[], None]:
    """A callback: the two tasks of a cell, with customdata (i, j), become the selected ones."""

    def clicked() -> None:
        for i, j in clicked_data(key)[:1]:
            moved(tasks=(tasks[int(i)], tasks[int(j)]))

    return clicked
