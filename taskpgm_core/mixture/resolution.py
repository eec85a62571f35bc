"""How alike counts as the same: the resolution that the noise or the distances suggest."""

import math
from typing import Literal

import numpy as np

from taskpgm_core.mixture.task_distances import TaskDistances

Source = Literal["noise", "distances", "guess", "set", "paper"]
"""Where a resolution comes from: twice the median noise; an eighth of the median distance above
that; without known noise an eighth of the median farthest distance; a number that was asked for;
the paper's S as measured, without a resolution."""


def automatic_resolution(found: TaskDistances) -> tuple[float, Source]:
    """(sigma in the measure's unit, its source).

    With noise known, the less of twice its median and an eighth of the median of those corrected
    distances that exceed twice its median; the second keeps large noise from merging what is
    distinct. Without (or where two seeds agree exactly) an eighth of the median over tasks of the
    farthest distance. Where all distances are zero every resolution says the same, and 1 is given.
    A measure that is no squared distance has none: infinity, as in the paper.
    """
    if found.fault:
        return math.inf, "paper"
    if found.median_noise:
        by_noise = 2.0 * found.median_noise
        beyond = found.pairs[found.pairs > by_noise]
        by_distance = float(np.median(beyond)) / 8.0 if len(beyond) else math.inf
        return (by_noise, "noise") if by_noise <= by_distance else (by_distance, "distances")
    return float(np.median(found.corrected.max(axis=1))) / 8.0 or 1.0, "guess"
