"""Selections of few tasks against brute force over every subset."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture import Group, Solution, pose, solve
from taskpgm_core.mixture.selection.exact import restricted, value
from taskpgm_core.mixture.selection.greedy import select
from taskpgm_core.records import Similarity
from tests.support.matrices import KINDS, similarity

modest = settings(max_examples=40, deadline=None, derandomize=True)
kinds = st.sampled_from(sorted(KINDS))
seeds = st.integers(0, 2**32 - 1)
balances = st.sampled_from([0.0, 0.3, 1.0, 1.4, 4.0])


def best_of(problem, balance, tasks):
    """F of a set of tasks, by the exact solver with every other task capped at 0."""
    caps = {task: 0.0 for task in problem.tasks if task not in tasks}
    found = solve(
        pose(problem.similarity, anchor=problem.anchor, caps=caps, margin=problem.margin), balance
    )
    assert isinstance(found, Solution)
    return value(problem, balance, found.p)


def best_by_size(problem, balance):
    """[F(OPT_1), F(OPT_2), ...] by looking at every set."""
    return [
        max(best_of(problem, balance, chosen) for chosen in combinations(problem.tasks, k))
        for k in range(1, problem.n + 1)
    ]


@modest
@given(kinds, st.integers(1, 6), seeds, balances, st.sampled_from([1e-6, 1.0, 1e6]))
def test_every_bound_holds_against_brute_force(kind, n, seed, balance, scale):
    problem = pose(similarity(kind, n, seed, scale))
    chosen = select(problem, balance, exact_up_to=6)
    slack = 2e-9 * (1 + balance) * problem.centred.unit
    truth = best_by_size(problem, balance)
    assert [step.k for step in chosen.steps] == list(range(1, n + 1))
    first = chosen.steps[0].value
    for step, best in zip(chosen.steps, truth, strict=True):
        assert step.exact == pytest.approx(best, abs=slack)
        assert step.value <= best + slack
        assert step.upper_bound >= best - slack
        assert step.guarantee <= step.value + slack
        if step.gamma is None:
            assert step.k == 1
        else:
            assert 0 <= step.gamma <= 1
            certain = 1 - np.exp(-step.gamma * (step.k - 1) / step.k)
            assert step.value - first >= certain * (best - first) - slack
        assert len(step.exact_tasks) <= step.k


@pytest.mark.slow
@modest
@given(kinds, st.integers(7, 10), seeds, balances)
def test_the_guarantee_and_the_certificate_hold_for_ten_tasks(kind, n, seed, balance):
    problem = pose(similarity(kind, n, seed))
    chosen = select(problem, balance, exact_up_to=10)
    slack = 1e-8 * (1 + balance) * problem.centred.unit
    form, _ = restricted(problem, balance)
    rng = np.random.default_rng(seed)
    for step in chosen.steps:
        assert step.guarantee <= step.value + slack
        assert step.value <= step.exact + slack
        assert step.exact <= step.upper_bound + slack
        for _ in range(10):  # no other set beats the exact one
            tasks = np.isin(np.arange(n), rng.choice(n, step.k, replace=False))
            start = form.single(int(tasks.argmax()))
            assert value(problem, balance, form.best(tasks, start)) <= step.exact + slack


@pytest.mark.slow
@modest
@given(kinds, st.integers(2, 14), seeds, balances)
def test_each_choice_is_greedy_and_its_mixture_is_the_best_one(kind, n, seed, balance):
    problem = pose(similarity(kind, n, seed))
    chosen = select(problem, balance, k_max=min(n, 5))
    slack = 1e-8 * (1 + balance) * problem.centred.unit
    before = None
    for step in chosen.steps:
        assert step.tasks[-1] == step.added
        assert set(np.array(problem.tasks)[step.p > 0]) <= set(step.tasks)
        assert step.p.sum() == pytest.approx(1, abs=1e-12)
        assert step.value == pytest.approx(best_of(problem, balance, step.tasks), abs=slack)
        if before is not None:
            assert step.tasks[:-1] == before.tasks
            rivals = [
                best_of(problem, balance, (*before.tasks, task))
                for task in problem.tasks
                if task not in before.tasks
            ]
            assert step.value == pytest.approx(max(rivals), abs=slack)
        before = step


@modest
@given(st.sampled_from(["jsd", "pmi", "definite"]), st.integers(1, 12), seeds, balances)
def test_all_tasks_together_are_the_exact_solution(kind, n, seed, balance):
    problem = pose(similarity(kind, n, seed))
    chosen = select(problem, balance)
    found = solve(problem, balance)
    assert chosen.best == pytest.approx(
        value(problem, balance, found.p), abs=1e-9 * (1 + balance) * problem.centred.unit
    )
    np.testing.assert_allclose(chosen.steps[-1].p, found.p, atol=1e-6)
    assert chosen.steps[-1].upper_bound == pytest.approx(chosen.best)


def test_tied_single_tasks_are_resolved_by_the_best_pair():
    S = similarity("jsd", 9, 4)  # at balance 0 every single task has F = 0
    problem = pose(S)
    chosen = select(problem, 0.0, exact_up_to=9)
    pairs = {p: best_of(problem, 0.0, p) for p in combinations(problem.tasks, 2)}
    assert set(chosen.steps[1].tasks) == set(max(pairs, key=pairs.get))
    assert chosen.steps[1].value == pytest.approx(chosen.steps[1].exact)


def test_a_pull_counts_in_the_value_and_a_utility_in_the_choice():
    S = similarity("definite", 6, 3)
    home = np.full(6, 1 / 6)
    pulled = pose(S, pull_to=home, rho=2.0)
    step = select(pulled, 0.5).steps[2]
    H, u = S.matrix, 6 * S.matrix @ home

    def loss(p):
        return p @ H @ p / 2 - 0.5 / 6 * u @ p + ((p - home) ** 2).sum()

    members = [S.tasks.index(task) for task in step.tasks]
    bounds = [(0, 1) if i in members else (0, 0) for i in range(6)]
    sums = {"type": "eq", "fun": lambda p: p.sum() - 1}
    answer = minimize(loss, step.p, bounds=bounds, constraints=sums, options={"ftol": 1e-14})
    assert step.value == pytest.approx(-answer.fun, abs=1e-7)
    worth = np.zeros(6)
    worth[4] = 1e6
    assert select(pose(S, utility=worth), 1.0).start == "t4"


def test_duplicates_and_one_task_are_no_trouble():
    twins = pose(Similarity(("a", "b", "c"), [[0, 0, -1], [0, 0, -1], [-1, -1, 0]]))
    chosen = select(twins, 0.0, exact_up_to=3)
    assert chosen.steps[1].tasks == ("a", "c")
    assert chosen.steps[1].value == pytest.approx(chosen.steps[2].value)
    only = select(pose(Similarity(("a",), [[3.0]])), 1.0, exact_up_to=1)
    assert only.steps[0].value == pytest.approx(1.5)


@pytest.mark.parametrize("n", [20, 25])
def test_the_exact_search_ends_for_studies_of_ordinary_size(n):
    chosen = select(pose(similarity("jsd", n, 1)), 1.0, k_max=4, exact_up_to=25)
    assert all(step.exact is not None for step in chosen.steps)
    assert select(pose(similarity("jsd", n, 1)), 1.0, k_max=2).steps[1].exact is None


@pytest.mark.parametrize(
    ("posed", "asked", "sentence"),
    [
        ({}, {"balance": -1}, "balance"),
        ({}, {"balance": np.inf}, "balance"),
        ({}, {"k_max": 0}, "between 1 and"),
        ({}, {"k_max": 5}, "between 1 and"),
        ({"floors": 0.1}, {}, "without floors"),
        ({"caps": 0.5}, {}, "without floors"),
        ({"groups": (Group("g", ("t0",), 0, 0.5),)}, {}, "without floors"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(posed, asked, sentence):
    with pytest.raises(MixtureError, match=sentence):
        select(pose(similarity("jsd", 4, 0), **posed), **asked)
