"""What runs judged by skill say: hypotheses in order, other arms, rows saved, the dose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from taskpgm_core import store
from taskpgm_core.evidence.arms import arm_titles
from taskpgm_core.evidence.kept_share import MEASURES, judged_runs, reference_of, skills_counted
from taskpgm_core.evidence.paired_test import (
    LEVEL,
    PairedDifference,
    hold_in_order,
    holm,
    paired_difference,
    paired_differences,
    seeds_needed,
)
from taskpgm_core.evidence.protocol import Arm, Protocol, committed_as
from taskpgm_core.evidence.rows_saved import DosePoint, RowsSaved, rows_saved
from taskpgm_core.records import Study

REFERENCE = "uniform"
MIXTURE = "taskpgm"


@dataclass(frozen=True)
class HypothesisTest:
    """A hypothesis: its ``order`` among all, in which ``study``, and whether it ``holds``.

    ``holds`` is None as long as its runs or those of one before it are not ``complete``, in
    whatever study; ``reached``: whether all before it hold, so that it is tested by itself.
    ``titles``: what its arm and the one against it are called.
    """

    order: int
    study: str
    test: PairedDifference
    titles: tuple[str, str]
    complete: bool = True
    holds: bool | None = None
    reached: bool = False

    @property
    def sure(self) -> bool:
        """Whether it found a difference, in whichever direction."""
        return self.reached and self.test.p is not None and self.test.p < LEVEL


@dataclass(frozen=True)
class BudgetGain:
    """``test``: the share that a mixture keeps of the gain less uniform's, both on ``rows``;
    ``arm``: the one of full budget with this mixture."""

    arm: str
    rows: int
    test: PairedDifference


@dataclass(frozen=True)
class Judgement:
    """All that the runs of one evidence folder say of skills.

    ``table``: as of ``judged_runs``; ``means``: {arm: {measure: mean over seeds}}, None where
    nothing is known; ``differences``: of every arm to uniform in every measure; ``others``: {arm: p
    after Holm's correction} in the first measure, of the arms of full budget that no hypothesis
    names and that have all seeds, planned arms and added ones each among themselves, none of them
    of a confirmation that is not complete; ``curve``: {uniform arm: its rows /
    the ``budget``}; ``budget_gains``: of arms that ran with other budgets too, by rows;
    ``left_out``: tasks that no share is counted of; ``skills_counted``: of the ``skills``, those
    that have one; ``seeds_needed``: by a confirmation, from the spread of the first hypothesis'
    difference, or of ``taskpgm`` to uniform. ``finished`` of ``planned`` runs are there;
    ``committed``: the protocol's name where it came with this version;
    ``titles``: {arm: what it is called}, of planned ones too where they are known.
    """

    study: str
    stage: str
    committed: str
    titles: Mapping[str, str]
    finished: int
    planned: int
    budget: int
    seeds: int
    skills: int
    skills_counted: int
    files: int
    table: pd.DataFrame
    means: Mapping[str, Mapping[str, float | None]]
    differences: tuple[PairedDifference, ...]
    hypotheses: tuple[HypothesisTest, ...]
    others: Mapping[str, float]
    rows_saved: tuple[RowsSaved, ...]
    curve: Mapping[str, float]
    budget_gains: tuple[BudgetGain, ...]
    left_out: tuple[str, ...]
    seeds_needed: int | None

    @property
    def complete(self) -> bool:
        return self.finished == self.planned

    @property
    def verdict_stands(self) -> bool:
        """Whether anything may be concluded: from a confirmation all of whose runs are there."""
        return self.stage == "confirmation" and self.complete


def judgement(study: Study, card: Mapping[str, Any], runs: pd.DataFrame) -> Judgement | None:
    """From an evidence folder's card and runs (``store.evidence``).

    None where its protocol names no skills, or its reference losses are not measured yet.
    """
    if not (card.get("protocol") or {}).get("skills"):
        return None
    rows = store.reference_losses(study, card["folder"])
    if rows is None:
        return None
    stated = card["protocol"].get("hypotheses", [])
    protocol = protocol_of(card)
    arms = {name: Arm.model_validate(value) for name, value in card["arms"].items()}
    skills = protocol.skill_of([*study.tasks, *protocol.held_out])
    table, reference = judged_runs(runs, skills, study.names, rows), reference_of(rows)
    planned = planned_runs(study, card, runs)
    finished, titles = planned.finished(runs), _titles(card, runs, planned)
    hypotheses = tuple(
        HypothesisTest(
            h["order"],
            study.slug,
            paired_difference(table, "kept", h["arm"], h["against"]),
            (titles[h["arm"]], titles[h["against"]]),
            finished == planned.count,
        )
        for h in sorted(stated, key=lambda h: int(h["order"]))
    )
    differences = tuple(d for m in MEASURES for d in paired_differences(table, m, REFERENCE))
    named = {name for t in hypotheses for name in (t.test.arm, t.test.against)}
    named |= {name for name, arm in arms.items() if arm.budget is not None}
    undecided = card["stage"] == "confirmation" and finished < planned.count
    whole = {
        d.arm: d.p
        for d in differences
        if d.measure == "kept" and d.p is not None and d.seeds >= len(planned.seeds)
        if d.arm not in named and not undecided
    }
    first = hypotheses[0].test if hypotheses else None
    spread = (first or paired_difference(table, "kept", MIXTURE, REFERENCE)).spread
    curve = _curve(arms, protocol.budget)
    full = [arm for arm, value in arms.items() if arm not in curve and value.budget is None]
    saved = [rows_saved(table, arm, curve) for arm in full]
    return Judgement(
        study=study.slug,
        stage=str(card["stage"]),
        committed=planned.committed.name if planned.committed else "",
        titles=titles,
        finished=finished,
        planned=planned.count,
        budget=protocol.budget,
        seeds=int(runs["seed"].nunique()),
        skills=len({skills[name] for name in study.names}),
        skills_counted=skills_counted(skills, study.names, reference),
        files=len(study.names),
        table=table,
        means=_means(table),
        differences=differences,
        hypotheses=hypotheses,
        others=_corrected(whole, planned.arms),
        rows_saved=tuple(one for one in saved if one is not None),
        curve=curve,
        budget_gains=_budget_gains(table, arms, protocol.budget),
        left_out=reference.left_out,
        seeds_needed=None if spread is None else seeds_needed(spread, protocol.worth_finding),
    )


def protocol_of(card: Mapping[str, Any]) -> Protocol:
    """The protocol that an evidence folder's card tells, but for its arms, seeds and hypotheses."""
    return Protocol.model_validate(
        {**card["protocol"], "name": "", "arms": [], "seeds": [], "hypotheses": []}
    )


@dataclass(frozen=True)
class PlannedRuns:
    """The arms and seeds that an evidence folder's runs were planned with.

    ``committed``: the protocol that came with this version; None for one of one's own, whose runs
    say what was planned. Where they do not, it was every arm that ran with every seed that any ran
    with.
    """

    committed: Protocol | None
    arms: tuple[str, ...]
    seeds: tuple[int, ...]

    @property
    def count(self) -> int:
        return len(self.arms) * len(self.seeds)

    def finished(self, runs: pd.DataFrame) -> int:
        """How many of them are there."""
        ran = set(zip(runs["arm"], runs["seed"], strict=True))
        return sum((arm, seed) in ran for arm in self.arms for seed in self.seeds)


def planned_runs(study: Study, card: Mapping[str, Any], runs: pd.DataFrame) -> PlannedRuns:
    """From an evidence folder's card and runs (``store.evidence``)."""
    if known := committed_as(card["folder"], study):
        return PlannedRuns(known, tuple(arm.name for arm in known.arms), known.seeds)
    told = card.get("planned") or {}
    arms = told.get("arms") or sorted(set(runs["arm"]))
    return PlannedRuns(None, tuple(arms), tuple(told.get("seeds") or sorted(set(runs["seed"]))))


def _titles(card: Mapping[str, Any], runs: pd.DataFrame, planned: PlannedRuns) -> dict[str, str]:
    """Of the arms that ran, and of those that are planned."""
    arms = planned.committed.arms if planned.committed else ()
    known = {arm.name: arm.model_dump(mode="json") for arm in arms}
    return arm_titles({**known, **card["arms"]}, sorted({*runs["arm"], *planned.arms}))


def _corrected(p: Mapping[str, float], planned: Sequence[str]) -> dict[str, float]:
    families = ([arm for arm in p if (arm in planned) is its] for its in (True, False))
    return {
        arm: corrected
        for arms in families
        for arm, corrected in zip(arms, holm([p[arm] for arm in arms]), strict=True)
    }


def _means(table: pd.DataFrame) -> dict[str, dict[str, float | None]]:
    means = table.groupby(level="arm").mean()
    return {
        str(arm): {str(m): None if pd.isna(x) else float(x) for m, x in row.items()}
        for arm, row in means.iterrows()
    }


def _curve(arms: Mapping[str, Arm], budget: int) -> dict[str, float]:
    """{uniform arm: its rows / the budget}, the fewest first."""
    rows = {n: arm.budget or budget for n, arm in arms.items() if arm.baseline == REFERENCE}
    return {name: rows[name] / budget for name in sorted(rows, key=rows.__getitem__)}


def _budget_gains(
    table: pd.DataFrame, arms: Mapping[str, Arm], budget: int
) -> tuple[BudgetGain, ...]:
    """Of every mixture that ran on several budgets, on each of them that uniform ran on too."""
    uniform = {a.budget or budget: n for n, a in arms.items() if a.baseline == REFERENCE}
    found = []
    for name, arm in arms.items():
        if arm.baseline == REFERENCE or arm.budget is not None:
            continue
        alike = {
            a.budget or budget: n
            for n, a in arms.items()
            if a.model_copy(update={"name": "", "budget": None})
            == arm.model_copy(update={"name": ""})
        }
        gains = [
            BudgetGain(name, rows, paired_difference(table, "kept", other, uniform[rows]))
            for rows, other in sorted(alike.items())
            if rows in uniform
        ]
        gains = [gain for gain in gains if gain.test.difference is not None]
        found += gains if len(gains) > 1 else []
    return tuple(found)


def hypotheses_in_order(judgements: Sequence[Judgement]) -> tuple[HypothesisTest, ...]:
    """The hypotheses of a confirmation, of whatever study, each with the verdict on it.

    Once one fails, all after it fail. As long as one is not tested, or runs of its study are
    missing, it and those after it are undecided.
    """
    stated = sorted((t for j in judgements for t in j.hypotheses), key=lambda t: t.order)
    ready = len(stated)
    for k, one in reversed(list(enumerate(stated))):
        if one.order != k + 1 or one.test.p is None or not one.complete:
            ready = k
    verdicts = hold_in_order([one.test for one in stated[:ready]])
    after = False if False in verdicts else None
    holds = [*verdicts, *[after] * (len(stated) - len(verdicts))]
    return tuple(
        replace(t, holds=h, reached=k < ready and all(verdicts[:k]))
        for k, (t, h) in enumerate(zip(stated, holds, strict=True))
    )


def dose_points(judgements: Sequence[Judgement]) -> tuple[DosePoint, ...]:
    """One point for each study in which ``taskpgm`` and uniform ran on common seeds, by room."""
    found = []
    for one in judgements:
        test = paired_difference(one.table, "kept", MIXTURE, REFERENCE)
        if test.difference is not None:
            ends = (test.difference, test.low, test.high, test.seeds)
            found.append(DosePoint(one.study, one.files, one.skills, *ends))
    return tuple(sorted(found, key=lambda point: point.room))
