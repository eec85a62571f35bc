"""What the similarity matrix says, in a sentence made from it."""

from collections.abc import Sequence

import numpy as np

from taskpgm_core.figures.numbers import percent, shorten
from taskpgm_core.records import Array, Measure, Similarity


def block_finding(similarity: Similarity) -> str:
    """The most alike pair, and how far apart the pair in the middle is."""
    said = similarity.reading.said
    above = np.triu_indices(similarity.n, 1)
    values = similarity.matrix[above]
    best = int(values.argmax())
    a, b = (shorten(similarity.tasks[k[best]], 20) for k in above)
    if similarity.is_divergence:
        nearest, middle = said(-float(values[best])), said(-float(np.median(values)))
        return f"{a} and {b} are most alike, {nearest}; half of all pairs are over {middle}"
    nearest, middle = said(float(values[best])), said(float(np.median(values)))
    return f"{a} and {b} are most alike, S = {nearest}; half of all pairs are under {middle}"


def pair_finding(
    tasks: Sequence[str], pair: tuple[int, int], value: float, floor: float, measure: Measure
) -> str:
    """How unlike the two are, ``value`` as people read it.

    ``floor``: what a second training seed changes of it, 0 where that is not known.
    """
    a, b = (shorten(tasks[k], 22) for k in pair)
    said = measure.said(value)
    if not measure.is_divergence:
        return f"{a} and {b}: similarity {said}"
    if floor <= 0:
        return f"{a} and {b} are {said} apart"
    times = value / floor
    if times <= 1:
        return f"{a} and {b} are as alike as two models of one task ({said})"
    return f"{a} and {b} are {said} apart, {times:.1f} times the training noise"


def sources_finding(tasks: Sequence[str], added: Array, pair: tuple[int, int]) -> str:
    """How much of the total the two tasks' own examples show."""
    total = float(added.sum())
    if abs(total) < 1e-12:
        return "No example tells the two models apart"
    own = float(added[list(pair)].sum()) / total
    most = int(np.argmax(added))
    said = f"Their own examples show {percent(own)} of it"
    return said if most in pair else f"{said}; examples of {shorten(tasks[most], 22)} show most"
