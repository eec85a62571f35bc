"""What training on competing mixtures has come to, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from taskpgm_core import store
from taskpgm_core.analysis.question import Question, pose_question
from taskpgm_core.errors import MixtureError, StoreError
from taskpgm_core.evidence.arms import arm_titles, mixture_of
from taskpgm_core.evidence.protocol import Arm
from taskpgm_core.evidence.statistics import FEWEST, Column, Comparison, compare, judged_by
from taskpgm_core.figures.numbers import counted
from taskpgm_core.findings.evidence import arms_finding, best_finding
from taskpgm_core.findings.recommendation import (
    ArmResult,
    Judged,
    exploration,
    recommendation,
    recommended_words,
)
from taskpgm_core.records import Array, Study

REFERENCE = "uniform"


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
    return arms_finding(better, worse, called.get(reference, reference))


@dataclass(frozen=True, eq=False)
class JudgedRuns:
    """Finished runs that judge mixtures of a study's tasks by their loss, against uniform."""

    card: dict[str, Any]
    runs: pd.DataFrame
    tasks: tuple[str, ...]
    compared: tuple[Comparison, ...]
    titles: dict[str, str]


def judged_runs(study: Study) -> JudgedRuns | None:
    """The runs that speak for a study; None where there are none. StoreError for damaged ones.

    A confirmation speaks before a screening, whose runs only chose what it looks at.
    """
    for card, runs in store.evidence(study):
        tasks = judged_by(runs, study.names, "loss")
        if not tasks or REFERENCE not in set(runs["arm"]):
            continue
        try:
            compared = compare(runs, tasks, reference=REFERENCE)
        except MixtureError:  # a run lacks a task, so these runs compare nothing
            continue
        titles = arm_titles(card["arms"], sorted(set(runs["arm"])))
        return JudgedRuns(card, runs, tuple(tasks), tuple(compared), titles)
    return None


def training_outcome(study: Study) -> tuple[str, ...]:
    """What the finished runs under a study say of its tasks' loss; empty where there are none.

    Runs that are damaged are said to be.
    """
    try:
        found = judged_runs(study)
    except StoreError as error:
        return (f"The finished runs cannot be read. {error}",)
    return () if found is None else outcome_sentences(found)


def outcome_sentences(found: JudgedRuns) -> tuple[str, ...]:
    """What was trained and judged, who is surely better or worse, and how the best did."""
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
    ``p``: (n,) that mixture, None where only its name is known; ``trained``: the outcome."""

    sentence: str
    words: str
    p: Array | None
    trained: tuple[str, ...]

    def said_of(self, p: Array) -> str:
        """The sentence, or that the mixture ``p`` (n,) is an exploration."""
        return exploration(self.sentence, self.words, self.p, p)


def recommend(study: Study) -> Recommendation:
    """The one answer for a study: what surely won in its finished runs, else the default."""
    n = len(study.names)
    try:
        found = judged_runs(study)
    except StoreError as error:
        said = training_outcome(study)
        sentence = recommendation(n, None, str(error))
        return Recommendation(sentence, recommended_words(n, None), _default(study), said)
    judged = None if found is None else _judged(found)
    won = None
    if found is not None and judged is not None and judged.winner is not None:
        won = next(c.arm for c in found.compared if found.titles[c.arm] == judged.winner.title)
    p = _default(study) if won is None or found is None else _mixture(found, won, study)
    said = () if found is None else outcome_sentences(found)
    return Recommendation(recommendation(n, judged), recommended_words(n, judged), p, said)


def _default(study: Study) -> Array | None:
    found = pose_question(study, Question()).solution()
    return found.p if found.status == "optimal" else None


def _mixture(found: JudgedRuns, arm: str, study: Study) -> Array | None:
    """(n,) what an arm trained on; None where its definition is not known or is random."""
    for key, value in found.card["arms"].items():
        if "imported" not in value and arm in (key, value.get("name")):
            known = Arm.model_validate(value)
            return None if known.baseline == "dirichlet" else mixture_of(known, study, seed=0)
    return None


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
