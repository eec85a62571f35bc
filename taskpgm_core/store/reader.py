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
from taskpgm_core.records import (
    PAIRS_OF_TASKS,
    TOKENS_OF_TASKS,
    Array,
    LossTable,
    Noise,
    Similarity,
    Study,
    read_only,
)
from taskpgm_core.similarity_measures import MEASURES
from taskpgm_core.store.gold_distance import gold_divergence, gold_noise
from taskpgm_core.store.manifest import read_checked, read_manifest
from taskpgm_core.store.studies import LIKELY


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
    """``divergence``: (pairs, E) mean JSD of each pair of tasks on each probe example, nats: the
    mean over the pairs of their models, where tasks have second seeds."""

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
        weights, second = probe_pool(study).position_weights, second_gold(study)
        models = gold_log_probabilities(study)[: len(study.tasks)]
        D = gold_divergence(models, weights, second.tasks, second.log_probability)
        return Similarity(study.names, -D, measure)
    matrix = _npz(study, "matrices.npz")[measure]
    S = -matrix if MEASURES[measure].is_divergence else matrix
    brought = measure == "given" and study.facts.get("kind") == "divergence"
    return Similarity(study.names, S, measure, came_as_divergence=brought)


def upper_bound(study: Study, measure: str = "jsd") -> Similarity | None:
    """S = -D of the upper bounds, where the plan kept tokens and ``similarity`` is of the lower.

    None where the divergences are exact, and for any other measure than ``jsd``.
    """
    if measure != "jsd" or "jsd-upper" not in (arrays := _npz(study, "matrices.npz")):
        return None
    return Similarity(study.names, -arrays["jsd-upper"], "jsd")


def base_divergence(study: Study) -> Array:
    """(n,) mean JSD of each task's models from the base model, nats."""
    return read_only(_npz(study, "matrices.npz")["base"])


def noise(study: Study, measure: str | None = None) -> Noise:
    """The noise floor of a measure: of ``jsd`` by default, of ``text`` where the study was built by
    words alone, of ``gold`` where it came as log-probabilities. Empty where none was measured: for
    imported matrices, plans without second seeds, and measures that know none."""
    measure = measure or {"text": "text", "served": "gold"}.get(study.kind, "jsd")
    if measure == "gold" and study.scored:
        second, weights = second_gold(study), probe_pool(study).position_weights
        first = gold_log_probabilities(study)[second.tasks]
        nu = gold_noise(first, second.log_probability, weights)
        return Noise(tuple(study.names[i] for i in second.tasks), nu, measure="gold")
    arrays = _npz(study, "matrices.npz")
    if measure == "text" and "text-noise" in arrays:
        halved = tuple(study.names[i] for i in arrays["text-noise-tasks"])
        return Noise(halved, read_only(arrays["text-noise"]), measure="text")
    if measure != "jsd" or "noise" not in arrays:
        return Noise((), read_only([]), measure=measure)
    names = tuple(study.names[i] for i in arrays["noise_tasks"])
    batch = float(arrays["batch_noise"]) if "batch_noise" in arrays else None
    return Noise(names, read_only(arrays["noise"]), batch)


def losses(study: Study) -> LossTable:
    """The (n + 1) x n loss table, the base model's row last; a task's is the mean of its models."""
    frame = parquet_frame(read_checked(Path(study.folder), "losses.parquet"))
    n = len(study.tasks)
    per_sequence = frame["per_sequence"].to_numpy().reshape(n + 1, n)
    per_token = frame["per_token"].to_numpy().reshape(n + 1, n)
    return LossTable(study.names, read_only(per_sequence), read_only(per_token))


def probe_pool(study: Study) -> ProbePool:
    return ProbePool(study.names, **_npz(study, "probe.npz"))


def pair_divergences(study: Study) -> PairDivergences:
    """Per-example divergences of all pairs (bootstrap and drill-down material).

    NotKeptError above as many tasks as ``PAIRS_OF_TASKS``.
    """
    values = _of_pairs(study, "pairs.npz", "example", PAIRS_OF_TASKS)
    return PairDivergences(study.names, probe_pool(study).task, values)


def replicate_divergences(study: Study) -> npt.NDArray[np.float16] | None:
    """(pairs, 4, n) JSD of each pair of replicates, nats: means over each task's probe examples.

    At 2 r + s it is that of replicate r of the pair's first task and s of its second; NaN where one
    of them is not there. None where the study has one model a task, or only first seeds were
    compared (as before version 0.2). NotKeptError above as many tasks as ``PAIRS_OF_TASKS``.
    """
    if not len(second_gold(study).tasks):
        return None
    return _of_pairs(study, "replicates.npz", "example", PAIRS_OF_TASKS)


def token_divergences(study: Study) -> npt.NDArray[np.float16]:
    """(pairs, positions) JSD at every completion token, nats: means over replicates.

    NotKeptError above as many tasks as ``TOKENS_OF_TASKS``.
    """
    return _of_pairs(study, "tokens.npz", "token", TOKENS_OF_TASKS)


def _of_pairs(study: Study, name: str, what: str, most: int) -> np.ndarray:
    if name not in read_manifest(Path(study.folder))["files"] and len(study.tasks) > most:
        raise NotKeptError(
            f"{study.slug} has {len(study.tasks)} tasks; values of every pair on every {what} are "
            f"held up to {most} tasks."
        )
    return _npz(study, name)["jsd"]


def gold_log_probabilities(study: Study) -> npt.NDArray[np.float32]:
    """(n + 1, positions) log-probability that each model gives the true next token, nats.

    The models are those of the first seeds; see ``second_gold``.
    """
    return _npz(study, "gold.npz")["log_probability"]


@dataclass(frozen=True)
class SecondGold:
    """``log_probability``: (R, positions) what the second models of the ``tasks`` (R,) give the
    true next tokens, nats; of no tasks where the study has none, or kept none (before 0.2)."""

    tasks: npt.NDArray[np.int64]
    log_probability: npt.NDArray[np.float32]


def second_gold(study: Study) -> SecondGold:
    """What ``gold_log_probabilities`` is for the first seeds."""
    arrays = _npz(study, "gold.npz")
    if "second" not in arrays:
        positions = arrays["log_probability"].shape[1]
        return SecondGold(np.zeros(0, dtype=np.int64), np.zeros((0, positions), dtype=np.float32))
    return SecondGold(arrays["second_tasks"], arrays["second"])


def likely_tokens(study: Study) -> LikelyTokens | None:
    """What each model would have said next at every position; None where that is not kept."""
    if LIKELY not in read_manifest(Path(study.folder))["files"]:
        return None
    arrays = _npz(study, LIKELY)
    strings = json.loads(read_checked(Path(study.folder), "vocabulary.json"))
    return LikelyTokens(
        arrays["ids"], arrays["log_probability"], {int(i): s for i, s in strings.items()}
    )


def training_curves(study: Study) -> pd.DataFrame:
    """task, replicate, step, loss (nats a token), learning_rate of every single-task model."""
    return parquet_frame(read_checked(Path(study.folder), "training.parquet"))
