"""Committed studies with made-up runs under a committed protocol: what they say is known."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from taskpgm_core import store
from taskpgm_core.evidence.protocol import load_protocol
from taskpgm_core.records import Study

COMMITTED = Path(__file__).parents[2] / "cache"
ELSEWHERE = tuple(f"elsewhere-{k}" for k in range(6))
"""Tasks that are in no mixture."""
WORST = {"best-single": 1.0}
"""Nats a token to uniform: one arm that surely loses, and none that wins."""


def committed_copy(root: Path, slug: str) -> Study:
    """A committed study, copied below the cache ``root`` without its evidence."""
    [folder] = COMMITTED.glob(f"{slug}-{'?' * 12}")
    shutil.copytree(folder, root / folder.name, ignore=shutil.ignore_patterns("evidence"))
    return store.open_study(slug, root)


def keep_runs(study: Study, name: str, differences: Mapping[str, float] = WORST) -> None:
    """Keep a run of every arm and seed of the protocol ``name``, with losses that are made up.

    An arm differs from uniform by ``differences`` nats a token, and by noise that no arm gains from
    in the long run; on tasks in no mixture it is harder for all.
    """
    chosen = load_protocol(name)
    digest = chosen.digest(study.digest)
    card = {"protocol": chosen.model_dump(mode="json", exclude={"arms", "seeds", "name"})}
    tasks = (*study.names, *ELSEWHERE)
    level = np.random.default_rng(1).uniform(0.5, 2.0, len(tasks))
    level[len(study.names) :] += 1.0
    for place, arm in enumerate(chosen.arms):
        for seed in chosen.seeds:
            noise = np.random.default_rng([place, seed]).normal(0.0, 0.02, len(tasks))
            loss = level + differences.get(arm.name, 0.0) + noise
            rows = pd.DataFrame({"task": tasks, "loss": loss, "accuracy": np.exp(-loss)})
            trained = rows["task"].isin(study.names)
            rows = rows.assign(
                arm=arm.name, seed=seed, budget=chosen.budget, in_mixture=trained, steps=4
            ).assign(n_rows=10 * trained, n_tokens=30 * trained)
            store.keep_run(
                study,
                digest,
                rows=rows,
                arm=arm.model_dump(mode="json"),
                definition=arm.digest,
                card=card,
            )
