"""Judged by a target: what is rewarded, and what a target is not."""

import json
from urllib.parse import parse_qs

import numpy as np
import pytest

from taskpgm_core import solve, store
from taskpgm_core.analysis.decision import decide
from taskpgm_core.analysis.provenance import provenance
from taskpgm_core.analysis.question import Question, pose_question
from taskpgm_core.analysis.question_words import from_words, to_words
from taskpgm_core.cli.main import main
from taskpgm_core.errors import MixtureError, StoreError
from taskpgm_core.report.sections import question_sentence
from tests.support.synthetic_study import write_study

NEVER = "is a target: it is scored and never trained on"


@pytest.fixture
def study(cache):
    return write_study(cache, targets=("exam", "essay", "hopeless"))


def judged(names, **fields):
    return Question("gold", 2.0, resolution=0.2, judge_by=names, **fields)


def test_a_target_is_rewarded_as_a_task_is(study):
    losses, scored = store.losses(study).per_token, store.target_losses(study).per_token
    columns = np.column_stack([losses[:, 1], scored[:, 0]])
    base, own = columns[-1], columns[:-1]
    v = np.clip((base - own) / (base - own.min(axis=0)), 0, 1).mean(axis=1)
    posed = pose_question(study, judged(("dates", "exam")))
    np.testing.assert_allclose(posed.problem.utility, v)
    alone = pose_question(study, judged(("exam",)))
    assert alone.optimum().p[scored[:-1, 0].argmin()] > 1 / 3


def test_targets_are_in_no_similarity_and_no_mixture(study, tmp_path):
    without = write_study(tmp_path / "without")
    for measure in study.measures:
        with_targets, plain = (store.similarity(s, measure) for s in (study, without))
        np.testing.assert_array_equal(with_targets.matrix, plain.matrix)
    for asked in (Question(balance=0.3), Question("pmi", 0.3), Question("gold", 2.0)):
        one, other = (pose_question(s, asked).optimum() for s in (study, without))
        np.testing.assert_array_equal(one.p, other.p)
    assert store.verify(study.folder).files == store.verify(without.folder).files + 2


def test_words_say_targets_and_read_them_back(study, capsys):
    asked = judged(("exam", "sums"))
    assert from_words(to_words(asked), study) == asked
    command = ["solve", study.slug, "--balance", "2", "--resolution", "0.2", "--measure", "gold"]
    command.append("--json")
    assert main([*command, "--judge-by", "task:exam,sums"]) == 0
    p = json.loads(capsys.readouterr().out)["p"]
    np.testing.assert_array_equal(p, pose_question(study, asked).optimum().p)
    assert main([*command, "--judge-by", "exam"]) == 0
    capsys.readouterr()
    assert main([*command, "--judge-by", "task:exm"]) == 2
    said = capsys.readouterr().err
    assert "no task and no target of synthetic" in said
    assert "did you mean 'exam'" in said


def test_a_target_that_no_model_helps_is_refused_by_name(study):
    with pytest.raises(MixtureError, match="beats the base model on the target 'hopeless'"):
        pose_question(study, judged(("exam", "hopeless")))


@pytest.mark.parametrize(
    "options",
    [
        ("--anchor", "task:exam,sums"),
        ("--pull-to", "task:exam", "--rho", "1"),
        ("--pin", "exam"),
        ("--pin", "exam=0.1"),
        ("--cap", "exam=0.1"),
        ("--floor", "exam=0.1"),
    ],
)
def test_a_target_where_a_task_is_needed_is_refused(study, options, capsys):
    assert main(["solve", study.slug, *options]) == 2
    said = capsys.readouterr().err
    assert "'exam'" in said
    assert NEVER in said


@pytest.mark.parametrize("field", ["floors", "caps", "pins"])
def test_a_limit_on_a_target_is_refused_in_python(study, field):
    with pytest.raises(MixtureError, match="is on a target: it is scored and never trained on"):
        solve(study, balance=0.5, **{field: {"exam": 0.1}})


def test_a_target_has_no_place_among_the_tasks(study):
    with pytest.raises(StoreError, match="'exam' is a target of synthetic: it is scored and never"):
        study.place("exam")
    for name in ("anchor", "pull"):
        with pytest.raises(MixtureError, match=NEVER):
            solve(study, **{name: "task:exam"})


def test_recipes_and_reports_name_targets(study):
    posed = pose_question(study, judged(("exam", "sums")))
    found = posed.optimum()
    facts = provenance(study, posed, found)
    assert (facts["judge_by"], facts["targets"]) == (["exam", "sums"], ["exam"])
    assert from_words(parse_qs(facts["question"]), study) == posed.question
    said = question_sentence(decide(study, posed, found))
    assert "judged by exam (a target, never trained on), sums" in said
    by_task = pose_question(study, judged(("sums",)))
    assert "targets" not in provenance(study, by_task, by_task.optimum())
    plain = pose_question(study, Question(balance=0.5))
    assert not {"judge_by", "targets"} & provenance(study, plain, plain.optimum()).keys()
