"""Utility by what one is judged by: the formula, its limits, and what it does to a mixture."""

import numpy as np
import pytest

from taskpgm_core import store
from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture import kernel, pose, solve
from taskpgm_core.mixture.utility import judged_by, target_utility
from taskpgm_core.records import LossTable


def table():
    losses = np.array([[0.5, 3.0, 1.5], [2.0, 1.0, 2.5], [1.0, 2.0, 1.0], [2.0, 2.0, 2.0]])
    return LossTable(("a", "b", "arithmetic"), losses, losses)


def test_the_formula_by_hand():
    np.testing.assert_allclose(judged_by(table(), ["a"]), [1.0, 0.0, 1.0 / 1.5])
    np.testing.assert_allclose(judged_by(table(), ["b"]), [0.0, 1.0, 0.0])  # worse than the base: 0
    both = judged_by(table(), ["a", "b"])
    np.testing.assert_allclose(both, [0.5, 0.5, 1.0 / 3.0])
    assert not both.flags.writeable
    extra = np.array([[1.0], [3.0], [2.0], [3.0]])
    np.testing.assert_allclose(target_utility(extra, ["elsewhere"]), [1.0, 0.0, 0.5])


@pytest.mark.parametrize(
    ("targets", "sentence"),
    [
        ([], "no target"),
        (["a", "a"], "'a' stands more than once"),
        (["arithmetc"], r"'arithmetc' is not in this study.*did you mean 'arithmetic'"),
    ],
)
def test_targets_that_make_no_sense(targets, sentence):
    with pytest.raises(MixtureError, match=sentence):
        judged_by(table(), targets)


def test_a_target_that_nobody_helps_is_refused_by_name():
    losses = np.array([[1.0, 3.0], [2.0, 2.0], [2.0, 2.0]])
    with pytest.raises(MixtureError, match=r"beats the base model on the target 'y'"):
        target_utility(losses, ["x", "y"])
    with pytest.raises(MixtureError, match="'x' is not finite"):
        target_utility(np.array([[np.nan], [1.0]]), ["x"])
    with pytest.raises(MixtureError, match="a column a target"):
        target_utility(losses, ["x"])


def test_a_growing_balance_moves_the_committed_study_to_what_helps():
    study = store.open_study("starter")
    seen = kernel(store.similarity(study), "auto", store.noise(study))
    v = judged_by(store.losses(study), ["add-2-digit", "sort-foods"])
    assert v.max() <= 1.0
    assert v.min() >= 0.0
    problem = pose(seen.similarity, utility=v)
    worth = []
    for balance in (0.0, 0.5, 1.0, 3.0, 10.0, 1e3):
        found = solve(problem, balance)
        g = balance / 26 * v - seen.matrix @ found.p
        assert g.max() - g @ found.p <= 1e-9  # optimal for p'Kp/2 - tau v'p itself
        worth.append(v @ found.p)
    np.testing.assert_allclose(solve(problem, 0.0).p, seen.most_diverse.p, atol=1e-9)
    assert (np.diff(worth) >= -1e-12).all()
    assert worth[-1] == pytest.approx(v.max())
