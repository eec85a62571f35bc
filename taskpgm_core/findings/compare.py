"""Findings of the Compare page, made from the numbers that its charts show."""

from collections.abc import Sequence

import numpy as np

from taskpgm_core.figures.numbers import percent, shorten
from taskpgm_core.records import Array


def moved(p: Array, baseline: Array) -> float:
    """The share of the budget that lies elsewhere; NaN (no such task) counts as no weight."""
    return float(np.abs(np.nan_to_num(p) - np.nan_to_num(baseline)).sum()) / 2


def comparison_finding(names: Sequence[str], weights: Array) -> str:
    """Which mixture lies farthest from the first one, and how far."""
    away = [moved(row, weights[0]) for row in weights[1:]]
    baseline = shorten(names[0], 34)
    if not away or max(away) < 5e-10:
        return f"The same mixture as {baseline}"
    far = int(np.argmax(away))
    if len(away) == 1:
        return (
            f"{percent(away[0])} of the budget moves between {shorten(names[1], 34)} and {baseline}"
        )
    return (
        f"{shorten(names[far + 1], 34)} lies farthest from {baseline}: {percent(away[far])} of "
        "the budget moves"
    )


def differing_finding(weights: Array) -> str:
    """On how many tasks the mixtures differ."""
    known = np.nan_to_num(weights)
    apart = known.max(axis=0) - known.min(axis=0)
    return f"They differ on {int((apart > 1e-9).sum())} of {len(apart)} tasks"
