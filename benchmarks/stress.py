"""Many small problems of every kind, with random constraints: are all answers certified?

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.stress
        [--solves N] [--paths N] [--first SEED]

Prints, for single solves and for whole paths, how many have a relative duality gap above 1e-9 and
the worst gap. Anything uncertified, and anything that raises, is listed with the seed that makes
it again (``problem(seed)``); the exit status then is 1.
"""

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.matrices import KINDS, names, similarity
from taskpgm_core.mixture import Group, Problem, pose, solve, trace
from taskpgm_core.mixture.convexity import spread

CERTIFIED = 1e-9
BALANCES = (0.0, 0.1, 0.9, 1.0, 1.1, 3.0, 40.0)
SCALES = (1e-12, 1e-6, 1.0, 1e6, 1e12)
LARGEST = 60


def problem(seed: int) -> tuple[str, Problem, float]:
    """(what it is, a problem whose constraints can hold, a balance): the kinds take turns."""
    rng = np.random.default_rng(seed)
    kind, n = sorted(KINDS)[seed % len(KINDS)], int(rng.integers(1, LARGEST + 1))
    S = similarity(kind, n, seed, float(rng.choice(SCALES)))
    scale = spread(S.matrix) or 1.0
    options: dict[str, Any] = {}
    tasks, inside = names(n), rng.dirichlet(np.ones(n))  # whatever is asked, ``inside`` does it
    asked = rng.random(6) < 0.5
    if asked[0]:
        options["anchor"] = rng.dirichlet(np.full(n, 0.5))
    if n > 2:
        if asked[1]:
            options["floors"] = dict(zip(tasks, inside * rng.uniform(0, 1, n), strict=True))
        if asked[2]:
            caps = np.clip(inside * rng.uniform(1, 4, n), inside, 1.0)
            options["caps"] = dict(zip(tasks, caps, strict=True))
        if asked[3]:
            options["groups"] = [
                Group(
                    f"g{k}",
                    tuple(np.array(tasks)[members]),
                    float(inside[members].sum() * rng.uniform(0, 1)),
                    min(1.0, float(inside[members].sum() * rng.uniform(1, 1.5))),
                )
                for k, members in enumerate(rng.random((2, n)) < 0.5)
            ]
        if asked[4]:
            options |= {"pull_to": rng.dirichlet(np.ones(n)), "rho": 0.3 * scale}
        if asked[5]:
            options["utility"] = scale * rng.normal(size=n)
    what = f"{kind}, {n} tasks, {', '.join(options) or 'no constraints'}"
    return what, pose(S, **options), float(rng.choice(BALANCES))


def gap_of_solve(asked: Problem, balance: float) -> float:
    return solve(asked, balance).gap_relative


def gap_of_path(asked: Problem, balance: float) -> float:
    return float(trace(asked).gaps.max())


def strain(what: str, gap: Callable[[Problem, float], float], seeds: range) -> int:
    """Prints a line on the problems of ``seeds`` and one on each that failed; how many failed."""
    worst, failed, started = 0.0, [], time.perf_counter()
    for seed in seeds:
        label, asked, balance = problem(seed)
        try:
            found = gap(asked, balance)
        except Exception as error:  # a benchmark of robustness: all are reported below
            failed.append(f"seed {seed} ({label}, balance {balance:g}): {error!r}")
            continue
        worst = max(worst, found)
        if not found <= CERTIFIED:
            failed.append(f"seed {seed} ({label}, balance {balance:g}): gap {found:.1e}")
    seconds = time.perf_counter() - started
    print(
        f"{len(seeds):,} {what} in {seconds:.0f} s: {len(failed)} uncertified (relative gap above "
        f"{CERTIFIED:g}), worst gap {worst:.1e}",
        *failed,
        sep="\n  ",
    )
    return len(failed)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--solves", type=int, default=11_000)
    parser.add_argument("--paths", type=int, default=2_200)
    parser.add_argument("--first", type=int, default=0)
    chosen = parser.parse_args()
    first = chosen.first
    failed = strain("solves", gap_of_solve, range(first, first + chosen.solves))
    failed += strain("paths", gap_of_path, range(first, first + chosen.paths))
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
