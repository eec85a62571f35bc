"""Explanations add up, derivatives are the solver's own, and leaving out means leaving out."""

import numpy as np
import pytest

from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture import Group, pose, solve, trace
from taskpgm_core.mixture.explanation import convention, explain
from taskpgm_core.mixture.near_duplicates import redundancies
from taskpgm_core.mixture.sensitivity import sensitivity
from taskpgm_core.records import Similarity


def divergence_like(n, seed):
    """-D of points on a line segment of distributions: PSD on 1'z = 0, as for JSD."""
    x = np.random.default_rng(seed).dirichlet(np.ones(6), size=n)
    m = (x[:, None] + x[None, :]) / 2
    h = -(x * np.log(x)).sum(-1)
    D = -(m * np.log(m)).sum(-1) - (h[:, None] + h[None, :]) / 2
    return Similarity(tuple(f"t{i}" for i in range(n)), -np.maximum(D - np.diag(np.diag(D)), 0.0))


def pmi_like(n, seed):
    losses = np.random.default_rng(seed).gamma(2.0, 3.0, size=(n, n))
    excess = losses - np.diagonal(losses)
    S = -(excess + excess.T) / 2
    np.fill_diagonal(S, 0.0)
    return Similarity(tuple(f"t{i}" for i in range(n)), S, "pmi")


def problems():
    jsd, pmi = divergence_like(9, 1), pmi_like(8, 2)
    jsd = Similarity(jsd.tasks, jsd.matrix, "jsd")
    w = np.arange(1.0, 10.0) / 45
    rng = np.random.default_rng(3)
    return {
        "jsd": pose(jsd),
        "anchored": pose(jsd, anchor=w, anchor_name="sizes"),
        "bounded": pose(jsd, floors=0.02, caps=0.3),
        "grouped": pose(jsd, groups=[Group("g", ("t0", "t1", "t2"), 0.4, 0.5)], caps={"t5": 0.1}),
        "pinned": pose(jsd, pin={"t3": 0.25}),
        "pulled": pose(jsd, pull_to=w, rho=0.05),
        "pmi": pose(pmi),
        "utility": pose(jsd, utility=rng.normal(0, 0.05, 9)),
        "few": pose(divergence_like(2, 5)),
    }


def flat_problems():
    """Energies with directions that change nothing, so that some minimisers are not alone."""
    S = divergence_like(6, 3).matrix
    copies = [0, 1, 2, 3, 4, 5, 0, 0, 2]
    S = S[np.ix_(copies, copies)]
    names = tuple(f"t{i}" for i in range(9))
    x = np.random.default_rng(0).normal(size=7)
    return {
        "alone": pose(Similarity(("t0",), np.zeros((1, 1)))),
        "constant": pose(Similarity(names[:5], np.full((5, 5), 2.5))),
        "rank one": pose(Similarity(names[:7], np.outer(x, x))),
        "copies": pose(Similarity(names, S)),
        "bounded copies": pose(Similarity(names, S), floors=0.01, caps=0.25),
        "grouped copies": pose(Similarity(names, S), groups=[Group("g", ("t0", "t6"), 0.05, 0.1)]),
        "smooth": pose(divergence_like(40, 1)),
    }


PROBLEMS = problems()
FLAT = flat_problems()
EVERY = PROBLEMS | FLAT
BALANCES = (0.0, 0.3, 1.0, 1.7, 6.0)


@pytest.mark.parametrize("balance", BALANCES)
@pytest.mark.parametrize("name", EVERY)
def test_both_splits_sum_to_the_weight_for_zeros_too(name, balance):
    problem = EVERY[name]
    solution = solve(problem, balance)
    explanation = explain(problem, solution, trace(problem))
    for reason, weight in zip(explanation.reasons, solution.p, strict=True):
        assert reason.weight == weight
        assert reason.anchor + reason.diversity == pytest.approx(weight, abs=1e-12)
        parts = reason.unary + reason.pairwise.sum() + sum(reason.constraints.values())
        scale = 1 + np.abs(reason.pairwise).sum() + abs(reason.unary)
        assert parts == pytest.approx(weight, abs=1e-9 * scale)
        assert (reason.reduced_cost is None) == (weight > 0)
    s = problem.similarity.matrix + explanation.offset
    s = s + problem.convexity.shift * np.eye(problem.n)
    assert explanation.contributions.sum() == pytest.approx(solution.p @ s @ solution.p)


def test_at_the_anchor_everything_is_the_anchors():
    for name in ("jsd", "anchored", "pmi"):
        problem = PROBLEMS[name]
        reasons = explain(problem, solve(problem, 1.0)).reasons
        assert [r.anchor for r in reasons] == pytest.approx(problem.anchor.tolist(), abs=1e-10)
        assert [r.diversity for r in reasons] == pytest.approx([0.0] * problem.n, abs=1e-10)


def test_the_invariant_split_does_not_see_a_constant_added_to_s():
    similarity = divergence_like(9, 7)
    moved = Similarity(similarity.tasks, similarity.matrix + 3.7)
    for balance in BALANCES:
        one, two = (
            explain(problem, solve(problem, balance)).reasons
            for problem in (pose(similarity), pose(moved))
        )
        assert [r.anchor for r in one] == pytest.approx([r.anchor for r in two], abs=1e-9)


def test_the_convention_leaves_no_similarity_negative():
    for name, problem in PROBLEMS.items():
        s = problem.similarity.matrix + convention(problem)
        s = s + problem.convexity.shift * np.eye(problem.n)
        assert s.min() >= -1e-12, name
        assert np.diagonal(s).min() > 0, name
    assert convention(PROBLEMS["jsd"]) == np.log(2)


@pytest.mark.parametrize("name", ["jsd", "anchored", "pmi"])
def test_a_zero_enters_where_the_path_says(name):
    problem = PROBLEMS[name]
    path = trace(problem)
    zeros = 0
    for balance in (0.0, 0.4, 2.0, 5.0):
        for reason in explain(problem, solve(problem, balance), path).reasons:
            if reason.weight > 0:
                assert reason.enters_at is None
                continue
            zeros += 1
            index = problem.tasks.index(reason.task)
            grid = np.linspace(0, 2 * path.last, 4001)
            alive = [r for r in grid if path.at(r)[index] > 1e-9]
            if reason.enters_at is None:
                assert not alive
                continue
            nearest = min(abs(r - balance) for r in alive)
            assert abs(reason.enters_at - balance) == pytest.approx(nearest, abs=grid[1])
    assert zeros > 4


def test_a_reduced_cost_is_the_rise_of_the_utility_that_lets_a_task_in():
    problem = PROBLEMS["utility"]
    solution = solve(problem, 2.0)
    tau = 2.0 / problem.n
    checked = 0
    for reason in explain(problem, solution).reasons:
        if reason.weight > 0:
            continue
        checked += 1
        i = problem.tasks.index(reason.task)
        for share, enters in ((0.999, False), (1.001, True)):
            utility = problem.utility.copy()
            utility[i] += share * reason.reduced_cost / tau
            raised = solve(pose(problem.similarity, utility=utility), 2.0)
            assert (raised.p[i] > 1e-12) == enters
    assert checked


@pytest.mark.parametrize("name", [n for n in PROBLEMS if n != "few"])
@pytest.mark.parametrize("balance", [0.37, 1.63])
def test_derivatives_are_finite_differences_of_the_solver(name, balance):
    problem, step = PROBLEMS[name], 1e-6
    found = sensitivity(problem, solve(problem, balance))
    up, down = (solve(problem, balance + sign * step).p for sign in (1, -1))
    assert found.by_balance == pytest.approx((up - down) / (2 * step), abs=2e-5)
    if name == "utility":
        for j in (0, 4):
            moved = []
            for sign in (1, -1):
                utility = problem.utility.copy()
                utility[j] += sign * step
                moved.append(solve(pose(problem.similarity, utility=utility), balance).p)
            difference = (moved[0] - moved[1]) / (2 * step)
            by_utility = balance / problem.n * found.response[:, j]
            assert by_utility == pytest.approx(difference, abs=2e-4)


@pytest.mark.parametrize("name", ["jsd", "anchored", "bounded"])
def test_one_similarity_moves_the_mixture_as_its_derivative_says(name):
    problem, step, balance = PROBLEMS[name], 1e-7, 1.4
    found = sensitivity(problem, solve(problem, balance))
    for i, j in ((0, 1), (2, 7), (4, 8)):
        moved = []
        for sign in (1, -1):
            S = problem.similarity.matrix.copy()
            S[i, j] = S[j, i] = S[i, j] + sign * step
            similarity = Similarity(problem.tasks, S, problem.similarity.measure)
            moved.append(
                solve(
                    pose(
                        similarity, anchor=problem.anchor, floors=problem.lo[0], caps=problem.hi[0]
                    ),
                    balance,
                ).p
            )
        difference = (moved[0] - moved[1]) / (2 * step)
        assert found.by_similarity(i, j) == pytest.approx(difference, abs=1e-3)


@pytest.mark.parametrize("name", FLAT)
def test_where_the_energy_is_flat_derivatives_leave_flat_moves_out(name):
    problem = FLAT[name]
    H = problem.similarity.matrix
    for balance in (0.0, 0.6, 3.0):
        found = sensitivity(problem, solve(problem, balance))
        M = found.response
        assert np.isfinite(M).all()
        # a pseudo-inverse on the free tasks: M H M = M, and the sum is kept
        rounding = 1e-6 * max(np.abs(M).max(), 1.0)
        np.testing.assert_allclose(M @ H @ M, M, atol=rounding)
        np.testing.assert_allclose(M.sum(axis=0), 0.0, atol=rounding)


def test_many_copies_of_one_task_are_fully_redundant_all_of_them():
    x = np.array([0.0, 0.0, 0.0, 1.0])
    found = redundancies(Similarity(tuple("abcd"), -((x[:, None] - x) ** 2)))
    assert [(r.task, r.share) for r in found] == [("a", 1.0), ("b", 1.0), ("c", 1.0), ("d", 0.0)]


def test_twins_are_found_and_a_copy_is_fully_redundant():
    S = divergence_like(7, 11).matrix
    S = np.block([[S, S[:, :1]], [S[:1], S[:1, :1]]])
    similarity = Similarity(tuple("abcdefgh"), S)
    found = redundancies(similarity)
    assert {(found[0].task, found[0].twin), (found[1].task, found[1].twin)} == {
        ("a", "h"),
        ("h", "a"),
    }
    assert found[0].share == pytest.approx(1.0)
    assert [r.share for r in found] == sorted((r.share for r in found), reverse=True)
    assert redundancies(similarity, limit=2) == found[:2]
    for r in found:
        i, j = similarity.tasks.index(r.task), similarity.tasks.index(r.twin)
        assert r.distance == pytest.approx(-S[i, j])
    assert redundancies(Similarity(("alone",), np.zeros((1, 1)))) == ()


def test_what_has_no_mixture_or_no_balance_cannot_be_explained():
    problem = pose(divergence_like(4, 1), floors=0.5)
    with pytest.raises(MixtureError, match="floors sum to"):
        explain(problem, solve(problem, 1.0))
    fine = pose(divergence_like(4, 1))
    for ask in (explain, sensitivity):
        with pytest.raises(MixtureError, match="finite balance"):
            ask(fine, solve(fine, np.inf))
