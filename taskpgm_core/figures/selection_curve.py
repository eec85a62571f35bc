"""How much of what all tasks reach the best few of them reach."""

import plotly.graph_objects as go

from taskpgm_core.figures.canvas import canvas
from taskpgm_core.figures.labels import percent, plain
from taskpgm_core.figures.palette import LIGHT, Palette
from taskpgm_core.mixture.selection import Selection


def captured(selection: Selection, value: float) -> float:
    """Where ``value`` lies between the first task alone (0) and all tasks together (1)."""
    alone = selection.steps[0].value
    span = selection.best - alone
    return (value - alone) / span if span > 0 else 1.0


def selection_curve_figure(selection: Selection, k: int, *, palette: Palette = LIGHT) -> go.Figure:
    """Greedy's value for every number of tasks, between what bounds it, with ``k`` marked.

    Values are shares of the way from the first task alone to all tasks. customdata of greedy's
    points: (k, the task that came last, F in the units of S).
    """
    figure = canvas(palette, height=400)
    sizes = [step.k for step in selection.steps]

    def line(name: str, values: list[float | None], **looks: object) -> None:
        figure.add_scatter(
            x=sizes,
            y=[None if v is None else round(captured(selection, v), 6) for v in values],
            name=name,
            hovertemplate=f"{name}: %{{y:.1%}}<extra></extra>",
            **looks,
        )

    quiet = {"color": palette.muted, "width": 1.5, "dash": "dash"}
    steps = selection.steps
    line("no k tasks exceed", [s.upper_bound for s in steps], mode="lines", line=quiet)
    line(
        "greedy",
        [s.value for s in steps],
        mode="lines+markers" if len(steps) <= 60 else "lines",
        line={"color": palette.accent, "width": 3},
        marker={"size": 7},
        customdata=[[s.k, s.added, round(s.value, 9)] for s in steps],
        hovertext=[
            f"{s.k} tasks: {percent(captured(selection, s.value))}<br>"
            f"last came {plain(s.added)}<br>F = {s.value:.5g}"
            for s in steps
        ],
    )
    figure.data[-1].hovertemplate = "%{hovertext}<extra></extra>"
    if any(s.exact is not None for s in steps):
        line(
            "best of any k",
            [s.exact for s in steps],
            mode="markers",
            marker={
                "symbol": "diamond-open",
                "size": 13,
                "color": palette.ink,
                "line": {"width": 1.8},
            },
        )
    line(
        "greedy's guarantee",
        [s.guarantee for s in steps],
        mode="lines",
        line=quiet | {"dash": "dot"},
    )
    figure.add_vline(x=k, line={"color": palette.ink, "width": 1.5, "dash": "dot"})
    figure.update_xaxes(
        title="number of tasks k", nticks=10, tickformat="d", range=[0.5, len(sizes) + 0.5]
    )
    figure.update_yaxes(
        title="of what all tasks reach", tickformat=".0%", rangemode="tozero", nticks=6
    )
    return figure
