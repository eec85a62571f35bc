"""How far each weight could go without losing more than a little: the near-optimal range."""

import numpy as np

from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture.feasibility import reach
from taskpgm_core.mixture.problem import Problem
from taskpgm_core.mixture.qp.form import Centred
from taskpgm_core.mixture.qp.parametric import FLAT, Homotopy, optimum
from taskpgm_core.mixture.solution import Solution
from taskpgm_core.records import Array, read_only

AT_END = 1e-9
"""A weight nearer to its end than this is at it, and can go no further."""


def near_optimal(problem: Problem, solution: Solution, slack: float) -> Array:
    """(n, 2) the least and the greatest p_i over all mixtures within ``slack`` of the optimum.

    ``slack``: by how much E/lambda (shift and pull included) may exceed its minimum, units of S.
    For each end the optimum of E - t p_i (or + t p_i) is followed exactly as t grows, until its
    energy has risen by the slack: two parametric solves a task. Raises MixtureError for an
    infeasible problem, an infinite balance or a negative slack.
    """
    if not (np.isfinite(slack) and slack >= 0):
        raise MixtureError(f"The slack must be a number of at least 0, not {slack}.")
    if not np.isfinite(solution.balance) or solution.basis is None:
        raise MixtureError("A near-optimal range needs a mixture at a finite balance.")
    exact = problem.centred
    form = exact.ridged(FLAT) if problem.convexity.singular else exact
    c = form.linear(solution.balance)
    point, _, _ = optimum(form, c, solution.basis)
    n, allowed = problem.n, reach(problem)
    ends = allowed - problem.anchor[:, None]
    ranges = np.empty((n, 2))
    for i in range(n):
        for side in (0, 1):
            toward = np.zeros(form.items)
            toward[i] = 1.0 if side else -1.0
            walk = Homotopy(form, c, point, toward)
            ranges[i, side] = _extreme(exact, walk, i, float(ends[i, side]), slack / form.unit)
    ranges = np.clip(ranges + problem.anchor[:, None], allowed[:, :1], allowed[:, 1:])
    ranges[:, 0] = np.minimum(ranges[:, 0], solution.p)
    ranges[:, 1] = np.maximum(ranges[:, 1], solution.p)
    return read_only(ranges)


def _extreme(exact: Centred, walk: Homotopy, i: int, end: float, slack: float) -> float:
    """z_i where the optimum on its ``walk`` has lost ``slack``, or where it reaches its ``end``."""
    form, c = walk.form, walk.origin
    z = walk.x[: form.n]
    origin = z
    for _ in range(20 * form.items + 200):
        moved = walk.advance(np.inf)
        further = walk.x[: form.n]
        if _excess(exact, c, origin, further) > slack:
            step = further - z
            return float(z[i] + step[i] * _share(exact, c, origin, z, step, slack))
        z = further
        if not moved or abs(end - z[i]) <= AT_END:
            break
    return float(z[i])


def _excess(form: Centred, c: Array, origin: Array, z: Array) -> float:
    """E(z) - E(origin) over lambda and the unit."""
    rows = np.zeros(form.items - form.n)
    moved = z - origin
    curve = form.product(np.concatenate([moved, rows]))[: form.n]
    tilt = form.product(np.concatenate([origin, rows]))[: form.n] + c[: form.n]
    return float(moved @ (curve / 2 + tilt))


def _share(form: Centred, c: Array, origin: Array, z: Array, step: Array, slack: float) -> float:
    """The share of ``step`` from z at which the excess is ``slack``: a root of a quadratic."""
    at_z = _excess(form, c, origin, z)
    rows = np.zeros(form.items - form.n)
    curve = float(step @ form.product(np.concatenate([step, rows]))[: form.n]) / 2
    tilt = max(_excess(form, c, origin, z + step) - at_z - curve, 0.0)  # origin is the least
    left = max(slack - at_z, 0.0)
    root = tilt + np.sqrt(max(tilt * tilt + 4 * curve * left, 0.0))
    return float(np.clip(2 * left / root, 0.0, 1.0)) if root > 0 else 0.0
