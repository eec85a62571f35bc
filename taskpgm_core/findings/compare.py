"""Findings of the Compare page, made from the numbers that its charts show."""

from collections.abc import Sequence

import numpy as np

from taskpgm_core.figures.numbers import gained, percent, shorten
from taskpgm_core.records import Array


def moved(p: Array, baseline: Array) -> float:
    """The share of the budget that lies elsewhere; NaN (no such task) counts as no weight."""
    return float(np.abs(np.nan_to_num(p) - np.nan_to_num(baseline)).sum()) / 2


def comparison_finding(names: Sequence[str], weights: Array, tasks: Sequence[str]) -> str:
    """How far the mixture farthest from the first one lies, and who gained and lost most there."""
    away = [moved(row, weights[0]) for row in weights[1:]]
    baseline = shorten(names[0], 40)
    if not away or max(away) < 5e-10:
        return f"The same mixture as {baseline}" if away else f"There is only {baseline} to show"
    far = int(np.argmax(away))
    name = shorten(names[far + 1], 40)
    share = percent(away[far])
    opening = f"{share} of the budget moves between {baseline} and {name}"
    if len(away) > 1:
        first = f"{name[:1].upper()}{name[1:]}"
        opening = f"{first} lies farthest from {baseline}: {share} of the budget moves"
    change = np.nan_to_num(weights[far + 1]) - np.nan_to_num(weights[0])
    most, least = int(np.argmax(change)), int(np.argmin(change))
    return (
        f"{opening}; {shorten(tasks[most])} {gained(change[most])}, "
        f"{shorten(tasks[least])} {gained(change[least])}"
    )


def widest_words(rows: int, shown: int) -> str:
    """Which of the ``rows`` there are a chart of ``shown`` rows at most has."""
    if rows <= shown:
        return "The widest differences first."
    return f"The {shown} widest differences of {rows} tasks."


def differing_finding(weights: Array) -> str:
    """On how many tasks the mixtures differ."""
    known = np.nan_to_num(weights)
    apart = known.max(axis=0) - known.min(axis=0)
    return f"They differ on {int((apart > 1e-9).sum())} of {len(apart)} tasks"
