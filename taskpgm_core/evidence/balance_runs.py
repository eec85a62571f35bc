"""The finished runs of a study, and where their mixtures stand on a question's balance."""

from math import inf
from typing import Any

import pandas as pd

from taskpgm_core.analysis.question import Question
from taskpgm_core.evidence.judgement import REFERENCE
from taskpgm_core.evidence.outcome import outcome_finding, runs_by_loss, speaking_evidence
from taskpgm_core.evidence.protocol import Arm
from taskpgm_core.evidence.verdict import SkillRuns, skill_runs, sure_finding
from taskpgm_core.figures.numbers import count, counted
from taskpgm_core.findings.trained_mixtures import TrainedMixture, TrainedMixtures
from taskpgm_core.records import Study


def balance_runs(study: Study, asked: Question) -> TrainedMixtures | None:
    """The trained mixtures against uniform; those that ``asked`` gives at a balance have it.

    Of several evidence folders the first that has any with a balance, else the first that compares
    at all, confirmations first; judged by the share kept where their protocol names skills, else by
    the loss on held-out rows of the study's tasks. None where there is nothing. StoreError where
    finished runs are damaged.
    """
    every = [_compared(study, *one, asked) for one in speaking_evidence(study)]
    found = [one for one in every if one is not None]
    placed = [one for one in found if any(run.balance is not None for run in one.mixtures)]
    return next(iter(placed or found), None)


def _compared(
    study: Study, card: dict[str, Any], runs: pd.DataFrame, asked: Question
) -> TrainedMixtures | None:
    by_skill = skill_runs(study, card, runs)
    if by_skill is not None:
        return _by_skill(by_skill, asked)
    judged = runs_by_loss(study, card, runs)
    if judged is None:
        return None
    placed = _placed(card["arms"], set(runs["arm"]), asked)
    found = tuple(
        TrainedMixture(judged.titles[c.arm], placed.get(c.arm), c.difference, c.low, c.high, c.sure)
        for c in judged.compared
        if c.difference is not None
    )
    if not found:
        return None
    seeds, many = counted(runs["seed"].nunique(), "seed"), counted(len(judged.tasks), "task")
    return TrainedMixtures(
        f"loss on held-out rows of {many}, {seeds} ({card['stage']})",
        outcome_finding(
            judged.compared, len(judged.tasks), reference=REFERENCE, titles=judged.titles
        ),
        REFERENCE,
        found,
    )


def _by_skill(found: SkillRuns, asked: Question) -> TrainedMixtures | None:
    judged = found.judged
    placed = _placed(found.card["arms"], set(found.full), asked)
    known = [d for arm in found.full if (d := found.kept(arm)) and d.difference is not None]
    mixtures = tuple(
        TrainedMixture(
            found.titles[d.arm],
            placed.get(d.arm),
            d.difference or 0.0,
            d.low,
            d.high,
            found.sure(d.arm),
            kept=True,
        )
        for d in sorted(known, key=lambda d: -(d.difference or 0.0))
    )
    if not mixtures:
        return None
    stage = judged.stage
    if not judged.complete:
        stage += f", {count(judged.finished)} of {counted(judged.planned, 'run')} so far"
    return TrainedMixtures(
        f"share of single-task models' gain kept, {counted(judged.skills_counted, 'skill')}, "
        f"{counted(judged.seeds, 'seed')} ({stage})",
        sure_finding(found),
        REFERENCE,
        mixtures,
    )


def _placed(
    definitions: dict[str, dict[str, object]], arms: set[str], asked: Question
) -> dict[str, float]:
    """{arm: balance} of the arms that are mixtures of the very path that is asked for."""
    placed: dict[str, float] = {}
    for name in arms:
        value = definitions[name]
        if "imported" in value:
            continue
        arm = Arm.model_validate(value)
        if arm.baseline == asked.anchor:
            placed[name] = 1.0
        elif arm.balance is not None and _seen_alike(arm, asked):
            placed[name] = arm.balance
    return placed


def _seen_alike(arm: Arm, asked: Question) -> bool:
    """Whether but for the balance a solved arm without limits asks as ``asked`` does."""
    resolution = inf if arm.resolution is None else arm.resolution
    return (
        arm.baseline is None
        and (arm.floor, arm.cap) == (None, None)
        and (arm.measure, resolution, arm.anchor, arm.unary)
        == (asked.measure, asked.resolution, asked.anchor, asked.unary)
        and not asked.judge_by
    )
