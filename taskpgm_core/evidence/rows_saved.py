"""What a mixture's gain is worth in rows of the uniform mixture, and what copies cost it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import isotonic_regression

DRAWS = 4000


@dataclass(frozen=True)
class RowsSaved:
    """How many times an arm's rows the uniform mixture needs to keep as much of the gain.

    ``times``: 1.4 means 40% more rows; ``beyond``: "<" or ">" where even the fewest or the most
    rows tried keep more or less, and ``times`` is that end. ``low`` to ``high``: 95% interval over
    seeds, within the ends.
    """

    arm: str
    times: float
    beyond: Literal["", "<", ">"]
    low: float
    high: float
    seeds: int

    @property
    def words(self) -> str:
        return f"{self.beyond}{self.times:.3g}"


def times_needed(
    times: npt.ArrayLike, kept: npt.ArrayLike, reached: float
) -> tuple[float, Literal["", "<", ">"]]:
    """Where a curve reaches a value: ``kept`` at ``times`` (ascending), between them linear in the
    logarithm, made monotone by isotonic regression first; the first place of a flat stretch."""
    log, rising = np.log(np.asarray(times, np.float64)), isotonic_regression(kept).x
    if reached < rising[0]:
        return float(np.exp(log[0])), "<"
    if reached > rising[-1]:
        return float(np.exp(log[-1])), ">"
    k = int(np.searchsorted(rising, reached))  # the first point that keeps at least as much
    if k == 0 or rising[k] == reached:
        return float(np.exp(log[k])), ""
    part = (reached - rising[k - 1]) / (rising[k] - rising[k - 1])
    return float(np.exp(log[k - 1] + part * (log[k] - log[k - 1]))), ""


def rows_saved(
    table: pd.DataFrame, arm: str, curve: Mapping[str, float], *, measure: str = "kept"
) -> RowsSaved | None:
    """From a ``judged_runs`` table; ``curve``: {uniform arm: its rows / the arm's rows}.

    Over the seeds that all of them have; None where there are fewer than two.
    """
    arms = sorted(curve, key=curve.__getitem__)
    wide = table[measure].unstack("arm")
    if len(arms) < 2 or not {arm, *arms} <= set(wide.columns):
        return None
    wide = wide[[arm, *arms]].dropna()
    if len(wide) < 2:
        return None
    times, values = [curve[name] for name in arms], wide.to_numpy()

    def needed(chosen: npt.NDArray[np.float64]) -> tuple[float, Literal["", "<", ">"]]:
        mean = chosen.mean(axis=0)
        return times_needed(times, mean[1:], float(mean[0]))

    drawn = np.random.default_rng(0).integers(0, len(values), (DRAWS, len(values)))
    distinct, which = np.unique(np.sort(drawn, axis=1), axis=0, return_inverse=True)
    found = np.array([needed(values[d])[0] for d in distinct])  # few: of 5 seeds there are 126
    low, high = np.quantile(found[which], [0.025, 0.975])
    place, beyond = needed(values)
    return RowsSaved(arm, place, beyond, float(low), float(high), len(values))


@dataclass(frozen=True)
class DosePoint:
    """One dose of copies: ``files`` in the study, of which ``skills`` are distinct.

    ``room`` = 1 - skills / files is the part of a uniform budget that goes into repetition;
    ``gain``: kept share of the mixture minus uniform's, with Student's 95% interval.
    """

    study: str
    files: int
    skills: int
    gain: float
    low: float | None
    high: float | None
    seeds: int

    @property
    def room(self) -> float:
        return 1 - self.skills / self.files
