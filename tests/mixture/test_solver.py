"""The exact optimum: feasible, certified, and what independent solvers find too."""

import re

import cvxpy
import numpy as np
import pytest
import quadprog
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture import Group, pose, solve
from taskpgm_core.mixture.feasibility import clash
from taskpgm_core.records import Similarity
from tests.support.matrices import KINDS, names, similarity
from tests.support.problems import centred, excess, gradient, problem_of, questions

checked = settings(max_examples=120, deadline=None, derandomize=True)


@checked
@given(questions())
def test_every_answer_is_feasible_and_certified(question):
    problem, balance = question
    found = solve(problem, balance)
    assert found.status == "optimal"
    p = found.p
    assert p.sum() == pytest.approx(1.0, abs=1e-9)
    assert (p >= problem.lo).all()
    assert (p <= problem.hi).all()
    inside = problem.incidence @ p
    for total, group in zip(inside, problem.groups, strict=True):
        assert group.lo - 1e-9 <= total <= group.hi + 1e-9
    assert 0 <= found.gap_relative <= 1e-9
    assert found.gap == pytest.approx(found.gap_relative * problem.centred.unit)
    assert found.support == tuple(t for t, w in zip(problem.tasks, p, strict=True) if w > 0)


def test_a_large_constant_similarity_leaves_the_certificate_its_digits():
    S = Similarity(names(5), np.full((5, 5), -1e12))
    pull = {"pull_to": np.arange(5.0) / 10, "rho": 10.0, "anchor": np.full(5, 0.2)}
    assert solve(pose(S, utility=np.arange(5.0), **pull), 1.1).gap_relative <= 1e-9
    limit = [Group("g", ("t3", "t4"), 0.0, 0.3)]
    assert solve(pose(S, groups=limit, **pull), 1.1).gap_relative <= 1e-9


@pytest.mark.parametrize("seed", [2133, 2805, 5271, 5423, 7746, 8382, 1003453, 2005850, 5005957])
def test_what_once_failed_in_the_stress_run_is_certified(seed):
    _, problem, balance = problem_of(seed)
    assert solve(problem, balance).gap_relative <= 1e-9


@checked
@given(questions())
def test_the_multipliers_prove_the_answer(question):
    problem, balance = question
    found = solve(problem, balance)
    unit = problem.centred.unit
    u = np.abs(problem.solved_unary).max() * max(balance, 1) / problem.n
    price = found.multipliers
    g = gradient(problem, found.p, balance)
    offset = np.median(
        [
            g[i]
            - sum(price.get(f"group:{q.name}", 0) for q in problem.groups if t in q.tasks)
            + price.get(f"floor:{t}", 0)
            - price.get(f"cap:{t}", 0)
            for i, t in enumerate(problem.tasks)
        ]
    )
    for i, task in enumerate(problem.tasks):
        priced = offset + price.get(f"cap:{task}", 0.0) - price.get(f"floor:{task}", 0.0)
        priced += sum(price.get(f"group:{q.name}", 0) for q in problem.groups if task in q.tasks)
        assert abs(g[i] - priced) <= 1e-7 * unit + 1e-12 * u
        if f"floor:{task}" in price:
            assert found.p[i] == problem.lo[i]
        if f"cap:{task}" in price:
            assert found.p[i] == problem.hi[i]
    assert all(v >= 0 for k, v in price.items() if k.startswith(("floor:", "cap:")))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(questions(most=14))
def test_a_conic_solver_finds_nothing_better(question):
    problem, balance = question
    if problem.convexity.scale == 0:
        return
    scale = problem.centred.unit
    S = centred(problem) / scale
    n, p = problem.n, cvxpy.Variable(problem.n)
    H = S + problem.convexity.shift / scale * np.eye(n)
    P = np.eye(n) - 1 / n
    values, vectors = np.linalg.eigh(P @ H @ P)
    root = (vectors * np.sqrt(np.maximum(values, 0))).T
    w = problem.anchor
    # E in z = p - w, curvature on 1'z = 0 only
    linear = -gradient(problem, w, balance) / scale
    energy = cvxpy.sum_squares(root @ (p - w)) / 2 + linear @ (p - w)
    if problem.pull:
        energy = energy + problem.pull.rho / scale / 2 * cvxpy.sum_squares(p - w)
    limits = [cvxpy.sum(p) == 1, p >= problem.lo, p <= problem.hi]
    for row, group in zip(problem.incidence, problem.groups, strict=True):
        limits += [row @ p >= group.lo, row @ p <= group.hi]
    cvxpy.Problem(cvxpy.Minimize(energy), limits).solve(solver="CLARABEL")
    ours = solve(problem, balance).p
    theirs = np.clip(p.value, problem.lo, problem.hi)
    assert excess(problem, ours, theirs / theirs.sum(), balance) <= 1e-6 * scale * max(1, balance)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(questions(kinds=("jsd", "definite", "pmi"), most=30, constrained=False))
def test_goldfarb_and_idnani_find_the_same_mixture(question):
    problem, balance = question
    scale = problem.convexity.scale
    if not scale or problem.convexity.curvature < 1e-6 * scale:
        return
    n = problem.n
    H = (problem.similarity.matrix + problem.convexity.shift * np.eye(n)) / scale
    # c11' changes nothing on the simplex and makes the whole matrix definite
    lift = max(0.0, -np.linalg.eigvalsh(H)[0]) * n + 1.0
    a = balance * H @ problem.anchor
    G = H + lift
    C = np.column_stack([np.ones(n), np.eye(n)])
    theirs = quadprog.solve_qp(G, a, C, np.concatenate([[1.0], np.zeros(n)]), 1)[0]
    assert solve(problem, balance).p == pytest.approx(theirs, abs=2e-6)


@checked
@given(questions(), st.floats(1e-3, 1e3))
def test_only_the_ratio_of_beta_and_lambda_matters(question, lam):
    problem, balance = question
    one, other = solve(problem, balance), solve(problem, balance, lam=lam)
    assert (one.p == other.p).all()
    assert other.energy == pytest.approx(lam * one.energy)
    assert other.beta == pytest.approx(balance * lam / problem.n)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(questions(kinds=("jsd", "definite", "pmi", "indefinite"), most=25), st.integers(0, 10**6))
def test_neither_a_constant_nor_the_order_of_tasks_matters(question, seed):
    problem, balance = question
    S, n = problem.similarity.matrix, problem.n
    if problem.convexity.singular:
        return
    rng = np.random.default_rng(seed)
    order = rng.permutation(n)

    def posed(matrix, order):
        pick = lambda v: v[order]  # noqa: E731
        return pose(
            Similarity(tuple(problem.tasks[i] for i in order), matrix),
            anchor=pick(problem.anchor),
            utility=None if problem.utility is None else pick(problem.utility),
            floors=dict(zip(problem.tasks, problem.lo, strict=True)),
            caps=dict(zip(problem.tasks, problem.hi, strict=True)),
            groups=problem.groups,
            pull_to=pick(problem.pull.mixture) if problem.pull else None,
            rho=problem.pull.rho if problem.pull else 0.0,
        )

    p = solve(problem, balance).p
    constant = float(rng.normal()) * problem.convexity.scale
    moved = posed(S + constant, np.arange(n))
    assert solve(moved, balance).p == pytest.approx(p, abs=1e-7)
    shuffled = posed(S[np.ix_(order, order)], order)
    assert solve(shuffled, balance).p == pytest.approx(p[order], abs=1e-7)


@checked
@given(st.sampled_from(sorted(KINDS)), st.integers(1, 40), st.integers(0, 10**6), st.booleans())
def test_balance_one_is_the_anchor_itself(kind, n, seed, uniform):
    w = None if uniform else np.random.default_rng(seed).dirichlet(np.ones(n))
    problem = pose(similarity(kind, n, seed), anchor=w)
    found = solve(problem, 1.0)
    assert (found.p == problem.anchor).all()
    assert found.anchor_distance == 0


@settings(max_examples=60, deadline=None, derandomize=True)
@given(questions(), st.sampled_from([0.0, 0.5, 1.0, 2.0, 10.0]))
def test_a_warm_start_changes_the_work_and_not_the_answer(question, start):
    problem, balance = question
    cold = solve(problem, balance)
    warm = solve(problem, balance, warm=solve(problem, start))
    assert warm.gap_relative <= 1e-9
    assert abs(excess(problem, warm.p, cold.p, balance)) <= 2e-9 * problem.centred.unit
    if problem.convexity.curvature > 1e-6 * problem.centred.unit:
        assert warm.p == pytest.approx(cold.p, abs=1e-6)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(2, 12), st.integers(0, 10**6), st.sampled_from([0.0, 0.4, 1.0, 2.0]))
def test_among_equal_mixtures_the_nearest_to_the_anchor_is_returned(n, seed, balance):
    rng = np.random.default_rng(seed)
    base = similarity("jsd", n, seed).matrix
    twin = np.append(np.arange(n), rng.integers(0, n))
    problem = pose(
        Similarity(names(n + 1), base[np.ix_(twin, twin)]), anchor=rng.dirichlet(np.ones(n + 1))
    )
    found = solve(problem, balance)
    i, j = int(twin[-1]), n
    if found.p[i] + found.p[j] > 1e-9:
        assert not found.unique
    both, w = found.p[i] + found.p[j], problem.anchor
    # of all ways to share ``both`` between the copies, the nearest to (w_i, w_j)
    share = np.clip(w[i] + (both - w[i] - w[j]) / 2, 0, both)
    assert found.p[i] == pytest.approx(share, abs=1e-6)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"floors": 0.3}, ["floors sum to 1.2 (4 x 30% is 120%; at most 25% each)", "'t0'"]),
        ({"caps": 0.2}, ["caps sum to 0.8 (4 x 20% is 80%; at least 25% each)", "'t3'"]),
        ({"floors": {"t1": 0.5}, "caps": {"t1": 0.4}}, ["floor 0.5", "'t1'", "cap 0.4"]),
        ({"groups": [Group("g", ("t0", "t1"), 0.9, 0.8)]}, ["group 'g'", "above its cap"]),
        (
            {"groups": [Group("g", ("t0", "t1"), 0.7), Group("h", ("t2", "t3"), 0.6)]},
            ["'g'", "'h'", "miss by 0.3"],
        ),
        (
            {"groups": [Group("g", ("t0", "t1"), 0.7)], "caps": {"t0": 0.3, "t1": 0.3}},
            ["'g'", "cap of 't0'", "cap of 't1'"],
        ),
        ({"pin": {"t0": 0.6, "t1": 0.6}}, ["floors sum to 1.2"]),
    ],
)
def test_clashing_constraints_are_a_value_that_names_them(options, named):
    found = solve(pose(similarity("jsd", 4, 0), **options), 0.5)
    assert found.status == "infeasible"
    assert np.isnan(found.p).all()
    assert np.isnan(found.energy)
    for words in named:
        assert words in found.message


@pytest.mark.parametrize("n", [7, 999, 1200])
def test_the_share_that_each_may_have_is_told_for_many_tasks_too(n):
    for limit, word in (("floors", "most"), ("caps", "least")):
        one = 2 / n if limit == "floors" else 0.5 / n
        problem = pose(Similarity(names(n), np.eye(n)), **{limit: one})
        told = float(re.search(rf"at {word} (\S+)% each", clash(problem)).group(1)) / 100
        assert told == pytest.approx(1 / n, rel=1e-2)
        assert told * n <= 1 + 1e-9 if word == "most" else told * n >= 1 - 1e-9


@pytest.mark.parametrize("limit", [{"caps": {"t0": 0.05}}, {"pin": {"t0": 0.0, "t1": 0.5}}])
def test_an_infeasible_anchor_is_projected_in_the_s_norm(limit):
    problem = pose(similarity("jsd", 6, 1), **limit)
    found = solve(problem, 1.0)
    S, w, p = problem.similarity.matrix, problem.anchor, cvxpy.Variable(6)
    P = np.eye(6) - 1 / 6
    values, vectors = np.linalg.eigh(P @ S @ P)
    root = (vectors * np.sqrt(np.maximum(values, 0))).T
    limits = [cvxpy.sum(p) == 1, p >= problem.lo, p <= problem.hi]
    cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(root @ (p - w))), limits).solve(
        solver="CLARABEL"
    )
    assert found.p == pytest.approx(p.value, abs=1e-5)
    assert found.anchor_distance == pytest.approx(np.abs(p.value - w).sum(), abs=1e-4)
    assert found.anchor_distance > 0.05


def test_lambda_zero_is_the_most_representative_mixture():
    problem = pose(similarity("jsd", 8, 2))
    found = solve(problem, np.inf)
    assert found.p[problem.unary.argmax()] == 1
    S = np.zeros((4, 4))
    S[:2, :2], S[2:, 2:] = 1.0, 0.2
    tied = solve(pose(Similarity(names(4), S - np.diag([0.0, 0.5, 0, 0]))), np.inf)
    assert tied.p.sum() == pytest.approx(1)
    assert tied.lam == 0


LIMITS = {
    "none": {},
    "caps": {"caps": 0.3},
    "groups": {"groups": [Group("g", ("t0", "t1", "t2", "t3"), 0.1, 0.3)]},
    "utility": {"utility": [0.0, 1.0, 1.0, 0.5, 0.0, 0.25, 1.0]},
}


@pytest.mark.parametrize("options", LIMITS.values(), ids=LIMITS)
@pytest.mark.parametrize("balance", [1e10, 1e13, 1e16, 1e100])
def test_a_huge_balance_keeps_the_limits_and_the_greatest_unary_term(balance, options):
    for seed in range(8):
        problem = pose(similarity("jsd", 7, seed), **options)
        found = solve(problem, balance)
        assert found.p.sum() == pytest.approx(1.0, abs=1e-9)
        assert np.isfinite(found.gap)
        bounds = np.column_stack([problem.lo, problem.hi])
        limits = {}
        for row, group in zip(problem.incidence, problem.groups, strict=True):
            assert group.lo - 1e-9 <= row @ found.p <= group.hi + 1e-9
            limits = {"A_ub": [row, -row], "b_ub": [group.hi, -group.lo]}
        u = problem.solved_unary / np.ptp(problem.solved_unary)
        most = linprog(-u, A_eq=np.ones((1, 7)), b_eq=[1.0], bounds=bounds, **limits)
        assert u @ found.p == pytest.approx(-most.fun, abs=1e-8)


def test_a_utility_on_a_tiny_spread_breaks_no_group():
    S = Similarity(names(8), 1e-9 * similarity("factorial", 8, 0).matrix)
    problem = pose(
        S,
        utility=[0.0, 100.0, 200.0, 0.0, 200.0, 200.0, 0.0, 0.0],
        caps=1 / 7,
        groups=[Group("g", ("t3", "t4"), 0.1, 0.25), Group("h", ("t1", "t2", "t4"), 0.25, 1.0)],
        pull_to=np.full(8, 1 / 8),
        rho=0.01,
    )
    found = solve(problem, 1e3)
    assert found.p[3] + found.p[4] <= 0.25 + 1e-9
    assert found.gap_relative <= 1e-9


def test_numbers_too_far_apart_for_a_certificate_are_refused():
    problem = pose(similarity("jsd", 3, 0), utility=[1e300, 0.0, 0.0])
    with np.errstate(all="ignore"), pytest.raises(MixtureError, match="too far apart"):
        solve(problem, 1e12)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda: solve(pose(similarity("jsd", 3, 0)), -1.0), "balance"),
        (lambda: solve(pose(similarity("jsd", 3, 0)), np.nan), "balance"),
        (lambda: solve(pose(similarity("jsd", 3, 0)), 1.0, lam=0.0), "lambda"),
        (lambda: pose(Similarity((), np.zeros((0, 0)))), "no tasks"),
        (lambda: pose(similarity("jsd", 3, 0), anchor=[1.0, 1.0, 1.0]), "must sum to 1"),
        (lambda: pose(similarity("jsd", 3, 0), anchor=[-0.5, 0.5, 1.0]), "negative weight"),
        (lambda: pose(similarity("jsd", 3, 0), anchor={"t9": 1.0}), "not in this study"),
        (lambda: pose(similarity("jsd", 3, 0), floors={"t0": 2.0}), "between 0 and 1"),
        (lambda: pose(similarity("jsd", 3, 0), utility={"t0": 1.0}), "no value for 't1'"),
        (lambda: pose(similarity("jsd", 3, 0), utility=[0.0, np.nan, 0.0]), "not finite"),
        (lambda: pose(similarity("jsd", 3, 0), rho=1.0), "mixture it pulls to"),
        (lambda: pose(similarity("jsd", 3, 0), margin=-1.0), "margin"),
        (
            lambda: pose(similarity("jsd", 3, 0), groups=[Group("a", ()), Group("a", ())]),
            "same name",
        ),
    ],
)
def test_what_makes_no_sense_is_said(ask, words):
    with pytest.raises(MixtureError, match=words):
        ask()
