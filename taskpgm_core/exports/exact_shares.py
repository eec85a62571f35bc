"""Shares whose floating-point sum is exactly 1."""

from collections.abc import Sequence
from fractions import Fraction
from math import fsum

from taskpgm_core.mixture.counts import largest_remainder
from taskpgm_core.records import Array

GRID = 2**50


def exact_shares(weights: Sequence[float] | Array) -> list[float]:
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
