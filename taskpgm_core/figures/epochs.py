"""How often a budget repeats each task's examples."""

import plotly.graph_objects as go

from taskpgm_core.figures.canvas import canvas
from taskpgm_core.figures.labels import plain, shorten
from taskpgm_core.figures.palette import LIGHT, Palette
from taskpgm_core.mixture.budget import Allocation

ROW = 25


def epochs_figure(
    allocation: Allocation, cap: float | None, *, limit: int = 16, palette: Palette = LIGHT
) -> go.Figure:
    """Bars of the epochs over each task with examples in the budget, most repeated first.

    A line marks ``cap``, or one epoch where there is none; bars beyond it are in the colour of
    losses. customdata: (task id, count in the budget's unit).
    """
    known = [(e, i) for i, e in enumerate(allocation.epochs) if e]
    shown = [i for _, i in sorted(known, key=lambda pair: (-pair[0], pair[1]))[:limit]]
    line = 1.0 if cap is None else cap
    epochs = [float(allocation.epochs[i] or 0.0) for i in shown]
    ids = [allocation.tasks[i] for i in shown]
    figure = canvas(palette, height=72 + ROW * max(len(shown), 3))
    figure.add_bar(
        x=[round(e, 6) for e in epochs],
        y=ids,
        orientation="h",
        marker={"color": [palette.loss if e > line + 1e-9 else palette.accent for e in epochs]},
        customdata=[[allocation.tasks[i], allocation.counts[i]] for i in shown],
        hovertext=[
            f"{plain(allocation.tasks[i])}: {allocation.counts[i]:,} {allocation.unit}, "
            f"{allocation.epochs[i]:.2f} epochs"
            for i in shown
        ],
        hovertemplate="%{hovertext}<extra></extra>",
    )
    far = 1.18 * max([*epochs, line])
    figure.add_scatter(  # a number that the line would cross stands beyond it
        x=[line if e <= line < e + 0.15 * far else e for e in epochs],
        y=ids,
        mode="text",
        text=[f"\u00a0{e:.2f}" for e in epochs],
        textposition="middle right",
        textfont={"size": 15, "color": palette.ink},
        cliponaxis=False,
        hoverinfo="skip",
    )
    figure.add_vline(
        x=line,
        layer="below",
        line={"color": palette.ink, "width": 1.5, "dash": "dash"},
        annotation={
            "text": "one epoch" if cap is None else f"cap: {cap:g}",
            "font": {"size": 15, "color": palette.ink},
            "yanchor": "bottom",
            "xanchor": "left",
        },
    )
    figure.update_xaxes(title="epochs", rangemode="tozero", range=[0, far], nticks=6)
    figure.update_yaxes(
        autorange="reversed",
        tickvals=ids,
        ticktext=[plain(shorten(task, 22)) for task in ids],
        showgrid=False,
    )
    figure.update_layout(showlegend=False, bargap=0.3, margin={"t": 30})
    return figure
