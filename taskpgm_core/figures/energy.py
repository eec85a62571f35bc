"""The energy of a mixture, split into what its two potentials contribute."""

import plotly.graph_objects as go

from taskpgm_core.figures.canvas import canvas
from taskpgm_core.figures.labels import with_sign
from taskpgm_core.figures.palette import LIGHT, Palette

PARTS = ("representativeness", "redundancy", "energy")


def energy_figure(
    unary: float, pairwise: float, total: float, *, palette: Palette = LIGHT
) -> go.Figure:
    """A waterfall: the unary part -beta u'p, the pairwise part lambda/2 p'Sp, and their sum E(p).

    All three in the units of S (nats for measured studies) times lambda.
    """
    figure = canvas(palette, height=210)
    values = [round(unary, 9), round(pairwise, 9), round(total, 9)]
    figure.add_waterfall(
        orientation="h",
        measure=["relative", "relative", "total"],
        y=[f"{name} {with_sign(value)}" for name, value in zip(PARTS, values, strict=True)],
        x=values,
        increasing={"marker": {"color": palette.loss}},
        decreasing={"marker": {"color": palette.gain}},
        totals={"marker": {"color": palette.muted}},
        connector={"line": {"color": palette.grid, "width": 1}},
        hovertemplate="%{y}<extra></extra>",
    )
    figure.update_yaxes(autorange="reversed", showgrid=False)
    figure.update_xaxes(zeroline=True, nticks=5)
    figure.update_layout(showlegend=False)
    return figure
