"""The whole path: the solver's mixture at every balance, certified from end to end."""

import json

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture import Group, closed_form, pose, solve, trace
from taskpgm_core.records import Similarity
from tests.support.matrices import KINDS, jsd_like, names, similarity
from tests.support.problems import excess, problem_of, questions

modest = settings(
    max_examples=50, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate]
)


@modest
@given(questions(most=40), st.integers(0, 10**6))
def test_the_path_is_the_solver_at_random_balances(question, seed):
    problem, _ = question
    path = trace(problem)
    assert path.status == "optimal"
    assert path.gaps.max() <= 1e-9
    assert (np.diff(path.balances) > 0).all()
    assert path.balances[0] == 0
    assert path.weights.sum(axis=1) == pytest.approx(np.ones(len(path.weights)), abs=1e-9)
    unit, rng = problem.centred.unit, np.random.default_rng(seed)
    for r in [*rng.uniform(0, 3, 3), rng.uniform(0, 1.5) * path.last, 2 * path.last + 1]:
        p, q = path.at(r), solve(problem, r).p
        assert (p >= problem.lo - 1e-12).all()
        assert (p <= problem.hi + 1e-12).all()
        assert abs(excess(problem, p, q, r)) <= 1e-8 * unit * max(1, r)
        if problem.convexity.curvature > 1e-4 * unit:
            assert p == pytest.approx(q, abs=1e-5)


@pytest.mark.parametrize("seed", [33, 137, 298, 485, 768, 952])
def test_what_once_failed_in_the_stress_run_is_certified(seed):
    _, problem, _ = problem_of(seed)
    path = trace(problem)
    assert path.gaps.max() <= 1e-9
    assert path.last < 1e5


FLAT = {
    "a copy": np.array([[0.0, -0.5, -0.5], [-0.5, 0.0, 0.0], [-0.5, 0.0, 0.0]]),
    "rank one": np.outer([0.3, -1.2, 0.7], [0.3, -1.2, 0.7]),
}


@pytest.mark.parametrize("size", [1e3, 1e4, 1e5, 1e6, 1e7])
@pytest.mark.parametrize("utility", [[1, 0, 0], [0, 1, 0], [0, 1, 2]])
@pytest.mark.parametrize("S", FLAT.values(), ids=FLAT)
def test_a_huge_utility_on_a_flat_energy_is_followed_to_its_end(S, utility, size):
    path = trace(pose(Similarity(names(3), S), utility=size * np.array(utility, dtype=float)))
    best = np.eye(3)[int(np.argmax(utility))]
    assert path.at(1e3) == pytest.approx(best, abs=1e-12)
    assert path.last < 1e3


@modest
@given(questions(most=30))
def test_representativeness_never_falls_along_the_path(question):
    problem, _ = question
    path = trace(problem)
    u = problem.solved_unary - problem.solved_unary.mean()
    along = path.weights @ u
    falls = np.diff(along).min(initial=0.0) / (np.abs(u).max() + 1e-300)
    assert falls >= -1e-9


@modest
@given(questions(most=30))
def test_the_path_ends_where_representativeness_is_greatest(question):
    problem, _ = question
    path = trace(problem)
    u = problem.solved_unary - problem.solved_unary.mean()
    end, limit = path.weights[-1], solve(problem, np.inf).p
    assert u @ end == pytest.approx(u @ limit, abs=1e-8 * (np.abs(u).max() + 1e-300))
    assert (path.at(np.inf) == end).all()


@modest
@given(st.sampled_from(sorted(KINDS)), st.integers(1, 40), st.integers(0, 10**6))
def test_the_anchor_is_on_the_path_at_balance_one(kind, n, seed):
    w = np.random.default_rng(seed).dirichlet(np.ones(n))
    problem = pose(similarity(kind, n, seed), anchor=w)
    if not problem.convexity.singular or kind in ("jsd", "constant"):
        assert trace(problem).at(1.0) == pytest.approx(w, abs=1e-7)


def test_every_task_of_a_diverse_set_leaves_but_one():
    problem = pose(similarity("jsd", 24, 5))
    path = trace(problem)
    assert np.count_nonzero(path.weights[-1]) == 1
    assert path.weights[-1].argmax() == problem.unary.argmax()
    alive = {r: np.count_nonzero(path.at(r) > 1e-12) for r in (0.0, 1.0, path.last)}
    assert alive[0.0] < alive[1.0] == 24
    assert alive[path.last] == 1


@pytest.mark.parametrize("outcomes", [4, 6, 8])
def test_a_nearly_flat_energy_is_followed_without_separate_solves(outcomes):
    S = jsd_like(np.random.default_rng(0), 120, words=outcomes, contexts=1)
    problem = pose(Similarity(names(120), S, "jsd"))
    assert problem.convexity.singular
    path = trace(problem)
    assert path.gaps.max() <= 1e-9
    assert path.solves <= 6
    assert path.pivots <= 12 * 120
    assert path.at(1.0) == pytest.approx(problem.anchor, abs=1e-6)


def test_identical_tasks_share_all_along():
    S = similarity("jsd", 8, 3).matrix
    twice = np.block([[S, S], [S, S]])
    path = trace(pose(Similarity(names(16), twice)))
    single = trace(pose(similarity("jsd", 8, 3)))
    for r in (0.0, 0.3, 0.9, 1.0, 1.4, 4.0):
        p = path.at(r)
        assert p[:8] == pytest.approx(p[8:], abs=1e-6)
        assert p[:8] + p[8:] == pytest.approx(single.at(r), abs=1e-6)


def test_a_path_with_constraints_keeps_them_all_along():
    groups = [Group("g", ("t0", "t1", "t2"), 0.3, 0.6), Group("h", ("t5", "t6"), 0.0, 0.1)]
    problem = pose(similarity("pmi", 12, 2), floors=0.01, caps={"t4": 0.05}, groups=groups)
    path = trace(problem)
    inside = path.weights @ problem.incidence.T
    assert (inside[:, 0] >= 0.3 - 1e-9).all()
    assert (inside <= np.array([0.6, 0.1]) + 1e-9).all()
    assert (path.weights[:, 4] <= 0.05 + 1e-12).all()
    assert path.weights.min() >= 0.01 - 1e-12


def test_the_compact_form_interpolates_to_the_same_mixtures():
    path = trace(pose(similarity("jsd", 30, 8)))
    compact = json.loads(json.dumps(path.sparse()))
    table = np.zeros((len(compact["balances"]), 30))
    for row, places, weights in zip(table, compact["places"], compact["weights"], strict=True):
        row[places] = weights
    for r in np.linspace(0, path.last, 57):
        k = np.searchsorted(compact["balances"], r, side="right") - 1
        k = min(int(k), len(table) - 2)
        a, b = compact["balances"][k], compact["balances"][k + 1]
        share = min((r - a) / (b - a), 1.0)
        assert (1 - share) * table[k] + share * table[k + 1] == pytest.approx(path.at(r), abs=1e-6)
    full = path.to_json()
    assert [b["balance"] for b in full["breakpoints"]] == path.balances.tolist()


def test_clashing_constraints_leave_no_path():
    path = trace(pose(similarity("jsd", 4, 0), floors=0.3))
    assert path.status == "infeasible"
    assert "floors sum" in path.message
    with pytest.raises(MixtureError, match="floors sum"):
        path.at(1.0)
    fine = trace(pose(similarity("jsd", 4, 0)))
    for r in (-1.0, np.nan):
        with pytest.raises(MixtureError, match="balance"):
            fine.at(r)


@modest
@given(questions(kinds=("jsd", "definite", "pmi", "indefinite"), most=25))
def test_the_closed_form_is_the_optimum_exactly_where_it_says(question):
    problem, balance = question
    form = closed_form(problem)
    found = solve(problem, balance)
    if problem.convexity.curvature < 1e-5 * problem.centred.unit:
        return
    low, high = form.interval or (1.0, 0.0)
    valid = form.exact and low <= balance <= high
    assert found.closed_form_valid == valid or _on_the_edge(form, balance)
    if valid:
        assert form.at(balance) == pytest.approx(found.p, abs=1e-6)
        assert form.at(balance).sum() == pytest.approx(1.0)
    if form.interval and problem.utility is None and problem.pull is None:
        w = problem.anchor
        inside = (w >= problem.lo).all() and (w <= problem.hi).all() and not problem.groups
        assert not inside or form.at(1.0) == pytest.approx(w, abs=1e-8)


def _on_the_edge(form, balance):
    p = form.at(balance)
    return (
        form.interval is None
        or min(abs(balance - end) for end in form.interval) < 1e-6
        or (np.abs(p).min() < 1e-7)
    )
