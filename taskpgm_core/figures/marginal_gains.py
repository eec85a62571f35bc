"""What each next task adds."""

import plotly.graph_objects as go

from taskpgm_core.figures.canvas import canvas
from taskpgm_core.figures.labels import percent, plain, shorten
from taskpgm_core.figures.palette import LIGHT, Palette
from taskpgm_core.figures.selection_curve import captured
from taskpgm_core.mixture.selection import Selection

ROW = 25


def marginal_gains_figure(
    selection: Selection, k: int, *, limit: int = 16, palette: Palette = LIGHT
) -> go.Figure:
    """A bar a task in the order greedy takes them: the share that it adds to what came before.

    The first task has nothing to add to and is left out. Tasks up to ``k`` are in the accent
    colour. customdata: (task id, k, gain in F in the units of S).
    """
    start = max(1, min(k - limit // 2, len(selection.steps) - limit))
    shown = selection.steps[start : start + limit]
    figure = canvas(palette, height=72 + ROW * max(len(shown), 3))
    gains = [step.value - selection.steps[step.k - 2].value for step in shown]
    shares = [
        captured(selection, step.value) - captured(selection, selection.steps[step.k - 2].value)
        for step in shown
    ]
    ids = [step.added for step in shown]
    figure.add_bar(
        x=[round(share, 7) for share in shares],
        y=ids,
        orientation="h",
        marker={"color": [palette.accent if s.k <= k else palette.quiet for s in shown]},
        customdata=[
            [step.added, step.k, round(gain, 9)] for step, gain in zip(shown, gains, strict=True)
        ],
        text=[percent(share) for share in shares],
        textposition="outside",
        outsidetextfont={"size": 15, "color": palette.ink},
        cliponaxis=False,
        hovertext=[
            f"{plain(step.added)} as task {step.k}: F grows by {gain:.4g}"
            for step, gain in zip(shown, gains, strict=True)
        ],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    figure.update_xaxes(
        tickformat=".0%", nticks=5, range=[0, 1.22 * max([*shares, 1e-6])], rangemode="tozero"
    )
    figure.update_yaxes(
        autorange="reversed",
        tickvals=ids,
        ticktext=[f"{step.k}. {plain(shorten(step.added, 20))}" for step in shown],
        showgrid=False,
    )
    figure.update_layout(showlegend=False, bargap=0.3)
    return figure
