"""Places on the Trade-off page's charts that a click turns into a balance."""

from typing import Any, cast

import numpy as np
import plotly.graph_objects as go

from taskpgm_core.figures.balance_axis import balance_at, positions
from taskpgm_core.figures.click_places import click_places
from taskpgm_core.records import Array

ACROSS, UP = 61, 13
"""Columns and rows of places on the path; the middle column is balance 1."""


def on_path(figure: go.Figure, end: float) -> go.Figure:
    """Cover the stacked areas of a path that ends at the balance ``end``, in place.

    Each place says whose band it lies in; its customdata is [balance].
    """
    areas = [trace for trace in cast(Any, figure.data) if trace.stackgroup]
    at, level = np.linspace(0, 1, ACROSS), (np.arange(UP) + 0.5) / UP
    shares = np.array([np.interp(at, area.x, area.y) for area in areas])
    tops = shares.cumsum(axis=0)
    balances = [float(f"{balance_at(float(x), end):.4g}") for x in at]
    x, y, data, said = [], [], [], []
    for j, balance in enumerate(balances):
        for height in level:
            i = min(int((tops[:, j] <= height).sum()), len(areas) - 1)
            x.append(round(float(at[j]), 5))
            y.append(round(float(height), 5))
            data.append([balance])
            name = areas[i].meta or areas[i].name
            said.append(f"{name} {shares[i, j]:.1%} at balance {balance:.4g}")
    for area in areas:
        area.update(hoverinfo="skip", hovertemplate=None)
    figure.add_trace(click_places(x, y, data, said, name="balances"))
    return figure.update_layout(hovermode="closest")


def on_curve(figure: go.Figure, balances: Array, x: Array, y: Array) -> go.Figure:
    """Cover a curve of points x (m,), y (m,) at ``balances`` (m,), in place, evenly thinned."""
    track = positions(balances)
    kept = np.unique(np.searchsorted(track, np.linspace(0, track[-1], ACROSS)).clip(0, len(x) - 1))
    data = [[float(f"{balances[k]:.4g}")] for k in kept]
    said = [f"balance {r:.4g}" for (r,) in data]
    places = (x[kept].round(6).tolist(), y[kept].round(6).tolist())
    figure.add_trace(click_places(*places, data, said, name="balances"))
    return figure.update_layout(hovermode="closest")
