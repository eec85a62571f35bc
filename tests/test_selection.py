"""The best few tasks: greedy against brute force, and what it promises never broken."""

from itertools import combinations

import numpy as np
import pytest

from benchmarks.matrices import similarity
from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture import pose, solve
from taskpgm_core.mixture.selection import select

KINDS = ("jsd", "pmi", "clustered", "definite", "factorial")


def worth(problem, balance, p):
    """F(p) = tau u'p - p'Hp/2, the shift applied."""
    H = problem.similarity.matrix + problem.convexity.shift * np.eye(problem.n)
    return balance * (H @ problem.anchor) @ p - p @ H @ p / 2


def best_of(problem, balance, chosen):
    """The best mixture of the tasks ``chosen``, by the exact solver with all others capped at 0."""
    caps = {t: float(i in chosen) for i, t in enumerate(problem.tasks)}
    found = solve(
        pose(problem.similarity, anchor=problem.anchor, caps=caps, margin=problem.margin), balance
    )
    return worth(problem, balance, found.p), found.p


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [0, 1])
def test_guarantee_and_bounds_hold_against_brute_force(kind, balance, seed):
    n = 7
    problem = pose(similarity(kind, n, seed))
    found = select(problem, balance, exact_up_to=n)
    unit = problem.convexity.scale
    first = found.steps[0].value
    for step in found.steps:
        every = [best_of(problem, balance, c)[0] for c in combinations(range(n), step.k)]
        best = max(every)
        assert step.exact == pytest.approx(best, abs=1e-8 * unit)
        assert step.value <= best + 1e-9 * unit
        assert step.upper_bound >= best - 1e-9 * unit
        if step.k == 1:
            assert step.gamma is None
            assert step.value == pytest.approx(best, abs=1e-9 * unit)
        else:
            share = 1 - np.exp(-step.gamma * (step.k - 1) / step.k)
            assert step.value - first >= share * (best - first) - 1e-8 * unit
            assert step.guarantee == pytest.approx(first + share * (step.exact - first))
        assert step.guarantee <= step.value + 1e-8 * unit
        assert step.exact_tasks is not None
        assert len(step.exact_tasks) <= step.k


@pytest.mark.parametrize("kind", KINDS)
def test_each_step_is_the_best_mixture_of_its_tasks_and_adds_one(kind):
    problem = pose(similarity(kind, 18, 2))
    found = select(problem, 0.6, k_max=10)
    assert len(found.steps) == 10
    before: tuple[str, ...] = ()
    for step in found.steps:
        assert step.tasks == (*before, step.added)
        chosen = {problem.tasks.index(t) for t in step.tasks}
        value, _ = best_of(problem, 0.6, chosen)
        assert step.value == pytest.approx(value, abs=1e-8 * problem.convexity.scale)
        assert worth(problem, 0.6, step.p) == pytest.approx(step.value)
        assert set(np.flatnonzero(step.p)) <= chosen
        assert step.exact is None
        before = step.tasks


@pytest.mark.parametrize("kind", ["jsd", "pmi", "definite"])
def test_greedy_takes_what_gains_most(kind):
    problem = pose(similarity(kind, 10, 3))
    found = select(problem, 0.4)
    for before, step in zip(found.steps, found.steps[1:], strict=False):
        chosen = {problem.tasks.index(t) for t in before.tasks}
        gains = [best_of(problem, 0.4, chosen | {j})[0] for j in set(range(10)) - chosen]
        assert step.value == pytest.approx(max(gains), abs=1e-8 * problem.convexity.scale)


def test_at_balance_zero_the_start_is_in_the_best_pair():
    problem = pose(similarity("jsd", 9, 4))
    found = select(problem, 0.0)
    pairs = {c: best_of(problem, 0.0, c)[0] for c in combinations(range(9), 2)}
    assert found.start in [problem.tasks[i] for i in max(pairs, key=pairs.__getitem__)]
    assert found.steps[1].value == pytest.approx(max(pairs.values()))


def test_all_tasks_together_are_the_exact_mixture():
    problem = pose(similarity("pmi", 15, 5))
    found = select(problem, 0.7)
    whole = solve(problem, 0.7)
    assert found.best == pytest.approx(worth(problem, 0.7, whole.p))
    assert found.steps[-1].value == pytest.approx(found.best)
    assert found.steps[-1].upper_bound == pytest.approx(found.best)
    values = [step.value for step in found.steps]
    assert (np.diff(values) >= -1e-12).all()


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda p: select(p, -1.0), "balance"),
        (lambda p: select(p, np.inf), "balance"),
        (lambda p: select(p, k_max=0), "between 1"),
        (lambda p: select(p, k_max=99), "between 1"),
        (lambda p: select(pose(p.similarity, floors=0.01)), "without floors"),
    ],
)
def test_what_cannot_be_selected_is_said(ask, words):
    with pytest.raises(MixtureError, match=words):
        ask(pose(similarity("jsd", 5, 0)))
