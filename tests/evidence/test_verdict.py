"""What may be concluded from runs judged by skill, in every state that they can be in."""

import numpy as np
import pytest
import yaml

from taskpgm_core import store
from taskpgm_core.analysis.question import DEFAULT, Question, pose_question
from taskpgm_core.evidence.confirmation import dose_curve
from taskpgm_core.evidence.kept_share import LOSSES, MEASURES
from taskpgm_core.evidence.outcome import recommend
from taskpgm_core.evidence.protocol import (
    Arm,
    Hypothesis,
    hypotheses_warning,
    load_protocol,
    protocol_card,
    with_arms,
)
from taskpgm_core.evidence.verdict import (
    hypotheses,
    skill_runs,
    skill_sentences,
    sure_finding,
    verdict,
)
from taskpgm_core.findings.evidence import COUNTS
from tests.support.kept_runs import (
    COMMITTED,
    committed_copy,
    keep_reference,
    keep_run,
    keep_skill_runs,
)

BIG, START = "skills-confirmation-bigbench", "skills-confirmation-starter"
MIXTURE = "TaskPGM at the automatic resolution"


def seen(study):
    card, runs = store.evidence(study)[0]
    return skill_runs(study, card, runs)


@pytest.fixture
def big(cache):
    return committed_copy(cache, "bigbench")


@pytest.mark.slow
def test_a_win_is_said_with_its_interval_and_in_rows_and_changes_what_is_recommended(big, cache):
    keep_skill_runs(big, BIG, {"taskpgm": 0.04, "jsd-0.5": -0.05})
    start = committed_copy(cache, "starter")
    keep_skill_runs(start, START, {"taskpgm": 0.03})
    found, advice = seen(big), recommend(big)
    assert verdict(found).state == "wins"
    assert [h.holds for h in hypotheses(found)] == [True] * 4
    assert [h.study for h in hypotheses(found)] == ["bigbench", "starter", "bigbench", "bigbench"]
    d = found.first
    assert f"+{100 * d.difference:.1f} points, 95% interval +{100 * d.low:.1f}" in advice.sentence
    assert "5 seeds, 512 rows); it keeps as much as uniform does of 1.7 times" in advice.sentence
    assert advice.sentence.startswith(
        f"Train on the mixture “{MIXTURE}”: on bigbench it keeps more"
    )
    even = pose_question(big, Question(balance=0)).optimum().p
    assert advice.p == pytest.approx(np.where(even < 1e-12, 0, even))
    assert advice.said_of(advice.p) == advice.sentence
    assert verdict(seen(start)).state == "wins"
    assert {(g.arm, g.rows) for g in found.judged.budget_gains} == {
        (arm, rows) for arm in ("taskpgm", "parent-even") for rows in (512, 1536)
    }


@pytest.mark.slow
def test_a_loss_stops_the_order_and_the_other_study_claims_nothing(big, cache):
    keep_skill_runs(big, BIG, {"taskpgm": -0.04})
    start = committed_copy(cache, "starter")
    keep_skill_runs(start, START, {"taskpgm": 0.03})
    advice = recommend(big)
    assert verdict(seen(big)).state == "loses"
    assert "keeps less of what single-task models gain than uniform (−" in advice.sentence
    assert "all 40 tasks equally (uniform)" in advice.sentence
    assert advice.p == pytest.approx(np.full(40, 1 / 40))
    assert verdict(seen(start)).state == "stopped"
    assert "nothing is claimed" in recommend(start).sentence
    assert [h.verdict for h in hypotheses(seen(start))] == [
        "does not hold, the order stops here",
        *["not tested"] * 3,
    ]


def own_protocol(folder, **weights):
    """A confirmation of one's own, of one arm with these weights."""
    value = load_protocol(START).model_dump(mode="json") | {
        "name": "mine",
        "arms": [{"name": "uniform", "baseline": "uniform"}, {"name": "mine", "weights": weights}],
        "hypotheses": [{"order": 1, "arm": "mine"}],
        "evaluation_rows": 17,
    }
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(value))
    return str(path)


def test_a_hypothesis_that_surely_loses_is_said_to_in_every_sentence(cache, tmp_path):
    start = committed_copy(cache, "starter")
    keep_skill_runs(start, own_protocol(tmp_path, boolean=1.0), {"mine": -0.03})
    found = seen(start)
    assert verdict(found).state == "loses"
    assert found.sure("mine")
    assert "keeps less of what single-task models gain" in recommend(start).sentence
    assert sure_finding(found).startswith("No mixture surely beats uniform; mine (−")


def test_an_arm_that_was_redefined_is_judged_as_it_is_planned_now(cache, tmp_path):
    start = committed_copy(cache, "starter")
    keep_skill_runs(start, own_protocol(tmp_path, boolean=1.0), {"mine": -0.03})
    chosen = own_protocol(tmp_path, navigate=1.0)
    keep_skill_runs(start, chosen, {"mine": 0.03})
    found = seen(start)
    assert (found.judged.finished, found.judged.planned) == (10, 10)
    assert verdict(found).state == "wins"
    assert dict(zip(start.names, recommend(start).p, strict=True))["navigate"] == 1
    card = {"planned": {"arms": ["uniform", "mine"], "seeds": [1, 2]}}  # as older versions wrote it
    store.plan_runs(start, load_protocol(chosen).digest(start.digest), card)
    assert not seen(start).judged.complete
    assert "nothing is concluded" in recommend(start).sentence


def test_an_added_arm_is_judged_with_all_its_seeds_and_by_itself(cache):
    start, chosen = committed_copy(cache, "starter"), load_protocol(START)
    keep_skill_runs(start, START, {"taskpgm": 0.03, "text": 0.003})
    before = seen(start).judged.others
    added = Arm(name="mine", weights={"boolean": 1.0})
    digest, uniform = chosen.digest(start.digest), chosen.arms[0]
    for seed in chosen.seeds:
        assert seen(start).judged.others == before
        rows = store.kept_run(start, digest, "uniform", uniform.digest, seed)
        better = rows.assign(arm="mine", loss=rows["loss"] - 0.05 - 1e-4 * (seed % 2))
        keep_run(start, with_arms(chosen, [added]), added, better)
    found = seen(start)
    others = dict(found.judged.others)
    assert others.pop("mine") == found.kept("mine").p < 0.05
    assert others == before
    assert found.sure("mine")


def test_a_protocol_of_ones_own_does_not_change_the_hypotheses_of_a_committed_one(cache):
    start, chosen = committed_copy(cache, "starter"), load_protocol(START)
    keep_skill_runs(start, START, {"taskpgm": 0.03})
    before = seen(start).judged.hypotheses
    other = (Hypothesis(order=1, arm="text", against="taskpgm"),)
    mine = chosen.model_copy(update={"name": "mine", "hypotheses": other})
    keep_reference(start, mine, store.reference_losses(start, mine.digest(start.digest)))
    assert seen(start).judged.hypotheses == before
    assert [t.test.arm for t in before] == ["taskpgm"]
    assert "mine are not tested: its runs lie with those of" in hypotheses_warning(mine, start)
    assert hypotheses_warning(chosen, start) == ""
    own = mine.model_copy(update={"budget": 256})
    assert hypotheses_warning(own, start) == ""
    assert protocol_card(own, start)["protocol"]["hypotheses"][0]["arm"] == "text"


def test_only_skills_that_have_a_share_are_said_to_be_counted(cache):
    start, chosen = committed_copy(cache, "starter"), load_protocol(START)
    keep_skill_runs(start, START, {})
    assert "each of 21 skills counted once" in skill_sentences(seen(start))[0]
    rows = store.reference_losses(start, chosen.digest(start.digest))
    weak = rows["task"].isin(["boolean", "add-2-digit"]) & (rows["replicate"] >= 0)
    keep_reference(start, chosen, rows.assign(loss=rows["loss"].mask(weak, 2.9)))
    found = seen(start).judged
    assert (found.skills, found.skills_counted) == (21, 20)  # add-3-digit stands for its family
    assert "each of 20 skills counted once" in skill_sentences(seen(start))[0]


@pytest.mark.slow
def test_no_difference_is_not_decided(big):
    keep_skill_runs(big, BIG, {})
    assert verdict(seen(big)).state == "undecided"
    assert "does not surely keep more" in recommend(big).sentence


def test_a_study_waits_for_the_hypotheses_before_its_own(cache):
    start = committed_copy(cache, "starter")
    keep_skill_runs(start, START, {"taskpgm": 0.03})
    assert verdict(seen(start)).state == "waits"
    assert "a test that comes first is not finished" in recommend(start).sentence


@pytest.mark.slow
def test_nothing_is_concluded_from_a_part_of_a_confirmation(big):
    keep_skill_runs(big, BIG, {"taskpgm": 0.04}, runs=69)
    found = seen(big)
    assert (found.judged.finished, found.judged.planned) == (69, 70)
    assert verdict(found).state == "incomplete"
    assert not any(found.sure(arm) for arm in found.full)
    assert not found.judged.others
    assert [h.holds for h in hypotheses(found)] == [None] * 3
    assert "against uniform has 69 of 70 runs so far" in recommend(big).sentence


@pytest.mark.parametrize("slug", ["starter", "bigbench"])
def test_a_screening_decides_nothing(cache, slug):
    study = committed_copy(cache, slug)
    keep_skill_runs(study, f"skills-screening-{slug}", {"taskpgm": 0.1})
    found = seen(study)
    assert verdict(found).state == "screening"
    assert not any(found.sure(arm) for arm in found.full)
    said = recommend(study).sentence
    assert "nothing is proven yet, only a first trial was trained, a screening, so equal" in said
    assert hypotheses(found) == ()


def test_the_dose_curve_has_the_studies_that_its_protocol_ran_on(cache):
    assert dose_curve() == ()
    study = committed_copy(cache, "starter")
    keep_skill_runs(study, "skills-screening-starter", {"taskpgm": 0.1})
    assert dose_curve() == ()
    keep_skill_runs(study, "skills-dose", {"taskpgm": 0.02})
    [point] = dose_curve()
    assert point.gain == pytest.approx(0.02, abs=0.005)


def test_every_measure_has_words():
    assert list(COUNTS) == list(MEASURES)
    assert {name for name, count in COUNTS.items() if not count.is_share} == set(LOSSES)


def test_the_default_question_follows_what_the_committed_evidence_decided(monkeypatch):
    monkeypatch.setenv("TASKPGM_CACHE", str(COMMITTED))
    big = store.open_study("bigbench")
    card, runs = store.evidence(big)[0]
    won = verdict(skill_runs(big, card, runs)).state == "wins"
    assert ((0.0, "auto") if won else (1.0, "auto")) == DEFAULT
