"""Many small problems of every kind, with random constraints: are all answers certified?

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.stress
        [--solves N] [--paths N] [--kernels N] [--first SEED]

Prints, for single solves, for whole paths and for single solves with kernels of random
resolutions, how many have a relative duality gap above 1e-9 and the worst gap. Anything
uncertified, and anything that raises, is listed with the seed that makes it again (``problem_of``
and ``kernel_problem_of`` in ``tests.support.problems``); the exit status then is 1.
"""

import argparse
import sys
import time
from collections.abc import Callable

from taskpgm_core.mixture import Problem, solve, trace
from tests.support.problems import kernel_problem_of, problem_of

CERTIFIED = 1e-9


def gap_of_solve(asked: Problem, balance: float) -> float:
    return solve(asked, balance).gap_relative


def gap_of_path(asked: Problem, balance: float) -> float:
    return float(trace(asked).gaps.max())


def strain(
    what: str,
    gap: Callable[[Problem, float], float],
    seeds: range,
    made: Callable[[int], tuple[str, Problem, float]] = problem_of,
) -> int:
    """Prints a line on the problems of ``seeds`` and one on each that failed; how many failed."""
    worst, failed, started = 0.0, [], time.perf_counter()
    for seed in seeds:
        label, asked, balance = made(seed)
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
    parser.add_argument("--kernels", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    chosen = parser.parse_args()
    first = chosen.first
    failed = strain("solves", gap_of_solve, range(first, first + chosen.solves))
    failed += strain("paths", gap_of_path, range(first, first + chosen.paths))
    seeds = range(first, first + chosen.kernels)
    failed += strain("solves with kernels", gap_of_solve, seeds, kernel_problem_of)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
