"""Two arms on the same seeds: the paired difference, its test, and how many seeds it takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit
from scipy.stats import nct

LEVEL = 0.05
POWER = 0.8
FEWEST_SEEDS = 5
MOST_SEEDS = 100


@dataclass(frozen=True)
class PairedDifference:
    """``arm`` minus ``against`` in one measure, on their ``seeds`` common seeds.

    ``spread``: standard deviation over seeds; ``low`` to ``high``: Student's 95% interval of the
    mean, and ``p`` its two-sided test; all None on fewer than two seeds.
    """

    arm: str
    against: str
    measure: str
    seeds: int
    difference: float | None
    spread: float | None
    low: float | None
    high: float | None
    p: float | None


def paired_difference(
    table: pd.DataFrame, measure: str, arm: str, against: str
) -> PairedDifference:
    """From a ``judged_runs`` table; seeds that only one of the two has are left out."""
    return _tested(table[measure].unstack("arm"), measure, arm, against)


def paired_differences(
    table: pd.DataFrame, measure: str, against: str
) -> tuple[PairedDifference, ...]:
    """``paired_difference`` of every other arm of the table to ``against``, in name order."""
    wide = table[measure].unstack("arm")
    return tuple(_tested(wide, measure, str(arm), against) for arm in wide if arm != against)


def _tested(wide: pd.DataFrame, measure: str, arm: str, against: str) -> PairedDifference:
    """``wide``: (seeds, arms)."""
    known = arm in wide and against in wide
    both = (wide[arm] - wide[against]).dropna().to_numpy() if known else np.empty(0)
    n, mean = len(both), float(both.mean()) if len(both) else None
    if n < 2 or mean is None:
        return PairedDifference(arm, against, measure, n, mean, None, None, None, None)
    spread = float(both.std(ddof=1))
    error = spread / sqrt(n)
    half = float(stdtrit(n - 1, 1 - LEVEL / 2)) * error
    p = 2 * float(stdtr(n - 1, -abs(mean) / error)) if error else float(mean == 0)
    return PairedDifference(arm, against, measure, n, mean, spread, mean - half, mean + half, p)


def seeds_needed(spread: float, worth_finding: float) -> int:
    """The fewest seeds, at least ``FEWEST_SEEDS``, with which a paired t test at 5% finds a true
    difference of ``worth_finding`` four times in five, if it varies by ``spread`` over seeds.

    With n seeds the statistic is noncentral t with n - 1 degrees of freedom and noncentrality
    sqrt(n) worth_finding / spread; the power is its chance to exceed the critical value. At most
    ``MOST_SEEDS``.
    """
    if spread <= 0:
        return FEWEST_SEEDS
    for n in range(FEWEST_SEEDS, MOST_SEEDS):
        critical = float(stdtrit(n - 1, 1 - LEVEL / 2))
        shift = sqrt(n) * worth_finding / spread
        power = float(nct.sf(critical, n - 1, shift))
        if np.isnan(power) or power >= POWER:  # scipy gives NaN far out, where the power is 1
            return n
    return MOST_SEEDS


def hold_in_order(tests: Sequence[PairedDifference]) -> list[bool]:
    """Which of ``tests``, in the order in which they were named, hold: the arm is better at 5%.

    Testing stops at the first that does not hold, so the chance that any true null hypothesis is
    rejected stays below 5% without a correction (fixed-sequence test). More must be better in the
    tests' measure.
    """
    held, so_far = [], True
    for test in tests:
        so_far = so_far and test.p is not None and test.p < LEVEL and (test.difference or 0) > 0
        held.append(so_far)
    return held


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down correction, in the order of ``p``."""
    order = np.argsort(np.asarray(p, dtype=np.float64), kind="stable")
    corrected, so_far = [0.0] * len(p), 0.0
    for k, i in enumerate(order):
        so_far = max(so_far, min(1.0, (len(p) - k) * p[i]))
        corrected[i] = so_far
    return corrected
