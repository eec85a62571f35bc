"""What a mixture's training will come to, foretold from the study alone."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import spearmanr

from taskpgm_core.records import Array, LossTable, read_only


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


def foresight(arms: tuple[str, ...], predicted: Array, realised: Array) -> Foresight:
    """Predicted against realised mean losses (arms,)."""
    found = spearmanr(predicted, realised)
    return Foresight(arms, predicted, realised, float(found.statistic), float(found.pvalue))


def rank_correlation(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Spearman's rank correlation of two quantities of the arms, (arms,) each."""
    return float(spearmanr(a, b).statistic)
