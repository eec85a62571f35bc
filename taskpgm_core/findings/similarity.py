"""What the similarity matrix says, in sentences made from it."""

from collections.abc import Sequence

import numpy as np

from taskpgm_core.figures.numbers import percent, shorten, with_sign
from taskpgm_core.findings.skills import resolution_words
from taskpgm_core.mixture.kernel import Kernel
from taskpgm_core.records import Array, Similarity
from taskpgm_core.similarity_measures import Measure


def block_finding(similarity: Similarity) -> str:
    """The most alike pair, and how alike the pair in the middle is."""
    reading = similarity.reading
    above = np.triu_indices(similarity.n, 1)
    values = similarity.matrix[above]
    best = int(values.argmax())
    a, b = (shorten(similarity.tasks[k[best]], 20) for k in above)
    nearest, middle = (
        ("" if similarity.is_divergence else "S = ") + reading.said(float(reading.shown(value)))
        for value in (values[best], np.median(values))
    )
    if len(values) == 1:
        return f"{a} and {b} are the only pair, {nearest}"
    if np.ptp(values) < 1e-12:
        return f"All pairs are equally alike, {nearest}"
    more = int((values >= values[best] - 1e-12).sum()) - 1
    others = f" and {more} more pair{'s' if more > 1 else ''}" if more else ""
    return f"{a} and {b}{others} are most alike, {nearest}; the pair in the middle has {middle}"


def most_like(task: str, twin: str, more: int = 0) -> str:
    """Which other task is most like ``task``; ``more`` others are as much like it as that one."""
    if more:
        return f"The tasks most like {shorten(task)} are {shorten(twin)} and {more} more"
    return f"The task most like {shorten(task)} is {shorten(twin)}"


def scale_words(measure: Measure) -> str:
    """What a measure counts and in what unit, with the ends of a divergence that has a unit."""
    if not (measure.unit and measure.most):
        return measure.axis
    return f"{measure.quantity}, 0 to {measure.most:.2f} {measure.unit}"


def pair_finding(
    tasks: Sequence[str],
    pair: tuple[int, int],
    value: float,
    floor: float,
    measure: Measure,
    *,
    told_apart: bool = True,
) -> str:
    """How unlike the two are, ``value`` as people read it.

    ``floor``: the largest noise that was measured, 0 where none is known. ``told_apart``: whether
    the two are farther apart than their own noise.
    """
    a, b = (shorten(tasks[k], 22) for k in pair)
    said = measure.said(value)
    if not told_apart:
        return f"{a} and {b} are not told apart by this measurement ({said})"
    if not measure.is_divergence:
        return f"{a} and {b}: similarity {said}"
    if floor <= 0:
        return f"{a} and {b} are {said} apart"
    return f"{a} and {b} are {said} apart, {value / floor:.1f} times the largest noise measured"


def kernel_facts(kernel: Kernel, i: int, j: int) -> dict[str, str]:
    """How alike two tasks are at the resolution, by name; empty at an infinite one."""
    if kernel.matrix is None:
        return {}
    reading, d = kernel.measured.reading, float(kernel.distances.corrected[i, j])
    apart = reading.said(d) if reading.unit else f"{d:.3g}"
    if not told_apart(kernel, i, j):
        apart = "not told apart"
    facts = {"kernel K": f"{kernel.matrix[i, j]:.3f}", "resolution": resolution_words(kernel)}
    name = "distance" if kernel.distances.noise is None else "distance less noise"
    return {name: apart} | facts


def told_apart(kernel: Kernel, i: int, j: int) -> bool:
    """False where two tasks are no farther apart than their noise, by a measure of distance."""
    return bool(kernel.distances.fault) or not kernel.not_told_apart[i, j]


def sources_finding(
    tasks: Sequence[str], added: Array, pair: tuple[int, int], unit: str = ""
) -> str:
    """Where the total comes from; ``added``: (n,) what the examples of each task add, in ``unit``.

    Parts of one sign are shares of the total. Of parts that cancel the largest is named as it is.
    """
    if np.abs(added).max(initial=0.0) < 1e-12:
        return "No example tells the two models apart"
    total, most = float(added.sum()), int(np.argmax(np.abs(added)))
    if added.min() < 0 < added.max():
        return (
            f"Examples of {shorten(tasks[most], 22)} add the largest part, "
            f"{with_sign(float(added[most]))} of {with_sign(total)} {unit}".rstrip()
        )
    said = f"Their own examples show {percent(float(added[list(pair)].sum()) / total)} of it"
    if most in pair:
        return said
    part = percent(float(added[most]) / total)
    return f"{said}; of other tasks, those of {shorten(tasks[most], 22)} show most, {part}"
