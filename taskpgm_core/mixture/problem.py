"""The question a mixture answers: minimise (1/2) p'Sp - tau u'p over the tasks' proportions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from taskpgm_core.errors import MixtureError, nearest
from taskpgm_core.mixture.convexity import Convexity, convexity
from taskpgm_core.mixture.qp.form import Centred, centre
from taskpgm_core.records import Array, Similarity, brief, read_only

SUM_SLACK = 1e-6
"""How far written proportions may miss a sum of 1 (often rounded); the rest is divided out."""


@dataclass(frozen=True)
class Group:
    """A family of tasks whose weights must sum to between ``lo`` and ``hi``."""

    name: str
    tasks: tuple[str, ...]
    lo: float = 0.0
    hi: float = 1.0


@dataclass(frozen=True, eq=False)
class Pull:
    """A quadratic pull ``rho/2 ||p - mixture||^2``, rho in the units of S, added to E/lambda."""

    mixture: Array
    rho: float


@dataclass(frozen=True, eq=False)
class Problem:
    """Minimise (1/2) p'Hp - tau u'p + rho/2 ||p - p0||^2 over lo <= p <= hi, 1'p = 1, groups.

    H = S + mu I, with the shift mu of ``convexity`` (0 where S is convex on the simplex). The
    unary term is u = n H w for the anchor mixture w, so that p = w at balance r = n tau = 1; or a
    given ``utility`` vector, for which tau = r/n all the same and the scale of S matters. Made by
    ``pose``. Source: method: arXiv 2507.12612; the anchored unary term is the reverse
    optimisation of portfolio theory.
    """

    similarity: Similarity
    anchor: Array
    anchor_name: str
    utility: Array | None
    lo: Array
    hi: Array
    groups: tuple[Group, ...]
    pull: Pull | None
    margin: float

    def __repr__(self) -> str:
        counts = {
            "floors": int((self.lo > 0).sum()),
            "caps": int((self.hi < 1).sum()),
            "groups": len(self.groups),
            "pulls": int(self.pull is not None),
        }
        limits = ", ".join(f"{name} {count}" for name, count in counts.items() if count)
        unary = "a measured utility" if self.utility is not None else brief(self.anchor_name)
        asked = f"{self.n} tasks, {self.similarity.measure}, unary term of {unary}"
        return f"Problem of {asked}; {limits or 'no limits'}"

    @property
    def tasks(self) -> tuple[str, ...]:
        return self.similarity.tasks

    @property
    def n(self) -> int:
        return len(self.tasks)

    @cached_property
    def unary(self) -> Array:
        """(n,) u without the shift: n S w, or the utility."""
        if self.utility is not None:
            return self.utility
        if self.convexity.scale == 0.0:
            return read_only(np.full(self.n, self.n * float(self.similarity.matrix.mean())))
        return read_only(self.n * (self.similarity.matrix @ self.anchor))

    @property
    def solved_unary(self) -> Array:
        """(n,) u of what is solved: n H w with the shift, or the utility."""
        if self.utility is not None:
            return self.utility
        return self.unary + self.n * self.convexity.shift * self.anchor

    @cached_property
    def convexity(self) -> Convexity:
        """How far the energy is from convex on the simplex, and what was done about it."""
        pull = self.pull.rho if self.pull else 0.0
        return convexity(self.similarity, self.anchor, self.utility, margin=self.margin, pull=pull)

    @cached_property
    def centred(self) -> Centred:
        """The form in which it is solved, made once."""
        return centre(
            self.similarity.matrix,
            self.convexity,
            anchor=self.anchor,
            unary=self.unary,
            utility=self.utility,
            pull_to=self.pull.mixture if self.pull else None,
            rho=self.pull.rho if self.pull else 0.0,
            lo=self.lo,
            hi=self.hi,
            incidence=self.incidence,
            group_lo=np.array([group.lo for group in self.groups]),
            group_hi=np.array([group.hi for group in self.groups]),
            always_free=self.always_free,
        )

    @property
    def always_free(self) -> bool:
        """No groups, no caps, no floor above the anchor: some weight is free at every balance."""
        return not self.groups and bool(self.hi.min() >= 1.0 and (self.lo <= self.anchor).all())

    def bounded(self, lo: Array, hi: Array) -> "Problem":
        """The same problem within other bounds; what depends on S alone is kept, not redone."""
        other = replace(self, lo=read_only(lo), hi=read_only(hi))
        form, w = self.centred, self.anchor
        other.__dict__.update(convexity=self.convexity, unary=self.unary)
        if other.always_free == (form.ridge[self.n] == 0.0):
            other.__dict__["centred"] = replace(form, lo=other.lo - w, hi=other.hi - w)
        return other

    @cached_property
    def incidence(self) -> Array:
        """(groups, n) ones where a task belongs to a group."""
        index = {task: i for i, task in enumerate(self.tasks)}
        rows = np.zeros((len(self.groups), self.n))
        for row, group in zip(rows, self.groups, strict=True):
            row[[index[task] for task in group.tasks]] = 1.0
        return read_only(rows)


def pose(
    similarity: Similarity,
    *,
    anchor: npt.ArrayLike | Mapping[str, float] | None = None,
    anchor_name: str = "uniform",
    utility: npt.ArrayLike | Mapping[str, float] | None = None,
    floors: float | Mapping[str, float] | None = None,
    caps: float | Mapping[str, float] | None = None,
    groups: Sequence[Group] = (),
    pin: Mapping[str, float] | Iterable[str] | None = None,
    pull_to: npt.ArrayLike | Mapping[str, float] | None = None,
    rho: float = 0.0,
    margin: float = 0.1,
) -> Problem:
    """A checked ``Problem``.

    ``anchor``: the mixture w that balance 1 returns, an (n,) array or {task: weight} with zeros
    left out (default uniform). ``utility``: a measured worth of each task (n,), used instead of
    n S w; it keeps its own scale. ``floors``, ``caps``: one number for all tasks or {task: x}.
    ``groups``: families with bounds on their sum. ``pin``: {task: weight}, or tasks that keep
    their anchor's weight; a bound for all tasks gives way to it, a task's own does not.
    ``pull_to``, ``rho``: a mixture in production and how hard it pulls, in units of S.
    ``margin``: how far above its floor the shift goes where S is not convex on the simplex, as a
    fraction of the floor.

    Raises MixtureError for values that make no sense; constraints that clash are the solver's
    ``infeasible`` status.
    """
    tasks, n = similarity.tasks, similarity.n
    if n == 0:
        raise MixtureError("There are no tasks to mix; give a matrix with at least one.")
    w = np.full(n, 1.0 / n) if anchor is None else _mixture(anchor, tasks, "anchor")
    if anchor is not None and anchor_name == "uniform" and not np.allclose(w, 1.0 / n):
        anchor_name = "given"
    lo = _bounds(floors, tasks, 0.0, "floor")
    hi = _bounds(caps, tasks, 1.0, "cap")
    fixed = pin if isinstance(pin, Mapping) else _anchored(() if pin is None else pin, tasks, w)
    for task, weight in fixed.items():
        i = _place(task, tasks, "pinned task")
        low = lo[i] if isinstance(floors, Mapping) else 0.0
        high = hi[i] if isinstance(caps, Mapping) else 1.0
        lo[i] = hi[i] = _pinned(task, weight, low, high)
    _check_groups(groups, tasks)
    pull = _pull(pull_to, rho, tasks)
    if not (np.isfinite(margin) and margin >= 0):
        raise MixtureError(f"The shift's margin must be a number of at least 0, not {margin}.")
    worth = None
    if utility is not None:
        worth = read_only(_vector(utility, tasks, "utility", whole=True))
    return Problem(
        similarity,
        read_only(w),
        anchor_name,
        worth,
        read_only(lo),
        read_only(hi),
        tuple(groups),
        pull,
        float(margin),
    )


def _pinned(task: str, weight: float, low: float, high: float) -> float:
    x = _proportion(weight, f"The pinned weight of '{task}'")
    if not low - SUM_SLACK <= x <= high + SUM_SLACK:
        raise MixtureError(
            f"'{task}' is pinned to {x:.6g}, but its floor is {low:.6g} and its cap "
            f"{high:.6g}; drop one of them."
        )
    return x


def _check_groups(groups: Sequence[Group], tasks: tuple[str, ...]) -> None:
    for group in groups:
        for task in group.tasks:
            _place(task, tasks, f"task of group '{group.name}'")
        _proportion(group.lo, f"The floor of group '{group.name}'")
        _proportion(group.hi, f"The cap of group '{group.name}'")
    names = [group.name for group in groups]
    if len(set(names)) != len(names):
        raise MixtureError("Two groups have the same name; give each its own.")


def _pull(
    pull_to: npt.ArrayLike | Mapping[str, float] | None, rho: float, tasks: tuple[str, ...]
) -> Pull | None:
    if not (np.isfinite(rho) and rho >= 0):
        raise MixtureError(f"The pull's strength rho must be a number of at least 0, not {rho}.")
    if rho > 0 and pull_to is None:
        raise MixtureError("A pull needs the mixture it pulls to; give pull_to, or rho = 0.")
    if pull_to is None or rho == 0:
        return None
    return Pull(read_only(_mixture(pull_to, tasks, "pull's mixture")), float(rho))


def _place(task: str, tasks: tuple[str, ...], what: str) -> int:
    if task not in tasks:
        raise MixtureError(f"The {what} '{task}' is not in this study{nearest(task, tasks)}.")
    return tasks.index(task)


def _proportion(value: float, what: str) -> float:
    if not (np.isfinite(value) and 0.0 <= value <= 1.0):
        raise MixtureError(f"{what} must lie between 0 and 1, not {value}.")
    return float(value)


def _vector(
    values: npt.ArrayLike | Mapping[str, float],
    tasks: tuple[str, ...],
    what: str,
    *,
    whole: bool = False,
) -> Array:
    if isinstance(values, Mapping):
        vector = np.zeros(len(tasks))
        for task, value in values.items():
            vector[_place(task, tasks, f"task of the {what}")] = value
        missing = [task for task in tasks if task not in values]
        if whole and missing:
            raise MixtureError(f"The {what} has no value for '{missing[0]}'; give one a task.")
    else:
        vector = np.array(values, dtype=np.float64)
        if vector.shape != (len(tasks),):
            raise MixtureError(
                f"The {what} has shape {vector.shape}, but there are {len(tasks)} tasks."
            )
    if not np.isfinite(vector).all():
        raise MixtureError(
            f"The {what} of '{tasks[int(np.argmin(np.isfinite(vector)))]}' is not finite."
        )
    return vector


def _mixture(
    values: npt.ArrayLike | Mapping[str, float], tasks: tuple[str, ...], what: str
) -> Array:
    weights = _vector(values, tasks, what)
    if weights.min() < 0:
        raise MixtureError(f"The {what} gives '{tasks[int(weights.argmin())]}' a negative weight.")
    if abs(weights.sum() - 1.0) > SUM_SLACK:
        raise MixtureError(f"The {what} sums to {weights.sum():.9g}; its weights must sum to 1.")
    shares: Array = weights / weights.sum()
    return shares


def _bounds(
    given: float | Mapping[str, float] | None, tasks: tuple[str, ...], default: float, what: str
) -> Array:
    if given is None:
        return np.full(len(tasks), default)
    if not isinstance(given, Mapping):
        return np.full(len(tasks), _proportion(given, f"A {what}"))
    bounds = np.full(len(tasks), default)
    for task, value in given.items():
        bounds[_place(task, tasks, f"task with a {what}")] = _proportion(
            value, f"The {what} of '{task}'"
        )
    return bounds


def _anchored(pin: Iterable[str], tasks: tuple[str, ...], w: Array) -> dict[str, float]:
    return {task: float(w[_place(task, tasks, "pinned task")]) for task in pin}
