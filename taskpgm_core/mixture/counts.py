"""Budget: whole rows or supervised tokens for every task, summing to the budget exactly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor, isfinite
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from taskpgm_core.errors import MixtureError
from taskpgm_core.records import Array, Tabular, brief, or_nan, read_only

Unit = Literal["rows", "tokens"]

TIE_DECIMALS = 9  # remainders closer than this are a tie: solver noise must not decide who wins
SUM_TOLERANCE = 1e-6
MOST = 10**15
"""The greatest budget; up to it shares of a budget tell its whole numbers apart."""


@dataclass(frozen=True)
class Allocation(Tabular):
    """A mixture in whole numbers.

    ``counts``: ``unit`` (rows or supervised tokens) a task, summing to ``budget``.
    ``realised``: (n,) ``counts / budget``, what the mixture became.
    ``rows_needed``: rows to draw a task: the counts themselves, or for tokens the nearest whole
    number of rows of the task's mean length (at least one where anything was asked); None where
    the mean length is unknown.
    ``epochs``: ``rows_needed / rows``; None where either is unknown.
    ``capped``: the tasks that ``max_epochs`` held back.
    """

    tasks: tuple[str, ...]
    unit: Unit
    budget: int
    counts: tuple[int, ...]
    realised: Array
    rows_needed: tuple[int | None, ...]
    epochs: tuple[float | None, ...]
    capped: tuple[str, ...] = ()
    method: str = "largest remainder"

    def __post_init__(self) -> None:
        object.__setattr__(self, "realised", read_only(self.realised))

    def __repr__(self) -> str:
        order = sorted(range(len(self.tasks)), key=lambda i: -self.counts[i])[:3]
        most = ", ".join(f"{brief(self.tasks[i])} {self.counts[i]:,}" for i in order)
        held = f"; max_epochs holds back {len(self.capped)}" if self.capped else ""
        some = sum(count > 0 for count in self.counts)
        return f"Allocation of {self.budget:,} {self.unit} to {some} tasks, the most: {most}{held}"

    def table(self) -> tuple[str, Sequence[Any], Mapping[str, Any]]:
        """A row a task: its whole number, its share, the rows to draw and their epochs."""
        columns = {"count": self.counts, "realised": self.realised}
        needed = {"rows_needed": or_nan(self.rows_needed), "epochs": or_nan(self.epochs)}
        return "task", self.tasks, columns | needed


def allocate(
    p: npt.ArrayLike,
    tasks: Sequence[str],
    budget: int,
    *,
    unit: Unit = "rows",
    rows: Sequence[float | None] | npt.NDArray[np.float64] | None = None,
    mean_tokens: Sequence[float | None] | npt.NDArray[np.float64] | None = None,
    max_epochs: float | None = None,
) -> Allocation:
    """Whole numbers nearest to a mixture, by largest remainder (Hamilton's method).

    ``p`` (n,) shares of ``unit`` over ``tasks``; ``budget`` a positive whole number of ``unit``;
    ``rows`` (n,) rows available and ``mean_tokens`` (n,) mean supervised tokens a row, None where
    unknown. Counts may exceed the rows there are; only ``max_epochs`` caps them, and what a cap
    turns away goes to the uncapped tasks in proportion to their weights. Exact rational arithmetic;
    equal remainders go to the earlier task, so equal input gives equal output.

    Raises MixtureError where ``p`` is no mixture, a number makes no sense, or the caps leave less
    room than the budget.
    """
    tasks = tuple(tasks)
    weights = _weights(p, tasks)
    if unit not in ("rows", "tokens"):
        raise MixtureError(f"The budget's unit is '{unit}'; give rows or tokens.")
    budget = whole_budget(budget, unit)
    stock = _known("rows", rows, tasks, whole=True)
    lengths = _known("mean_tokens", mean_tokens, tasks)
    for task, weight, available in zip(tasks, weights, stock, strict=True):
        if weight and available == 0:
            raise MixtureError(
                f"Task '{task}' has weight {float(weight):.4g} but no rows; give it a cap of 0."
            )
    caps: list[int | None] = [None] * len(tasks)
    if max_epochs is not None:
        if not isfinite(max_epochs) or max_epochs <= 0:
            raise MixtureError(f"max_epochs is {max_epochs}; give a positive number of passes.")
        caps = [
            epochs_hold(task, have, length, unit, max_epochs) if weight else 0
            for task, weight, have, length in zip(tasks, weights, stock, lengths, strict=True)
        ]
        _check_room(caps, budget, unit, max_epochs)
    quotas, held = _quotas(weights, caps, budget)
    counts = largest_remainder(quotas, budget)
    needed = _rows_needed(counts, lengths) if unit == "tokens" else list(counts)
    return Allocation(
        tasks=tasks,
        unit=unit,
        budget=budget,
        counts=tuple(counts),
        realised=read_only([count / budget for count in counts]),
        rows_needed=tuple(needed),
        epochs=tuple(
            None if want is None or have is None else (want / have if want else 0.0)
            for want, have in zip(needed, stock, strict=True)
        ),
        capped=tuple(task for i, task in enumerate(tasks) if i in held),
    )


def whole_budget(budget: float, unit: Unit) -> int:
    """``budget`` as a whole number; MixtureError where it is none."""
    if isinstance(budget, bool) or not 1 <= budget <= MOST or budget != int(budget):
        raise MixtureError(
            f"The budget is {brief(str(budget))}; give a whole number of {unit}, at least 1 and at "
            f"most {MOST:,}."
        )
    return int(budget)


def _weights(p: npt.ArrayLike, tasks: tuple[str, ...]) -> list[Fraction]:
    values = np.asarray(p, dtype=np.float64)
    if values.shape != (len(tasks),):
        raise MixtureError(
            f"The mixture has shape {values.shape} but there are {len(tasks)} tasks."
        )
    if not len(tasks):
        raise MixtureError("There is no task to give the budget to.")
    if not np.isfinite(values).all() or (values < 0).any():
        worst = int(np.flatnonzero(~np.isfinite(values) | (values < 0))[0])
        raise MixtureError(
            f"Task '{tasks[worst]}' has weight {values[worst]}; give a finite one, at least 0."
        )
    if abs(values.sum() - 1) > SUM_TOLERANCE:
        raise MixtureError(f"The weights sum to {values.sum():.9g}; a mixture sums to 1.")
    exact = [Fraction(float(value)) for value in values]
    total = sum(exact)
    return [value / total for value in exact]


def _known(
    name: str,
    values: Sequence[float | None] | npt.NDArray[np.float64] | None,
    tasks: tuple[str, ...],
    whole: bool = False,
) -> list[float | None]:
    if values is None:
        return [None] * len(tasks)
    if len(values) != len(tasks):
        raise MixtureError(f"{name} has {len(values)} entries but there are {len(tasks)} tasks.")
    for task, value in zip(tasks, values, strict=True):
        if value is None:
            continue
        if not isfinite(value) or value < 0 or (whole and value != int(value)):
            kind = "a whole number of rows" if whole else "a positive number"
            raise MixtureError(f"{name} of task '{task}' is {value}; give {kind}, or leave it out.")
        if not whole and value == 0:
            raise MixtureError(f"{name} of task '{task}' is 0; give a positive number.")
    return [None if value is None else float(value) for value in values]


def epochs_hold(
    task: str, have: float | None, length: float | None, unit: Unit, max_epochs: float
) -> int:
    """The whole ``unit`` that ``max_epochs`` passes over a task hold."""
    for name, value in (("rows", have), ("mean_tokens", length if unit == "tokens" else 1.0)):
        if value is None:
            raise MixtureError(
                f"max_epochs needs the {name} of task '{task}', which are unknown; "
                f"add them or leave max_epochs out."
            )
    whole_rows = floor(Fraction(max_epochs) * Fraction(have or 0))
    return whole_rows if unit == "rows" else floor(whole_rows * Fraction(length or 0))


def _check_room(caps: list[int | None], budget: int, unit: Unit, max_epochs: float) -> None:
    room = sum(cap or 0 for cap in caps)
    if room < budget:
        raise MixtureError(
            f"A budget of {budget:,} {unit} cannot be met: in {max_epochs:g} epochs the tasks "
            f"of this mixture hold {room:,}; lower the budget, raise max_epochs, or mix in "
            f"more tasks."
        )


def _rows_needed(tokens: list[int], lengths: list[float | None]) -> list[int | None]:
    """Rows that come nearest to so many tokens of each task, at least one of any it has."""
    return [
        0 if count == 0 else None if length is None else max(1, round(count / length))
        for count, length in zip(tokens, lengths, strict=True)
    ]


def _quotas(
    weights: list[Fraction], caps: list[int | None], budget: int
) -> tuple[list[Fraction], set[int]]:
    """Exact shares min(t * weight, cap), with the one t that sums them to the budget; the held."""
    held: dict[int, int] = {}
    while True:
        free = {i: weight for i, weight in enumerate(weights) if weight and i not in held}
        left = Fraction(budget - sum(held.values()))
        scale = left / sum(free.values()) if free else Fraction(0)
        over = {
            i: cap
            for i, weight in free.items()
            if (cap := caps[i]) is not None and scale * weight > cap
        }
        if not over:
            break
        held |= over
    quotas = [Fraction(held[i]) if i in held else scale * w for i, w in enumerate(weights)]
    return quotas, set(held)


def largest_remainder(quotas: list[Fraction], budget: int) -> list[int]:
    """Whole numbers nearest to ``quotas`` (exact, summing to ``budget``); ties in order."""
    counts = [floor(quota) for quota in quotas]
    remainders = [float(quota - count) for quota, count in zip(quotas, counts, strict=True)]
    order = sorted(range(len(quotas)), key=lambda i: (-round(remainders[i], TIE_DECIMALS), i))
    for i in order[: budget - sum(counts)]:
        counts[i] += 1
    return counts
