"""Competing mixtures compared: paired differences with intervals over seeds and tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from taskpgm_core.errors import MixtureError
from taskpgm_core.evidence.paired_test import holm
from taskpgm_core.records import Array
from taskpgm_core.store import SUITE

DRAWS = 4000
FEWEST_SEEDS = 2
FEWEST = 6  # tasks: that all of five agree by luck has a chance of 6%, and a bootstrap is then sure
Column = Literal["loss", "accuracy"]


@dataclass(frozen=True)
class Comparison:
    """One arm against the reference, on the same seeds and tasks.

    ``loss``: mean completion loss over tasks and seeds, nats a token; ``accuracy``: exact match;
    ``tokens``: mean supervised tokens that a run trained on (equal rows do not make them equal);
    ``worst``: the largest mean loss of any task, which is ``worst_task``. ``difference``: of the
    mean loss to the reference's on ``seeds`` common seeds, negative where the arm is better, with
    the interval ``low`` to ``high``; ``p``: two-sided, ``p_holm``: with Holm's correction over all
    arms; none of them on fewer than ``FEWEST`` tasks or ``FEWEST_SEEDS`` seeds. The reference has
    no difference.
    Compared by accuracy, ``worst`` is the smallest, a positive difference is the better arm's, and
    ``loss`` is NaN where none was measured.
    """

    arm: str
    seeds: int
    tokens: float
    loss: float
    accuracy: float
    worst: float
    worst_task: str
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None

    @property
    def sure(self) -> bool:
        """Whether the difference is taken for real: below 5% after Holm's correction."""
        return self.p_holm is not None and self.p_holm < 0.05


def compare(
    runs: pd.DataFrame,
    tasks: Sequence[str],
    *,
    column: Column = "loss",
    reference: str = "uniform",
    level: float = 0.95,
    seed: int = 0,
) -> tuple[Comparison, ...]:
    """Every arm of ``runs`` (rows as in ``store.evidence``) on ``tasks``, best ``column`` first.

    Differences are paired by seed and task. An interval covers what other seeds and other tasks of
    this kind would have said: it is the wider of a bootstrap over both, which a few seeds make too
    sure, and Student's over the seeds' means. MixtureError where the reference or a task was never
    run.
    """
    known = runs[runs["task"].isin(tasks)]
    if reference not in set(known["arm"]):
        arms = ", ".join(sorted(set(known["arm"]))) or "no arm"
        raise MixtureError(
            f"There is no finished run of the reference arm '{reference}' on these tasks, but of "
            f"{arms}; choose another reference."
        )
    tables = {arm: _table(rows, tasks, column) for arm, rows in known.groupby("arm", sort=True)}
    means = known.groupby("arm")[["loss", "accuracy"]].mean()
    sign = 1 if column == "loss" else -1
    tokens = runs.groupby(["arm", "seed"])["n_tokens"].sum(min_count=1).groupby("arm").mean()
    base = tables[reference]
    found = []
    for arm, table in tables.items():
        common = [s for s in table.index if s in base.index]
        paired = (table.loc[common] - base.loc[common]).to_numpy() if arm != reference else None
        by_task = table.mean(axis=0)
        worst = int((sign * by_task).argmax())
        interval: tuple[float, float, float] | None = None
        if paired is not None and len(paired) >= FEWEST_SEEDS and len(tasks) >= FEWEST:
            interval = _interval(paired, level, seed)
        found.append(
            Comparison(
                arm=str(arm),
                seeds=len(table),
                tokens=float(tokens[arm]),
                loss=float(means["loss"][arm]),
                accuracy=float(means["accuracy"][arm]),
                worst=float(by_task.iloc[worst]),
                worst_task=tasks[worst],
                difference=float(paired.mean()) if paired is not None and len(paired) else None,
                low=interval[0] if interval else None,
                high=interval[1] if interval else None,
                p=interval[2] if interval else None,
                p_holm=None,
            )
        )
    tested = {c.arm: c.p for c in found if c.p is not None}
    corrected = dict(zip(tested, holm(list(tested.values())), strict=True))
    return tuple(
        sorted(
            (Comparison(**{**vars(c), "p_holm": corrected.get(c.arm)}) for c in found),
            key=lambda c: sign * getattr(c, column),
        )
    )


def judges(runs: pd.DataFrame, inside: Sequence[str]) -> tuple[list[str], list[str]]:
    """What judged ``runs`` beside the tasks ``inside`` the study: tasks in no mixture, suites."""
    outside = sorted(set(runs["task"]) - set(inside))
    suites = [task for task in outside if task.startswith(SUITE)]
    return [task for task in outside if task not in suites], suites


def judged_by(runs: pd.DataFrame, tasks: Sequence[str], column: Column) -> list[str]:
    """Those of ``tasks``, in order, that have a number of ``column`` in any of ``runs``."""
    known = set(runs.loc[runs[column].notna(), "task"])
    return [task for task in tasks if task in known]


def epochs(runs: pd.DataFrame, rows: Mapping[str, int]) -> dict[str, float]:
    """How often each arm's runs went over the task that they repeated most, on average over seeds.

    ``rows``: training rows of every task of the study. Above 1, rows were drawn again.
    """
    drawn = runs[runs["task"].isin(list(rows))]
    times = drawn["n_rows"] / drawn["task"].map(rows)
    most = times.groupby([drawn["arm"], drawn["seed"]]).max()
    return {str(arm): float(mean) for arm, mean in most.groupby("arm").mean().items()}


def _table(rows: pd.DataFrame, tasks: Sequence[str], column: str) -> pd.DataFrame:
    """(seeds, tasks); MixtureError where a run lacks a task."""
    table = rows.pivot_table(index="seed", columns="task", values=column, aggfunc="mean")
    table = table.reindex(columns=list(tasks))
    if table.empty or table.isna().to_numpy().any():
        missing = table.columns[table.isna().any()][0] if len(table) else tasks[0]
        raise MixtureError(f"A run of arm '{rows['arm'].iloc[0]}' says nothing of '{missing}'.")
    return table


def _interval(paired: Array, level: float, seed: int) -> tuple[float, float, float]:
    """(low, high, two-sided p) of the mean of ``paired`` (seeds, tasks): the less sure of two."""
    low, high, p = _bootstrap(paired, level, seed)
    means = paired.mean(axis=1)
    free, centre = len(means) - 1, float(means.mean())
    error = float(means.std(ddof=1)) / len(means) ** 0.5
    if error == 0:
        return low, high, p
    half = float(stdtrit(free, (1 + level) / 2)) * error
    p_seeds = 2 * float(stdtr(free, -abs(centre) / error))
    return min(low, centre - half), max(high, centre + half), max(p, p_seeds)


def _bootstrap(paired: Array, level: float, seed: int) -> tuple[float, float, float]:
    """(low, high, two-sided p) of the mean of ``paired`` (seeds, tasks), both resampled."""
    generator = np.random.default_rng(seed)
    seeds, tasks = paired.shape
    rows = generator.integers(0, seeds, (DRAWS, seeds, 1))
    columns = generator.integers(0, tasks, (DRAWS, 1, tasks))
    means = paired[rows, columns].mean(axis=(1, 2))
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    beyond = min((means <= 0).sum(), (means >= 0).sum())
    return float(low), float(high), float(min(1.0, 2 * (beyond + 1) / (DRAWS + 1)))
