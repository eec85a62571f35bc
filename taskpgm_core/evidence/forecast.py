"""What training on a mixture will keep, forecast from the study alone, and whether that ranks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import permutation_test, rankdata, spearmanr

from taskpgm_core import store
from taskpgm_core.analysis.kept_gain import LEAST_GAIN, kept_gain
from taskpgm_core.evidence.judgement import REFERENCE, planned_runs, protocol_of
from taskpgm_core.evidence.kept_share import judged_runs, reference_of
from taskpgm_core.evidence.outcome import speaking_evidence
from taskpgm_core.findings.evidence import FEWEST_ARMS, advice_finding, foresight_finding
from taskpgm_core.records import Array, LossTable, Study, read_only

CURVATURES = np.geomspace(0.02, 20.0, 400)
"""Those that are tried: from a straight line to half of the gain after 3% of the rows."""
PERMUTATIONS = 50_000  # all of them are taken up to eight arms


@dataclass(frozen=True, eq=False)
class Forecast:
    """The share of the single-task models' gain that any mixture is expected to keep.

    Trained on x times the rows of its single-task model, a task has gained the share
    f(x) = (1 - exp(-c x)) / (1 - exp(-c)) of what that model gains. A row of task i is worth w_ij
    rows of task j, where f(w_ij) is the share of j's gain that i's model keeps, between 0 and 1. So
    a mixture of one task alone, of as many rows as its model saw, keeps what the loss table says.

    ``losses``: of the study; ``curvature``: c, from the single-task models' own training;
    ``trained_on``: the rows that each of them saw. No run of a mixture is looked at.
    """

    losses: LossTable
    curvature: float
    trained_on: float
    worth: Array = field(init=False)

    def __post_init__(self) -> None:
        kept = np.clip(np.nan_to_num(kept_gain(self.losses)), 0.0, 1.0)
        worth = np.minimum(-np.log1p(kept * np.expm1(-self.curvature)) / self.curvature, 1.0)
        np.fill_diagonal(worth, 1.0)
        object.__setattr__(self, "worth", read_only(worth))

    def kept(self, p: npt.ArrayLike, rows: float) -> Array:
        """(..., n) shares kept after ``rows`` rows of the mixtures ``p`` (..., n)."""
        effective = rows * (np.asarray(p, dtype=np.float64) @ self.worth) / self.trained_on
        return read_only(_learned(effective, self.curvature))

    def loss(self, p: npt.ArrayLike, rows: float) -> Array:
        """(..., n) the same as losses on the study's probe examples, nats a token."""
        base, own = self.losses.per_token[-1], np.diagonal(self.losses.per_token[:-1])
        return read_only(base - self.kept(p, rows) * np.maximum(base - own, 0.0))


def _learned(x: npt.NDArray[np.float64], c: float) -> npt.NDArray[np.float64]:
    """The share of a task's gain after ``x`` times its single-task model's rows."""
    share: npt.NDArray[np.float64] = np.expm1(-c * x) / np.expm1(-c)
    return share


def curvature(curves: pd.DataFrame, losses: LossTable, steps: int) -> float | None:
    """c of ``Forecast`` from the loss of every training batch (``store.training_curves``).

    Before step t of T a model has seen t / T of its rows. Its share of the gain then is that of the
    batch's loss between the base model's and its own on the probe examples. The c with the least
    mean absolute deviation over tasks and steps, of ``CURVATURES``; None where no task counts.
    """
    base, own = losses.per_token[-1], np.diagonal(losses.per_token[:-1])
    gain = pd.Series(base - own, index=list(losses.tasks))
    counted = gain.index[gain >= LEAST_GAIN]
    batch = curves.pivot_table(index="step", columns="task", values="loss")
    if steps < 2 or not len(counted) or not set(counted) <= set(batch.columns):
        return None
    start = pd.Series(base, index=list(losses.tasks))
    share = ((start - batch) / gain)[counted].to_numpy()
    x = batch.index.to_numpy(dtype=np.float64) / steps
    off = [float(np.nanmean(np.abs(share - _learned(x, c)[:, None]))) for c in CURVATURES]
    return float(CURVATURES[int(np.argmin(off))])


def forecast(study: Study) -> Forecast | None:
    """That of a study; None where single-task models were not all trained here."""
    if study.plan is None or study.kind != "measured":
        return None
    losses, curves = store.losses(study), store.training_curves(study)
    training = study.plan["training"]
    c = curvature(curves, losses, int(training["steps"]))
    if c is None or not set(study.names) <= set(curves["task"]):
        return None
    return Forecast(losses, c, float(training["steps"] * training["batch"]))


@dataclass(frozen=True, eq=False)
class _Campaign:
    """How the runs of an evidence folder are judged: by the share kept where it names skills, by
    the mean loss over tasks where not. ``rows``: what its arms of full budget train on."""

    told: Forecast
    skills: Mapping[str, str] | None
    reference: pd.DataFrame | None
    rows: float

    def score(self, runs: pd.DataFrame) -> "pd.Series[float]":
        """One number an arm."""
        if self.reference is None or self.skills is None:
            return runs.groupby("arm")["loss"].mean()
        tasks = self.told.losses.tasks
        table = judged_runs(runs, self.skills, tasks, self.reference)
        return table["kept"].groupby(level="arm").mean()

    def forecast(self, drawn: pd.DataFrame) -> "pd.Series[float]":
        """The same of arms that train on ``drawn`` rows, (arms, tasks)."""
        loss = self.told.loss(drawn, 1.0)
        if self.reference is not None:
            known = reference_of(self.reference)
            base, own = (x.reindex(drawn.columns).to_numpy() for x in (known.base, known.own))
            loss = base - self.told.kept(drawn, 1.0) * np.maximum(base - own, 0.0)
        told = pd.DataFrame(loss, index=drawn.index, columns=drawn.columns).rename_axis("arm")
        runs = told.melt(var_name="task", value_name="loss", ignore_index=False).reset_index()
        return self.score(runs.assign(seed=0, accuracy=np.nan))


@dataclass(frozen=True, eq=False)
class Foresight:
    """How well forecasts rank arms of one budget: Spearman's correlation, and p by permutation.

    ``measure``: what was forecast and came, ``kept`` (share) or ``loss`` (nats a token);
    ``finished``: whether all runs that the campaign planned are there.
    """

    arms: tuple[str, ...]
    predicted: Array
    realised: Array
    correlation: float
    p: float
    measure: str
    finished: bool
    campaign: _Campaign

    @property
    def reliable(self) -> bool:
        """Whether forecasts may advise: a clear rank correlation over a finished campaign."""
        return self.finished and self.correlation > 0.7 and self.p < 0.05

    @property
    def rows(self) -> int:
        """What the arms trained on."""
        return round(self.campaign.rows)

    @property
    def finding(self) -> str:
        """Whether the forecast ranks, as a heading."""
        how = {"reliable": self.reliable, "finished": self.finished}
        return foresight_finding(len(self.arms), self.correlation, self.p, **how)

    def expected(self, p: npt.ArrayLike) -> float:
        """What the campaign would say of a mixture (n,), as forecast."""
        drawn = pd.DataFrame([np.asarray(p) * self.campaign.rows], ["p"], self._tasks)
        return float(self.campaign.forecast(drawn).iloc[0])

    @property
    def _tasks(self) -> list[str]:
        return list(self.campaign.told.losses.tasks)

    @cached_property
    def _of_uniform(self) -> float:
        return self.expected(np.full(len(self._tasks), 1.0 / len(self._tasks)))

    def advice(self, p: npt.ArrayLike) -> str:
        """What a mixture (n,) is expected to keep against uniform, as a sentence; empty for uniform
        itself, and where uniform did not run."""
        if REFERENCE not in self.arms or np.allclose(p, 1.0 / len(self._tasks), atol=1e-9):
            return ""
        k = self.arms.index(REFERENCE)
        error = self.predicted - self.predicted[k] - (self.realised - self.realised[k])
        off = float(np.delete(np.abs(error), k).mean())
        more = self.expected(p) - self._of_uniform
        return advice_finding(more, self.rows, len(self.arms), self.correlation, self.p, off)

    def to_json(self) -> dict[str, Any]:
        return {
            "arms": list(self.arms),
            "predicted": self.predicted.tolist(),
            "realised": self.realised.tolist(),
            "correlation": self.correlation,
            "p": self.p,
            "reliable": self.reliable,
            "measure": self.measure,
            "finished": self.finished,
            "rows": self.rows,
        }


def foresight(study: Study, card: Mapping[str, Any], runs: pd.DataFrame) -> Foresight | None:
    """Forecast against what came, of the arms of an evidence folder that have its full budget.

    None where nothing can be ranked: fewer than three such arms, a run that lacks a task of the
    study, unknown losses or rows, forecasts or results all alike, or no forecast of the study.
    """
    told, names = forecast(study), list(study.names)
    inside = _full_budget(card, runs[runs["task"].isin(names)])
    if told is None or not len(inside) or inside[["n_rows", "loss"]].isna().to_numpy().any():
        return None
    if (
        inside.pivot(index=["arm", "seed"], columns="task", values="loss")
        .reindex(columns=names)
        .isna()
        .to_numpy()
        .any()
    ):
        return None
    drawn = inside.pivot_table(index="arm", columns="task", values="n_rows")[names]
    reference, skills = None, None
    if (card.get("protocol") or {}).get("skills"):
        reference = store.reference_losses(study, card["folder"])
        skills = protocol_of(card).skill_of(study.tasks)
    judge = _Campaign(told, skills, reference, float(drawn.sum(axis=1).mean()))
    predicted, realised = judge.forecast(drawn), judge.score(inside)
    if len(drawn) < 3 or predicted.nunique() < 2 or realised.nunique() < 2:
        return None
    came = realised[predicted.index]
    planned = planned_runs(study, card, runs)
    return Foresight(
        arms=tuple(map(str, predicted.index)),
        predicted=read_only(predicted.to_numpy()),
        realised=read_only(came.to_numpy()),
        correlation=rank_correlation(predicted, came),
        p=permutation_p(predicted, came),
        measure="loss" if reference is None else "kept",
        finished=planned.finished(runs) == planned.count,
        campaign=judge,
    )


def _full_budget(card: Mapping[str, Any], runs: pd.DataFrame) -> pd.DataFrame:
    """The runs on the protocol's rows; on those of most arms where there is no protocol; all where
    tokens are the budget."""
    protocol = card.get("protocol") or {}
    if protocol.get("budget_tokens"):
        return runs
    common = runs.groupby("arm")["budget"].first().mode()
    budget = protocol.get("budget", common.iloc[0] if len(common) else np.nan)
    full: pd.DataFrame = runs.loc[runs["budget"] == budget]
    return full


def adviser(study: Study) -> Foresight | None:
    """The campaign by which forecasts of the share kept may advise; None where they may not.

    They may where they ranked every finished campaign that can show it, ``FEWEST_ARMS`` or more;
    the one of most arms is taken. Campaigns that a tuning ran to choose are left out.
    """
    all_found = (foresight(study, card, runs) for card, runs in speaking_evidence(study))
    found = [f for f in all_found if f and f.finished and len(f.arms) >= FEWEST_ARMS]
    shares = [f for f in found if f.measure == "kept"]
    if not all(f.reliable for f in found):
        return None
    return max(shares, key=lambda f: len(f.arms), default=None)


def rank_correlation(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Spearman's rank correlation of two quantities of the arms, (arms,) each."""
    return float(np.asarray(spearmanr(a, b), dtype=np.float64)[0])


def permutation_p(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Two-sided p of ``rank_correlation``: over all orders up to eight arms, else over random
    ones of a fixed seed."""
    x, y = rankdata(a), rankdata(b)
    y = y - y.mean()
    found = permutation_test(
        (x,),
        lambda ranks, axis: np.moveaxis(ranks, axis, -1) @ y,
        permutation_type="pairings",
        vectorized=True,
        n_resamples=PERMUTATIONS,
        rng=np.random.default_rng(0),
    )
    return float(found.pvalue)
