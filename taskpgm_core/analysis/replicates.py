"""Replicates of a study's similarity, from what it measured example by example."""

import numpy as np

from taskpgm_core import store
from taskpgm_core.analysis.question import Posed
from taskpgm_core.errors import NotKeptError, StoreError
from taskpgm_core.mixture.uncertainty import (
    NONE,
    Uncertainty,
    divergence_replicates,
    pmi_replicates,
    root_replicates,
    uncertainty,
    widened,
)
from taskpgm_core.records import Array, Study, read_only

DRAWS, LEVEL = 100, 0.9
"""Of the intervals on pages, in reports and in alarms, so that all say the same."""


def replicates(
    study: Study, measure: str, *, draws: int = 200, seed: int = 0, level: float = LEVEL
) -> Array:
    """(draws, n, n) bootstrap replicates of S over the study's probe examples and training seeds.

    Where tasks have two models, deviations are widened for what two can tell of their spread, so
    that intervals at ``level`` cover what they say (``mixture.uncertainty.widened``). NotKeptError
    where the study holds nothing by example: an imported matrix, words alone, or per-example
    divergences left out because there are too many tasks.
    """
    drawn = _drawn(study, measure, draws, seed, seeds=True)
    if not len(store.second_gold(study).tasks):
        return drawn
    wider = widened(
        store.similarity(study, measure).matrix,
        drawn,
        _drawn(study, measure, max(draws // 4, 16), seed, seeds=False),
        per_task=len(store.probe_pool(study).task) // len(study.tasks),
        level=level,
    )
    return read_only(np.minimum(wider, 0.0)) if measure in ("jsd", "gold") else wider


def _drawn(study: Study, measure: str, draws: int, seed: int, *, seeds: bool) -> Array:
    """Replicates as they are drawn; without ``seeds`` every task keeps its models."""
    if not study.scored:
        raise NotKeptError(
            f"{study.slug} {study.without_models}, and keeps no probe examples to draw again, so "
            f"its mixtures have no intervals."
        )
    if measure == "text":
        raise NotKeptError(
            f"The similarity by words alone of {study.slug} is of the tasks' rows, with no probe "
            f"examples to draw again, so its mixtures have no intervals."
        )
    pool, second = store.probe_pool(study), store.second_gold(study)
    second_tasks = second.tasks if seeds else NONE
    if measure == "jsd":
        pairs = store.pair_divergences(study)
        by_task = store.replicate_divergences(study) if seeds else None
        return divergence_replicates(
            pairs.divergence, pairs.task, draws, seed, by_task=by_task, second_tasks=second_tasks
        )
    gold = store.gold_log_probabilities(study)[: len(study.tasks)].astype(np.float64)
    again = second.log_probability.astype(np.float64) if seeds else None
    if measure == "gold":
        return root_replicates(
            np.exp(gold / 2),
            pool.task,
            pool.tokens,
            draws,
            seed,
            second_tasks=second_tasks,
            second=None if again is None else np.exp(again / 2),
        )
    if measure not in ("pmi", "pmi-token"):
        raise StoreError(f"{study.slug} has no examples for the measure '{measure}' to be redrawn.")
    length = pool.tokens if measure == "pmi-token" else 1

    def losses(log_probability: Array) -> Array:
        return np.asarray(-np.add.reduceat(log_probability, pool.first, axis=1) / length)

    of_second = None if again is None else losses(again)
    return pmi_replicates(
        losses(gold), pool.task, draws, seed, second_tasks=second_tasks, second=of_second
    )


def drawn_again(study: Study) -> str:
    """What the intervals of a measured study cover, in a clause."""
    second, n = len(store.second_gold(study).tasks), len(study.tasks)
    if not second:
        return "if the test examples alone were drawn again"
    if second == n:
        return "if the test examples and the training seeds were drawn again"
    return (
        f"if the test examples and the training seeds of {second} of the {n} tasks were drawn again"
    )


def bootstrap(study: Study, posed: Posed, balance: float) -> Uncertainty | str:
    """How sure a mixture of ``study`` is, or in a sentence why it cannot be drawn again.

    Resolution and noise are held; ``drawn_again`` says what is not.
    """
    try:
        drawn = replicates(study, posed.similarity.measure, draws=DRAWS)
    except NotKeptError as error:
        return str(error)
    return uncertainty(posed.problem, balance, posed.kernel.replicates(drawn), level=LEVEL)
