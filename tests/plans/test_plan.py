"""The plan of a study."""

import json
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from taskpgm_core import store
from taskpgm_core.errors import PlanError
from taskpgm_core.plans.plan import PLANS, Plan, load_plan, parse_plan, plan_of
from taskpgm_core.plans.plan_edits import grown, shrunk


def test_the_plan_of_a_study_is_the_one_it_was_built_from():
    study = store.open_study("starter", PLANS.parents[1] / "cache")
    assert plan_of(study).normalised() == load_plan("starter").normalised()


@given(name=st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1))
@example(name="\U0001f600")
def test_a_plan_is_the_same_after_it_was_kept_whatever_its_names(name):
    tasks = [{"source": "file:" + name, "id": f"x{name}"}, {"source": "file:b", "id": "b"}]
    plan = Plan.model_validate({"slug": "p", "base": name, "tasks": tasks})
    study = store.open_study("starter", PLANS.parents[1] / "cache")
    kept = replace(study, plan=json.loads(json.dumps(plan.model_dump(mode="json"))))
    assert plan_of(kept) == plan
    more = grown(plan, {"source": "file:c", "id": f"y{name}"})
    assert [task.id for task in more.tasks] == [f"x{name}", "b", f"y{name}"]
    assert shrunk(more, [f"y{name}"], slug="p").tasks == plan.tasks


# Second seeds


def planned(second_seed=None, **first) -> Plan:
    training = {} if second_seed is None else {"second_seed": second_seed}
    tasks = [{"source": f"generated:{name}"} for name in ("boolean", "swaps", "navigate")]
    tasks[0] |= first
    return Plan.model_validate({"slug": "p", "base": "b", "tasks": tasks, "training": training})


def test_all_second_seeds_stand_as_the_list_that_they_mean():
    plan, listed = planned(), planned(["boolean", "swaps", "navigate"])
    assert plan.training.second_seed == "all"
    assert plan.second_seeds == listed.second_seeds == ("boolean", "swaps", "navigate")
    assert plan.normalised() == listed.normalised() == planned("all").normalised()
    assert plan.normalised()["training"]["second_seed"] == [*plan.second_seeds]
    assert planned([]).second_seeds == ()
    assert planned(["swaps"]).normalised()["training"]["second_seed"] == ["swaps"]


@pytest.mark.parametrize("kind", ["adapter", "checkpoint"])
def test_a_model_that_is_brought_along_has_no_second_seed(kind):
    assert planned(**{kind: "somewhere"}).second_seeds == ("swaps", "navigate")
    with pytest.raises(ValueError, match=r"'boolean', whose model is brought along; .* its seed"):
        planned(["swaps", "boolean"], **{kind: "somewhere"})


@pytest.mark.parametrize(
    ("second_seed", "words"),
    [
        (["swaps", "swaps"], "names 'swaps' more than once"),
        (["swips"], r"'swips', which is no task \(did you mean 'swaps'\?\)"),
        ("most", "second_seed is all or a list of task ids, not 'most'"),
        (2, "second_seed is all or a list of task ids, not 2"),
    ],
)
def test_what_second_seed_cannot_be_is_a_sentence(second_seed, words):
    head = "slug: p\nbase: b\ntasks: [generated:boolean, generated:swaps]\n"
    with pytest.raises(PlanError, match=words):
        parse_plan(f"{head}training: {{second_seed: {second_seed}}}")


def test_all_stays_all_in_a_plan_that_grows_and_shrinks():
    more = grown(planned(), {"source": "generated:code-trace"})
    assert more.second_seeds == (*planned().second_seeds, "code-trace")
    assert shrunk(more, ["swaps"], slug="less").second_seeds == (
        "boolean",
        "navigate",
        "code-trace",
    )
    some = grown(planned(["swaps", "boolean"]), {"source": "generated:code-trace"})
    assert some.second_seeds == ("swaps", "boolean")
    assert shrunk(some, ["swaps"], slug="less").second_seeds == ("boolean",)
    assert shrunk(planned(), ["swaps"], slug="less").training.second_seed == "all"


def test_plans_of_committed_studies_have_the_second_seeds_that_they_list():
    for study in store.list_studies(PLANS.parents[1] / "cache")[0]:
        assert study.plan is not None
        kept = study.plan["training"]["second_seed"]
        known = store.noise(study).tasks
        assert plan_of(study).second_seeds == known
        assert kept in ("all", [*known])


def test_an_imported_matrix_has_no_plan(tmp_path):
    (tmp_path / "mine.csv").write_text("1,0.5\n0.5,1\n")
    study = store.import_matrix(tmp_path / "mine.csv", root=tmp_path / "cache", kind="similarity")
    with pytest.raises(PlanError, match="mine was imported as a matrix, so it has no plan"):
        plan_of(study)
