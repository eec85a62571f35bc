"""Finished runs judged by skill: how much of what a single-task model gains does a mixture keep?

Near-copies must not count twice in the judgement, or whoever spends on them seems to win. So files
of one skill are averaged first, then skills.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from taskpgm_core.analysis.kept_gain import LEAST_GAIN
from taskpgm_core.errors import MixtureError

LOWEST, HIGHEST = -1.0, 1.5  # shares are clipped to these, so that no single task decides
BASE = -1  # the base model's replicate


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


def kept_shares(loss: pd.DataFrame, reference: ReferenceLosses) -> pd.DataFrame:
    """(base - loss) / (base - own) of each run (a row) and task (a column) of ``loss``, clipped;
    NaN where none is counted."""
    base, own = (x.reindex(loss.columns) for x in (reference.base, reference.own))
    gain = (base - own).where(base - own >= LEAST_GAIN)
    return ((base - loss) / gain).clip(LOWEST, HIGHEST)


def skills_counted(
    skills: Mapping[str, str], tasks: Iterable[str], reference: ReferenceLosses
) -> int:
    """How many of the ``skills`` {task: skill} of these tasks have a share that is counted."""
    return len({skills[task] for task in tasks if task not in reference.left_out})


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
    inner, known = list(inside), {skills[task] for task in inside}
    outer = [task for task in skills if task not in inside]
    near = [task for task in outer if skills[task] in known]
    far = [task for task in outer if skills[task] not in known]
    loss, exact = (
        runs.pivot(index=["arm", "seed"], columns="task", values=column)
        for column in ("loss", "accuracy")
    )
    loss = loss.reindex(columns=[*inner, *outer])
    unknown = loss[inner].isna()
    if unknown.to_numpy().any():
        run, task = np.argwhere(unknown.to_numpy())[0]
        arm, _ = unknown.index[run]
        raise MixtureError(f"A run of arm '{arm}' says nothing of '{inner[task]}'.")
    kept = kept_shares(loss[inner], reference)
    by_skill = _by_skill(kept, skills)
    return pd.DataFrame(
        {
            "kept": by_skill.mean(axis=1),
            "worst": by_skill.min(axis=1),
            "loss": _by_skill(loss[inner], skills).mean(axis=1),
            "exact": _by_skill(exact.reindex(columns=inner), skills).mean(axis=1),
            "kept_files": kept.mean(axis=1),
            "loss_files": loss[inner].mean(axis=1),
            "siblings": _by_skill(loss[near], skills).mean(axis=1),
            "outside": _by_skill(loss[far], skills).mean(axis=1),
        },
        columns=list(MEASURES),
        dtype=np.float64,
    )


def _by_skill(values: pd.DataFrame, skills: Mapping[str, str]) -> pd.DataFrame:
    """(runs, skills): the mean of each skill's files; NaN for all where there is no file."""
    if not len(values.columns):
        return pd.DataFrame({"": np.nan}, index=values.index)
    return values.T.groupby([skills[task] for task in values.columns]).mean().T
