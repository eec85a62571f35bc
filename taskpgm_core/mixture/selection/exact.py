"""The best mixture on few tasks: its value, what one task more would bring, the best k tasks."""

from dataclasses import dataclass
from itertools import combinations, islice
from math import comb

import numpy as np

from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture.problem import Problem
from taskpgm_core.records import Array

TIE = 1e-12
"""Values and reduced costs nearer than this, in units of max|S - mean S|, count as equal."""
SHY = 1e-7
"""Curvature below this is too near to rounding to be exchanged."""
CLOSE = 1e-9
"""How near to the best, in the same units, the exact search comes."""


@dataclass(frozen=True, eq=False)
class Restricted:
    """Maximise q'p - p'Kp/2 over mixtures p of a subset of the tasks, in units of S's spread.

    K (n, n) is positive definite (a singular problem is lent its ridge); on the simplex the
    objective differs from tau u'p - p'Hp/2 only by a factor and a constant.
    """

    K: Array
    q: Array

    @property
    def n(self) -> int:
        return len(self.q)

    def value(self, p: Array) -> float:
        return float(self.q @ p - p @ (self.K @ p) / 2)

    def prices(self, p: Array) -> Array:
        """(n,) g - nu: what a little of each task would bring, 0 on the support."""
        g = self.q - self.K @ p
        return g - float(g @ p)

    def single(self, task: int) -> Array:
        p = np.zeros(self.n)
        p[task] = 1.0
        return p

    def best(self, allowed: np.ndarray, start: Array) -> Array:
        """(n,) the best mixture of the ``allowed`` (n,) tasks, from a ``start`` among them.

        Primal active set: every pass moves to the optimum of the tasks in use, letting go of
        those that reach 0 on the way, then takes in the task that is worth most.
        """
        p, used = start, start > 0
        for _ in range(20 * self.n):
            while True:
                free = np.flatnonzero(used)
                target = self._stationary(free)
                low = target < 0
                if not low.any():
                    break
                now = p[free]
                steps = now[low] / (now[low] - target[low])
                now = now + float(steps.min()) * (target - now)
                now[np.flatnonzero(low)[steps <= steps.min()]] = 0.0
                p = np.zeros(self.n)
                p[free] = np.maximum(now, 0.0)
                used = used & (p > 0)
            p = np.zeros(self.n)
            p[free] = target
            prices = np.where(allowed & ~used, self.prices(p), -np.inf)
            enters = int(prices.argmax())
            if prices[enters] <= TIE * (1.0 + float(np.abs(self.q).max())):
                return p
            used = used.copy()
            used[enters] = True
        raise MixtureError("The best mixture of a subset was not found; please report the matrix.")

    def _stationary(self, free: np.ndarray) -> Array:
        both = np.linalg.solve(
            self.K[np.ix_(free, free)], np.column_stack([self.q[free], np.ones(len(free))])
        )
        mixed = both[:, 0] - (both[:, 0].sum() - 1.0) / both[:, 1].sum() * both[:, 1]
        p: Array = mixed / mixed.sum()
        return p

    def with_one_more(self, chosen: np.ndarray, p: Array) -> Array:
        """(n,) the best value of ``chosen`` (n,) with each further task; -inf for the chosen.

        p is the best mixture of ``chosen``. One bordered solve serves all tasks that leave the
        support's weights positive and the chosen tasks without weight unwanted. The others get a
        search of their own, but for those that an upper bound rules out, whose value is then
        that bound, below the greatest.
        """
        prices, now = self.prices(p), self.value(p)
        out = np.where(chosen, -np.inf, now)
        free, idle = np.flatnonzero(p > 0), np.flatnonzero(chosen & (p <= 0))
        gaining = np.flatnonzero(~chosen & (prices > TIE))
        if not len(gaining):
            return out
        coupling = self.K[np.ix_(free, gaining)]
        solved = np.linalg.solve(
            self.K[np.ix_(free, free)], np.column_stack([np.ones(len(free)), coupling])
        )
        ones, pull = solved[:, :1], solved[:, 1:]
        short = (pull.sum(axis=0) - 1.0) / ones.sum()
        direction = ones * short - pull
        curvature = self.K[gaining, gaining] - (coupling * pull).sum(axis=0)
        curvature += short * (pull.sum(axis=0) - 1.0)
        step = prices[gaining] / curvature
        unwanted = np.ones(len(gaining), dtype=bool)
        if len(idle):
            slope = self.K[np.ix_(idle, free)] @ direction + self.K[np.ix_(idle, gaining)]
            level = self.K[free[0], free] @ direction + self.K[free[0], gaining]
            unwanted = (prices[idle][:, None] - step * (slope - level) <= 0).all(axis=0)
        kept = unwanted & (p[free][:, None] + step * direction >= 0).all(axis=0)
        # without the signs of the support's weights more might be reached, never less
        bound = now + np.where(unwanted, step * prices[gaining] / 2, prices[gaining])
        out[gaining] = bound
        top = float(bound[kept].max(initial=-np.inf))
        for place in np.argsort(-bound, kind="stable"):
            if bound[place] < top - TIE:
                break
            if not kept[place]:
                allowed = chosen.copy()
                allowed[gaining[place]] = True
                out[gaining[place]] = self.value(self.best(allowed, p))
                top = max(top, float(out[gaining[place]]))
        return out


def restricted(problem: Problem, balance: float) -> tuple[Restricted, float]:
    """(form, factor): differences of F(p) = tau u'p - p'Hp/2 (pull included) are factor times
    those of the form's value, exactly so for a problem that is not singular.

    Raises MixtureError where the problem has floors, caps or groups: on a few tasks they would
    mostly clash.
    """
    if problem.lo.any() or problem.hi.min() < 1.0 or problem.groups:
        raise MixtureError(
            "Selecting tasks works without floors, caps, pins and groups; leave them out."
        )
    form, n, w = problem.centred, problem.n, problem.anchor
    K = form.Q[:n, :n]
    return Restricted(K, K @ w - form.linear(balance)[:n]), form.unit


def value(problem: Problem, balance: float, p: Array) -> float:
    """F(p) = tau u'p - p'Hp/2, less rho/2 ||p - p0||^2 where there is a pull; units of S."""
    Hp = problem.similarity.matrix @ p + problem.convexity.shift * p
    total = balance / problem.n * float(problem.solved_unary @ p) - float(p @ Hp) / 2
    if problem.pull:
        total -= problem.pull.rho / 2 * float(((p - problem.pull.mixture) ** 2).sum())
    return total


def least_curvature(form: Restricted, kept: np.ndarray, more: int, limit: int) -> float | None:
    """Least eigenvalue of K on {1'z = 0} over the tasks ``kept`` and any ``more`` others.

    None where the number of such sets times their size cubed exceeds ``limit``.
    """
    more = min(more, form.n - len(kept))
    size, least = len(kept) + more, np.inf
    if comb(form.n - len(kept), more) * size**3 > limit:
        return None
    others = np.setdiff1d(np.arange(form.n), kept)
    if size < 2:
        return least
    plane = _plane(size)
    every = combinations(others.tolist(), more)
    while block := list(islice(every, 512)):
        index = np.empty((len(block), size), dtype=int)
        index[:, : len(kept)] = kept
        index[:, len(kept) :] = np.array(block, dtype=int).reshape(len(block), more)
        squares = plane.T @ form.K[index[:, :, None], index[:, None, :]] @ plane
        least = min(least, float(np.linalg.eigvalsh(squares)[:, 0].min()))
    return max(least, 0.0)


def _plane(size: int) -> Array:
    """(size, size - 1) an orthonormal basis of {1'z = 0} (Helmert's)."""
    basis = np.zeros((size, size - 1))
    for k in range(1, size):
        basis[:k, k - 1] = 1.0
        basis[k, k - 1] = -float(k)
        basis[:, k - 1] /= np.sqrt(k * (k + 1.0))
    return basis


def rise(prices: Array, k: int, least: float) -> float:
    """The most that k tasks more can add: max over t >= 0, 1't <= 1 of prices't - least |t|^2/2.

    ``prices`` (n,) as of ``Restricted.prices`` at the best mixture of some set; ``least`` at most
    the curvature over that set and any k tasks.
    """
    delta = -np.sort(-np.maximum(prices, 0.0))[:k]
    delta = delta[delta > 0]
    if not len(delta):
        return 0.0
    if least * 1e6 <= delta[0]:
        return float(delta[0])
    level = 0.0
    if delta.sum() > least:  # the sum of t binds: t = (delta - level)_+ / least, 1't = 1
        levels = (np.cumsum(delta) - least) / np.arange(1, len(delta) + 1)
        level = float(levels[np.flatnonzero(delta > levels)[-1]])
    t = np.maximum(delta - level, 0.0) / least
    return float(delta @ t - least * (t @ t) / 2)


def best_subset(form: Restricted, k: int, known: Array, limit: int) -> Array | None:
    """(n,) the best mixture of any k tasks, by branch and bound from the best ``known``.

    A node has ``taken`` some tasks for good and allows others. For mixtures of at most ``room``
    of these, sum d_i p_i^2 >= (sum sqrt(d_i) p_i)^2 / room (Cauchy-Schwarz), so that curvature d
    that the others have of their own may be exchanged for the heavier right side: the best mixture
    of all allowed tasks is then an upper bound. None where ``limit`` nodes were not enough.
    Source: the perspective relaxation, Frangioni and Gentile (2006).
    """
    best = _swapped(form, known)
    best_value = form.value(best)
    root = np.sqrt(_own_curvature(form.K))
    everything = np.ones(form.n, dtype=bool)
    stack = [(everything, ~everything, known)]
    nodes = 0
    while stack:
        allowed, taken, p = stack.pop()
        nodes += 1
        if nodes > limit:
            return None
        room = k - np.count_nonzero(taken)
        if room == 0 or np.count_nonzero(allowed) <= k:
            p = form.best(taken if room == 0 else allowed, p)
            if form.value(p) > best_value:
                best, best_value = p, form.value(p)
            continue
        own = np.where(allowed & ~taken, root, 0.0)
        K = form.K - np.diag(own**2 - CLOSE / 2) + np.outer(own, own) / room
        bound = Restricted(K, form.q)
        p = bound.best(allowed, p)
        if bound.value(p) <= best_value + CLOSE / 2:
            continue
        # the heaviest undecided task: first with it, then (looked at later) without
        branch = int(np.where(allowed & ~taken, p, -1.0).argmax())
        chosen = np.arange(form.n) == branch
        stack.append((allowed & ~chosen, taken, _without(p, allowed & ~chosen)))
        held = taken | chosen
        stack.append((allowed, held, _without(p, held) if room == 1 else p))
    return best


def _without(p: Array, allowed: np.ndarray) -> Array:
    """(n,) p kept to the ``allowed`` tasks, as a mixture."""
    rest = np.where(allowed, p, 0.0)
    if not rest.any():
        rest[allowed.argmax()] = 1.0
    kept: Array = rest / rest.sum()
    return kept


def _own_curvature(K: Array) -> Array:
    """(n,) d >= 0 with K - diag(d) positive definite on {1'z = 0}, about as great as may be."""
    n = len(K)
    rest = K + 100.0 * float(np.trace(K)) / n
    d = np.zeros(n)
    for _ in range(4):
        for i in range(n):
            more = max(0.0, 0.5 / float(np.linalg.inv(rest)[i, i]) - SHY)
            rest[i, i] -= more
            d[i] += more
    return np.where(d > 10 * SHY, 0.99 * d, 0.0)


def _swapped(form: Restricted, p: Array) -> Array:
    """(n,) the best mixture after exchanging one task for another as long as that gains."""
    while True:
        used = np.flatnonzero(p > 0)
        gained, now = p, form.value(p) + TIE
        for out in used:
            chosen = p > 0
            chosen[out] = False
            if not chosen.any():
                continue
            rest = form.best(chosen, _without(p, chosen))
            more = form.with_one_more(chosen, rest)
            enters = int(more.argmax())
            if more[enters] > now:
                gained, now = form.best(chosen | (np.arange(form.n) == enters), rest), more[enters]
        if gained is p:
            return p
        p = gained
