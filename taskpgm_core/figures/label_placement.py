"""Where the names of points go, so that none lies on another or on a point."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from taskpgm_core.records import Array

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels."""
Mask = npt.NDArray[np.bool_]
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
STEP, FARTHEST = 16.0, 10
"""Pixels between tries of a name that stands off, and how many there are."""
FIRST = 8
"""Names that have their place before all others, over other points' discs if need be."""
CLEAR = 3.0
"""Pixels between a name that stands off and any disc."""
TRIED = 2
"""Times as many points as may have names are tried for a line; of 316 it would take a second."""
LARGER = 2.0
"""Times as wide and as tall a picture may be drawn as its names are placed for."""
SIDES = {
    "middle right": (1.0, 0.0),
    "middle left": (-1.0, 0.0),
    "top center": (0.0, -1.0),
    "bottom center": (0.0, 1.0),
    "top right": (0.7, -0.7),
    "bottom right": (0.7, 0.7),
    "top left": (-0.7, -0.7),
    "bottom left": (-0.7, 0.7),
}


class Spot(NamedTuple):
    """Where a name stands: its ``place`` around its point, or around the end of a line from it,
    ``away`` (across, down) in pixels; (0, 0) for a name beside its point."""

    place: str
    away: tuple[float, float] = (0.0, 0.0)


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


def rim_distances(
    box: Box | Array, points: Array, radius: Array, *, to: Array | None = None
) -> Array:
    """(n,) how far each disc's rim is from a box, pixels; negative where they overlap.

    ``to``: (n, 2) where points may move, across and down each as far as they like: never nearer.
    (m, n) for (4, m, 1) sides of boxes, with a ``to`` (m, n, 2) for each of them.
    """
    near, far = (points, points) if to is None else (np.minimum(points, to), np.maximum(points, to))
    across = np.maximum(np.maximum(box[0] - far[..., 0], near[..., 0] - box[2]), 0.0)
    down = np.maximum(np.maximum(box[1] - far[..., 1], near[..., 1] - box[3]), 0.0)
    distance: Array = np.hypot(across, down) - radius
    return distance


class _Placing:
    """The names placed so far, over all discs."""

    def __init__(self, points: Array, radius: Array, within: Box) -> None:
        self.points, self.radius, self.within = points, radius, within
        self.boxes: list[Box] = []
        self.lines: list[Array] = []

    def beside(self, i: int, label: str) -> Spot | None:
        """Beside its disc, nearer to it than to any other."""
        x, y = self.points[i].tolist()
        around = list(spots(x, y, float(self.radius[i]), label).items())
        boxes = np.array([box for _, box in around])
        free = np.flatnonzero(self._free(boxes))
        gaps = self._gaps(boxes[free].T[..., None], self.points[i])
        own = gaps[:, i].copy()
        gaps[:, i] = np.inf
        for k in free[own < gaps.min(axis=1)]:
            name, box = around[k]
            self.boxes.append(box)
            return Spot(name)
        return None

    def standing_off(self, i: int, label: str) -> Spot | None:
        """At the end of a line that crosses no other disc and no name."""
        return self._led(i, label, over=False)

    def anywhere(self, i: int, label: str) -> Spot | None:
        """At the end of a line that may cross other discs."""
        return self._led(i, label, over=True)

    def _led(self, i: int, label: str, *, over: bool) -> Spot | None:
        at, others = self.points[i], np.arange(len(self.points)) != i
        steps = float(self.radius[i]) + STEP * np.arange(1.0, FARTHEST + 1)
        away = (steps[:, None, None] * np.array(list(SIDES.values()))).reshape(-1, 2)
        hung = spots(0.0, 0.0, 0.0, label)
        boxes = np.tile([hung[name] for name in SIDES], (FARTHEST, 1)) + np.tile(at + away, 2)
        free = np.flatnonzero(self._free(boxes))
        gaps = self._gaps(boxes[free].T[..., None], (at + away[free])[:, None])
        for k in free[gaps.min(axis=1, initial=np.inf) >= CLEAR]:
            line = at + np.linspace(0.0, 1.0, 12)[:, None] * away[k]
            apart = np.linalg.norm(line[:, None] - self.points[others], axis=2)
            if not over and (apart <= self.radius[others]).any():
                continue
            if _entered(np.array(self.boxes).reshape(-1, 4), line).any():
                continue
            left, top, right, bottom = boxes[k].tolist()
            self.boxes.append((left, top, right, bottom))
            self.lines.append(line)
            return Spot(list(SIDES)[k % len(SIDES)], (float(away[k, 0]), float(away[k, 1])))
        return None

    def _gaps(self, box: Box | Array, hung: Array) -> Array:
        """(n,) the least distance of a box that hangs at a point from every disc, in a picture as
        large as it is or up to ``LARGER``; (m, n) of (4, m, 1) boxes at (m, 1, 2) points."""
        return rim_distances(box, self.points, self.radius, to=hung + LARGER * (self.points - hung))

    def _free(self, boxes: Array) -> Mask:
        """(m,) whether a name could stand in each of the boxes (m, 4)."""
        inside = (boxes[:, :2] >= self.within[:2]) & (boxes[:, 2:] <= self.within[2:])
        free: Mask = np.all(inside, axis=1)
        if self.boxes:
            taken = np.array(self.boxes)
            over = (boxes[:, None, :2] < taken[:, 2:]) & (taken[:, :2] < boxes[:, None, 2:])
            free &= ~np.any(np.all(over, axis=2), axis=1)
        if self.lines:
            free &= ~_entered(boxes, np.concatenate(self.lines))
        return free


def _entered(boxes: Array, points: Array) -> Mask:
    """(m,) whether any of the points (k, 2) lies within each of the boxes (m, 4)."""
    within = (points > boxes[:, None, :2]) & (points < boxes[:, None, 2:])
    found: Mask = np.any(np.all(within, axis=2), axis=1)
    return found


def label_places(
    points: Array,
    radius: Sequence[float],
    labels: Sequence[str],
    order: Sequence[int],
    *,
    within: Box,
    most: int,
) -> dict[int, Spot]:
    """The spot of each point's label that fits, at most ``most``, those first in ``order`` first.

    ``points``: (n, 2) pixels, downwards; ``radius``: (n,) pixels. A label stays ``within`` the
    picture, on no other label, and nearer to its own point's rim than to any other's; one for
    which there is no such place stands off, at the end of a line. One that fits nowhere is left
    out: what is not written can be pointed at. No point comes nearer to a label of another in a
    picture up to ``LARGER`` times as wide or as tall.
    """
    asked = (tuple(map(tuple, points.tolist())), tuple(radius), tuple(labels), tuple(order))
    return dict(_places(*asked, within, most))


@lru_cache(maxsize=32)
def _places(
    points: tuple[tuple[float, ...], ...],
    radius: tuple[float, ...],
    labels: tuple[str, ...],
    order: tuple[int, ...],
    within: Box,
    most: int,
) -> dict[int, Spot]:
    placing = _Placing(np.array(points).reshape(-1, 2), np.array(radius), within)
    placed: dict[int, Spot] = {}
    ways = (placing.beside, placing.standing_off, placing.anywhere)
    tries = [(i, place) for i in order[:FIRST] for place in ways]
    tries += [(i, placing.beside) for i in order]
    tries += [(i, placing.standing_off) for i in order[: TRIED * most]]
    for i, place in tries:
        if len(placed) >= most:
            break
        spot = None if i in placed else place(i, labels[i])
        if spot is not None:
            placed[i] = spot
    return placed
