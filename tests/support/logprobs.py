"""A table of log-probabilities as a server would give them, made of what a study measured."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from taskpgm_core import store
from taskpgm_core.records import Study


def table_of(study: Study) -> pd.DataFrame:
    """A row for each model and token, with replicates, and with text where the study has it."""
    pool, second = store.probe_pool(study), store.second_gold(study)
    steps = np.repeat(np.arange(len(pool.task)), pool.tokens)
    place = {
        "task": np.array(study.names)[pool.task[steps]],
        "example": pool.row[steps],
        "position": np.arange(len(steps)) - pool.first[steps],
    }
    if text := store.probe_text(study):
        place["text"] = [
            text[e].completion[start:end]
            for e, (start, end) in zip(steps, pool.spans.tolist(), strict=True)
        ]
    models = [(name, 0) for name in (*study.names, "base")]
    models += [(study.names[k], 1) for k in second.tasks]
    values = [*store.gold_log_probabilities(study), *second.log_probability]
    parts = [
        pd.DataFrame(
            {"model": name, "replicate": again, **place, "logprob": row.astype(np.float64)}
        )
        for (name, again), row in zip(models, values, strict=True)
    ]
    return pd.concat(parts, ignore_index=True)


def small_table(tasks: Sequence[str] = ("a", "b"), seed: int = 0) -> pd.DataFrame:
    """Two examples of three tokens a task, one model each and the base."""
    draw = np.random.default_rng(seed)
    rows = [
        {"model": m, "task": t, "example": e, "position": k, "logprob": -float(draw.exponential())}
        for m in (*tasks, "base")
        for t in tasks
        for e in range(2)
        for k in range(3)
    ]
    return pd.DataFrame(rows)


def write(table: pd.DataFrame, file: Path) -> Path:
    """The table as Parquet or JSON Lines, by the file's name."""
    if file.suffix == ".parquet":
        table.to_parquet(file)
    else:
        file.write_text(table.to_json(orient="records", lines=True, double_precision=15))
    return file
