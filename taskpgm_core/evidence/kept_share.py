"""Finished runs judged by skill: how much of what a single-task model gains does a mixture keep?

Near-copies must not count twice in the judgement, or whoever spends on them seems to win. So files
of one skill are averaged first, then skills.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from taskpgm_core.errors import MixtureError

LEAST_GAIN = 0.25  # nats a token that the single-task models gain; below it a share says nothing
LOWEST, HIGHEST = -1.0, 1.5  # shares are clipped to these, so that no single task decides
BASE = -1


@dataclass(frozen=True)
class ReferenceLosses:
    """(tasks,) nats a token on the judging rows: the base model's, and the single-task models' own.

    ``own``: the mean of a task's two training seeds; NaN for a task in no mixture. Index: task.
    """

    base: pd.Series
    own: pd.Series

    @property
    def left_out(self) -> tuple[str, ...]:
        """Tasks whose single-task models gain less than ``LEAST_GAIN``, so no share is counted."""
        gain = (self.base - self.own).dropna()
        return tuple(str(task) for task in gain.index[gain < LEAST_GAIN])


def reference_of(rows: pd.DataFrame) -> ReferenceLosses:
    """From the rows that ``store.reference_losses`` keeps."""
    base = rows[rows["replicate"] == BASE].set_index("task")["loss"]
    own = rows[rows["replicate"] != BASE].groupby("task")["loss"].mean()
    return ReferenceLosses(base, own.reindex(base.index))


def kept_shares(loss: pd.Series, reference: ReferenceLosses) -> pd.Series:
    """(base - loss) / (base - own) of each task of ``loss``, clipped; NaN where none is counted."""
    base, own = (x.reindex(loss.index) for x in (reference.base, reference.own))
    gain = (base - own).where(base - own >= LEAST_GAIN)
    return ((base - loss) / gain).clip(LOWEST, HIGHEST)


MEASURES = {
    "kept": "share of the single-task models' gain that is kept, mean over skills",
    "worst": "that share in the skill that keeps least",
    "loss": "loss in nats a token, mean over skills",
    "exact": "exact match, mean over skills",
    "kept_files": "share of the gain that is kept, mean over files",
    "loss_files": "loss in nats a token, mean over files",
    "siblings": "loss in nats a token on files in no mixture whose skill has others in it",
    "outside": "loss in nats a token on files of skills that are in no mixture",
}
"""What runs are judged by; the first decides. In losses less is better, in the others more."""
LOSSES = ("loss", "loss_files", "siblings", "outside")


def judged_runs(
    runs: pd.DataFrame, skills: Mapping[str, str], inside: tuple[str, ...], rows: pd.DataFrame
) -> pd.DataFrame:
    """(runs) x ``MEASURES``, indexed by arm and seed, NaN where nothing is known.

    ``runs``: as in ``store.evidence``; ``skills``: {task: skill}; ``inside``: the study's tasks;
    ``rows``: of ``store.reference_losses``. MixtureError where a run lacks a task of the study.
    """
    reference = reference_of(rows)
    known = {skills[task] for task in inside}
    outer = [task for task in skills if task not in inside]
    near = [task for task in outer if skills[task] in known]
    far = [task for task in outer if skills[task] not in known]
    found = {}
    for (arm, seed), run in runs.groupby(["arm", "seed"], sort=True):
        by_task = run.set_index("task")[["loss", "accuracy"]].reindex([*inside, *outer])
        own = by_task.loc[list(inside)]
        if own["loss"].isna().any():
            missing = own.index[own["loss"].isna()][0]
            raise MixtureError(f"A run of arm '{arm}' says nothing of '{missing}'.")
        skill = own.index.map(skills)
        kept = kept_shares(own["loss"], reference)
        by_skill = kept.groupby(skill).mean()
        found[arm, seed] = {
            "kept": by_skill.mean(),
            "worst": by_skill.min(),
            "loss": own["loss"].groupby(skill).mean().mean(),
            "exact": own["accuracy"].groupby(skill).mean().mean(),
            "kept_files": kept.mean(),
            "loss_files": own["loss"].mean(),
            "siblings": _by_skill(by_task["loss"], near, skills),
            "outside": _by_skill(by_task["loss"], far, skills),
        }
    table = pd.DataFrame.from_dict(found, orient="index", columns=list(MEASURES))
    table.index = pd.MultiIndex.from_tuples(list(found), names=["arm", "seed"])
    return table.astype(np.float64)


def _by_skill(loss: pd.Series, tasks: list[str], skills: Mapping[str, str]) -> float:
    if not tasks:
        return float("nan")
    own = loss.loc[tasks]
    return float(own.groupby(own.index.map(skills)).mean().mean())
