"""A measured study of random numbers, for tests of what is kept rather than what is measured."""

import numpy as np
import pandas as pd

from taskpgm_core import store
from taskpgm_core.records import Example, Study, Target, Task
from taskpgm_core.store import assemble, example_checksums, measured_files, target_files

TASKS = ("sums", "dates", "logic")
LENGTHS = (2, 3, 1, 4, 2, 2)  # completion tokens of two probe examples a task

READERS = {
    "matrices.npz": store.similarity,
    "losses.parquet": store.losses,
    "probe.npz": store.probe_pool,
    "gold.npz": store.gold_log_probabilities,
    "likely.npz": store.likely_tokens,
    "vocabulary.json": store.likely_tokens,
    "training.parquet": store.training_curves,
    "pairs.npz": store.pair_divergences,
    "replicates.npz": store.replicate_divergences,
    "tokens.npz": store.token_divergences,
    "text.json": store.probe_text,
}
"""What reads each file of a measured study."""


def synthetic_arrays(seed: int = 0, tasks: tuple[str, ...] = TASKS) -> dict:
    """Keyword arguments of ``measured_files``, all of matching shapes; the second task has two
    models."""
    random = np.random.default_rng(seed)
    n, lengths = len(tasks), np.array([LENGTHS[k % len(LENGTHS)] for k in range(2 * len(tasks))])
    positions, pairs, k = int(lengths.sum()), n * (n - 1) // 2, 3
    D = random.uniform(0.01, 0.6, (n, n))
    D = np.triu(D, 1) + np.triu(D, 1).T
    text = [Example(f"prompt {e}", f"completion {e}") for e in range(len(lengths))]
    return {
        "matrices": {
            "jsd": D,
            "pmi": -2 * D,
            "pmi-token": -D / 2,
            "base": random.uniform(0.1, 0.5, n),
            "noise": np.array([0.003]),
            "noise_tasks": np.array([1], dtype=np.int64),
        },
        "per_sequence": random.uniform(1, 9, (n + 1, n)),
        "per_token": random.uniform(0.1, 3, (n + 1, n)),
        "pool": {
            "task": np.repeat(np.arange(n), 2),
            "row": np.arange(len(lengths), dtype=np.int64) * 5,
            "first": np.concatenate([[0], np.cumsum(lengths)[:-1]]),
            "tokens": lengths,
            "spans": np.zeros((positions, 2), dtype=np.int64),
            "checksum": example_checksums(text),
        },
        "per_example": random.uniform(0, 0.6, (pairs, len(lengths))),
        "per_position": random.uniform(0, 0.6, (pairs, positions)),
        "gold": -random.uniform(0, 5, (n + 1, positions)),
        **two_models(n, [1], positions, seed),
        "top_ids": random.integers(0, 50, (n + 1, positions, k)),
        "top_log_probability": -random.uniform(0, 5, (n + 1, positions, k)),
        "vocabulary": {i: f"<{i}é>" for i in range(50)},
        "curves": pd.DataFrame(
            {
                "task": np.repeat(tasks, 2),
                "replicate": 0,
                "step": np.tile([0, 1], n),
                "loss": random.uniform(1, 2, 2 * n),
                "learning_rate": 1e-3,
            }
        ),
        "text": text,
    }


def two_models(n: int, second_tasks: list[int], positions: int, seed: int = 0) -> dict:
    """The arrays that are there because the ``second_tasks`` have two models."""
    random = np.random.default_rng([seed, 2])
    values = np.full((n * (n - 1) // 2, 4, n), np.nan)
    for row, pair in enumerate(zip(*np.triu_indices(n, 1), strict=True)):
        for slot in range(4):
            models = slot // 2, slot % 2
            if all(m == 0 or t in second_tasks for m, t in zip(models, pair, strict=True)):
                values[row, slot] = random.uniform(0.01, 0.6, n)
    return {
        "by_task": values,
        "second_gold": -random.uniform(0, 5, (len(second_tasks), positions)),
        "second_tasks": np.array(second_tasks, dtype=np.int64),
    }


def older(arrays: dict) -> dict:
    """The same as versions before 0.2 kept it: first seeds only, examples in float32."""
    return {
        **arrays,
        "by_task": None,
        "second_gold": arrays["second_gold"][:0],
        "second_tasks": arrays["second_tasks"][:0],
        "per_example": arrays["per_example"].astype(np.float32),
    }


def write_study(root, *, slug="synthetic", digest="0123456789ab" + "c" * 52, seed=0, **changes):
    """Put such a study into the cache ``root``; ``changes`` replace arrays (``text=None``)."""
    tasks = changes.pop("tasks", TASKS)
    families = changes.pop("families", ["family"] * len(tasks))
    facts = {"device": "cpu", **changes.pop("facts", {})}
    targets = changes.pop("targets", ())
    arrays = {**synthetic_arrays(seed, tasks), **changes}
    study: Study = assemble(
        root,
        slug=slug,
        digest=digest,
        kind="measured",
        measures=("jsd", "pmi", "pmi-token"),
        tasks=[Task(t, families[k], f"generated:{t}", 100 + k, 2.5) for k, t in enumerate(tasks)],
        files=measured_files(**arrays) | scored_on(targets, len(tasks), seed),
        plan={"slug": slug},
        facts=facts,
        targets=[Target(name, "exams", f"jsonl:{name}.jsonl") for name in targets],
    )
    return study


def scored_on(targets, n: int, seed: int = 0) -> dict[str, bytes]:
    """The files of these targets, an example of two tokens each; the last task has two models.

    Every model but the base is sure to help on all of them but one called ``hopeless``.
    """
    if not targets:
        return {}
    random, count = np.random.default_rng([seed, 3]), len(targets)
    per_token = random.uniform(0.5, 2.0, (n + 1, count))
    per_token[-1] = [0.4 if name == "hopeless" else 2.5 for name in targets]
    text = [Example(f"question {k}", f"answer {k}") for k in range(count)]
    return target_files(
        pool={
            "target": np.arange(count),
            "row": np.arange(count),
            "first": 2 * np.arange(count),
            "tokens": np.full(count, 2),
            "spans": np.zeros((2 * count, 2), dtype=np.int64),
            "checksum": example_checksums(text),
        },
        per_sequence=2 * per_token,
        per_token=per_token,
        gold=-np.repeat(per_token, 2, axis=1),
        second=-np.repeat(per_token[n - 1 : n], 2, axis=1),
        second_tasks=np.array([n - 1]),
        text=text,
    )
