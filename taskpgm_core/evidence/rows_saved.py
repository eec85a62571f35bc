"""What a mixture's gain is worth in rows of the uniform mixture, and what copies cost it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import isotonic_regression
from scipy.special import stdtrit

from taskpgm_core.evidence.paired_test import LEVEL

STEPS = 1001  # of the curve, evenly in the logarithm


@dataclass(frozen=True)
class RowsSaved:
    """How many times an arm's rows the uniform mixture needs to keep as much of the gain.

    ``times``: 1.4 means 40% more rows; ``beyond``: "<" or ">" where even the fewest or the most
    rows tried keep more or less, and ``times`` is that end. ``low`` to ``high``: 95% interval over
    seeds, within the ends, of the rows on the curve at which a paired t test finds no difference.
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
    mean = values.mean(axis=0)
    place, beyond = times_needed(times, mean[1:], float(mean[0]))
    rows = np.geomspace(times[0], times[-1], STEPS)
    curves = np.array([np.interp(np.log(rows), np.log(times), run[1:]) for run in values])
    apart = values[:, :1] - curves
    error = apart.std(axis=0, ddof=1) / len(values) ** 0.5
    alike = np.abs(apart.mean(axis=0)) <= stdtrit(len(values) - 1, 1 - LEVEL / 2) * error
    inside = [place, *rows[alike]]
    return RowsSaved(arm, place, beyond, float(min(inside)), float(max(inside)), len(values))


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
