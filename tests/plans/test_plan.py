"""The plan of a study."""

import pytest

from taskpgm_core import store
from taskpgm_core.errors import PlanError
from taskpgm_core.plans.plan import PLANS, load_plan, plan_of


def test_the_plan_of_a_study_is_the_one_it_was_built_from():
    study = store.open_study("starter", PLANS.parents[1] / "cache")
    assert plan_of(study).normalised() == load_plan("starter").normalised()


def test_an_imported_matrix_has_no_plan(tmp_path):
    (tmp_path / "mine.csv").write_text("1,0.5\n0.5,1\n")
    study = store.import_matrix(tmp_path / "mine.csv", root=tmp_path / "cache", kind="similarity")
    with pytest.raises(PlanError, match="mine was imported as a matrix, so it has no plan"):
        plan_of(study)
