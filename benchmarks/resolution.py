"""What resolution costs, as ratios in one run, and how well planted skills are found.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.resolution
        [--sizes N ...] [--seeds N] [--part cost|planted]

Cost: the whole axis of resolutions (mixture, skills and certificate at each; each kernel made and
checked) against as many PIQP solves, one a resolution, from kernels that are made already; and the
whole path of the balance at the automatic resolution against one PIQP solve. CPU time, so that
other work on the machine counts less. Planted: 12 skills of 1 to 8 copies, 4 such, and 30, 1, 1, 1.
"""

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np

from benchmarks.mixture import definite, table
from taskpgm_core.mixture import Problem, kernel, pose, trace
from taskpgm_core.mixture.resolution_axis import resolution_axis
from taskpgm_core.records import Noise, Similarity
from tests.support.matrices import similarity
from tests.support.planted_skills import SHAPES, planted

BALANCE = 0.5


def cpu(call: Callable[[], object], repeats: int) -> float:
    """CPU seconds of the fastest of ``repeats`` calls."""
    times = []
    for _ in range(repeats):
        started = time.process_time()
        call()
        times.append(time.process_time() - started)
    return min(times)


def piqp_solve(problem: Problem) -> Callable[[], object]:
    """A solve of ``problem`` by PIQP from its matrix, ready to be called."""
    import piqp

    n, H = problem.n, definite(problem)
    c = -BALANCE * (H @ problem.anchor)

    def call() -> object:
        solver = piqp.DenseSolver()
        solver.settings.verbose = False
        solver.setup(P=H, c=c, A=np.ones((1, n)), b=np.ones(1), x_l=np.zeros(n), x_u=np.ones(n))
        return solver.solve()

    return call


def cost(n: int, noisy: bool) -> list[str]:
    S = similarity("jsd", n, 0)
    noise = None
    if noisy:  # a little, and uneven: kernels then need their correction
        usual = float(np.median(S.divergence))
        divergence = np.random.default_rng(0).uniform(0.0, 0.2 * usual, n)
        noise = Noise(S.tasks, divergence)
    seen = kernel(S, "auto", noise)
    problem = pose(seen.similarity)
    repeats = 1 if n > 1000 else 3
    axis = resolution_axis(problem, seen, BALANCE)
    spent = cpu(lambda: resolution_axis(problem, seen, BALANCE), repeats)
    peers = 0.0
    for sigma in axis.resolutions:
        there = pose(kernel(S, float(sigma), noise).similarity)
        peers += cpu(piqp_solve(there), repeats)
    made = cpu(lambda: kernel(S, "auto", noise), repeats)
    whole = cpu(lambda: trace(pose(Similarity(S.tasks, seen.similarity.matrix))), repeats)
    one = cpu(piqp_solve(problem), repeats)
    row = [
        f"{n:,}{', noise' if noisy else ''}",
        f"{len(axis.resolutions)}",
        f"{1e3 * spent:,.0f} ms",
        f"{1e3 * peers:,.0f} ms",
        f"{spent / peers:.1f}",
        f"{1e3 * made:,.1f} ms",
        f"{1e3 * whole:,.0f} ms (= {whole / one:.0f} PIQP)",
        f"{axis.gaps.max():.0e}",
        f"{np.count_nonzero(axis.changes)}",
    ]
    sys.stderr.write(" | ".join(row) + "\n")
    return row


def found(shape: str, noise: float, dimensions: int, ambient: int, seeds: int) -> list[str]:
    ratios, guesses, apart, files = [], [], [], []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        true = planted(rng, SHAPES[shape](rng), noise, dimensions=dimensions, ambient=ambient)
        seen = kernel(true.similarity, "auto", true.noise)
        ratios.append((seen.skills or 0.0) / true.count)
        guesses.append((kernel(true.similarity).skills or 0.0) / true.count)
        if seen.most_diverse is not None:
            apart.append(true.unevenness(seen.most_diverse.p))
        n = true.similarity.n
        files.append(true.unevenness(np.full(n, 1.0 / n)))
    return [
        shape,
        f"{noise:.0%}",
        f"{dimensions} of {ambient}",
        f"{min(ratios):.2f} to {max(ratios):.2f}",
        f"{min(guesses):.2f} to {max(guesses):.2f}",
        f"{np.mean(apart):.3f}",
        f"{np.mean(files):.3f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, nargs="+", default=[24, 316, 1840])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--part", choices=["cost", "planted"])
    chosen = parser.parse_args()
    if chosen.part != "planted":
        header = ["tasks", "points", "axis", "as many PIQP solves", "ratio"]
        header += ["one kernel", "path", "worst gap", "kernels corrected"]
        sizes = [(n, False) for n in chosen.sizes] + [(n, True) for n in chosen.sizes if n <= 400]
        print(table(header, [cost(n, noisy) for n, noisy in sizes]) + "\n")
    if chosen.part != "cost":
        header = ["copies", "noise", "dimensions of skills, of noise", "found / planted"]
        header += ["without known noise", "L1 from even over skills", "of files"]
        rows = [
            found(shape, noise, dimensions, ambient, chosen.seeds)
            for shape in SHAPES
            for noise in (0.03, 0.1, 0.24)
            for dimensions, ambient in ((400, 400), (20, 400), (20, 20), (3, 400))
        ]
        print(table(header, rows))


if __name__ == "__main__":
    main()
