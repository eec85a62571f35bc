"""The mixtures that a tuning chooses among: a grid of balances and resolutions, or given ones."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from taskpgm_core import store
from taskpgm_core.analysis.mixture_reference import reference_mixture
from taskpgm_core.analysis.question import Question, pose_question
from taskpgm_core.analysis.question_words import from_words, written
from taskpgm_core.analysis.saved_mixtures import ID, Scenario, list_scenarios, open_scenario
from taskpgm_core.errors import MixtureError, nearest
from taskpgm_core.evidence.arms import mixture_of
from taskpgm_core.evidence.protocol import Arm, Protocol
from taskpgm_core.mixture.baselines import BASELINES
from taskpgm_core.mixture.counts import allocate
from taskpgm_core.plans.slug import arm_of
from taskpgm_core.records import Array, Study

UNIFORM = Arm(name="uniform", baseline="uniform")
BALANCES = ("0", "0.25", "0.5", "0.75")
RESOLUTIONS = ("auto", "inf")
LONGEST_ARM = 44


@dataclass(frozen=True, eq=False)
class Candidate:
    """A mixture that may win: ``p`` (n,) is trained as ``arm`` and called ``title``.

    ``question``: what it answers, where it was solved for; ``saved``: the saved mixture that it
    is; ``origin``: the file or baseline, where neither.
    """

    arm: Arm
    title: str
    p: Array
    question: Question | None = None
    saved: Scenario | None = None
    origin: str = "solved"


def grid(
    study: Study,
    balances: Sequence[str],
    resolutions: Sequence[str],
    *,
    measure: str | None = None,
    judge_by: str | None = None,
) -> list[Candidate]:
    """The exact mixture at every balance and resolution, as the command line writes them.

    ``judge_by``: what one is judged by, which is rewarded in place of representativeness.
    MixtureError for a word that makes no sense.
    """
    asked = [_question(study, b, r, measure, judge_by) for r in resolutions for b in balances]
    return [_solved(study, question) for question in dict.fromkeys(asked)]


def _question(
    study: Study, balance: str, resolution: str, measure: str | None, judge_by: str | None
) -> Question:
    words = {"balance": [balance], "resolution": [resolution]}
    words |= {"measure": [measure]} if measure else {}
    words |= {"judge-by": [judge_by]} if judge_by else {}
    return from_words(words, study)


def _solved(study: Study, question: Question) -> Candidate:
    sigma = question.resolution
    balance, seen = written(question.balance), sigma if isinstance(sigma, str) else written(sigma)
    title, name = f"balance {balance}, resolution {seen}", f"balance-{balance}-{seen}"
    if question.measure not in ("", "jsd"):
        title, name = f"{title}, by {question.measure}", f"{name}-{question.measure}"
    if question.judge_by:  # an arm knows of no judges, so it brings its weights along
        arm = _weighed(name, study, pose_question(study, question).optimum().p)
    else:
        arm = Arm(
            name=arm_of(name),
            measure=question.measure or study.measures[0],
            balance=question.balance,
            resolution=None if sigma == inf else sigma,
        )
    return Candidate(arm, title, mixture_of(arm, study, 0), question)


def among(study: Study, names: Sequence[str]) -> list[Candidate]:
    """The mixtures of these names: a saved one's name or id, a baseline's, or a file.

    MixtureError where one is none of them, or is over other tasks.
    """
    kept = [s for s in list_scenarios()[0] if set(s.tasks) == set(study.names)]
    found = [_given(study, name, kept) for name in dict.fromkeys(names)]
    arms, titles = [one.arm.name for one in found], [one.title for one in found]
    apart, used = [], set(arms)
    for k, one in enumerate(found, 1):
        name, title = one.arm.name, one.title
        if arms.count(name) > 1:
            free = (f"{name[:LONGEST_ARM]}-{j}" for j in count(k))
            name = next(n for n in free if n not in used)
            used.add(name)
        if titles.count(title) > 1:
            title = f"{title} ({name})"
        apart.append(replace(one, arm=one.arm.model_copy(update={"name": name}), title=title))
    return apart


def _given(study: Study, name: str, kept: Sequence[Scenario]) -> Candidate:
    if name in BASELINES:
        similarity = store.similarity(study)
        noise = store.noise(study, similarity.measure)
        gain = store.losses(study).gain
        p = reference_mixture(name, similarity, study.tasks, utility=gain, noise=noise)
        return _brought(study, name, name, p, origin=f"the baseline {name}")
    named = [s for s in kept if name in (s.name, s.id)]
    if len(named) > 1:
        ids = ", ".join(s.id for s in named)
        raise MixtureError(f"Several saved mixtures are called “{name}”; give an id: {ids}.")
    if named:
        label = named[0].name
        return _brought(study, label, label, named[0].over(study.names), saved=named[0])
    if ID.fullmatch(name):
        elsewhere = open_scenario(name)
        raise MixtureError(f"The saved mixture “{elsewhere.name}” is over other tasks.")
    if not Path(name).exists():
        raise MixtureError(
            f"'{name}' is no saved mixture over the tasks of {study.slug}, no baseline and no file"
            f"{nearest(name, [*BASELINES, *(s.name for s in kept)])}."
        )
    p = store.read_mixture(name, study.names, study.tasks)
    return _brought(study, Path(name).stem, Path(name).name, p, origin=Path(name).name)


def _brought(study: Study, name: str, title: str, p: Array, **known: Any) -> Candidate:
    arm = _weighed(name, study, p)
    return Candidate(arm, title, mixture_of(arm, study, 0), **known)


def _weighed(name: str, study: Study, p: Array) -> Arm:
    weights = {task: x for task, x in zip(study.names, p.tolist(), strict=True) if x > 0}
    plain = arm_of(name)
    return Arm(name=f"{plain}-given" if plain == UNIFORM.name else plain, weights=weights)


def distinct(
    candidates: Sequence[Candidate], protocol: Protocol, study: Study
) -> tuple[list[Candidate], list[tuple[Candidate, str]]]:
    """Those that train on other rows than uniform and than those before them; and the others, each
    with the title of the one that trains on the same rows.

    For one seed the counts of a mixture decide which rows it trains on. Where the budget is in
    tokens, mixtures are the same that agree in nine decimals.
    """

    def trained(p: Array) -> tuple[float, ...]:
        if protocol.budget_tokens is None:
            return allocate(p, study.names, protocol.budget).counts
        return tuple(np.round(p, 9).tolist())

    seen = {trained(mixture_of(UNIFORM, study, 0)): UNIFORM.name}
    apart, same = [], []
    for one in candidates:
        key = trained(one.p)
        if key in seen:
            same.append((one, seen[key]))
        else:
            seen[key] = one.title
            apart.append(one)
    return apart, same
