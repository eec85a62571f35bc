"""The decision record: everything that a mixture was decided on, in one checked record."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from taskpgm_core.analysis.provenance import asked, certificate
from taskpgm_core.analysis.question import Posed
from taskpgm_core.analysis.replicates import drawn_again
from taskpgm_core.errors import MixtureError
from taskpgm_core.files.hashing import digest_of
from taskpgm_core.mixture import Problem, Solution, SolutionPath
from taskpgm_core.mixture.alarms import Alarm
from taskpgm_core.mixture.baselines import BASELINES, baseline
from taskpgm_core.mixture.counts import Allocation
from taskpgm_core.mixture.explanation import Explanation, Reason
from taskpgm_core.mixture.uncertainty import Uncertainty
from taskpgm_core.records import Array, Study

FORMAT = "taskpgm-decision"
VERSION = 1
COMPARED = ("uniform", "proportional", "square-root")
FACTS = ("device", "device_name", "dtype", "machine", "processor", "cores", "python", "libraries")


@dataclass(frozen=True)
class Interval:
    """How sure a weight is: the ends of its bootstrap interval, and the share of draws in which
    the task has weight."""

    low: float
    high: float
    inclusion: float


@dataclass(frozen=True)
class WeightReason:
    """Why a weight is what it is, as in ``Reason``: ``anchor`` + ``diversity`` = the weight; of a
    zero ``reduced_cost``, in units of S, and ``enters_at``, a balance or None for never."""

    anchor: float
    diversity: float
    reduced_cost: float | None
    enters_at: float | None


@dataclass(frozen=True)
class TaskLine:
    """What one task gets. None where unknown, or where no budget was asked about.

    ``anchor``, ``proportional``: its share at the anchor and in proportion to sizes; ``count``:
    rows or tokens of the budget; ``floor``, ``cap``: its bounds where it has any.
    """

    task: str
    family: str
    weight: float
    anchor: float
    proportional: float | None
    count: int | None
    rows: int | None
    epochs: float | None
    floor: float | None
    cap: float | None
    interval: Interval | None
    reason: WeightReason | None


@dataclass(frozen=True)
class ReferenceMixture:
    """A mixture to compare with. ``moved``: the share of the budget that differs; ``within``
    p'Sp and ``to_anchor`` p'Sw in the units of S."""

    name: str
    title: str
    moved: float
    to_anchor: float
    within: float


@dataclass(frozen=True)
class Decision:
    """One mixture with its question, its certificate and where its numbers come from.

    ``uncertainty``: ``draws``, ``level``, ``stability`` and ``half_width_l1`` of the intervals and
    what they cover (``drawn_again``),
    or ``missing``, the sentence why there are none. ``made`` (a date, or empty) and the digest
    itself are not part of ``digest``: the same study, question and words give the same one.
    """

    title: str
    notes: str
    made: str
    study: Mapping[str, Any]
    question: Mapping[str, Any]
    certificate: Mapping[str, Any]
    uncertainty: Mapping[str, Any]
    tasks: tuple[TaskLine, ...]
    comparisons: tuple[ReferenceMixture, ...]
    alarms: tuple[Alarm, ...]

    @property
    def weights(self) -> Array:
        return np.array([line.weight for line in self.tasks])

    def balance_on(self, path: SolutionPath) -> float:
        """Where the decision stands on its path; lambda = 0 is its end."""
        balance = self.question["balance"]
        return path.last if balance is None else min(float(balance), path.last)

    @property
    def facts(self) -> dict[str, Any]:
        """Everything but the date, JSON-able."""
        value = asdict(self)
        value.pop("made")
        return {"format": FORMAT, "version": VERSION, **value}

    @cached_property
    def digest(self) -> str:
        return digest_of(self.facts)

    def to_json(self) -> str:
        """The decision record's file."""
        value = {**self.facts, "made": self.made or None, "digest": self.digest}
        return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def decide(
    study: Study,
    posed: Posed,
    solution: Solution,
    *,
    allocation: Allocation | None = None,
    alarms: Sequence[Alarm] = (),
    explanation: Explanation | None = None,
    sure: Uncertainty | str = "Intervals were not asked for.",
    title: str = "",
    notes: str = "",
    made: str = "",
) -> Decision:
    """The record of ``solution`` to ``posed``; MixtureError where there is none.

    ``explanation``: of the solution, None at lambda = 0, which has none; ``sure``: its bootstrap,
    or the sentence why there is none.
    """
    if solution.status != "optimal":
        raise MixtureError(f"There is no mixture to report: {solution.message}")
    p, S, problem = solution.p, posed.similarity, posed.problem
    others = {
        name: baseline(name, S, rows=study.rows)
        for name in COMPARED
        if study.rows is not None or not BASELINES[name].needs_rows
    }
    compared = tuple(
        _comparison(name, BASELINES[name].title, q, p, problem) for name, q in others.items()
    )
    return Decision(
        title=_writable(title).strip() or f"What to train on: {study.slug}",
        notes=_writable(notes).strip(),
        made=made,
        study=_provenance(study),
        question=_question(posed, solution, allocation),
        certificate={
            **certificate(solution),
            "multipliers": solution.multipliers,
            "support": len(solution.support),
        },
        uncertainty=_uncertainty(study, sure),
        tasks=_lines(study, problem, p, allocation, explanation, sure),
        comparisons=(_comparison("this", "This mixture", p, p, problem), *compared),
        alarms=tuple(alarms),
    )


def _lines(
    study: Study,
    problem: Problem,
    p: Array,
    allocation: Allocation | None,
    explanation: Explanation | None,
    sure: Uncertainty | str,
) -> tuple[TaskLine, ...]:
    """What every task gets of the mixture ``p`` (n,)."""
    sizes = None if study.rows is None else study.rows / study.rows.sum()
    return tuple(
        TaskLine(
            task=task.id,
            family=task.family,
            weight=float(p[i]),
            anchor=float(problem.anchor[i]),
            proportional=None if sizes is None else float(sizes[i]),
            count=allocation.counts[i] if allocation else None,
            rows=task.rows,
            epochs=allocation.epochs[i] if allocation else None,
            floor=float(problem.lo[i]) if problem.lo[i] > 0 else None,
            cap=float(problem.hi[i]) if problem.hi[i] < 1 else None,
            interval=None if isinstance(sure, str) else _interval(sure, i),
            reason=None if explanation is None else _split(explanation.reasons[i]),
        )
        for i, task in enumerate(study.tasks)
    )


def _writable(text: str) -> str:
    """Text that UTF-8 can hold: half characters from a command line become question marks."""
    return text.encode("utf-8", "replace").decode()


def _comparison(name: str, title: str, q: Array, p: Array, problem: Problem) -> ReferenceMixture:
    S = problem.similarity.matrix
    return ReferenceMixture(
        name,
        title,
        float(np.abs(p - q).sum()) / 2,
        float(q @ S @ problem.anchor),
        float(q @ S @ q),
    )


def _interval(sure: Uncertainty, i: int) -> Interval:
    return Interval(float(sure.low[i]), float(sure.high[i]), float(sure.inclusion[i]))


def _split(why: Reason) -> WeightReason:
    return WeightReason(why.anchor, why.diversity, why.reduced_cost, why.enters_at)


def _provenance(study: Study) -> dict[str, Any]:
    plan = study.plan or {}
    return {
        "slug": study.slug,
        "kind": study.kind,
        "digest": study.digest,
        "content": study.content,
        "tasks": len(study.tasks),
        "base": None if study.kind == "text" else plan.get("base"),
        "seed": plan.get("seed"),
        "file": study.facts.get("file"),
        **({"origin": study.origin} if study.origin else {}),
        "facts": {name: study.facts[name] for name in FACTS if name in study.facts},
    }


def _question(posed: Posed, solution: Solution, allocation: Allocation | None) -> dict[str, Any]:
    problem = posed.problem
    return {
        **asked(posed, solution),
        "skills": posed.kernel.skills,
        "skills_covered": posed.kernel.skills_covered(solution.p),
        "groups_of_skills": [list(group) for group in posed.kernel.groups],
        "unary": posed.question.unary,
        "judge_by": list(posed.question.judge_by),
        "budget": allocation.budget if allocation else None,
        "unit": allocation.unit if allocation else None,
        "groups": [asdict(group) for group in problem.groups],
        "pull": None
        if problem.pull is None
        else {"rho": problem.pull.rho, "to": problem.pull.mixture.tolist()},
    }


def _uncertainty(study: Study, sure: Uncertainty | str) -> dict[str, Any]:
    names = ("draws", "level", "stability", "half_width_l1")
    if isinstance(sure, str):
        return {**dict.fromkeys((*names, "covers")), "missing": sure}
    found = {name: getattr(sure, name) for name in names}
    return {**found, "covers": drawn_again(study), "missing": None}
