"""How large a probe pool has to be, and what choosing its examples saves, on a measured study.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.pools [--study bigbench]

No model runs: the study's own probe examples are taken as all there are, and smaller and larger
pools are drawn from them. Distances are L1 between mixtures (0 to 2).
"""

import argparse

import numpy as np
import numpy.typing as npt

from benchmarks.mixture import table
from taskpgm_core import store
from taskpgm_core.mixture import Problem, Solution, pose, solve
from taskpgm_core.mixture.probe_allocation import influences, spend
from taskpgm_core.mixture.sensitivity import sensitivity
from taskpgm_core.mixture.uncertainty import divergence_replicates, uncertainty
from taskpgm_core.records import Array, Similarity
from taskpgm_core.store import PairDivergences

Pool = npt.NDArray[np.int64]
"""Indices of the study's examples, repeated where an example was drawn more than once."""

FIRST = 4  # examples a task before any choice
MOST = 60  # examples a task, on average, at which a search for a width gives up
DRAWS = 100  # bootstrap replicates behind one width


class World:
    """A study's examples as the population that pools are drawn from, at one balance."""

    def __init__(self, pairs: PairDivergences, balance: float) -> None:
        self.task, self.balance, self.n = pairs.task, balance, len(pairs.tasks)
        self.tasks, self.divergence = pairs.tasks, pairs.divergence.astype(np.float64)
        self.own = [np.flatnonzero(self.task == t) for t in range(self.n)]
        self.truth = self.mixture(np.arange(len(self.task)))[1]

    def mixture(self, pool: Pool) -> tuple[Problem, Solution]:
        """Tasks equal, examples equal within a task, however many each has."""
        per_task = np.bincount(self.task[pool], minlength=self.n)
        weights = 1.0 / (self.n * per_task[self.task[pool]])
        D = np.zeros((self.n, self.n))
        D[np.triu_indices(self.n, 1)] = self.divergence[:, pool] @ weights
        problem = pose(Similarity(self.tasks, -(D + D.T), "jsd"))
        return problem, solve(problem, self.balance, warm=getattr(self, "truth", None))

    def error(self, pool: Pool) -> float:
        return float(np.abs(self.mixture(pool)[1].p - self.truth.p).sum())

    def drawn(self, rng: np.random.Generator, counts: npt.ArrayLike, *, again: bool = True) -> Pool:
        """``counts`` (n,) examples of each task, with (``again``) or without replacement."""
        sizes = np.broadcast_to(counts, self.n)
        chosen = [rng.choice(o, m, replace=again) for o, m in zip(self.own, sizes, strict=True)]
        return np.concatenate(chosen)

    def chosen(self, pool: Pool, further: int) -> Array:
        """(n,) where the mixture as measured so far asks for ``further`` examples."""
        problem, found = self.mixture(pool)
        moves = influences(sensitivity(problem, found), self.divergence[:, pool])
        return spend(moves, self.task[pool], further).counts

    def half_width(self, pool: Pool, seed: int) -> float:
        """The bootstrap's 90% L1 half-width of the mixture of a pool."""
        order = np.argsort(self.task[pool], kind="stable")
        pool = pool[order]
        draws = divergence_replicates(self.divergence[:, pool], self.task[pool], DRAWS, seed)
        return uncertainty(self.mixture(pool)[0], self.balance, draws).half_width_l1


def spread(errors: list[float]) -> str:
    low, high = np.quantile(errors, [0.05, 0.95])
    return f"{np.mean(errors):.3f} ({low:.3f} to {high:.3f})"


def shrunk(pairs: PairDivergences, balances: list[float], repeats: int) -> list[list[str]]:
    """Of each share of the pool: L1 from the whole pool's mixture, and of pools drawn anew."""
    rows = []
    for balance in balances:
        world, rng = World(pairs, balance), np.random.default_rng(0)
        whole = min(len(own) for own in world.own)
        for share in (1, 2, 4, 8, 16):
            m = whole // share
            part = [world.error(world.drawn(rng, m, again=False)) for _ in range(repeats)]
            anew = [world.error(world.drawn(rng, m)) for _ in range(repeats)]
            name = "whole" if share == 1 else f"1/{share}"
            rows.append([f"{balance:g}, {name}", str(m), spread(part), spread(anew)])
    return rows


def grown(world: World, rng: np.random.Generator, most: int, *, even: bool) -> list[float]:
    """The error of one pool as it grows by n examples a step, from FIRST a task to ``most``."""
    pool = world.drawn(rng, FIRST)
    errors = [world.error(pool)]
    for _ in range(FIRST, most):
        counts = np.ones(world.n, int) if even else world.chosen(pool, world.n)
        pool = np.concatenate([pool, world.drawn(rng, counts)])
        errors.append(world.error(pool))
    return errors


def saved(world: World, repeats: int, most: int) -> list[list[str]]:
    """Even against chosen pools by the 90% quantile of their true error."""
    curves = {}
    for even in (True, False):
        rng = np.random.default_rng(1)
        runs = np.array([grown(world, rng, most, even=even) for _ in range(repeats)])
        curves[even] = np.quantile(runs, 0.9, axis=0)
    sizes = np.arange(FIRST, most + 1)
    smooth = np.minimum.accumulate(curves[True])
    rows = []
    for m in (8, 12, 16):
        width = curves[False][m - FIRST]
        reached = smooth[-1] <= width
        same = float(np.interp(-width, -smooth, sizes)) if reached else np.nan
        rows.append(
            [
                f"{world.balance:g}, {m} a task",
                f"{curves[True][m - FIRST]:.3f}",
                f"{width:.3f}",
                f"{same:.1f}" if reached else f"over {most}",
                f"{1 - m / same:.0%}" if reached else "-",
            ]
        )
    return rows


def stopped(world: World, repeats: int, target: float) -> list[str]:
    """Examples a task until the bootstrap's half-width is under the target, and what it was."""
    cells = [f"{world.balance:g}, {target:g}"]
    means = []
    for even in (True, False):
        sizes, errors = [], []
        for seed in range(repeats):
            rng = np.random.default_rng(seed)
            pool = world.drawn(rng, FIRST)
            while world.half_width(pool, seed) > target and len(pool) < MOST * world.n:
                counts = np.ones(world.n, int) if even else world.chosen(pool, world.n)
                pool = np.concatenate([pool, world.drawn(rng, counts)])
            sizes.append(len(pool) / world.n)
            errors.append(world.error(pool))
        means.append(np.mean(sizes))
        unfinished = sum(size >= MOST for size in sizes)
        late = f" ({unfinished} gave up)" if unfinished else ""
        cells.append(f"{np.mean(sizes):.1f}{late}")
        cells.append(f"{np.quantile(errors, 0.9):.3f}")
    return [*cells, f"{1 - means[1] / means[0]:.0%}"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--study", default="bigbench")
    parser.add_argument("--balances", type=float, nargs="+", default=[0.0, 0.5, 0.8])
    parser.add_argument("--targets", type=float, nargs="+", default=[0.08])
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--most", type=int, default=MOST, help="examples a task that pools grow to")
    parser.add_argument("--stops", type=int, default=20, help="0 leaves the stopping rule out")
    chosen = parser.parse_args()
    pairs = store.pair_divergences(store.open_study(chosen.study))
    header = ["balance, share", "examples a task", "subsets of the pool", "pools drawn anew"]
    print(table(header, shrunk(pairs, chosen.balances, chosen.repeats)), "\n")
    header = ["balance, chosen", "even, 90% error", "chosen", "even pool of that error", "saved"]
    worlds = [World(pairs, balance) for balance in chosen.balances]
    rows = [row for world in worlds for row in saved(world, chosen.repeats, chosen.most)]
    print(table(header, rows), "\n")
    if not chosen.stops:
        return
    header = ["balance, target", "even", "its 90% error", "chosen", "its 90% error", "saved"]
    rows = [stopped(world, chosen.stops, t) for world in worlds for t in chosen.targets]
    print(table(header, rows))


if __name__ == "__main__":
    main()
