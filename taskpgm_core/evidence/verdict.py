"""What may be concluded from runs that are judged by skill, and the same in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from taskpgm_core.errors import MixtureError
from taskpgm_core.evidence.confirmation import tested_in_order
from taskpgm_core.evidence.judgement import (
    MIXTURE,
    REFERENCE,
    HypothesisTest,
    Judgement,
    judgement,
)
from taskpgm_core.evidence.paired_test import LEVEL, PairedDifference
from taskpgm_core.figures.numbers import count, counted
from taskpgm_core.findings.evidence import (
    COUNTS,
    EvidenceTable,
    Hypothesis,
    arms_finding,
    most_kept,
)
from taskpgm_core.findings.recommendation import JudgedBySkill, State, points, rows_words
from taskpgm_core.records import Study


@dataclass(frozen=True, eq=False)
class SkillRuns:
    """Finished runs judged by skill. ``tested``: the hypotheses of the whole confirmation in order;
    ``full``: arms that ran on the full budget."""

    card: dict[str, Any]
    judged: Judgement
    tested: tuple[HypothesisTest, ...]
    full: tuple[str, ...]

    @property
    def titles(self) -> Mapping[str, str]:
        return self.judged.titles

    def kept(self, arm: str) -> PairedDifference | None:
        """An arm's share kept less uniform's; None of one that was never compared."""
        own = (d for d in self.judged.differences if (d.measure, d.arm) == ("kept", arm))
        return next(own, None)

    def sure(self, arm: str) -> bool:
        """Whether its difference to uniform is taken for real: of a complete confirmation, where
        the test of its hypothesis found one, or where it is below 5% after Holm's correction."""
        if not self.judged.verdict_stands:
            return False
        tested = any(t.test.arm == arm and t.test.against == REFERENCE and t.sure for t in self.own)
        return tested or self.judged.others.get(arm, 1.0) < LEVEL

    @property
    def own(self) -> tuple[HypothesisTest, ...]:
        """The hypotheses of this study."""
        return tuple(t for t in self.tested if t.study == self.judged.study)

    @property
    def first(self) -> PairedDifference | None:
        """The difference that decides: of the first hypothesis against uniform, else of
        ``taskpgm``, else the largest."""
        for t in self.judged.hypotheses:
            if t.test.against == REFERENCE:
                return t.test
        known = [d for arm in self.full if (d := self.kept(arm)) and d.difference is not None]
        mixture = [d for d in known if d.arm == MIXTURE]
        return max(mixture or known, key=lambda d: d.difference or 0.0, default=None)


def skill_runs(study: Study, card: dict[str, Any], runs: pd.DataFrame) -> SkillRuns | None:
    """From an evidence folder; None where it is not judged by skill, or without uniform."""
    if REFERENCE not in set(runs["arm"]):
        return None
    try:
        judged = judgement(study, card, runs)
    except MixtureError:  # a run lacks a task, so these runs compare nothing
        return None
    if judged is None:
        return None
    arms = sorted(judged.means)
    full = tuple(a for a in arms if card["arms"][a].get("budget") is None)
    return SkillRuns(card, judged, tested_in_order(judged), full)


def verdict(found: SkillRuns) -> JudgedBySkill | None:
    """What may be concluded of the mixture that decides; None where no mixture ran but uniform."""
    judged, first = found.judged, found.first
    if first is None:
        return None
    p = first.p if judged.hypotheses else judged.others.get(first.arm)
    saved = next((r for r in judged.rows_saved if r.arm == first.arm), None)
    return JudgedBySkill(
        study=judged.study,
        state=_state(found, first),
        title=found.titles[first.arm],
        finished=judged.finished,
        planned=judged.planned,
        seeds=first.seeds,
        budget=judged.budget,
        difference=first.difference,
        low=first.low,
        high=first.high,
        p=p if judged.verdict_stands else None,
        rows="" if saved is None else rows_words(saved.times, saved.beyond, saved.low, saved.high),
    )


def _state(found: SkillRuns, first: PairedDifference) -> State:
    judged = found.judged
    if judged.stage != "confirmation":
        return "screening"
    if not judged.complete:
        return "incomplete"
    if found.sure(first.arm):
        return "loses" if (first.difference or 0.0) < 0 else "wins"
    own = next((t for t in found.own if t.test.against == REFERENCE), None)
    if own is None or own.test.p is None or own.reached:
        return "undecided"
    return "waits" if own.holds is None else "stopped"


def hypotheses(found: SkillRuns) -> tuple[Hypothesis, ...]:
    """Those of the whole confirmation in their order, as people read them."""
    return tuple(
        Hypothesis(
            order=t.order,
            study=t.study,
            arm=t.titles[0],
            against=t.titles[1],
            seeds=t.test.seeds,
            difference=t.test.difference,
            low=t.test.low,
            high=t.test.high,
            p=t.test.p,
            holds=t.holds,
            reached=t.reached,
        )
        for t in found.tested
    )


def sure_finding(found: SkillRuns) -> str:
    """Which mixtures surely keep more or less than uniform, and by how many points."""
    judged = found.judged
    if judged.stage == "confirmation" and not judged.complete:
        runs = f"{count(judged.finished)} of {counted(judged.planned, 'run')}"
        return f"The confirmation has {runs} so far, so nothing is concluded yet"
    if judged.stage != "confirmation":
        return (
            f"{most_kept(_kept(found), found.titles[REFERENCE])}; a {judged.stage} decides nothing"
        )
    better: dict[str, float] = {}
    worse: dict[str, float] = {}
    for arm in found.full:
        d = found.kept(arm)
        if d is not None and d.difference is not None and found.sure(arm):
            (better if d.difference > 0 else worse)[found.titles[arm]] = d.difference
    waiting = {
        t.titles[0]: t.test.difference
        for t in found.own
        if t.holds is None and t.test.against == REFERENCE and t.test.difference is not None
        if t.test.low is not None and t.test.low > 0 and not better
    }
    return arms_finding(better, worse, found.titles[REFERENCE], by=points, waiting=waiting)


def _kept(found: SkillRuns) -> dict[str, float]:
    means = found.judged.means
    return {found.titles[a]: x for a in found.full if (x := means[a]["kept"]) is not None}


def skill_sentences(found: SkillRuns) -> tuple[str, ...]:
    """What was trained and judged, and who keeps most."""
    judged = found.judged
    missing, most = "", f"{most_kept(_kept(found), found.titles[REFERENCE])}."
    if not judged.complete:
        missing = f", {count(judged.finished)} of {counted(judged.planned, 'run')} so far"
        most = "Nothing is concluded before all its runs are there."
    return (
        f"{counted(len(found.full), 'mixture')} of this study's tasks were trained on "
        f"{count(judged.budget)} rows, with {counted(judged.seeds, 'seed')}, and judged by the "
        f"share of the single-task models' gain that they keep, each of "
        f"{counted(judged.skills_counted, 'skill')} counted once ({judged.stage}{missing}).",
        most,
    )


SHOWN = ("kept", "worst", "loss", "exact")


def evidence_table(found: SkillRuns) -> EvidenceTable:
    """Every mixture of full budget, the one that keeps most first."""
    judged = found.judged
    order = sorted(found.full, key=lambda a: -(judged.means[a]["kept"] or 0.0))
    saved = {r.arm: r.words for r in judged.rows_saved}
    head = ["mixture", "share kept", "to uniform, points", "95% interval"]
    head += [COUNTS[m].title for m in SHOWN[1:]]
    rows = []
    for arm in order:
        d, means = found.kept(arm), judged.means[arm]
        values = ["" if (x := means[m]) is None else COUNTS[m].value(x) for m in SHOWN]
        by = "" if d is None or d.difference is None else COUNTS["kept"].difference(d.difference)
        ends = ""
        if d is not None and d.low is not None and d.high is not None:
            ends = " to ".join(map(COUNTS["kept"].difference, (d.low, d.high)))
        row = [found.titles[arm], values[0], by, ends, *values[1:]]
        rows.append((*row, saved.get(arm, "")) if saved else tuple(row))
    return EvidenceTable(
        "The evidence: what training on these mixtures gave",
        "Share kept: of what single-task models gain over the base model, mean over skills. Worst "
        "skill: that share in the skill that keeps least. Loss in nats a token, and exact match, "
        "mean over skills."
        + (" Rows: how many times these rows uniform needs to keep as much." if saved else ""),
        (*head, "rows of uniform, times") if saved else tuple(head),
        tuple(rows),
        tuple(h.sentence for h in hypotheses(found)),
    )
