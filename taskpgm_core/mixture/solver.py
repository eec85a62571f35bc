"""The exact optimum of a mixture problem, with its certificate."""

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture.convexity import ZERO_CURVATURE
from taskpgm_core.mixture.feasibility import FEASIBLE, Face, best_face, clash, duality_gap, kept
from taskpgm_core.mixture.problem import Problem
from taskpgm_core.mixture.qp.block_pivoting import Point, inside, refine
from taskpgm_core.mixture.qp.form import Centred
from taskpgm_core.mixture.qp.parametric import optimum
from taskpgm_core.mixture.solution import Basis, Solution, effective_tasks
from taskpgm_core.records import Array, read_only

ACTIVE = 1e-9
SNAP = 1e-12


def solve(
    problem: Problem, balance: float = 1.0, *, warm: Solution | None = None, lam: float = 1.0
) -> Solution:
    """The mixture p that minimises (1/2) p'Hp - tau u'p at balance r = n tau = n beta/lambda.

    ``balance`` r >= 0, or infinite for lambda = 0 (the most representative mixture, ties split by
    the rest of the energy); ``lam`` only sets the scale of the energies, beta = r lam / n.
    ``warm``: a neighbouring solution whose set of free tasks is tried first. Among several
    minimisers the one nearest to the anchor is returned. Raises MixtureError for a balance or
    lam that makes no sense; constraints that clash give a Solution of status ``infeasible``.

    Source: method: arXiv 2507.12612; block pivoting of Judice and Pires (1994), completed by a
    parametric active-set method where it stalls.
    """
    if math.isnan(balance) or balance < 0:
        raise MixtureError(f"The balance must be a number of at least 0, not {balance}.")
    if math.isinf(balance):
        lam = 0.0
    elif not (math.isfinite(lam) and lam > 0):
        raise MixtureError(
            f"lambda must be positive for a finite balance, not {lam}; ask for an infinite balance."
        )
    trouble = clash(problem)
    if trouble:
        return _infeasible(problem, balance, lam, trouble)
    if math.isinf(balance):
        found = limit(problem, balance)
    else:
        found = minimise(problem, balance, warm.basis if warm else None)
    return _assemble(problem, balance, lam, found)


@dataclass(frozen=True, eq=False)
class Minimiser:
    """A minimiser p with the groups' ``prices`` (units of S), as ``minimise`` finds it."""

    p: Array
    prices: Array
    basis: Basis
    unique: bool
    iterations: int


def minimise(problem: Problem, balance: float, start: Basis | None = None) -> Minimiser:
    """The minimiser nearest to the anchor at a finite balance, for constraints that can hold.

    Where the unary term is so large that rounding swamps the constraints, it is that of lambda = 0.
    """
    form = problem.centred
    c = form.linear(balance)
    if start is not None and len(start.basic) != form.items:
        start = None
    point, block, iterations = optimum(form, c, start)
    point = refine(form, c, point, block)
    unique = True
    if problem.convexity.singular:
        point, unique = _nearest(form, c, point)
    p = weights_of(problem, point.basis, point.x[: form.n])
    if balance and not kept(problem, p):
        return limit(problem, balance)
    prices = point.x[form.n + 1 :] * form.unit
    return Minimiser(p, prices, point.basis, unique, iterations)


def limit(problem: Problem, balance: float) -> Minimiser:
    """The minimiser for lambda = 0, with the prices that it has at ``balance``."""
    face = best_face(problem)
    found = minimise(_on_face(problem, face), 0.0)
    prices = face.prices
    if math.isfinite(balance):
        prices = balance / problem.n * prices + found.prices
    return dataclasses.replace(found, prices=prices)


def _nearest(form: Centred, c: Array, point: Point) -> tuple[Point, bool]:
    """(the minimiser nearest to the anchor, whether it is the only one), for singular K.

    On the face where the optimum lies the minimisers differ by null vectors of the tangent block;
    the least-norm z of its free weights is the one nearest to the anchor.
    """
    n, basic = form.n, point.basis.basic
    rows = form.n + np.flatnonzero(basic[n:])
    weak = ~basic[:n] & (form.lo < form.hi) & (np.abs(point.v[:n]) <= ACTIVE)
    free = basic[:n]
    flat_free = _flat(form, np.flatnonzero(free), rows)
    x = point.x.copy()
    if flat_free.size:
        z = x[: form.n].copy()
        held = np.flatnonzero(free)
        z[held] -= flat_free @ (flat_free.T @ z[held])
        x[:n] = np.clip(z, form.lo, form.hi)
        v = form.product(x) + c
        # a flat direction may move the simplex row's price
        if inside(form, point.basis, z, v - v[held].mean()):
            point = Point(point.basis, x, v)
        return point, False
    if not weak.any():
        return point, True
    both = np.flatnonzero(free | weak)
    return point, _flat(form, both, rows).size == 0


def _flat(form: Centred, items: np.ndarray, rows: np.ndarray) -> Array:
    """(items, d) orthonormal basis of the directions that change neither energy nor rows."""
    if len(items) == 0:
        return np.zeros((0, 0))
    Q, ridge = form.Q, form.ridge
    plane: Array = scipy.linalg.null_space(Q[np.ix_(rows, items)], rcond=1e-12)
    if plane.shape[1] == 0:
        return plane
    inner = Q[np.ix_(items, items)] - np.diag(ridge[items])
    values, vectors = np.linalg.eigh(plane.T @ inner @ plane)
    flat: Array = plane @ vectors[:, values <= ZERO_CURVATURE]
    return flat


def weights_of(problem: Problem, basis: Basis, z: Array) -> Array:
    """(n,) p = w + z with weights at bounds, or within rounding of them, set to the bound."""
    n, lo, hi = problem.n, problem.lo, problem.hi
    p = problem.anchor + z
    p = np.where(basis.basic[:n], p, np.where(basis.upper[:n], hi, lo))
    p = np.where(np.abs(p - lo) <= SNAP * np.maximum(1.0 / n, lo), lo, p)
    return np.clip(p, lo, hi)


def _on_face(problem: Problem, face: Face) -> Problem:
    groups = tuple(
        dataclasses.replace(group, lo=float(a), hi=float(b))
        for group, a, b in zip(problem.groups, face.group_lo, face.group_hi, strict=True)
    )
    return dataclasses.replace(problem, lo=read_only(face.lo), hi=read_only(face.hi), groups=groups)


def _assemble(problem: Problem, balance: float, lam: float, found: Minimiser) -> Solution:
    p, prices = found.p, found.prices
    shape, S, n, w = problem.convexity, problem.similarity.matrix, problem.n, problem.anchor
    u = problem.unary
    at_limit = math.isinf(balance)
    tau = 1.0 if at_limit else balance / n
    beta = 1.0 if at_limit else balance * lam / n
    Sp = S @ p if shape.scale else np.full(n, float(S.mean()))
    level = float(problem.solved_unary.mean())  # no part of the gap, whose digits it could swamp
    g = tau * (problem.solved_unary - level)
    if not at_limit:
        g = g - shape.shift * p
        if shape.scale:
            g -= Sp
        if problem.pull:
            g += problem.pull.rho * (problem.pull.mixture - p)
    gap = float(duality_gap(problem, g, p, prices))
    if not math.isfinite(gap):
        raise MixtureError(
            f"At balance {balance:g} no mixture keeps the limits to {FEASIBLE:g}: the numbers of "
            "this question are too far apart in size; bring utility and similarity nearer together."
        )
    g += tau * level
    if not (at_limit or shape.scale):
        g -= Sp
    unit = problem.centred.unit
    multipliers = _multipliers(problem, g, p, prices, ACTIVE * unit)
    unary, pairwise = -beta * float(u @ p), lam / 2 * float(p @ Sp)
    bound = any(name != "simplex" for name in multipliers)
    return Solution(
        tasks=problem.tasks,
        p=read_only(p),
        balance=balance,
        beta=beta,
        lam=lam,
        measure=problem.similarity.measure,
        anchor=w,
        anchor_name=problem.anchor_name,
        anchor_distance=float(np.abs(p - w).sum()),
        energy=unary + pairwise,
        unary_energy=unary,
        pairwise_energy=pairwise,
        gap=gap,
        gap_relative=gap / unit,
        status="optimal",
        message="",
        unique=found.unique,
        closed_form_valid=not bound and not at_limit and not shape.singular,
        shift=shape.shift,
        shift_floor=shape.shift_floor,
        curvature=shape.curvature,
        jumpiness=shape.jumpiness,
        support=tuple(task for task, weight in zip(problem.tasks, p, strict=True) if weight > 0),
        effective_tasks=effective_tasks(p),
        multipliers=multipliers,
        iterations=found.iterations,
        basis=found.basis,
    )


def _multipliers(
    problem: Problem, g: Array, p: Array, prices: Array, active: float
) -> dict[str, float]:
    priced = g - problem.incidence.T @ prices
    inner = (p > problem.lo) & (p < problem.hi)
    if inner.any():
        nu = float(np.median(priced[inner]))
    else:
        at_hi = p > problem.lo
        nu = float(priced[at_hi].min()) if at_hi.any() else float(priced.max())
    named = {"simplex": nu}
    rounding = 64 * np.finfo(float).eps * float(np.abs(priced).max())
    for i in np.flatnonzero(np.abs(nu - priced) > active + rounding):
        if not inner[i]:
            what = "floor" if nu > priced[i] else "cap"
            named[f"{what}:{problem.tasks[i]}"] = float(abs(nu - priced[i]))
    for group, price in zip(problem.groups, prices, strict=True):
        if abs(price) > active:
            named[f"group:{group.name}"] = float(price)
    return named


def _infeasible(problem: Problem, balance: float, lam: float, message: str) -> Solution:
    nan, shape = math.nan, problem.convexity
    return Solution(
        tasks=problem.tasks,
        p=read_only(np.full(problem.n, nan)),
        balance=balance,
        beta=1.0 if math.isinf(balance) else balance * lam / problem.n,
        lam=lam,
        measure=problem.similarity.measure,
        anchor=problem.anchor,
        anchor_name=problem.anchor_name,
        anchor_distance=nan,
        energy=nan,
        unary_energy=nan,
        pairwise_energy=nan,
        gap=nan,
        gap_relative=nan,
        status="infeasible",
        message=message,
        unique=False,
        closed_form_valid=False,
        shift=shape.shift,
        shift_floor=shape.shift_floor,
        curvature=shape.curvature,
        jumpiness=shape.jumpiness,
        support=(),
        effective_tasks=nan,
        multipliers={},
        iterations=0,
    )
