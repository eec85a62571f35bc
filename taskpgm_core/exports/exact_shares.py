"""Shares: the same mixture as shares of rows or of tokens, summing to 1 exactly."""

from collections.abc import Sequence
from fractions import Fraction
from math import fsum
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from taskpgm_core.errors import ExportError
from taskpgm_core.mixture.counts import largest_remainder

if TYPE_CHECKING:
    from taskpgm_core.exports.recipe import Recipe

GRID = 2**50


def exact_shares(weights: Sequence[float] | npt.NDArray) -> list[float]:
    """``weights`` scaled to shares whose floating-point sum is exactly 1.

    Shares that sum to 1 as they are, added up in order and as rationals rounded once, stay as they
    are. Others move to the nearest multiples of
    2**-50 by largest remainder: every partial sum of those is exact, so the total is 1 in any
    order. A share below half of 2**-50 becomes zero.
    """
    values = [float(weight) for weight in weights]
    total = fsum(values)
    shares = [value / total for value in values]
    if sum(shares) == fsum(shares) == 1:
        return shares
    exact = sum((Fraction(value) for value in values), Fraction(0))
    return [k / GRID for k in largest_remainder([Fraction(v) * GRID / exact for v in values], GRID)]


def row_shares(recipe: "Recipe") -> list[float]:
    """Shares of rows, summing to 1: the weights, or token weights over mean length."""
    if recipe.unit == "rows":
        return list(recipe.weights)
    lengths = _lengths(recipe)
    return exact_shares([p.weight / n for p, n in zip(recipe.portions, lengths, strict=True)])


def token_shares(recipe: "Recipe") -> list[float]:
    """Shares of supervised tokens, summing to 1: the weights, or row weights times mean length."""
    if recipe.unit == "tokens":
        return list(recipe.weights)
    lengths = _lengths(recipe)
    return exact_shares([p.weight * n for p, n in zip(recipe.portions, lengths, strict=True)])


def rows_to_draw(recipe: "Recipe") -> list[int]:
    """Whole rows a task; ExportError where a token budget meets an unknown mean length."""
    return _known(recipe, "rows_needed", "a budget in tokens needs the mean tokens")


def rows_available(recipe: "Recipe") -> list[int]:
    """Rows available a task; ExportError where one is unknown."""
    return _known(
        recipe, "rows", "this trainer takes a part of each task's rows: it needs the rows"
    )


def realised_shares(recipe: "Recipe", rows: Sequence[float]) -> dict[str, float | None]:
    """What ``rows`` rows a task come to, as shares of the recipe's unit."""
    lengths = _lengths(recipe) if recipe.unit == "tokens" else [1.0] * len(rows)
    amounts = [row * length for row, length in zip(rows, lengths, strict=True)]
    total = fsum(amounts)
    return {t: a / total if total else None for t, a in zip(recipe.tasks, amounts, strict=True)}


def _lengths(recipe: "Recipe") -> list[float]:
    return _known(recipe, "mean_tokens", "going from rows to tokens needs the mean tokens")


def _known(recipe: "Recipe", name: str, reason: str) -> list[Any]:
    for portion in recipe.portions:
        if getattr(portion, name) is None:
            raise ExportError(
                f"{reason.capitalize()} of task '{portion.task}', which are unknown; add them to "
                f"the study's tasks."
            )
    return [getattr(portion, name) for portion in recipe.portions]
