"""Replicates of a study's similarity, from what it measured example by example."""

import numpy as np

from taskpgm_core import store
from taskpgm_core.analysis.question import Posed
from taskpgm_core.errors import NotKeptError, StoreError
from taskpgm_core.mixture.uncertainty import (
    Uncertainty,
    divergence_replicates,
    pmi_replicates,
    uncertainty,
)
from taskpgm_core.records import Array, Study

DRAWS, LEVEL = 100, 0.9
"""Of the intervals on pages, in reports and in alarms, so that all say the same."""


def replicates(study: Study, measure: str, *, draws: int = 200, seed: int = 0) -> Array:
    """(draws, n, n) bootstrap replicates of S over the study's probe examples.

    NotKeptError where the study holds nothing by example: an imported matrix, a study by
    words alone, or per-example divergences left out because there are too many tasks.
    """
    if study.kind != "measured":
        raise NotKeptError(
            f"{study.slug} {study.without_models}, and keeps no probe examples to draw again, so "
            f"its mixtures have no intervals."
        )
    pool = store.probe_pool(study)
    if measure == "jsd":
        pairs = store.pair_divergences(study)
        return divergence_replicates(pairs.divergence, pairs.task, draws, seed)
    if measure == "gold":
        pairs = store.gold_pair_divergences(study)
        return divergence_replicates(pairs.divergence, pairs.task, draws, seed)
    if measure not in ("pmi", "pmi-token"):
        raise StoreError(f"{study.slug} has no examples for the measure '{measure}' to be redrawn.")
    gold = store.gold_log_probabilities(study)[: len(study.tasks)].astype(np.float64)
    losses = -np.add.reduceat(gold, pool.first, axis=1)
    if measure == "pmi-token":
        losses = losses / pool.tokens
    return pmi_replicates(losses, pool.task, draws, seed)


def bootstrap(study: Study, posed: Posed, balance: float) -> Uncertainty | str:
    """How sure a mixture of ``study`` is, or in a sentence why it cannot be drawn again.

    Resolution and noise are held: only the probe examples are drawn again.
    """
    try:
        drawn = replicates(study, posed.similarity.measure, draws=DRAWS)
    except NotKeptError as error:
        return str(error)
    return uncertainty(posed.problem, balance, posed.kernel.replicates(drawn), level=LEVEL)
