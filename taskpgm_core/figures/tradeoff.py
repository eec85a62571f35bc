"""The Trade-off page's figures: the whole path, its variety, and the frontier."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from taskpgm_core.figures.balance_axis import positions, samples, ticks, track_end, track_position
from taskpgm_core.figures.numbers import plain, shorten
from taskpgm_core.figures.theme import LIGHT, OKABE_ITO, Palette, canvas, colours, patterns
from taskpgm_core.records import Array

AREAS = 40


NEAR = 0.1
"""Of the track: marks that are nearer to one another have their words on either side."""


def _mark(
    figure: go.Figure, at: float, text: str, palette: Palette, dash: str, side: str = "center"
) -> None:
    figure.add_vline(x=at, line={"color": palette.ink, "width": 1.5, "dash": dash})
    figure.add_annotation(
        x=at,
        y=1,
        yref="paper",
        yanchor="bottom",
        xanchor=side,
        text=text,
        showarrow=False,
        font={"color": palette.ink, "size": 15},
    )


def path_areas_figure(
    tasks: Sequence[str],
    groups: Sequence[str],
    balances: Array,
    weights: Array,
    *,
    balance: float,
    anchor_name: str,
    palette: Palette = LIGHT,
) -> go.Figure:
    """Stacked areas of ``weights`` (m, n) at the breakpoints ``balances`` (m,), exact in between.

    Coloured by ``groups`` (n,), tasks of a group side by side. More than 40 tasks are drawn as
    the sums of their groups, where there are at most 40 of these; else all but the 40 that ever
    get the most are one area. ``balance`` is marked, and so is the anchor at balance 1 where
    ``anchor_name`` is not empty. An area's ``meta`` is its task or group.
    """
    tasks, groups, weights = _bands(tasks, groups, weights)
    end = track_end(float(balances[-1]))
    at = samples(balances, end)
    x = [round(track_position(r, end), 6) for r in at]
    shares = np.column_stack([np.interp(at, balances, column) for column in weights.T])
    most = shares.max(axis=0)
    kept = [int(i) for i in np.argsort(-most, kind="stable")[:AREAS] if most[i] > 0]
    kept.sort(key=lambda i: (groups[i], -most[i], i))
    figure = canvas(palette, height=470, margin={"l": 8, "r": 8, "t": 30, "b": 8})
    paint, pattern = colours(sorted(set(groups))), patterns(sorted(set(groups)))
    named: set[str] = set()
    for i in kept:
        group = groups[i]
        area = _area(x, shares[:, i], tasks[i], group, paint[group], pattern[group], palette)
        lone = not group and len(paint) == 1  # no families at all: nothing to tell apart
        figure.add_trace(area.update(showlegend=not lone and group not in named))
        named.add(group)
    rest = shares.sum(axis=1) - shares[:, kept].sum(axis=1)
    if (rest > 1e-9).any():
        figure.add_trace(_others(x, rest, len(tasks) - len(kept), palette))
    _mark_balances(figure, track_position(balance, end), balance, anchor_name, palette)
    figure.update_xaxes(
        title={"text": "balance", "standoff": 6}, range=[0, 1], showgrid=False, **ticks(end)
    )
    figure.update_yaxes(tickformat=".0%", range=[0, 1], showgrid=False)
    figure.update_layout(legend={"y": -0.24, "yanchor": "top"})
    return figure


def by_group(groups: Sequence[str]) -> bool:
    """Whether areas are the sums of ``groups`` (n,): the tasks are too many, these are not."""
    return len(groups) > AREAS and 1 < len(set(groups)) <= AREAS


def _bands(
    tasks: Sequence[str], groups: Sequence[str], weights: Array
) -> tuple[Sequence[str], Sequence[str], Array]:
    """What the areas are: the tasks, or where these are too many the sums of their groups."""
    if not by_group(groups):
        return tasks, groups, weights
    distinct = sorted(set(groups))
    member = np.array([[group == name for group in groups] for name in distinct], dtype=float)
    return [name or "no family" for name in distinct], distinct, weights @ member.T


def _area(
    x: Sequence[float],
    share: Array,
    task: str,
    group: str,
    paint: str,
    pattern: str,
    palette: Palette,
) -> go.Scatter:
    """One band of the stack, in its group's paint and pattern."""
    return go.Scatter(
        x=x,
        y=share.round(6).tolist(),
        mode="lines",
        stackgroup="path",
        line={"width": 0.8, "color": palette.paper},
        fillcolor=paint,
        fillpattern={"shape": pattern, "bgcolor": paint, "fgcolor": palette.paper, "size": 9},
        name=plain(shorten(group or "no family")),
        legendgroup=group,
        meta=plain(task),
        hovertemplate="%{meta} %{y:.1%}<extra></extra>",
    )


def _others(x: Sequence[float], rest: Array, count: int, palette: Palette) -> go.Scatter:
    """All tasks without an area of their own, as one."""
    return go.Scatter(
        x=x,
        y=np.maximum(rest, 0.0).round(6).tolist(),
        mode="lines",
        stackgroup="path",
        line={"width": 0},
        fillcolor=palette.quiet,
        name=f"{count} others",
        hovertemplate="others %{y:.1%}<extra></extra>",
    )


def _mark_balances(
    figure: go.Figure, here: float, balance: float, anchor_name: str, palette: Palette
) -> None:
    """Mark the anchor, where it has a name, and the ``balance`` at the place ``here``."""
    sides = ("center", "center")
    if anchor_name and abs(here - 0.5) < NEAR:
        sides = ("left", "right") if here < 0.5 else ("right", "left")
    if anchor_name:
        _mark(figure, 0.5, plain(anchor_name), palette, "dot", sides[0])
    if abs(balance - 1) > 1e-9 or not anchor_name:
        _mark(figure, here, "here", palette, "solid", sides[1])


def variety_figure(
    balances: Array,
    effective: Array,
    *,
    n: int,
    balance: float,
    closed_form: tuple[float, float] | None,
    palette: Palette = LIGHT,
) -> go.Figure:
    """Effective number of tasks (m,) over ``balances`` (m,); the closed form's range shaded."""
    end = track_end(float(balances[-1]))
    figure = canvas(palette, height=300, margin={"l": 8, "r": 8, "t": 30, "b": 8})
    if closed_form is not None:
        figure.add_vrect(
            x0=track_position(closed_form[0], end),
            x1=track_position(closed_form[1], end),
            fillcolor=palette.quiet,
            opacity=0.5,
            line_width=0,
        )
    figure.add_scatter(
        x=positions(balances).round(6).tolist(),
        y=effective.round(4).tolist(),
        mode="lines",
        line={"color": palette.accent, "width": 3},
        customdata=balances.round(6).tolist(),
        hovertemplate="balance %{customdata:.3g}<br>%{y:.1f} tasks<extra></extra>",
        showlegend=False,
    )
    _mark(figure, track_position(balance, end), "here", palette, "solid")
    figure.update_xaxes(
        title={"text": "balance", "standoff": 6}, range=[0, 1], showgrid=False, **ticks(end)
    )
    figure.update_yaxes(rangemode="tozero", range=[0, n * 1.05])
    return figure


SYMBOLS = ("circle", "diamond", "square", "triangle-up", "triangle-down", "cross", "x", "star")


def frontier_figure(
    balances: Array,
    path: Array,
    mixtures: Mapping[str, Array],
    *,
    here: Array,
    units: tuple[str, str],
    rewarded: str = "representative",
    palette: Palette = LIGHT,
) -> go.Figure:
    """``path`` (m, 2), ``mixtures`` {name: (2,)} and ``here`` (2,) as (p'Sw, p'Sp).

    Both axes grow towards the better: to the right more diverse (-p'Sp), upwards more
    representative (p'Sw), or more of what is ``rewarded`` instead. ``units``: of the axis to the
    right and of the one upwards; empty for none, as under a kernel.
    """
    figure = canvas(palette, height=470)
    digits = 6
    figure.add_scatter(
        x=((-path[:, 1]).round(digits) + 0.0).tolist(),
        y=(path[:, 0].round(digits) + 0.0).tolist(),
        mode="lines",
        line={"color": palette.accent, "width": 3},
        name="exact mixtures, every balance",
        customdata=balances.round(6).tolist(),
        hovertemplate="balance %{customdata:.3g}<extra></extra>",
    )
    for k, (name, (to_anchor, within)) in enumerate(mixtures.items()):
        figure.add_scatter(
            x=[round(-float(within), digits)],
            y=[round(float(to_anchor), digits)],
            mode="markers",
            name=plain(name),
            marker={
                "symbol": SYMBOLS[k % len(SYMBOLS)],
                "size": 13,
                "color": OKABE_ITO[k % len(OKABE_ITO)],
                "line": {"width": 1, "color": palette.ink},
            },
            hovertemplate=plain(name) + "<extra></extra>",
        )
    figure.add_scatter(
        x=[round(-float(here[1]), digits)],
        y=[round(float(here[0]), digits)],
        mode="markers",
        name="this mixture",
        marker={
            "symbol": "circle-open",
            "size": 20,
            "color": palette.accent,
            "line": {"width": 3.5},
        },
        hovertemplate="this mixture<extra></extra>",
    )
    right, up = (f" ({unit})" if unit else "" for unit in units)
    drawn = np.vstack([path, here, *mixtures.values()])
    figure.update_xaxes(
        title={"text": f"more diverse →{right}", "standoff": 6}, nticks=6, **_room(-drawn[:, 1])
    )
    figure.update_yaxes(title_text=f"more {rewarded} →{up}", nticks=6, **_room(drawn[:, 0]))
    figure.update_layout(legend={"y": -0.26, "yanchor": "top"})
    return figure


def _room(values: Array) -> dict[str, Any]:
    """A range of some width for an axis whose values are all but one; ticks would name rounding."""
    middle, wide = float(values.mean()), float(np.ptp(values))
    if wide > 1e-4 * max(abs(middle), 0.1):
        return {}
    half = 0.1 * max(abs(middle), 0.1)
    return {"range": [middle - half, middle + half]}
