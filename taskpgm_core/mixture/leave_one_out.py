"""What the mixture would be without each of its tasks, for all of them in one call."""

from dataclasses import dataclass

import numpy as np

from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture.problem import Problem
from taskpgm_core.mixture.qp.bordered import Bordered
from taskpgm_core.mixture.qp.feasibility import clash, duality_gap
from taskpgm_core.mixture.solution import Solution
from taskpgm_core.mixture.solver import minimise
from taskpgm_core.records import Array, read_only

EXACT = 1e-11


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """``weights``: (n, n), row i the best mixture that gives task i nothing (the anchor and the
    other constraints as they are; a floor of its own is lifted). ``distance``: (n,) L1 from the
    mixture with task i left out and the rest scaled up to 1. ``energy_cost``: (n,) what E/lambda
    rises by, units of S. NaN where the constraints allow no mixture without the task."""

    tasks: tuple[str, ...]
    weights: Array
    distance: Array
    energy_cost: Array


def leave_one_out(problem: Problem, solution: Solution) -> LeaveOneOut:
    """All n mixtures without one task, by one update each of the solution's bordered system.

    Taking task i out moves the others along column i of the inverse until p_i = 0; where that
    leaves the constraints or lets another task in, the update is the start of an exact solve.
    Raises MixtureError for an infeasible problem or an infinite balance.
    """
    if not np.isfinite(solution.balance):
        raise MixtureError("Leaving a task out needs a finite balance, not lambda = 0.")
    p, n, r = solution.p, problem.n, solution.balance
    M = Bordered(problem, solution).moves
    weights = np.tile(p, (n, 1))
    for i in np.flatnonzero(p > 0):
        without = _without(problem, int(i))
        if clash(without):
            weights[i] = np.nan
            continue
        sure = M[i, i] > 0 and not problem.convexity.singular  # else it may not be the nearest
        guess = p - p[i] / M[i, i] * M[:, i] if sure else None
        if guess is not None and _optimal(without, guess, r):
            weights[i] = np.clip(guess, without.lo, without.hi)
        else:
            weights[i] = minimise(without, r, solution.basis).p
    energy = np.array([_energy(problem, q, r) for q in weights])
    left = np.maximum(1.0 - p, np.finfo(float).tiny)
    scaled = np.where(np.eye(n, dtype=bool), 0.0, p[None, :] / left[:, None])
    return LeaveOneOut(
        problem.tasks,
        read_only(weights),
        read_only(np.abs(weights - scaled).sum(axis=1)),
        read_only(np.maximum(energy - _energy(problem, p, r), 0.0)),
    )


def _without(problem: Problem, i: int) -> Problem:
    lo, hi = problem.lo.copy(), problem.hi.copy()
    lo[i] = hi[i] = 0.0
    return problem.bounded(lo, hi)


def _optimal(problem: Problem, p: Array, r: float) -> bool:
    if problem.groups or (p < problem.lo - 1e-15).any() or (p > problem.hi + 1e-15).any():
        return False
    g = _gradient(problem, p, r)
    gap = float(duality_gap(problem, g, p, np.zeros(0)))
    return gap <= EXACT * problem.centred.unit


def _gradient(problem: Problem, p: Array, r: float) -> Array:
    """(n,) minus the gradient of E/lambda, up to a constant, free of S's common offset."""
    n, form = problem.n, problem.centred
    z = np.zeros(form.items)
    z[:n] = p - problem.anchor
    moved = form.product(z) + form.linear(r)
    gradient: Array = -moved[:n] * form.unit
    return gradient


def _energy(problem: Problem, p: Array, r: float) -> float:
    """E/lambda of p less a constant, shift and pull included, units of S."""
    n, form = problem.n, problem.centred
    z = np.zeros(form.items)
    z[:n] = p - problem.anchor
    half = form.product(z)[:n] / 2 + form.linear(r)[:n]
    return float(z[:n] @ half) * form.unit
