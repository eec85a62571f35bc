"""A tuning: halving rounds choose a mixture of a study, and fresh seeds confirm it.

It is a sequence of protocols. Their runs are made and kept as those of any protocol, so a tuning
that was stopped finds them again, and everything it decides follows from them.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from taskpgm_core import store
from taskpgm_core.analysis.kept_gain import LEAST_GAIN
from taskpgm_core.errors import MixtureError, PlanError
from taskpgm_core.evidence.candidates import UNIFORM, Candidate, distinct
from taskpgm_core.evidence.halving import Round, better_half, fresh_seeds, halving
from taskpgm_core.evidence.kept_share import judged_runs, reference_of, skills_counted
from taskpgm_core.evidence.paired_test import paired_difference
from taskpgm_core.evidence.protocol import Protocol
from taskpgm_core.files.hashing import digest_of
from taskpgm_core.findings.tuning import TunedBy, TunedRound, TuningResult, seeds_words
from taskpgm_core.plans.plan import Plan, TaskEntry
from taskpgm_core.records import Study

ROUNDS = "rounds"
PAUSE = 5.0
"""Seconds between looks at runs that another process makes."""
EVALUATION_ROWS, SKILL_ROWS = 16, 32


@dataclass(frozen=True, eq=False)
class Tuning:
    """What is tuned: ``candidates`` that all differ, and ``same``, those that train on the same
    rows as one of them or as uniform, with its title.

    ``protocol``: how every run is trained and judged, of no mixture but uniform; ``judges``: the
    tasks and targets whose mean loss judges, empty where the share kept by skill does;
    ``first``: seeds of the first round; ``confirming``: how many fresh ones.
    """

    study: Study
    protocol: Protocol
    candidates: tuple[Candidate, ...]
    same: tuple[tuple[Candidate, str], ...]
    judges: tuple[str, ...]
    first: int
    confirming: int

    @cached_property
    def rounds(self) -> tuple[Round, ...]:
        return halving(len(self.candidates), self.first)

    @cached_property
    def digest(self) -> str:
        """All that its result depends on."""
        return digest_of(
            {
                "protocol": self.protocol.digest(self.study.digest),
                "candidates": [one.arm.digest for one in self.candidates],
                "judges": self.judges,
                "first": self.first,
                "confirming": self.confirming,
            }
        )

    @property
    def fresh(self) -> tuple[int, ...]:
        return fresh_seeds(self.digest, self.confirming)

    @property
    def by(self) -> TunedBy:
        """What judges; once reference losses are kept, by the skills that have a share."""
        skill = self.protocol.skill_of(self.study.tasks)
        skills = len({skill[name] for name in self.study.names})
        for protocol in (self.round_protocol([], ()), self._fresh_protocol([])):
            rows = store.reference_losses(self.study, protocol.digest(self.study.digest))
            if rows is not None:
                skills = skills_counted(skill, self.study.names, reference_of(rows))
        return TunedBy("loss" if self.judges else "kept", skills, self.judges)

    @property
    def budget(self) -> str:
        tokens = self.protocol.budget_tokens
        return f"{self.protocol.budget:,} rows" if tokens is None else f"{tokens:,} tokens"

    def round_protocol(self, arms: Sequence[Candidate], seeds: Sequence[int]) -> Protocol:
        """Of a round's new runs."""
        return self._protocol(arms, seeds, "screening", ROUNDS)

    def fresh_protocol(self, winner: Candidate) -> Protocol:
        """Of the runs that confirm; no other tuning has any of them."""
        return self._fresh_protocol([winner])

    def _fresh_protocol(self, arms: Sequence[Candidate]) -> Protocol:
        return self._protocol(arms, self.fresh, "confirmation", self.digest[:12])

    def _protocol(
        self, arms: Sequence[Candidate], seeds: Sequence[int], stage: str, tuning: str
    ) -> Protocol:
        update = {"arms": (UNIFORM, *(one.arm for one in arms)), "seeds": tuple(seeds)}
        return self.protocol.model_copy(update={**update, "stage": stage, "tuning": tuning})


def tuning_of(
    study: Study,
    plan: Plan,
    candidates: Sequence[Candidate],
    *,
    like: Protocol | None = None,
    skills: str | None = None,
    judges: Sequence[str] = (),
    budget: int | None = None,
    first: int = 2,
    confirming: int = 5,
) -> Tuning:
    """The tuning that chooses one of ``candidates``.

    ``like``: a protocol whose settings are taken, but for arms, seeds, suites and tasks in no
    mixture; without one a run trains as the study's single-task models were, on as many rows.
    ``skills``: ``families`` or ``tasks``, in place of the protocol's (families by default).
    ``budget``: rows a run, in place of the protocol's. PlanError for settings that contradict one
    another; MixtureError where nothing is left to choose.
    """
    training = plan.training
    settings: dict[str, Any] = {
        "budget": training.steps * training.batch,
        "evaluation_rows": EVALUATION_ROWS,
        "skill_rows": SKILL_ROWS,
        "training": training,
        "skills": "families",
    }
    if like is not None:
        taken = like.model_dump(
            include={*settings, "budget_tokens", "dtype", "skills", "worth_finding"}
        )
        settings |= {k: v for k, v in taken.items() if k != "skills" or v is not None}
    if skills is not None:
        settings["skills"] = "families" if skills == "families" else [[n] for n in study.names]
    if budget is not None:
        settings |= {"budget": budget, "budget_tokens": None}
    if judges:
        outside = {name for name in judges if name not in study.names}
        settings |= {"skills": None, "skill_rows": None}
        settings["held_out"] = [
            TaskEntry.model_validate(target.model_dump())
            for target in plan.targets
            if target.id in outside
        ]
    try:
        protocol = Protocol.model_validate(
            {"name": f"tune-{study.slug}", "study": study.slug, "seeds": [], **settings}
            | {"arms": [UNIFORM]}
        )
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise PlanError(f"This tuning cannot be run: {said}.") from None
    if not candidates:
        raise MixtureError("There is no mixture to choose; name at least one.")
    apart, same = distinct(candidates, protocol, study)
    if not apart:
        raise MixtureError(
            f"Every mixture of the list trains on the same rows as uniform, so there is nothing to "
            f"choose on {study.slug}; name others, or a larger --budget."
        )
    return Tuning(study, protocol, tuple(apart), tuple(same), tuple(judges), first, confirming)


def tune(
    tuning: Tuning, make: Callable[[Protocol], None], say: Callable[[str], None]
) -> TuningResult:
    """Run what is missing and decide. ``make``: sees to it that every run of a protocol is kept.

    After each round the better half goes on, by the mean over all seeds so far; of exactly equal
    ones the first in the list. The one that is left meets fresh seeds where it was better than
    uniform in the rounds, or where there were none. MixtureError where nothing can be judged.
    """
    alive, done = list(tuning.candidates), list[TunedRound]()
    seeds: tuple[int, ...] = ()
    for k, one in enumerate(tuning.rounds, 1):
        say(
            f"Round {k} of {len(tuning.rounds)}: {len(alive)} mixtures and uniform, "
            f"{seeds_words(one.seeds)}."
        )
        make(tuning.round_protocol(alive, one.seeds))
        seeds = (*seeds, *one.seeds)
        table = scores(tuning, tuning.round_protocol(alive, seeds))
        found, alive = _judged(tuning, table, alive, one)
        done.append(found)
    [winner] = alive
    result = TuningResult(
        tuning.by, tuning.budget, len(tuning.candidates), tuple(done), winner.title
    )
    if done and _signed(tuning, done[-1].means[winner.title]) <= _signed(tuning, done[-1].uniform):
        return result
    say(f"Confirming “{winner.title}” against uniform: fresh {seeds_words(tuning.fresh)}.")
    fresh = tuning.fresh_protocol(winner)
    make(fresh)
    table = scores(tuning, fresh)
    d = paired_difference(table, tuning.by.measure, winner.arm.name, UNIFORM.name)
    return TuningResult(
        tuning.by,
        result.budget,
        result.candidates,
        result.rounds,
        result.last,
        tuning.fresh,
        d.difference,
        d.low,
        d.high,
        d.p,
    )


def _signed(tuning: Tuning, value: float) -> float:
    """More is better."""
    return -value if tuning.judges else value


def _judged(
    tuning: Tuning, table: pd.DataFrame, alive: Sequence[Candidate], one: Round
) -> tuple[TunedRound, list[Candidate]]:
    means = table[tuning.by.measure].groupby(level="arm").mean()
    by_arm = {c.arm.name: float(means[c.arm.name]) for c in alive}
    scored = {name: _signed(tuning, mean) for name, mean in by_arm.items()}
    kept, tied = better_half(scored, one.kept)
    titles = {c.arm.name: c.title for c in alive}
    found = TunedRound(
        one.seeds,
        {titles[name]: mean for name, mean in by_arm.items()},
        float(means[UNIFORM.name]),
        tuple(titles[name] for name in kept),
        tuple(titles[name] for name in tied),
    )
    return found, [c for c in alive if c.arm.name in kept]


def scores(tuning: Tuning, protocol: Protocol) -> pd.DataFrame:
    """What the kept runs of a protocol are judged by: (runs) x ``kept`` or ``loss``, indexed by arm
    and seed. MixtureError where no share of any task is counted."""
    study, digest = tuning.study, protocol.digest(tuning.study.digest)
    runs = pd.concat(
        [
            store.kept_run(study, digest, arm.name, arm.digest, seed)
            for arm in protocol.arms
            for seed in protocol.seeds
        ],
        ignore_index=True,
    )
    if tuning.judges:
        judged = runs[runs["task"].isin(tuning.judges)]
        return judged.groupby(["arm", "seed"])[["loss"]].mean()
    reference = store.reference_losses(study, digest)
    assert reference is not None  # ``make`` has seen to it
    table = judged_runs(runs, protocol.skill_of(study.tasks), study.names, reference)[["kept"]]
    if not np.isfinite(table["kept"]).all():
        raise MixtureError(
            f"No share can be counted on {study.slug}: no task's single-task models gain "
            f"{LEAST_GAIN} nats a token over the base model; judge by losses with --judge-by."
        )
    return table


def missing_runs(study: Study, protocol: Protocol) -> list[str]:
    """The units of a protocol that are not kept yet, by the names that processes claim them by."""
    digest = protocol.digest(study.digest)
    lacking = protocol.skills is not None and store.reference_losses(study, digest) is None
    return (["reference"] if lacking else []) + [
        f"{arm.name}-{arm.digest}-{seed}"
        for arm in protocol.arms
        for seed in protocol.seeds
        if not store.has_run(study, digest, arm.name, arm.digest, seed)
    ]


def complete(
    study: Study,
    protocol: Protocol,
    run: Callable[[Protocol], object],
    say: Callable[[str], None],
    pause: float = PAUSE,
) -> None:
    """Call ``run`` until every run of the protocol is kept, by this process or by another that is
    at work on some; those are waited for."""
    digest, said = protocol.digest(study.digest), False
    while missing := missing_runs(study, protocol):
        if any(_free(study, digest, unit) for unit in missing):
            run(protocol)
            continue
        if not said:
            say("The runs that are left are made by another process; waiting for them.")
        said = True
        time.sleep(pause)


def _free(study: Study, digest: str, unit: str) -> bool:
    with store.claim_run(study, digest, unit) as mine:
        return mine
