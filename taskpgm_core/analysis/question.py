"""A question about a study, and the one place where it becomes a posed problem.

The command line, the address of a page, a recipe's provenance and a notebook all ask by a
``Question``; ``question_words`` reads and writes it as words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from math import inf, isfinite
from numbers import Real
from typing import Any, Literal, get_args
from urllib.parse import urlencode

from taskpgm_core import store
from taskpgm_core.analysis.mixture_reference import (
    check_reference,
    reference_mixture,
    reference_name,
)
from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture import Group, Problem, Solution, SolutionPath, pose, solve, trace
from taskpgm_core.mixture.counts import Allocation, Unit, allocate, epochs_hold, whole_budget
from taskpgm_core.mixture.kernel import Kernel, kernel
from taskpgm_core.mixture.utility import judged_by
from taskpgm_core.records import NEVER_TRAINED, Array, Noise, Similarity, Study, Task

DEFAULT: tuple[float, Literal["auto"]] = (1.0, "auto")
"""Balance and resolution of the question that is asked where nobody says otherwise."""
DEFAULT_MARGIN = 0.1
COARSE = 1e-6
"""Where no entry of K is farther than this from 1, a utility is too large to be weighed."""
EVERY = ""
"""In floors and caps: every task that has no number of its own and is not pinned."""
Unary = Literal["representativeness", "gain"]
UNARY: tuple[Unary, ...] = get_args(Unary)
Shares = tuple[tuple[str, float], ...]
Pins = tuple[tuple[str, float | None], ...]
LIMITS = ("floors", "caps", "pins", "groups", "max_epochs", "pull", "rho")


@dataclass(frozen=True)
class Question:
    """What is asked of a study.

    ``measure``: one of the study's, empty for its first. ``balance``: r = n beta/lambda, infinite
    for ``lam`` = 0; ``lam`` only scales the energy. ``resolution``: how alike counts as the same,
    in the measure's unit; ``auto`` by noise and distances, infinite for the paper's S as measured.
    ``anchor``: the mixture that balance 1 gives back, a reference as in ``mixture_reference``;
    ``anchor_name``: what one that was brought is called. ``unary``: what the balance's other end
    rewards (``gain``, in nats, at an infinite resolution only); ``judge_by``: tasks or
    targets that one will be judged by, whose utility is rewarded instead, at a finite resolution
    only. ``floors``,
    ``caps``: a number for all tasks or {task: share}; ``pins``: {task: share}, or None to keep the
    anchor's; ``groups``: (family, low, high) shares; ``max_epochs``: how often a row may be
    repeated at the ``budget`` (rows or supervised tokens, by ``unit``). ``pull``: a reference that
    pulls with strength ``rho``, in units of the matrix that is solved. ``margin``: how far above
    its floor the shift goes where the energy is not convex, as a fraction of the floor.

    Questions with equal fields are equal, and give the same mixture to the bit.
    """

    measure: str = ""
    balance: float = DEFAULT[0]
    resolution: float | Literal["auto"] = DEFAULT[1]
    lam: float = 1.0
    anchor: str = "uniform"
    anchor_name: str = ""
    unary: Unary = UNARY[0]
    judge_by: tuple[str, ...] = ()
    floors: Shares = ()
    caps: Shares = ()
    pins: Pins = ()
    groups: tuple[tuple[str, float, float], ...] = ()
    max_epochs: float | None = None
    pull: str = ""
    rho: float = 0.0
    margin: float = DEFAULT_MARGIN
    budget: int | None = None
    unit: Unit = "rows"

    def __post_init__(self) -> None:
        for name in ("floors", "caps", "pins"):
            object.__setattr__(self, name, _pairs(name, getattr(self, name)))
        object.__setattr__(self, "groups", tuple(tuple(group) for group in self.groups))
        judges = (self.judge_by,) if isinstance(self.judge_by, str) else tuple(self.judge_by)
        object.__setattr__(self, "judge_by", judges)
        if self.resolution is None:  # as JSON has no infinity
            object.__setattr__(self, "resolution", inf)
        if self.budget is not None:
            object.__setattr__(self, "budget", whole_budget(self.budget, self.unit))

    @property
    def key(self) -> str:
        """All that the posed problem depends on, as text: what computations on it are kept by."""
        free = {"balance", "lam", *(() if self.max_epochs is not None else ("budget", "unit"))}
        return urlencode(
            {f.name: repr(getattr(self, f.name)) for f in fields(self) if f.name not in free}
        )

    @property
    def limits(self) -> int:
        """How many limits are set."""
        lists = (self.floors, self.caps, self.pins, self.groups)
        return sum(map(len, lists)) + (self.max_epochs is not None) + bool(self.pull and self.rho)

    @property
    def unlimited(self) -> "Question":
        """The same question without its limits."""
        default = Question()
        return replace(self, **{name: getattr(default, name) for name in LIMITS})

    def beta(self, n: int) -> float:
        """The paper's unary weight over n tasks; 1 at lambda = 0, where only its sign matters."""
        return self.balance * self.lam / n if isfinite(self.balance) else 1.0


def _pairs(name: str, given: Any) -> tuple[tuple[str, float | None], ...]:
    """Floors, caps or pins as pairs; a pin may be a name only."""
    if given is None:
        return ()
    if isinstance(given, Real) and name != "pins":
        return ((EVERY, float(given)),)
    try:
        listed: Any = given.items() if isinstance(given, Mapping) else given
        if name == "pins" and not isinstance(given, str):
            listed = [(one, None) if isinstance(one, str) else one for one in listed]
        return tuple((task, None if x is None else float(x)) for task, x in listed)
    except (TypeError, ValueError):
        also = "a list of tasks" if name == "pins" else "a number"
        raise MixtureError(f"{name} is {given!r}; give {also} or {{task: share}}.") from None


@dataclass(frozen=True, eq=False)
class Posed:
    """A question put to a study: its tasks, the measure, what is seen of it, and the problem.

    ``study`` is None where a matrix in memory was asked. ``similarity`` is the measure; the
    problem is posed with ``kernel.similarity``, the measure as seen at the resolution.
    """

    study: Study | None
    question: Question
    tasks: tuple[Task, ...]
    similarity: Similarity
    kernel: Kernel
    problem: Problem

    def solution(self, warm: Solution | None = None) -> Solution:
        """The exact mixture with its certificate; ``infeasible`` is a status, not an error."""
        return solve(self.problem, self.question.balance, warm=warm, lam=self.question.lam)

    def optimum(self) -> Solution:
        """The exact mixture; MixtureError where the limits clash."""
        found = self.solution()
        if found.status != "optimal":
            raise MixtureError(f"No mixture meets these constraints: {found.message}")
        return found

    @cached_property
    def path(self) -> SolutionPath:
        """The mixture at every balance."""
        return trace(self.problem)

    @cached_property
    def upper(self) -> Similarity | None:
        """What the problem would be posed with if every divergence were at its upper bound.

        None where divergences are exact. MixtureError where the kernel had to be corrected, whose
        entries then bound nothing.
        """
        if self.study is None:
            return None
        upper = store.upper_bound(self.study, self.similarity.measure)
        return None if upper is None else self.kernel.upper_end(upper).similarity

    def resolution_facts(self, p: Array | None = None) -> dict[str, Any]:
        """What answers say of the resolution, and of the skills that ``p`` (n,) covers."""
        finite = self.kernel.finite
        facts: dict[str, Any] = {
            "resolution": self.kernel.resolution if finite else None,
            "resolution_source": self.kernel.source,
            "skills": self.kernel.skills,
            "groups": [list(group) for group in self.kernel.groups],
        }
        if p is not None:
            facts["skills_covered"] = self.kernel.skills_covered(p)
        return facts

    def allocation(self, p: Array) -> Allocation | None:
        """The mixture in whole rows or tokens of the budget; None where there is no budget."""
        if self.question.budget is None:
            return None
        return allocate(
            p,
            self.similarity.tasks,
            self.question.budget,
            unit=self.question.unit,
            rows=[task.rows for task in self.tasks],
            mean_tokens=[task.mean_tokens for task in self.tasks],
            max_epochs=self.question.max_epochs,
        )


def study_kernel(
    study: Study, similarity: Similarity, resolution: float | Literal["auto"]
) -> Kernel:
    """The kernel of a study's similarity, with the noise that the study knows of it."""
    return kernel(similarity, resolution, _noise(study, similarity.measure))


def pose_question(
    source: Study | Similarity,
    question: Question,
    *,
    similarity: Similarity | None = None,
    seen: Kernel | None = None,
    tasks: Sequence[Task] | None = None,
) -> Posed:
    """The problem that ``question`` asks of a study, or of a matrix that is in memory.

    ``similarity``: the study's by the question's measure, and ``seen``: its kernel at the
    question's resolution, where they are at hand already. ``tasks``: the source's, with other
    sizes. MixtureError or StoreError for what makes no sense; limits that clash are the
    solution's status.
    """
    if isinstance(source, Similarity):
        similarity = source
        seen = seen or kernel(source, question.resolution)
    else:
        similarity = similarity or store.similarity(source, question.measure or None)
        seen = seen or study_kernel(source, similarity, question.resolution)
        _no_target(source, question)
    tasks = tasks_of(source) if tasks is None else tuple(tasks)
    utility = _utility(source, question, seen)
    names = similarity.tasks
    for reference in filter(None, (question.anchor, question.pull)):
        targets = () if isinstance(source, Similarity) else source.target_names
        check_reference(reference, names, tasks, targets)
    known_noise = _noise(source, similarity.measure)
    anchor = reference_mixture(question.anchor, similarity, tasks, noise=known_noise)
    kept = dict(zip(names, anchor.tolist(), strict=True))
    pins = {task: kept[task] if x is None else x for task, x in question.pins}
    uniform = question.anchor == "uniform"
    problem = pose(
        seen.similarity,
        anchor=None if uniform else anchor,
        anchor_name=question.anchor_name or reference_name(question.anchor),
        utility=utility,
        floors=_by_task(question.floors, names, pins),
        caps=_with_epochs(_by_task(question.caps, names, pins), question, tasks),
        groups=[_group(*group, tasks) for group in question.groups],
        pin=pins or None,
        pull_to=reference_mixture(question.pull, similarity, tasks, noise=known_noise)
        if question.pull
        else None,
        rho=question.rho,
        margin=question.margin,
    )
    known = None if isinstance(source, Similarity) else source
    return Posed(known, question, tasks, similarity, seen, problem)


def tasks_of(source: Study | Similarity) -> tuple[Task, ...]:
    """The tasks of a source; those of a matrix in memory have names only."""
    if isinstance(source, Study):
        return source.tasks
    return tuple(Task(name) for name in source.tasks)


def _no_target(study: Study, question: Question) -> None:
    """MixtureError where a limit is set on a target, which gets no share of any budget."""
    for word, limits in (
        ("floor", question.floors),
        ("cap", question.caps),
        ("pin", question.pins),
    ):
        for name, _ in limits:
            if name in study.target_names:
                raise MixtureError(f"The {word} on '{name}' is on a target: it {NEVER_TRAINED}.")


def _utility(source: Study | Similarity, question: Question, seen: Kernel) -> Array | None:
    """(n,) what is rewarded in the place of representativeness; None where that is."""
    if question.unary != "gain" and not question.judge_by:
        return None
    if isinstance(source, Similarity) or not source.scored:
        raise MixtureError("Without models there are no losses; ask for gains of a measured study.")
    if question.unary == "gain" and question.judge_by:
        raise MixtureError(
            "The measured gain and what one is judged by are two aims; ask for one of them."
        )
    if question.judge_by:
        if not seen.finite:
            raise MixtureError(
                "What one is judged by needs a resolution, by which redundancy has a scale: ask at "
                f"auto or at a number, where the measure {seen.measured.measure} has one."
            )
        if seen.similarity.matrix.min() > -COARSE:
            raise MixtureError(
                "What one is judged by is weighed against redundancy, and at so coarse a "
                "resolution all tasks are one skill; give a finer one, or auto."
            )
        scored = store.target_losses(source) if source.targets else None
        return judged_by(store.losses(source), question.judge_by, scored)
    if question.resolution != inf:
        raise MixtureError("The measured gain is in nats, as S is at resolution inf; ask at that.")
    return store.losses(source).gain


def _noise(source: Study | Similarity, measure: str) -> Noise | None:
    if isinstance(source, Similarity) or source.kind == "imported":
        return None
    return store.noise(source, measure)


def _by_task(
    shares: Shares, tasks: Sequence[str], pins: Mapping[str, float]
) -> dict[str, float] | None:
    """{task: share} of floors or caps; the number for every task leaves out the pinned ones."""
    known = dict(shares)
    if not known:
        return None
    every = known.pop(EVERY, None)
    if every is None:
        return known
    return dict.fromkeys((task for task in tasks if task not in pins), every) | known


def _with_epochs(
    caps: dict[str, float] | None, question: Question, tasks: Sequence[Task]
) -> dict[str, float] | None:
    """The caps, with what ``max_epochs`` allows each task at the budget."""
    epochs, budget = question.max_epochs, question.budget
    if epochs is None:
        return caps
    if budget is None or not (isfinite(epochs) and epochs > 0):
        raise MixtureError(
            "A limit on epochs wants a number above 0, and a budget that it applies to."
        )
    caps = dict(caps or {})
    for task in tasks:
        held = epochs_hold(task.id, task.rows, task.mean_tokens, question.unit, epochs)
        caps[task.id] = min(caps.get(task.id, 1.0), min(held, budget) / budget)
    return caps


def _group(family: str, low: float, high: float, tasks: Sequence[Task]) -> Group:
    members = tuple(task.id for task in tasks if task.family == family)
    if not members:
        raise MixtureError(f"There is no family '{family}' to bound.")
    return Group(family, members, low, high)
