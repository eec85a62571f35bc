"""The answer to a mixture problem, with its certificate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from taskpgm_core.records import Array, Tabular, brief, heaviest

Status = Literal["optimal", "infeasible"]


@dataclass(frozen=True, eq=False)
class Solution(Tabular):
    """A mixture p, the energies it has, and the proof that no other does better.

    ``energy`` = ``unary_energy`` + ``pairwise_energy`` = -beta u'p + (lambda/2) p'Sp, without the
    shift. ``gap``: the most that E/lambda (shift and pull included) could still fall, in the
    units of S; ``gap_relative``: the same over max|S - mean S|, or over the pull's rho where that
    is greater. ``multipliers``: prices in units of S: ``simplex`` (nu), and for active constraints
    only ``floor:TASK``, ``cap:TASK`` (>= 0) and ``group:NAME`` (positive at its cap, negative at
    its floor), with tau u - Hp + rho (p0 - p) = nu + sum of its groups' - floor + cap for each
    task.
    ``unique``: no other mixture has the same least energy; else p is the one nearest to the
    anchor. ``closed_form_valid``: the bordered closed form gives this very p. ``shift``,
    ``shift_floor``, ``curvature``, ``jumpiness``: see ``Convexity``. ``anchor_distance``:
    ||p - w||_1. ``effective_tasks``: exp of p's entropy. Where ``status`` is ``infeasible``, p
    and all numbers that depend on it are NaN and ``message`` names the clashing constraints.
    Infinite ``balance`` is lambda = 0, for which energy and gap are those of -u'p.
    """

    tasks: tuple[str, ...]
    p: Array
    balance: float
    beta: float
    lam: float
    measure: str
    anchor: Array
    anchor_name: str
    anchor_distance: float
    energy: float
    unary_energy: float
    pairwise_energy: float
    gap: float
    gap_relative: float
    status: Status
    message: str
    unique: bool
    closed_form_valid: bool
    shift: float
    shift_floor: float
    curvature: float
    jumpiness: float
    support: tuple[str, ...]
    effective_tasks: float
    multipliers: dict[str, float]
    iterations: int
    basis: "Basis | None" = field(default=None, repr=False)

    def __repr__(self) -> str:
        asked = f"{self.measure}, balance {self.balance:g}, anchor {brief(self.anchor_name)}"
        head = f"Solution of {len(self.tasks)} tasks, {asked}: "
        if self.status != "optimal":
            return f"{head}{self.status}\n  {self.message}"
        shift = f", shift {self.shift:.3g}" if self.shift else ""
        proof = f"{self.status}, relative gap {self.gap_relative:.1g}{shift}"
        ties = "" if self.unique else ", not unique"
        return f"{head}{heaviest(self.tasks, self.p)}\n  {proof}{ties}"

    def table(self) -> tuple[str, Sequence[Any], Mapping[str, Any]]:
        """A row a task: its weight, and the anchor's."""
        return "task", self.tasks, {"weight": self.p, "anchor": self.anchor}


@dataclass(frozen=True, eq=False)
class Basis:
    """Which weights are free and which rows bind: what a warm start needs.

    ``basic``: (n + 1 + groups,) free weights, then binding rows (the simplex row first).
    ``upper``: for the others, whether they sit at their upper bound; for binding rows, whether
    it is the upper bound that binds.
    """

    basic: np.ndarray
    upper: np.ndarray


def effective_tasks(p: Array) -> float:
    """exp(-sum p log p): as many tasks as an equal split of the same entropy would have."""
    positive = p[p > 0]
    return float(np.exp(-(positive * np.log(positive)).sum()))
