"""The one sentence of what is recommended: right in every case that evidence can be in."""

import numpy as np
import pytest

from taskpgm_core.analysis.question import Question, pose_question
from taskpgm_core.evidence.outcome import recommend, training_outcome
from taskpgm_core.findings import recommendation as findings
from taskpgm_core.findings.recommendation import (
    ArmResult,
    Judged,
    JudgedBySkill,
    exploration,
    recommendation,
)
from taskpgm_core.store import evidence_version, import_matrix
from tests.support.kept_runs import committed_copy, keep_runs
from tests.support.synthetic_study import write_study

WINNER = ArmResult("exact at 0.3", -0.043, -0.07, -0.01)
OTHER = ArmResult("best single task", 0.95, 0.5, 1.4)


@pytest.mark.parametrize(
    ("judged", "words"),
    [
        (None, "Train on all 9 tasks equally (uniform): no mixture of this study was trained"),
        (Judged("confirmation", 8, 5, False, None, OTHER), "none surely beats uniform (the best"),
        (Judged("screening", 8, 1, False, None, None), "1 seed, in a screening, none surely"),
        (Judged("confirmation", 2, 1, True, None, OTHER), "too few runs to be sure"),
        (
            Judged("confirmation", 8, 5, False, WINNER, WINNER),
            "Train on the mixture “exact at 0.3”: of 8 mixtures trained with 5 seeds, it surely "
            "has a lower loss than uniform (−0.043 nats a token, 95% "
            "interval −0.070 to −0.010).",
        ),
    ],
)
def test_what_is_recommended_is_what_surely_won_else_the_default(judged, words):
    assert words in recommendation(9, judged)
    assert recommendation(9, judged).count("Train on") == 1


def test_runs_that_cannot_be_read_are_said_to_be():
    said = recommendation(9, None, "runs.parquet is damaged.")
    assert said.endswith("what training gave is not known: runs.parquet is damaged.")


@pytest.mark.parametrize(("balance", "word"), [(1.0, "uniform"), (0.0, "skills"), (0.5, "0.5")])
def test_the_default_is_said_as_the_one_constant_says_it(monkeypatch, balance, word):
    monkeypatch.setattr(findings, "DEFAULT", (balance, "auto"))
    assert word in recommendation(9, None)


def test_another_mixture_is_an_exploration_and_the_same_one_under_another_question_is_not():
    p = np.full(4, 0.25)
    assert exploration("Train on x.", "x", p, p + 1e-12) == "Train on x."
    assert exploration("Train on x.", "x", p, np.eye(4)[0]) == (
        "This is an exploration; recommended is x."
    )
    assert "exploration" in exploration("Train on x.", "x", None, p)


@pytest.mark.parametrize("slug", ["starter", "bigbench"])
def test_a_study_of_which_nothing_beat_uniform_recommends_the_default(cache, slug):
    study = committed_copy(cache, slug)
    keep_runs(study, f"confirmation-{slug}")
    found = recommend(study)
    assert found.trained == training_outcome(study)
    assert "none surely beats uniform" in found.sentence
    assert found.said_of(np.full(len(study.names), 1 / len(study.names))) == found.sentence
    half = pose_question(study, Question(balance=0.5)).optimum().p
    default = f"recommended is all {len(study.names)} tasks"
    assert found.said_of(half).startswith(f"This is an exploration; {default}")


def test_without_runs_and_for_an_import_nothing_is_claimed(cache, tmp_path):
    file = tmp_path / "two.csv"
    file.write_text("a,b\n1,0.2\n0.2,1\n")
    for study in (write_study(cache), import_matrix(file, kind="similarity")):
        found = recommend(study)
        assert "nothing shows that another one would do better" in found.sentence
        assert found.trained == ()
        assert evidence_version(study) == evidence_version(study)


@pytest.mark.parametrize(
    ("skills", "little"), [(8.5, True), (8.0, False), (9.0, True), (None, False)]
)
def test_little_to_gain_is_said_before_any_training_and_not_after_a_verdict(skills, little):
    assert ("there is little to gain" in recommendation(9, None, skills=skills)) is little
    lost = JudgedBySkill("s", "undecided", "x", 9, 9, 5, 512, 0.0, -0.01, 0.01, 0.9)
    assert "little to gain" not in recommendation(9, lost, skills=skills)


def test_no_task_of_the_most_diverse_mixture_gets_more_than_its_bound(cache):
    for slug in ("starter", "bigbench"):
        posed = pose_question(committed_copy(cache, slug), Question(balance=0))
        assert posed.optimum().p.max() <= 1 / posed.kernel.skills + 1e-9
