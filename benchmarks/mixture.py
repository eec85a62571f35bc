"""How fast the mixture room is beside general solvers: one run, one matrix, one thread, ratios.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python -m benchmarks.mixture [--quick]

Peers solve the same problem, min p'Hp/2 - tau (Hw)'p over the simplex, to their default accuracy
(OSQP: 1e-8), from an H that is already convex and in their own matrix form. The like of that for
ours is a solve of a posed problem; a solve "from S" also finds the curvature and the shift.
"""

import argparse
import platform
import sys
import time
import warnings
from collections.abc import Callable

import numpy as np
import scipy.sparse as sp

from taskpgm_core.mixture import Problem, pose, solve, trace
from taskpgm_core.records import Array
from tests.support.matrices import similarity

BALANCE = 0.6
MOVED = 0.605
Peer = Callable[[float], Array]


def best_of(call: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest of ``repeats`` calls."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return min(times)


def definite(problem: Problem) -> Array:
    """H in units of its spread, with c11' added until it is positive definite everywhere."""
    unit = problem.convexity.scale
    H = problem.similarity.matrix + problem.convexity.shift * np.eye(problem.n)
    H = (H - H.mean()) / unit
    return H + float(problem.n)


def peers(problem: Problem, quick: bool) -> dict[str, Peer]:
    """Each solver as a function of the balance."""
    import clarabel
    import cvxpy
    import highspy
    import osqp
    import piqp
    import quadprog

    n, H = problem.n, definite(problem)
    Hw = H @ problem.anchor
    ones, eye = np.ones((1, n)), np.eye(n)

    def by_piqp(r: float) -> Array:
        solver = piqp.DenseSolver()
        solver.settings.verbose = False
        solver.setup(P=H, c=-r * Hw, A=ones, b=np.ones(1), x_l=np.zeros(n), x_u=np.ones(n))
        solver.solve()
        return np.asarray(solver.result.x)

    def by_quadprog(r: float) -> Array:
        C = np.column_stack([np.ones(n), eye])
        return quadprog.solve_qp(H, r * Hw, C, np.concatenate([[1.0], np.zeros(n)]), 1)[0]

    upper = sp.csc_matrix(np.triu(H))
    rows = sp.csc_matrix(np.vstack([ones, eye]))
    low = np.concatenate([[1.0], np.zeros(n)])
    high = np.concatenate([[1.0], np.ones(n)])

    def by_osqp(r: float) -> Array:
        solver = osqp.OSQP()
        solver.setup(upper, -r * Hw, rows, low, high, verbose=False, eps_abs=1e-8, eps_rel=1e-8)
        return np.asarray(solver.solve().x)

    p, tau = cvxpy.Variable(n), cvxpy.Parameter(nonneg=True)
    aim = cvxpy.quad_form(p, cvxpy.psd_wrap(H)) / 2 - tau * (Hw @ p)
    program = cvxpy.Problem(cvxpy.Minimize(aim), [cvxpy.sum(p) == 1, p >= 0])

    def by_cvxpy(r: float) -> Array:
        tau.value = r
        program.solve(solver="CLARABEL")
        return np.asarray(p.value)

    def by_highs(r: float) -> Array:
        solver = highspy.Highs()
        solver.setOptionValue("output_flag", False)
        model = highspy.HighsModel()
        model.lp_.num_col_, model.lp_.num_row_ = n, 1
        model.lp_.col_cost_ = -r * Hw
        model.lp_.col_lower_, model.lp_.col_upper_ = np.zeros(n), np.ones(n)
        model.lp_.row_lower_ = model.lp_.row_upper_ = np.ones(1)
        model.lp_.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.lp_.a_matrix_.start_ = np.array([0, n])
        model.lp_.a_matrix_.index_ = np.arange(n)
        model.lp_.a_matrix_.value_ = np.ones(n)
        lower = sp.csc_matrix(np.tril(H))
        model.hessian_.dim_, model.hessian_.format_ = n, highspy.HessianFormat.kTriangular
        model.hessian_.start_, model.hessian_.index_ = lower.indptr, lower.indices
        model.hessian_.value_ = lower.data
        solver.passModel(model)
        solver.run()
        return np.asarray(solver.getSolution().col_value)

    known: dict[str, Peer] = {"PIQP": by_piqp, "quadprog": by_quadprog}
    if n <= 400:
        known |= {"OSQP": by_osqp, "cvxpy + Clarabel": by_cvxpy}
    if n <= 50 and not quick:
        known["HiGHS"] = by_highs
    assert clarabel.__version__
    return known


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|---" + "|---:" * (len(header) - 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def compare(kind: str, n: int, quick: bool) -> list[str]:
    problem = pose(similarity(kind, n, 0))
    repeats = 3 if n > 1000 or quick else 15
    path = trace(problem)
    neighbour = solve(problem, BALANCE)
    exact = solve(problem, MOVED).p
    seconds = {
        name: best_of(
            lambda call=call: call(MOVED), 1 if n > 1000 and name == "quadprog" else min(repeats, 5)
        )
        for name, call in peers(problem, quick).items()
    }
    apart = {
        name: float(np.abs(call(MOVED) - exact).sum())
        for name, call in (peers(problem, quick) if n <= 400 else {}).items()
    }
    fresh = lambda: pose(problem.similarity)  # noqa: E731  (nothing kept from an earlier solve)
    scratch = best_of(lambda: solve(fresh(), MOVED), repeats)
    cold = best_of(lambda: solve(problem, MOVED), repeats)
    warm = best_of(lambda: solve(problem, MOVED, warm=neighbour), repeats)
    whole = best_of(lambda: trace(fresh()), 1 if n > 1000 else 3)
    lookup = best_of(lambda: path.at(MOVED), 50)
    piqp, fastest = seconds["PIQP"], min(seconds.values())
    grid = 200 * warm
    ours = [
        f"{kind} {n}",
        f"{len(path.balances):,}",
        f"{1e3 * scratch:.2f} ms ({piqp / scratch:.1f} x)",
        f"{1e3 * cold:.2f} ms ({piqp / cold:.1f} x)",
        f"{1e3 * warm:.2f} ms ({piqp / warm:.0f} x)",
        f"{1e3 * whole:.0f} ms (= {whole / piqp:.1f} PIQP, {grid / whole:.1f} x)",
        f"{1e6 * lookup:.0f} us ({fastest / lookup:,.0f} x)",
        ", ".join(f"{name} {1e3 * s:.1f}" for name, s in seconds.items()),
        ", ".join(f"{name} {d:.0e}" for name, d in apart.items()) or "-",
    ]
    sys.stderr.write(" | ".join(ours) + "\n")
    return ours


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--sizes", type=int, nargs="+", default=[24, 316, 1840])
    parser.add_argument("--kinds", nargs="+", default=["jsd", "pmi"])
    chosen = parser.parse_args()
    warnings.filterwarnings("ignore")
    rows = [compare(kind, n, chosen.quick) for n in chosen.sizes for kind in chosen.kinds]
    header = [
        "matrix, tasks",
        "breakpoints",
        "solve from S (x PIQP)",
        "cold solve (x PIQP)",
        "warm solve (x PIQP)",
        "whole path (in PIQP solves; x grid of 200 warm solves)",
        "lookup (x fastest peer)",
        "peers, ms",
        "L1 of peers from ours",
    ]
    print(f"{platform.processor() or platform.machine()}, numpy {np.__version__}\n")
    print(table(header, rows))


if __name__ == "__main__":
    main()
