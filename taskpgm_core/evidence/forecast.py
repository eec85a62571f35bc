"""What a mixture's training will come to, foretold from the study alone."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import spearmanr

from taskpgm_core import store
from taskpgm_core.records import Array, LossTable, Study, read_only


def forecast(losses: LossTable, p: npt.ArrayLike, *, rows: float, trained_on: float) -> Array:
    """(n,) the completion loss a token on each task after training on ``rows`` rows of ``p``.

    The study's single-task models saw ``trained_on`` rows each. Of a row of task i, the part
    k_ij = (base loss - model i's loss) / (base loss - model j's own loss) on task j, between 0 and
    1, is worth a row of j; with e_j = rows sum_i p_i k_ij such rows, up to ``trained_on``, the loss
    falls from the base's to the single-task model's by equal ratios:

        log L_j = log base_j + e_j / trained_on (log own_j - log base_j).

    Nothing is fitted. Shapes and units as in ``LossTable`` (per token, nats).
    """
    table = losses.per_token
    base, own = table[-1], np.diagonal(table[:-1])
    gain = np.maximum(base - own, 1e-12)
    worth = np.clip((base - table[:-1]) / gain, 0.0, 1.0)
    seen = np.minimum(rows * np.asarray(p, dtype=np.float64) @ worth, trained_on)
    share = seen / trained_on
    return read_only(np.exp((1 - share) * np.log(base) + share * np.log(np.minimum(own, base))))


@dataclass(frozen=True)
class Foresight:
    """How well forecasts rank: Spearman's correlation over arms of the mean loss, and its p."""

    arms: tuple[str, ...]
    predicted: Array
    realised: Array
    correlation: float
    p: float

    @property
    def reliable(self) -> bool:
        """Whether a balance may be suggested by forecast: a clear rank correlation."""
        return self.correlation >= 0.7 and self.p < 0.05


def foresight(study: Study, runs: pd.DataFrame) -> Foresight | None:
    """Predicted against realised mean losses on the study's tasks, of every arm of ``runs``.

    None where nothing can be ranked: fewer than three arms, a task of the study that judged no run,
    no single-task models in the study, no plan that says how many rows they saw, all losses alike,
    or runs whose losses or rows are unknown.
    """
    if study.plan is None or study.kind != "measured" or not set(study.names) <= set(runs["task"]):
        return None
    inside = runs[runs["task"].isin(study.names)]
    if inside[["budget", "n_rows", "loss"]].isna().to_numpy().any():
        return None
    losses = store.losses(study)
    training = study.plan["training"]
    trained_on = float(training["steps"] * training["batch"])
    arms, predicted, realised = [], [], []
    for arm, all_rows in runs.groupby("arm", sort=True):
        rows = all_rows[all_rows["task"].isin(study.names)]
        budget = float(rows["budget"].mean())
        p = rows.groupby("task")["n_rows"].mean().reindex(study.names).to_numpy() / budget
        arms.append(str(arm))
        predicted.append(forecast(losses, p, rows=budget, trained_on=trained_on).mean())
        realised.append(rows["loss"].mean())
    if len(arms) < 3 or len(set(predicted)) < 2 or len(set(realised)) < 2:
        return None
    correlation, p_value = _spearman(predicted, realised)
    told, came = read_only(np.array(predicted)), read_only(np.array(realised))
    return Foresight(tuple(arms), told, came, correlation, p_value)


def rank_correlation(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Spearman's rank correlation of two quantities of the arms, (arms,) each."""
    return _spearman(a, b)[0]


def _spearman(a: npt.ArrayLike, b: npt.ArrayLike) -> tuple[float, float]:
    """Spearman's rank correlation and its two-sided p."""
    correlation, p = np.asarray(spearmanr(a, b), dtype=np.float64)
    return float(correlation), float(p)
