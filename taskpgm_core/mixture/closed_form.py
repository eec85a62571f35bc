"""The bordered closed form of the mixture, and where along the balance it is the optimum."""

from dataclasses import dataclass

import numpy as np

from taskpgm_core.mixture.problem import Problem
from taskpgm_core.mixture.qp.block_pivoting import Block, first_basis
from taskpgm_core.records import Array, read_only


@dataclass(frozen=True, eq=False)
class ClosedForm:
    """p(r) = start + r slope, the stationary point on {p : 1'p = 1} with no bound active.

    ``start`` (n,) is w0, what diversity alone asks for (pulled, where there is a pull);
    start + slope is the anchor w for an anchored unary term without a pull. ``interval``: the
    balances [a, b] at which p(r) keeps every constraint, None where there are none.
    ``exact``: H is positive definite on {z : 1'z = 0}, so that p(r) is the optimum exactly on
    ``interval``.
    """

    tasks: tuple[str, ...]
    start: Array
    slope: Array
    interval: tuple[float, float] | None
    exact: bool

    def at(self, balance: float) -> Array:
        """(n,) p(r); it may leave the simplex."""
        return read_only(self.start + balance * self.slope)


def closed_form(problem: Problem) -> ClosedForm:
    """The closed form of ``problem``: two solves of the bordered system [H 1; 1' 0].

    Shapes as in ``ClosedForm``. Source: method: arXiv 2507.12612, here bordered and centred on the
    anchor, so that no shifted matrix is ever inverted.
    """
    form, n = problem.centred, problem.n
    basic = first_basis(form).basic
    basic[:n], basic[n], basic[n + 1 :] = True, True, False
    block = Block(form, basic)

    def refined(right: Array) -> Array:
        x = block.solve(right)
        for _ in range(3):
            x = x + block.solve(np.where(basic, right - form.product(x), 0.0))
        return x[:n]

    slope = refined(form.slope)
    start = problem.anchor - refined(form.start)
    first, last = 0.0, np.inf
    lows = np.concatenate([problem.lo, [group.lo for group in problem.groups]])
    highs = np.concatenate([problem.hi, [group.hi for group in problem.groups]])
    at0 = np.concatenate([start, problem.incidence @ start])
    rate = np.concatenate([slope, problem.incidence @ slope])
    still = np.abs(rate) <= 1e-13
    kept = (at0[still] >= lows[still] - 1e-12) & (at0[still] <= highs[still] + 1e-12)
    moving = ~still
    ends = np.stack([(lows - at0)[moving] / rate[moving], (highs - at0)[moving] / rate[moving]])
    if moving.any():
        first = max(first, float(ends.min(axis=0).max()))
        last = min(last, float(ends.max(axis=0).min()))
    interval = (first, last) if kept.all() and first <= last else None
    return ClosedForm(
        problem.tasks,
        read_only(start),
        read_only(slope),
        interval,
        not problem.convexity.singular,
    )
