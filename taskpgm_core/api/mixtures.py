"""Questions to a study or to a matrix in memory: solve, trace, explain, select, allocate and so on.

Every function that asks takes a ``Source`` first: a study's name, a ``Study`` or a ``Similarity``.
The question is a ``Question``, or its fields as keyword arguments, or both: then the fields given
replace those of the question.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields as fields_of
from dataclasses import replace
from math import isfinite
from typing import Any

import numpy as np

from taskpgm_core import store
from taskpgm_core.analysis.mixture_reference import inline_reference
from taskpgm_core.analysis.question import Posed, Question, pose_question
from taskpgm_core.analysis.replicates import replicates
from taskpgm_core.errors import MixtureError, NotKeptError, StoreError, nearest
from taskpgm_core.mixture import Solution, SolutionPath, counts
from taskpgm_core.mixture.baselines import BASELINES
from taskpgm_core.mixture.baselines import baseline as baseline_mixture
from taskpgm_core.mixture.counts import Allocation, Unit
from taskpgm_core.mixture.explanation import Explanation
from taskpgm_core.mixture.explanation import explain as explain_solution
from taskpgm_core.mixture.kernel import Kernel
from taskpgm_core.mixture.selection.greedy import Selection
from taskpgm_core.mixture.selection.greedy import select as select_greedily
from taskpgm_core.mixture.uncertainty import Uncertainty
from taskpgm_core.mixture.uncertainty import uncertainty as solve_replicates
from taskpgm_core.records import Array, Similarity, Study, Task

Source = str | Study | Similarity
Weights = Solution | Mapping[str, float] | Sequence[float] | Array
"""A mixture: a solution, {task: weight} with zeros left out, or (n,) weights in task order."""


def opened(source: Source) -> Study | Similarity:
    """The study or the similarity that a source names."""
    if isinstance(source, str):
        return store.open_study(source)
    if isinstance(source, Study | Similarity):
        return source
    raise StoreError(
        f"A question goes to a study's name, a Study or a Similarity, not to a "
        f"{type(source).__name__}; from_matrix makes a Similarity from a matrix."
    )


def asked(
    source: Source,
    question: Question | None,
    fields: Mapping[str, Any],
    tasks: Sequence[Task] | None = None,
) -> Posed:
    """The question, with ``fields`` in place of its own, posed to the source.

    ``tasks``: the source's, with other sizes. An anchor or a pull may also be a mixture: a
    solution, {task: weight} or (n,) weights.
    """
    if not isinstance(question, Question | None):
        raise MixtureError(f"{question!r} is no Question; write a balance as balance=0.5.")
    known = [field.name for field in fields_of(Question)]
    for name in fields:
        if name not in known:
            raise MixtureError(
                f"A Question has no field '{name}'{nearest(name, known)}; it has "
                f"{', '.join(known)}."
            )
    found, whole = opened(source), replace(question or Question(), **fields)
    names = found.names if isinstance(found, Study) else found.tasks
    for name in ("anchor", "pull"):
        given = getattr(whole, name)
        if not isinstance(given, str):
            p = weights_over(given, names, name).tolist()
            words: dict[str, Any] = {name: inline_reference(dict(zip(names, p, strict=True)))}
            whole = replace(whole, **words)
    return pose_question(found, whole, tasks=tasks)


def weights_over(given: Weights, tasks: Sequence[str], what: str = "mixture") -> Array:
    """(n,) the weights of a mixture over ``tasks``; MixtureError where it is over others."""
    if isinstance(given, Solution):
        if given.status != "optimal":
            raise MixtureError(f"The {what} has no weights: {given.message}")
        given = dict(zip(given.tasks, given.p.tolist(), strict=True))
    if isinstance(given, Mapping):
        for task in given:
            if task not in tasks:
                raise MixtureError(
                    f"The {what} names '{task}', which is no task here{nearest(task, tasks)}."
                )
        given = [float(given.get(task, 0.0)) for task in tasks]
    try:
        p = np.array(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise MixtureError(f"The {what} cannot be read as weights: {error}.") from None
    if p.shape != (len(tasks),):
        raise MixtureError(f"The {what} has shape {p.shape}, but there are {len(tasks)} tasks.")
    return p


def similarity(source: Source, measure: str = "") -> Similarity:
    """The task-similarity matrix of a study, by its first measure or the one named."""
    found = opened(source)
    if isinstance(found, Study):
        return store.similarity(found, measure or None)
    if measure not in ("", found.measure):
        raise StoreError(f"The matrix is of the measure '{found.measure}', not '{measure}'.")
    return found


def kernel(source: Source, question: Question | None = None, **fields: Any) -> Kernel:
    """The tasks as seen at the question's resolution: how many skills, which tasks share one."""
    return asked(source, question, fields).kernel


def solve(source: Source, question: Question | None = None, **fields: Any) -> Solution:
    """The exact mixture with its certificate.

    Limits that clash are no error: the solution's ``status`` is then ``infeasible``, its
    ``message`` names them and its weights are NaN. Raises MixtureError or StoreError for a
    question that makes no sense.
    """
    return asked(source, question, fields).solution()


def trace(source: Source, question: Question | None = None, **fields: Any) -> SolutionPath:
    """The exact mixture at every balance at once; the question's own balance does not matter."""
    return asked(source, question, fields).path


def explain(source: Source, question: Question | None = None, **fields: Any) -> Explanation:
    """Why each task has its weight, and what it would take to move a zero.

    Raises MixtureError where the limits clash or the balance is infinite.
    """
    posed = asked(source, question, fields)
    return explain_solution(posed.problem, posed.optimum(), posed.path)


def uncertainty(
    source: Source,
    question: Question | None = None,
    *,
    draws: int = 200,
    seed: int = 0,
    level: float = 0.9,
    **fields: Any,
) -> Uncertainty:
    """How sure the mixture is: the bootstrap over the study's probe examples, and over the training
    seeds of tasks that have two.

    ``draws``: how often they are drawn again, and the mixture solved; ``level``: of the
    intervals. Raises NotKeptError for a matrix, which holds no examples.
    """
    posed = asked(source, question, fields)
    if posed.study is None:
        raise NotKeptError(
            "A matrix in memory has no examples to draw again, so its mixtures have no intervals; "
            "ask a measured study."
        )
    drawn = replicates(posed.study, posed.similarity.measure, draws=draws, seed=seed, level=level)
    seen = posed.kernel.replicates(drawn)
    return solve_replicates(posed.problem, posed.question.balance, seen, level=level)


def select(
    source: Source,
    question: Question | None = None,
    *,
    k_max: int | None = None,
    exact_up_to: int = 25,
    **fields: Any,
) -> Selection:
    """The best k tasks for k = 1, 2, ... up to ``k_max`` (all by default), with guarantees.

    Of at most ``exact_up_to`` tasks the best choice of all is found, too, by branch and bound.
    Raises MixtureError for a question with floors, caps, pins or groups.
    """
    posed = asked(source, question, fields)
    balance = posed.question.balance
    return select_greedily(posed.problem, balance, k_max=k_max, exact_up_to=exact_up_to)


def baselines(
    source: Source,
    question: Question | None = None,
    *,
    seed: int = 0,
    temperature: float = 5.0,
    strength: float = 0.4,
    **fields: Any,
) -> dict[str, dict[str, float]]:
    """{baseline: {task: weight}} of every mixture that others would choose, see ``baseline``.

    Left out: those by size where the rows are unknown, and the authors' at lambda = 0.
    """
    posed = asked(source, question, fields)
    found = baseline_mixtures(posed, seed=seed, temperature=temperature, strength=strength)
    return {name: _named(posed, p) for name, p in found.items()}


def baseline(
    source: Source,
    name: str,
    question: Question | None = None,
    *,
    seed: int = 0,
    temperature: float = 5.0,
    strength: float = 0.4,
    **fields: Any,
) -> dict[str, float]:
    """{task: weight} of one mixture that others would choose, such as ``proportional``.

    ``seed`` of the random one; ``temperature`` T >= 1 flattens sizes as rows**(1/T); ``strength``
    in [0, 1] is the weight of redundancy in SMART's graph cut. Raises MixtureError for a name
    that is no baseline, naming those there are, and where the rows it needs are unknown.
    """
    posed = asked(source, question, fields)
    settings = {"seed": seed, "temperature": temperature, "strength": strength}
    return _named(posed, _baseline(posed, name, settings))


def baseline_mixtures(posed: Posed, **settings: Any) -> dict[str, Array]:
    """{baseline: (n,) weights} of all that the source of a posed question knows enough for.

    ``settings``: seed, temperature and strength, as in ``baseline``.
    """
    finite, rows = isfinite(posed.question.balance), all(t.rows is not None for t in posed.tasks)
    return {
        name: _baseline(posed, name, settings)
        for name, rule in BASELINES.items()
        if (rows or not rule.needs_rows) and (finite or not rule.moves)
    }


def _baseline(posed: Posed, name: str, settings: Mapping[str, Any]) -> Array:
    study, balance = posed.study, posed.question.balance
    measured = study if study and study.scored else None
    moves = name in BASELINES and BASELINES[name].moves
    return baseline_mixture(
        name,
        posed.similarity,
        rows=None if study is None else study.rows,
        balance=balance if isfinite(balance) or moves else 1.0,
        utility=store.losses(measured).gain if measured else None,
        noise=store.noise(study, posed.similarity.measure)
        if study and study.kind != "imported"
        else None,
        **settings,
    )


def _named(posed: Posed, p: Array) -> dict[str, float]:
    return dict(zip(posed.similarity.tasks, p.tolist(), strict=True))


def allocate(
    mixture: Weights,
    budget: int,
    unit: Unit = "rows",
    *,
    source: Source | None = None,
    tasks: Sequence[str] | None = None,
    rows: Sequence[float | None] | Array | None = None,
    mean_tokens: Sequence[float | None] | Array | None = None,
    max_epochs: float | None = None,
) -> Allocation:
    """A mixture as whole rows or supervised tokens (``unit``) that sum to ``budget``.

    ``tasks``: their names, where ``mixture`` is numbers alone; ``rows``, ``mean_tokens``: (n,)
    rows available and mean supervised tokens a row. A ``source`` that is a study knows all
    three. ``max_epochs`` caps how often a row is repeated. Raises MixtureError where the weights
    are no mixture, a number makes no sense, or the caps leave less room than the budget.
    """
    known = None if source is None else opened(source)
    names = _names(mixture, known) if tasks is None else tuple(tasks)
    if isinstance(known, Study):
        rows = [task.rows for task in known.tasks] if rows is None else rows
        if mean_tokens is None:
            mean_tokens = [task.mean_tokens for task in known.tasks]
    return counts.allocate(
        weights_over(mixture, names),
        names,
        budget,
        unit=unit,
        rows=rows,
        mean_tokens=mean_tokens,
        max_epochs=max_epochs,
    )


def _names(mixture: Weights, known: Study | Similarity | None) -> tuple[str, ...]:
    """The names of the tasks that a mixture is over."""
    if known is not None:
        return known.names if isinstance(known, Study) else known.tasks
    if isinstance(mixture, Solution):
        return mixture.tasks
    if isinstance(mixture, Mapping):
        return tuple(mixture)
    raise MixtureError("These weights have no names; give tasks=[...], one a weight.")
