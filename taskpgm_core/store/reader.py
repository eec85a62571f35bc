"""What a study measured, read on demand and checked: matrices, losses, divergences, tokens.

Everywhere, models are in task order with the base model last, pairs are the strict upper triangle
of the tasks in row order (``numpy.triu_indices(n, 1)``), examples are task by task, and positions
are the supervised completion tokens of the examples one after another.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from taskpgm_core.errors import NotKeptError, StoreError, nearest
from taskpgm_core.files.encoding import npz_arrays, parquet_frame
from taskpgm_core.records import MEASURES, Array, LossTable, Noise, Similarity, Study, read_only
from taskpgm_core.store.gold_distance import gold_divergence, gold_per_example
from taskpgm_core.store.manifest import read_checked

PAIRS_OF_TASKS = 64
"""Tasks up to which values of every pair on every example are held."""


@dataclass(frozen=True)
class ProbePool:
    """The held-out examples every model was scored on.

    ``task``: (E,) task index; ``row``: (E,) index of the example in its source;
    ``first``, ``tokens``: (E,) first position and number of positions of each example;
    ``spans``: (positions, 2) character span of each position in the completion's text
    (an empty span at the end is the end-of-turn token); ``checksum``: (E, 16) of each text.
    """

    tasks: tuple[str, ...]
    task: npt.NDArray[np.int64]
    row: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int64]
    spans: npt.NDArray[np.int64]
    checksum: npt.NDArray[np.uint8]

    @property
    def position_weights(self) -> Array:
        """(positions,) weights that sum to 1: tasks equal, examples equal, tokens equal within."""
        per_task = np.bincount(self.task, minlength=len(self.tasks))
        example = 1.0 / (len(self.tasks) * per_task[self.task] * self.tokens)
        return np.repeat(example, self.tokens)


@dataclass(frozen=True)
class PairDivergences:
    """``divergence``: (pairs, E) mean JSD of each pair of models on each probe example, nats;
    or the mean squared distance by ``gold``."""

    tasks: tuple[str, ...]
    task: npt.NDArray[np.int64]
    divergence: npt.NDArray[np.floating]

    def of(self, i: int, j: int) -> npt.NDArray[np.floating]:
        """(E,) divergences of the models of tasks i and j."""
        row: npt.NDArray[np.float32] = self.divergence[pair_index(len(self.tasks), i, j)]
        return row


@dataclass(frozen=True)
class LikelyTokens:
    """``ids``, ``log_probability``: (n + 1, positions, k) the k likeliest next tokens, nats."""

    ids: npt.NDArray[np.int32]
    log_probability: npt.NDArray[np.float16]
    strings: dict[int, str]


def pair_index(n: int, i: int, j: int) -> int:
    """The row of the pair (i, j) among the n(n-1)/2 pairs."""
    i, j = min(i, j), max(i, j)
    if not 0 <= i < j < n:
        raise IndexError(f"no pair ({i}, {j}) among {n} tasks")
    return i * n - i * (i + 1) // 2 + (j - i - 1)


def _npz(study: Study, name: str) -> dict[str, np.ndarray]:
    return npz_arrays(read_checked(Path(study.folder), name))


def similarity(study: Study, measure: str | None = None) -> Similarity:
    """S of the study by one of its measures (its first by default); S = -D for a divergence."""
    measure = measure or study.measures[0]
    if measure not in study.measures:
        raise StoreError(
            f"The study {study.slug} has no measure '{measure}'{nearest(measure, study.measures)}; "
            f"it has {', '.join(study.measures)}."
        )
    if measure == "gold":
        weights = probe_pool(study).position_weights
        models = gold_log_probabilities(study)[: len(study.tasks)]
        return Similarity(study.names, -gold_divergence(models, weights), measure)
    matrix = _npz(study, "matrices.npz")[measure]
    S = -matrix if MEASURES[measure].is_divergence else matrix
    return Similarity(study.names, S, measure)


def upper_bound(study: Study, measure: str = "jsd") -> Similarity | None:
    """S = -D of the upper bounds, where the plan kept tokens and ``similarity`` is of the lower.

    None where the divergences are exact, and for any other measure than ``jsd``.
    """
    if measure != "jsd" or "jsd-upper" not in (arrays := _npz(study, "matrices.npz")):
        return None
    return Similarity(study.names, -arrays["jsd-upper"], "jsd")


def base_divergence(study: Study) -> Array:
    """(n,) mean JSD of each single-task model from the base model, nats."""
    return read_only(_npz(study, "matrices.npz")["base"])


def noise(study: Study) -> Noise:
    """The noise floor; empty for imports and for plans without second seeds.

    It is of ``jsd``, but of ``text`` where the study was built by words alone.
    """
    arrays = _npz(study, "matrices.npz")
    if study.kind == "text":
        halved = tuple(study.names[i] for i in arrays["text-noise-tasks"])
        return Noise(halved, read_only(arrays["text-noise"]), measure="text")
    if "noise" not in arrays:
        return Noise((), read_only([]))
    names = tuple(study.names[i] for i in arrays["noise_tasks"])
    batch = float(arrays["batch_noise"]) if "batch_noise" in arrays else None
    return Noise(names, read_only(arrays["noise"]), batch)


def losses(study: Study) -> LossTable:
    """The (n + 1) x n loss table, the base model's row last."""
    frame = parquet_frame(read_checked(Path(study.folder), "losses.parquet"))
    n = len(study.tasks)
    per_sequence = frame["per_sequence"].to_numpy().reshape(n + 1, n)
    per_token = frame["per_token"].to_numpy().reshape(n + 1, n)
    return LossTable(study.names, read_only(per_sequence), read_only(per_token))


def probe_pool(study: Study) -> ProbePool:
    return ProbePool(study.names, **_npz(study, "probe.npz"))


def pair_divergences(study: Study) -> PairDivergences:
    """Per-example divergences of all pairs (bootstrap and drill-down material)."""
    return PairDivergences(study.names, probe_pool(study).task, _npz(study, "pairs.npz")["jsd"])


def gold_pair_divergences(study: Study) -> PairDivergences:
    """What ``pair_divergences`` is for ``jsd``, for ``gold``; computed, up to as many tasks.

    NotKeptError above them: the pairs' values grow with the square of the tasks.
    """
    if len(study.tasks) > PAIRS_OF_TASKS:
        raise NotKeptError(
            f"{study.slug} has {len(study.tasks)} tasks; values of every pair on every example are "
            f"only held for up to {PAIRS_OF_TASKS}."
        )
    pool, models = probe_pool(study), gold_log_probabilities(study)[: len(study.tasks)]
    values = gold_per_example(models, pool.first, pool.tokens)
    return PairDivergences(study.names, pool.task, values)


def token_divergences(study: Study) -> npt.NDArray[np.float16]:
    """(pairs, positions) JSD at every completion token, nats."""
    return _npz(study, "tokens.npz")["jsd"]


def gold_log_probabilities(study: Study) -> npt.NDArray[np.float32]:
    """(n + 1, positions) log-probability that each model gives the true next token, nats."""
    return _npz(study, "gold.npz")["log_probability"]


def likely_tokens(study: Study) -> LikelyTokens:
    arrays = _npz(study, "likely.npz")
    strings = json.loads(read_checked(Path(study.folder), "vocabulary.json"))
    return LikelyTokens(
        arrays["ids"], arrays["log_probability"], {int(i): s for i, s in strings.items()}
    )


def training_curves(study: Study) -> pd.DataFrame:
    """task, replicate, step, loss (nats a token), learning_rate of every single-task model."""
    return parquet_frame(read_checked(Path(study.folder), "training.parquet"))
