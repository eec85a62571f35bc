"""What training on competing mixtures has come to, in words."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from taskpgm_core import store
from taskpgm_core.analysis.question import Question, pose_question
from taskpgm_core.errors import MixtureError, StoreError
from taskpgm_core.evidence.arms import arm_titles, mixture_of
from taskpgm_core.evidence.judgement import REFERENCE
from taskpgm_core.evidence.protocol import Arm
from taskpgm_core.evidence.statistics import FEWEST, Column, Comparison, compare, judged_by
from taskpgm_core.evidence.verdict import (
    SkillRuns,
    evidence_table,
    skill_runs,
    skill_sentences,
    verdict,
)
from taskpgm_core.figures.numbers import counted, percent
from taskpgm_core.findings.evidence import EvidenceTable, arms_finding, best_finding
from taskpgm_core.findings.recommendation import (
    TUNED,
    ArmResult,
    Judged,
    JudgedBySkill,
    exploration,
    nats_apart,
    points,
    recommendation,
    recommended_words,
)
from taskpgm_core.records import Array, Study, read_only


def outcome_finding(
    compared: Sequence[Comparison],
    tasks: int,
    *,
    reference: str,
    column: Column = "loss",
    titles: Mapping[str, str] | None = None,
) -> str:
    """Who is surely better or worse than the reference after Holm's correction: a sentence.

    ``tasks``: how many judged; ``titles``: what the arms are called, where not by their names.
    """
    if tasks < FEWEST:
        return f"{tasks} tasks are too few to be sure of any difference"
    if all(c.p is None for c in compared):
        return "The seeds in common are too few to be sure of any difference"
    called = titles or {}
    better: dict[str, float] = {}
    worse: dict[str, float] = {}
    for c in compared:
        if c.sure and c.difference is not None:
            wins = (c.difference < 0) == (column == "loss")
            (better if wins else worse)[called.get(c.arm, c.arm)] = c.difference
    by = nats_apart if column == "loss" else points
    return arms_finding(better, worse, called.get(reference, reference), by=by)


@dataclass(frozen=True, eq=False)
class JudgedRuns:
    """Finished runs that judge mixtures of a study's tasks by their loss, against uniform."""

    card: dict[str, Any]
    runs: pd.DataFrame
    tasks: tuple[str, ...]
    compared: tuple[Comparison, ...]
    titles: dict[str, str]


def speaking_evidence(study: Study) -> list[tuple[dict[str, Any], pd.DataFrame]]:
    """The evidence of a study, but for what tunings made to choose, which favours what they chose,
    and their confirmations by what somebody is judged by, which say nothing of the whole study."""
    return [
        (card, runs)
        for card, runs in store.evidence(study)
        if not card["tuning"]
        or (card["stage"] == "confirmation" and card["protocol"].get("skills"))
    ]


def judged_runs(study: Study) -> JudgedRuns | SkillRuns | None:
    """The runs that speak for a study; None where there are none. StoreError for damaged ones.

    A confirmation speaks before a screening, whose runs only chose what it looks at. Runs judged by
    skill are, others by their loss.
    """
    for card, runs in speaking_evidence(study):
        by_skill = skill_runs(study, card, runs)
        if by_skill is not None and by_skill.first is not None:
            return by_skill
        if (by_loss := runs_by_loss(study, card, runs)) is not None:
            return by_loss
    return None


def runs_by_loss(study: Study, card: dict[str, Any], runs: pd.DataFrame) -> JudgedRuns | None:
    """What an evidence folder's runs say by their loss; None where they compare nothing."""
    tasks = judged_by(runs, study.names, "loss")
    if not tasks or REFERENCE not in set(runs["arm"]):
        return None
    try:
        compared = compare(runs, tasks, reference=REFERENCE)
    except MixtureError:  # a run lacks a task, so these runs compare nothing
        return None
    titles = arm_titles(card["arms"], sorted(set(runs["arm"])))
    return JudgedRuns(card, runs, tuple(tasks), tuple(compared), titles)


def training_outcome(study: Study) -> tuple[str, ...]:
    """What the finished runs under a study say; empty where there are none.

    Runs that are damaged are said to be.
    """
    try:
        found = judged_runs(study)
    except StoreError as error:
        return (f"The finished runs cannot be read. {error}",)
    return () if found is None else outcome_sentences(found)


def outcome_sentences(found: JudgedRuns | SkillRuns) -> tuple[str, ...]:
    """What was trained and judged, who is surely better or worse, and how the best did."""
    if isinstance(found, SkillRuns):
        return skill_sentences(found)
    compared, titles, tasks = found.compared, found.titles, len(found.tasks)
    seeds = found.runs["seed"].nunique()
    what = (
        f"{counted(len(compared), 'mixture')} of this study's tasks were trained on, with "
        f"{counted(seeds, 'seed')}, and judged by the loss on held-out rows of "
        f"{counted(tasks, 'task')} ({found.card['stage']})."
    )
    said = [what, f"{outcome_finding(compared, tasks, reference=REFERENCE, titles=titles)}."]
    best = next((c for c in compared if c.difference is not None), None)
    if best is not None and best.difference is not None:
        said.append(best_finding(titles[best.arm], best.difference, best.low, best.high, REFERENCE))
    return tuple(said)


@dataclass(frozen=True, eq=False)
class Recommendation:
    """``sentence``: what to train on, why and how sure; ``words``: what, after "train on";
    ``p``: (n,) that mixture, None where only its name is known; ``trained``: the outcome;
    ``evidence``: its numbers, None where there are no runs."""

    sentence: str
    words: str
    p: Array | None
    trained: tuple[str, ...]
    evidence: EvidenceTable | None = None

    def said_of(self, p: Array) -> str:
        """The sentence, or that the mixture ``p`` (n,) is an exploration."""
        return exploration(self.sentence, self.words, self.p, p)


def recommend(study: Study) -> Recommendation:
    """The one answer for a study: what surely won in its finished runs, else the default."""
    n = len(study.names)
    posed = pose_question(study, Question())
    default, skills = posed.solution(), posed.kernel.skills
    p = default.p if default.status == "optimal" else None
    try:
        found = judged_runs(study)
    except StoreError as error:
        said = (f"The finished runs cannot be read. {error}",)
        sentence = recommendation(n, None, str(error))
        return Recommendation(sentence, recommended_words(n, None), p, said)
    if found is None:
        tuned = any(card["tuning"] for card, _ in store.evidence(study))
        sentence = recommendation(n, None, skills=skills, tuned=tuned)
        trained = (f"{TUNED.capitalize()}.",) if tuned else ()
        return Recommendation(sentence, recommended_words(n, None), p, trained)
    judged: Judged | JudgedBySkill | None
    if isinstance(found, SkillRuns):
        judged, won, table = verdict(found), _won_by_skill(found), evidence_table(found)
    else:
        judged, won, table = _judged(found), _won_by_loss(found), loss_table(found)
    if isinstance(judged, JudgedBySkill) and judged.state == "loses":
        p = read_only(np.full(n, 1.0 / n))
    elif won:
        p = _mixture(found.card, won, study)
    sentence, words = recommendation(n, judged, skills=skills), recommended_words(n, judged)
    return Recommendation(sentence, words, p, outcome_sentences(found), table)


def _won_by_skill(found: SkillRuns) -> str:
    """The arm that won, empty where none did."""
    judged, first = verdict(found), found.first
    return first.arm if judged is not None and judged.winner and first is not None else ""


def _won_by_loss(found: JudgedRuns) -> str:
    better = (c.arm for c in found.compared if c.sure and (c.difference or 0.0) < 0)
    return next(better, "")


def loss_table(found: JudgedRuns) -> EvidenceTable:
    """Every mixture, the lowest mean loss first."""
    rows = []
    for c in found.compared:
        by = "" if c.difference is None else f"{c.difference:+.3f}".replace("-", "−")
        ends = ""
        if c.low is not None and c.high is not None:
            ends = f"{c.low:+.3f} to {c.high:+.3f}".replace("-", "−")
        chance = "" if c.p_holm is None else f"{c.p_holm:.3f}"
        exact = "" if math.isnan(c.accuracy) else percent(c.accuracy)
        rows.append((found.titles[c.arm], f"{c.loss:.3f}", by, ends, chance, exact))
    return EvidenceTable(
        "The evidence: what training on these mixtures gave",
        "Mean loss in nats a token on held-out rows of the study's tasks, its difference to "
        "uniform, p after Holm's correction, and exact match.",
        ("mixture", "loss", "to uniform", "95% interval", "p", "exact match"),
        tuple(rows),
        (),
    )


def _mixture(card: dict[str, Any], arm: str, study: Study) -> Array | None:
    """(n,) what an arm trained on; None where its definition is not known or is random."""
    value = card["arms"][arm]
    if "imported" in value or value["baseline"] == "dirichlet":
        return None
    return mixture_of(Arm.model_validate(value), study, seed=0)


def _judged(found: JudgedRuns) -> Judged:
    others = [
        (c, ArmResult(found.titles[c.arm], c.difference, c.low, c.high))
        for c in found.compared
        if c.difference is not None
    ]
    return Judged(
        str(found.card["stage"]),
        len(found.compared),
        int(found.runs["seed"].nunique()),
        len(found.tasks) < FEWEST or all(c.p is None for c in found.compared),
        next((arm for c, arm in others if c.sure and arm.difference < 0), None),
        next((arm for _, arm in others), None),
    )
