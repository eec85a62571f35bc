"""Whoever writes a plan is told all that is wrong at once, with lines."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from taskpgm_core.errors import PlanError
from taskpgm_core.plans import plan as plans
from taskpgm_core.plans.plan import PLANS, load_plan, parse_plan, self_contained
from taskpgm_core.plans.plan_faults import plan_faults

BROKEN = """\
slug: Not A Slug
base: package:x/y.gguf
training:
  steps: 0
  lerning_rate: 0.1
tasks:
  - source: generated:swaps
    rows: -1
  - {id: b, sorce: x}
dtype: int8
"""
CLASHING = """\
slug: mine
base: b
training: {second_seed: [swaps, swips]}
tasks:
  - generated:swaps
  - generated:boolean
  - generated:swaps
  - generated:boolean
"""


def test_every_fault_is_told_with_its_line():
    told = [(fault.line, fault.sentence.partition(" ")[0]) for fault in plan_faults(BROKEN)]
    assert told == [
        (1, "slug:"),
        (4, "training.steps:"),
        (5, "unknown"),
        (8, "tasks.0.rows:"),
        (9, "tasks.1.source:"),
        (9, "unknown"),
        (10, "dtype:"),
    ]


def test_what_does_not_go_together_is_told_with_its_lines():
    told = [(f.line, f.sentence) for f in plan_faults(CLASHING)]
    assert [line for line, _ in told] == [3, 7, 8]
    assert "second_seed names 'swips'" in told[0][1]
    assert "'swaps' stands more than once" in told[1][1]
    assert "'boolean' stands more than once" in told[2][1]


@pytest.mark.parametrize("text", ["a: [", "- 1", "", "slug: x"])
def test_text_that_is_no_plan_has_a_fault(text):
    assert plan_faults(text)
    with pytest.raises(PlanError):
        parse_plan(text)


HEAD = "slug: p\nbase: b\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("seed: 1\nseed: 2", "plan is not valid YAML on line 1: 'seed' stands in it twice."),
        ("tasks: [{source: 'file:a', id: no}, b:c]", "tasks.0.id: Input should be a valid string"),
        ("tasks: [data/a.jsonl, b:c]", "'data/a.jsonl' says not where it is; write file:data/a"),
        ("tasks: [{source: 'file:a', id: 7}, b:c]", "tasks.0.id: Input should be a valid string"),
    ],
)
def test_what_would_be_read_as_something_else_is_refused(text, sentence):
    with pytest.raises(PlanError, match=sentence):
        parse_plan(HEAD + text)


def test_a_number_is_the_one_that_is_written_and_an_empty_id_is_the_sources_name():
    plan = parse_plan(f"{HEAD}seed: 010\ntasks: [{{source: 'file:a.csv', id:}}, 'file:b']")
    assert plan.seed == 10
    assert [task.id for task in plan.tasks] == ["a", "b"]


@pytest.mark.parametrize("name", [path.stem for path in PLANS.glob("*.yaml")])
def test_a_committed_plan_has_no_fault(name):
    assert plan_faults((PLANS / f"{name}.yaml").read_text(encoding="utf-8")) == ()


@given(
    st.dictionaries(
        st.sampled_from(["slug", "base", "tasks", "training", "probe", "seed", "x"]),
        st.one_of(
            st.integers(-1, 2),
            st.sampled_from(["a", "b-c", ""]),
            st.lists(st.sampled_from(["generated:swaps", "generated:boolean", 3]), max_size=4),
            st.dictionaries(st.sampled_from(["steps", "batch", "y"]), st.integers(-1, 2)),
        ),
    )
)
def test_a_plan_has_faults_exactly_where_it_is_refused_and_the_commands_sentence_is_one(value):
    text, said = yaml.safe_dump(value), ""
    try:
        parse_plan(text)
    except PlanError as error:
        said = str(error)
    reasons = [fault.sentence.removesuffix(".") for fault in plan_faults(text)]
    assert bool(reasons) == bool(said)
    assert not reasons or any(reason in said for reason in reasons)


def test_what_needs_nothing_from_elsewhere_is_self_contained(monkeypatch):
    monkeypatch.setattr(plans, "find_spec", lambda name: name)
    assert self_contained(load_plan("starter"))
    assert not self_contained(load_plan("bigbench"))
    assert not self_contained(load_plan("llama-2-7b"))
    monkeypatch.setattr(plans, "find_spec", lambda name: None)
    assert not self_contained(load_plan("starter"))
