"""Where the names of points go, so that none lies on another or on a point."""

from collections.abc import Sequence

import numpy as np

from taskpgm_core.records import Array

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels."""
LETTER = 6.6
HEIGHT = 16.0
GAP = 4.0
PLACES = [
    ("top", "center"),
    ("middle", "right"),
    ("middle", "left"),
    ("bottom", "center"),
    ("top", "right"),
    ("bottom", "right"),
    ("top", "left"),
    ("bottom", "left"),
]
"""Around a point, the best first."""


def meet(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def spots(x: float, y: float, radius: float, label: str) -> dict[str, Box]:
    """Plotly's name of each place around a point, and the box that the label fills there."""
    wide, high, off = LETTER * len(label), HEIGHT, radius + GAP
    rows = {"top": y - off - high, "middle": y - high / 2, "bottom": y + off}
    columns = {"center": x - wide / 2, "right": x + off, "left": x - off - wide}
    return {
        f"{row} {column}": (columns[column], rows[row], columns[column] + wide, rows[row] + high)
        for row, column in PLACES
    }


def rim_distances(box: Box, points: Array, radius: Array) -> Array:
    """(n,) how far each disc's rim is from a box, pixels; negative where they overlap."""
    across = np.maximum(np.maximum(box[0] - points[:, 0], points[:, 0] - box[2]), 0.0)
    down = np.maximum(np.maximum(box[1] - points[:, 1], points[:, 1] - box[3]), 0.0)
    distance: Array = np.hypot(across, down) - radius
    return distance


def label_places(
    points: Array,
    radius: Sequence[float],
    labels: Sequence[str],
    order: Sequence[int],
    *,
    within: Box,
    most: int,
) -> dict[int, str]:
    """The place of each point's label that fits, at most ``most``, those first in ``order`` first.

    ``points``: (n, 2) pixels, downwards; ``radius``: (n,) pixels. A label stays ``within`` the
    picture, on no other label, and nearer to its own point's rim than to any other's; one that fits
    nowhere is left out: what is not written can be pointed at.
    """
    taken: list[Box] = []
    reach = np.asarray(radius, dtype=np.float64)
    placed: dict[int, str] = {}
    for i in order:
        if len(placed) >= most:
            break
        x, y = points[i].tolist()
        for name, box in spots(x, y, radius[i], labels[i]).items():
            inside = within[0] <= box[0] and within[1] <= box[1]
            inside = inside and box[2] <= within[2] and box[3] <= within[3]
            gap = rim_distances(box, points, reach)
            if (
                inside
                and gap[i] < np.delete(gap, i).min(initial=np.inf)
                and not any(meet(box, other) for other in taken)
            ):
                placed[i] = name
                taken.append(box)
                break
    return placed
