"""Committed studies with made-up runs under a committed protocol: what they say is known."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from taskpgm_core import store
from taskpgm_core.evidence.protocol import Arm, Protocol, load_protocol, protocol_card
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


def keep_run(study: Study, protocol: Protocol, arm: Arm, rows: pd.DataFrame) -> None:
    """Keep the losses of one run of an arm of ``protocol``."""
    store.keep_run(
        study,
        protocol.digest(study.digest),
        rows=rows,
        arm=arm.model_dump(mode="json"),
        definition=arm.digest,
        card=protocol_card(protocol, study),
    )


def keep_reference(study: Study, protocol: Protocol, rows: pd.DataFrame) -> None:
    """Keep the losses of the base model and of single-task models, by which shares are judged."""
    card = protocol_card(protocol, study)
    store.keep_reference(study, protocol.digest(study.digest), rows=rows, card=card)


def keep_runs(study: Study, name: str, differences: Mapping[str, float] = WORST) -> None:
    """Keep a run of every arm and seed of the protocol ``name``, with losses that are made up.

    An arm differs from uniform by ``differences`` nats a token, and by noise that no arm gains from
    in the long run; on tasks in no mixture it is harder for all.
    """
    chosen = load_protocol(name)
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
            keep_run(study, chosen, arm, rows)


def keep_skill_runs(
    study: Study, name: str, gains: Mapping[str, float], *, runs: int | None = None
) -> None:
    """Keep made-up runs of a protocol that judges by skill, the first ``runs`` of them.

    Uniform keeps .9 of the gain on the full budget and .05 more for twice the rows; an arm of
    ``gains`` keeps so much more, whatever its budget, and noise of its own.
    """
    chosen = load_protocol(name)
    tasks = (*study.names, *(task.id for task in chosen.held_out))
    base, own = (pd.Series(x, tasks) for x in (3.0, 1.0))
    models = [(base, -1, tasks), (own, 0, study.names), (own, 1, study.names)]
    reference = [(t, k, x[t], 0.0, 32) for x, k, names in models for t in names]
    columns = ["task", "replicate", "loss", "accuracy", "n_rows"]
    keep_reference(study, chosen, pd.DataFrame(reference, columns=columns))
    planned = [(arm, seed) for seed in chosen.seeds for arm in chosen.arms]
    for arm, seed in planned[:runs]:
        budget = arm.budget or chosen.budget
        noise = np.random.default_rng([chosen.arms.index(arm), seed]).normal(0.0, 0.002)
        gain = next((x for a, x in gains.items() if arm.name in (a, f"{a}-{budget}")), 0.0)
        kept = 0.9 + 0.05 * np.log2(budget / chosen.budget) + gain + noise
        inside = np.isin(tasks, study.names)
        rows = pd.DataFrame({"task": tasks, "loss": base - (base - own) * kept, "accuracy": kept})
        rows = rows.assign(
            arm=arm.name, seed=seed, budget=budget, in_mixture=inside, steps=4
        ).assign(n_rows=10 * inside, n_tokens=30 * inside)
        keep_run(study, chosen, arm, rows)
