"""What the similarity matrix says, in a sentence made from it."""

from collections.abc import Sequence

import numpy as np

from taskpgm_core.figures.numbers import nats, percent, shorten
from taskpgm_core.records import Array, Similarity


def block_finding(similarity: Similarity) -> str:
    """The most alike pair, and how far apart the pair in the middle is."""
    jsd = similarity.measure == "jsd"
    above = np.triu_indices(similarity.n, 1)
    values = similarity.matrix[above]
    best = int(values.argmax())
    a, b = (shorten(similarity.tasks[k[best]], 20) for k in above)
    if jsd:
        said = f"{nats(-float(values[best]))}; half of all pairs are over"
        return f"{a} and {b} are most alike, {said} {nats(-float(np.median(values)))}"
    return f"{a} and {b} are most alike, S = {values[best]:.3f}; half of all pairs are under " + (
        f"{np.median(values):.3f}"
    )


def pair_finding(
    tasks: Sequence[str], pair: tuple[int, int], value: float, floor: float, *, jsd: bool
) -> str:
    """How unlike the two are, against what a second training seed changes (``floor``, nats)."""
    a, b = (shorten(tasks[k], 22) for k in pair)
    if not jsd:
        return f"{a} and {b}: similarity {value:.3f}"
    if floor <= 0:
        return f"{a} and {b} are {nats(value)} apart"
    times = value / floor
    if times <= 1:
        return f"{a} and {b} are as alike as two models of one task ({nats(value)})"
    return f"{a} and {b} are {nats(value)} apart, {times:.1f} times the training noise"


def sources_finding(tasks: Sequence[str], added: Array, pair: tuple[int, int]) -> str:
    """How much of the total the two tasks' own examples show."""
    total = float(added.sum())
    if abs(total) < 1e-12:
        return "No example tells the two models apart"
    own = float(added[list(pair)].sum()) / total
    most = int(np.argmax(added))
    said = f"Their own examples show {percent(own)} of it"
    return said if most in pair else f"{said}; examples of {shorten(tasks[most], 22)} show most"
