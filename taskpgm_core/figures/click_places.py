"""Places of a chart that can be pointed at and clicked, though nothing is drawn there."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

UNSEEN = 0.001
"""An opacity that nobody sees; Plotly takes no clicks on a marker of none."""


def click_places(
    x: Sequence[float],
    y: Sequence[float],
    customdata: Sequence[Sequence[Any]],
    said: Sequence[str],
    **settings: Any,
) -> go.Scatter:
    """A trace of places at ``x``, ``y`` that say ``said`` and report their ``customdata``.

    Heat maps, lines and areas report no clicks themselves. Plotly looks in a trace's data for the
    nearest point within 20 pixels, whether it is drawn or not, so one marker is drawn of all: a
    thousand of them cost a browser half a second.
    """
    return go.Scatter(
        x=x,
        y=y,
        mode="markers",
        marker={"size": 6, "opacity": UNSEEN, "maxdisplayed": 1},
        selected={"marker": {"opacity": UNSEEN}},
        unselected={"marker": {"opacity": UNSEEN}},
        customdata=customdata,
        hovertext=said,
        hovertemplate="%{hovertext}<extra></extra>",
        showlegend=False,
        **settings,
    )
