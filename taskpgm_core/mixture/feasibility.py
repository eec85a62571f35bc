"""The mixtures that the constraints allow: whether any exist, and the best for a linear aim.

Only groups need linear programs; ``linprog`` takes as long to import as all else of this room.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from taskpgm_core.mixture.problem import Problem
from taskpgm_core.records import Array

FEASIBLE = 1e-9


def knapsack(gain: Array, lo: Array, hi: Array) -> Array:
    """(..., n) the v that maximises gain'v over lo <= v <= hi, 1'v = 1 (bounds are feasible)."""
    order = np.argsort(-gain, axis=-1, kind="stable")
    room = (hi - lo)[order]
    left = max(0.0, 1.0 - float(lo.sum()))
    before = np.cumsum(room, axis=-1) - room
    v = np.empty_like(gain)
    np.put_along_axis(v, order, np.clip(left - before, 0.0, room), axis=-1)
    return v + lo


def duality_gap(problem: Problem, g: Array, p: Array, prices: Array) -> Array:
    """(...) an upper bound on max{g'v : v feasible} - g'p, exact where ``prices`` are optimal.

    g (..., n) minus the energy's gradient at p (..., n), ``prices`` (..., groups) multipliers of
    the groups; by weak duality, so it holds for any prices. Infinite where p is not ``kept``.
    """
    priced = g - prices @ problem.incidence if problem.groups else g
    if problem.hi.min() >= 1.0:
        # all that the floors leave goes to the best task
        gap = ((priced.max(axis=-1, keepdims=True) - priced) * (p - problem.lo)).sum(axis=-1)
    else:
        priced = priced - priced.mean(axis=-1, keepdims=True)
        gap = (priced * (knapsack(priced, problem.lo, problem.hi) - p)).sum(axis=-1)
    if problem.groups:
        inside = p @ problem.incidence.T
        lo, hi = _group_bounds(problem)
        gap = gap + np.where(prices > 0, prices * (hi - inside), prices * (lo - inside)).sum(
            axis=-1
        )
    return np.where(kept(problem, p), np.maximum(gap, 0.0), np.inf)


def kept(problem: Problem, p: Array) -> np.ndarray:
    """(...) whether p (..., n) sums to 1 and keeps the groups' bounds, within ``FEASIBLE``."""
    whole: np.ndarray = np.abs(p.sum(axis=-1) - 1.0) <= FEASIBLE
    if not problem.groups:
        return whole
    inside = p @ problem.incidence.T
    lo, hi = _group_bounds(problem)
    return whole & ((inside >= lo - FEASIBLE) & (inside <= hi + FEASIBLE)).all(axis=-1)


def _group_bounds(problem: Problem) -> tuple[Array, Array]:
    """(lo, hi), both (groups,)."""
    return (
        np.array([group.lo for group in problem.groups]),
        np.array([group.hi for group in problem.groups]),
    )


@dataclass(frozen=True, eq=False)
class Face:
    """The mixtures at which u'p is greatest: tighter bounds, and the groups' prices there."""

    lo: Array
    hi: Array
    group_lo: Array
    group_hi: Array
    prices: Array


def best_face(problem: Problem) -> Face:
    """The face of the constraints on which the unary term (shift included) is greatest.

    A task with a reduced cost is held at its bound and a group with a price at its side; what is
    left free are the ties.
    """
    u = problem.solved_unary - problem.solved_unary.mean()
    scale = (
        float(np.abs(u).max())
        if problem.utility is not None
        else problem.n * problem.convexity.scale
    )
    lo, hi = problem.lo, problem.hi
    group_lo, group_hi = _group_bounds(problem)
    prices = np.zeros(len(problem.groups))
    if not problem.centred.slope.any():
        return Face(lo, hi, group_lo, group_hi, prices)
    if problem.groups:
        tie = 1e-9 * scale
        answer = _greatest(problem, u / scale)
        capped, floored = np.split(-scale * answer.ineqlin.marginals, 2)
        prices = capped - floored
        group_lo = np.where(prices > tie, group_hi, group_lo)
        group_hi = np.where(prices < -tie, group_lo, group_hi)
        price = -scale * float(answer.eqlin.marginals[0])
    else:
        tie = 1e-12 * scale
        filled = knapsack(u, lo, hi) > lo
        price = float(u[filled].min()) if filled.any() else float(u.max())
    reduced = u - problem.incidence.T @ prices - price
    held = np.where(reduced > tie, hi, lo)
    return Face(held, np.where(reduced < -tie, lo, hi), group_lo, group_hi, prices)


def reach(problem: Problem) -> Array:
    """(n, 2) the least and the greatest p_i that the bounds and groups allow."""
    if not problem.groups:
        return np.column_stack([problem.lo, problem.hi])
    each = np.eye(problem.n)
    ends = [[one @ _greatest(problem, gain).x for gain in (-one, one)] for one in each]
    return np.array(ends)


def _greatest(problem: Problem, gain: Array) -> Any:
    """linprog's answer to the greatest gain'p."""
    from scipy.optimize import linprog

    group_lo, group_hi = _group_bounds(problem)
    return linprog(
        -gain,
        A_ub=np.vstack([problem.incidence, -problem.incidence]),
        b_ub=np.concatenate([group_hi, -group_lo]),
        A_eq=np.ones((1, problem.n)),
        b_eq=[1.0],
        bounds=np.column_stack([problem.lo, problem.hi]),
        method="highs-ds",
        options={"dual_feasibility_tolerance": 1e-10, "primal_feasibility_tolerance": 1e-10},
    )


def clash(problem: Problem) -> str:
    """The constraints that cannot hold together, in a sentence; '' where a mixture exists."""
    lo, hi, tasks = problem.lo, problem.hi, problem.tasks
    crossed = np.flatnonzero(lo > hi)
    if len(crossed):
        i = int(crossed[0])
        return (
            f"The floor {lo[i]:.6g} of task '{tasks[i]}' is above its cap {hi[i]:.6g}; "
            "lower one or raise the other."
        )
    if lo.sum() > 1.0 + FEASIBLE:
        return (
            f"The floors sum to {lo.sum():.6g}{_alike(lo[lo > 0], 'most')}, more than the whole "
            "mixture "
            f"({_listed('floor', tasks, lo > 0)}); lower them."
        )
    if hi.sum() < 1.0 - FEASIBLE:
        return (
            f"The caps sum to {hi.sum():.6g}{_alike(hi, 'least')}, less than the whole mixture "
            f"({_listed('cap', tasks, hi < 1)}); raise them."
        )
    if not problem.groups:
        return ""
    return _group_clash(problem)


def _alike(ends: Array, most: str) -> str:
    """The sum of several equal ends in percent, and what each may be; empty where they differ."""
    if len(ends) < 2 or np.ptp(ends) > FEASIBLE:
        return ""
    down, slack = (np.floor, 1e-9) if most == "most" else (np.ceil, -1e-9)
    each = 100 / len(ends)
    finest = 10.0 if each >= 1 else 10.0 ** (2 - np.floor(np.log10(each)))
    each = down(each * finest + slack) / finest
    one, all_of_them = 100 * ends[0], 100 * ends.sum()
    return f" ({len(ends)} x {one:.4g}% is {all_of_them:.4g}%; at {most} {each:.3g}% each)"


def _listed(what: str, tasks: tuple[str, ...], which: np.ndarray) -> str:
    names = [f"{what} of '{task}'" for task, taken in zip(tasks, which, strict=True) if taken]
    shown = ", ".join(names[:6])
    return shown if len(names) <= 6 else f"{shown} and {len(names) - 6} more"


def _group_clash(problem: Problem) -> str:
    """By the least total violation of the group bounds; its prices name who takes part."""
    groups, n = problem.groups, problem.n
    crossed = [group for group in groups if group.lo > group.hi]
    if crossed:
        return (
            f"The floor {crossed[0].lo:.6g} of group '{crossed[0].name}' is above its cap "
            f"{crossed[0].hi:.6g}; lower one or raise the other."
        )
    from scipy.optimize import linprog

    count = len(groups)
    A = np.vstack([problem.incidence, -problem.incidence])
    answer = linprog(
        np.concatenate([np.zeros(n), np.ones(2 * count)]),
        A_ub=np.hstack([A, -np.eye(2 * count)]),
        b_ub=np.concatenate([[g.hi for g in groups], [-g.lo for g in groups]]),
        A_eq=np.concatenate([np.ones(n), np.zeros(2 * count)])[None, :],
        b_eq=[1.0],
        bounds=[*zip(problem.lo, problem.hi, strict=True), *[(0, None)] * (2 * count)],
        method="highs-ds",
    )
    if answer.fun <= FEASIBLE:
        return ""
    marginals = answer.ineqlin.marginals
    parts = [
        f"cap of group '{g.name}'"
        for g, m in zip(groups, marginals[:count], strict=True)
        if m < -FEASIBLE
    ]
    parts += [
        f"floor of group '{g.name}'"
        for g, m in zip(groups, marginals[count:], strict=True)
        if m < -FEASIBLE
    ]
    if abs(answer.eqlin.marginals[0]) > FEASIBLE:
        parts.append("the sum of 1")
    for what, prices in (
        ("floor", answer.lower.marginals[:n]),
        ("cap", answer.upper.marginals[:n]),
    ):
        which = np.abs(prices) > FEASIBLE
        bound = problem.lo > 0 if what == "floor" else problem.hi < 1
        if (which & bound).any():
            parts.append(_listed(what, problem.tasks, which & bound))
    return (
        f"These cannot hold together, they miss by {answer.fun:.6g} of the mixture: "
        f"{', '.join(parts)}; relax one of them."
    )
