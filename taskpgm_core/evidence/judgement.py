"""What runs judged by skill say: hypotheses in order, other arms, rows saved, the dose."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from taskpgm_core import store
from taskpgm_core.evidence.kept_share import MEASURES, judged_runs, reference_of
from taskpgm_core.evidence.paired_test import (
    PairedDifference,
    hold_in_order,
    holm,
    paired_difference,
    seeds_needed,
)
from taskpgm_core.evidence.protocol import Arm, Protocol
from taskpgm_core.evidence.rows_saved import DosePoint, RowsSaved, rows_saved
from taskpgm_core.records import Study

REFERENCE = "uniform"
MIXTURE = "taskpgm"


@dataclass(frozen=True)
class HypothesisTest:
    """A hypothesis: its ``order`` among all, in which ``study``, and whether it ``holds``.

    ``holds`` is None as long as one before it is not tested yet, in whatever study.
    """

    order: int
    study: str
    test: PairedDifference
    holds: bool | None = None


@dataclass(frozen=True)
class Judgement:
    """All that the runs of one evidence folder say of skills.

    ``table``: as of ``judged_runs``; ``means``: {arm: {measure: mean over seeds}}, None where
    nothing is known; ``differences``: of every arm to uniform in every measure; ``others``: {arm: p
    after Holm's correction} in the first measure, of the arms of full budget that no hypothesis
    names; ``left_out``: tasks that no share is counted of; ``seeds_needed``: by a confirmation,
    from the spread of the first hypothesis' difference, or of ``taskpgm`` to uniform.
    """

    study: str
    stage: str
    skills: int
    files: int
    table: pd.DataFrame
    means: Mapping[str, Mapping[str, float | None]]
    differences: tuple[PairedDifference, ...]
    hypotheses: tuple[HypothesisTest, ...]
    others: Mapping[str, float]
    rows_saved: tuple[RowsSaved, ...]
    left_out: tuple[str, ...]
    seeds_needed: int | None


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
    protocol = Protocol.model_validate(
        {**card["protocol"], "name": "", "arms": [], "seeds": [], "hypotheses": []}
    )
    arms = {value["name"]: Arm.model_validate(value) for value in card["arms"].values()}
    skills = protocol.skill_of([*study.tasks, *protocol.held_out])
    table = judged_runs(runs, skills, study.names, rows)
    ran = sorted(set(runs["arm"]))
    hypotheses = tuple(
        HypothesisTest(
            h["order"], study.slug, paired_difference(table, "kept", h["arm"], h["against"])
        )
        for h in sorted(stated, key=lambda h: int(h["order"]))
    )
    differences = tuple(
        paired_difference(table, measure, arm, REFERENCE)
        for measure in MEASURES
        for arm in ran
        if arm != REFERENCE
    )
    named = {name for t in hypotheses for name in (t.test.arm, t.test.against)}
    named |= {name for name, arm in arms.items() if arm.budget is not None}
    others = {
        d.arm: d.p
        for d in differences
        if d.measure == "kept" and d.p is not None and d.arm not in named
    }
    first = hypotheses[0].test if hypotheses else None
    spread = (first or paired_difference(table, "kept", MIXTURE, REFERENCE)).spread
    return Judgement(
        study=study.slug,
        stage=str(card["stage"]),
        skills=len({skills[name] for name in study.names}),
        files=len(study.names),
        table=table,
        means=_means(table),
        differences=differences,
        hypotheses=hypotheses,
        others=dict(zip(others, holm(list(others.values())), strict=True)),
        rows_saved=_saved(table, arms, protocol.budget),
        left_out=reference_of(rows).left_out,
        seeds_needed=None if spread is None else seeds_needed(spread, protocol.worth_finding),
    )


def _means(table: pd.DataFrame) -> dict[str, dict[str, float | None]]:
    means = table.groupby(level="arm").mean()
    return {
        str(arm): {str(m): None if pd.isna(x) else float(x) for m, x in row.items()}
        for arm, row in means.iterrows()
    }


def _saved(table: pd.DataFrame, arms: Mapping[str, Arm], budget: int) -> tuple[RowsSaved, ...]:
    """Of every arm of full budget, in rows of the uniform arms of all budgets."""
    curve = {
        name: (arm.budget or budget) / budget
        for name, arm in arms.items()
        if arm.baseline == REFERENCE
    }
    found = (
        rows_saved(table, name, curve)
        for name, arm in arms.items()
        if name not in curve and arm.budget is None
    )
    return tuple(one for one in found if one is not None)


def hypotheses_in_order(judgements: Sequence[Judgement]) -> tuple[HypothesisTest, ...]:
    """The hypotheses of a confirmation, of whatever study, each with the verdict on it.

    Once one fails, all after it fail. As long as one is not tested, those after it are undecided.
    """
    stated = sorted((t for j in judgements for t in j.hypotheses), key=lambda t: t.order)
    ready = len(stated)
    for k, one in reversed(list(enumerate(stated))):
        if one.order != k + 1 or one.test.p is None:
            ready = k
    verdicts = hold_in_order([one.test for one in stated[:ready]])
    after = False if False in verdicts else None
    holds = [*verdicts, *[after] * (len(stated) - len(verdicts))]
    return tuple(replace(t, holds=h) for t, h in zip(stated, holds, strict=True))


def dose_points(judgements: Sequence[Judgement]) -> tuple[DosePoint, ...]:
    """One point for each study in which ``taskpgm`` and uniform ran on common seeds, by room."""
    found = []
    for one in judgements:
        test = paired_difference(one.table, "kept", MIXTURE, REFERENCE)
        if test.difference is not None:
            ends = (test.difference, test.low, test.high, test.seeds)
            found.append(DosePoint(one.study, one.files, one.skills, *ends))
    return tuple(sorted(found, key=lambda point: point.room))
