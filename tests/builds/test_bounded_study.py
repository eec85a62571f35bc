"""A study whose divergences are known between two bounds, from a plan to the words of solve."""

import json
from pathlib import Path

import numpy as np
import pytest

from taskpgm_core import store
from taskpgm_core.builds import pipeline
from taskpgm_core.builds.repair import repair
from taskpgm_core.cli.main import main
from taskpgm_core.errors import MeasurementError, StoreError
from taskpgm_core.measure import Silence
from taskpgm_core.mixture import kernel, pose, solve
from taskpgm_core.mixture.alarms import alarms
from taskpgm_core.plans.plan import renamed
from taskpgm_core.plans.plan_edits import grown
from tests.support.tiny_model import tiny_plan

VOCABULARY = 304
ROUNDING = 1e-6  # float32 logits of other blocks


def bounded_plan(base, kept: int):
    probe = tiny_plan(base).probe.model_dump()
    return renamed(tiny_plan(base, probe={**probe, "kept": kept}), f"kept-{kept}")


def build(plan, **options):
    return pipeline.build(plan, progress=Silence(), **options)[0]


@pytest.fixture
def bounded(tiny_study, tiny_base):
    """A study of 12 kept tokens, beside the exact one with whose units it was made."""
    return build(bounded_plan(tiny_base, 12))


def ends(study):
    upper = store.upper_bound(study)
    assert upper is not None
    return store.similarity(study, "jsd").divergence, upper.divergence


def test_the_exact_divergence_of_every_pair_lies_between_the_bounds(tiny_study, bounded):
    exact, (lower, upper) = store.similarity(tiny_study, "jsd").divergence, ends(bounded)
    assert (lower <= exact + ROUNDING).all()
    assert (exact <= upper + ROUNDING).all()
    off = np.triu_indices(len(exact), 1)
    assert (upper - lower)[off].min() > 1e-3  # there is something to bound
    assert bounded.facts["widest_interval"] == pytest.approx((upper - lower).max(), rel=1e-12)
    assert bounded.facts["kept_tokens"] == 12
    own = store.pair_divergences(bounded).divergence.astype(np.float64).mean(axis=1)
    np.testing.assert_allclose(own, lower[off], rtol=5e-4)  # pairs are kept in half precision
    for end in (lower, upper):
        P = np.eye(len(end)) - 1 / len(end)
        assert np.linalg.eigvalsh(-P @ end @ P)[0] > -1e-12


def test_the_floor_of_the_noise_and_all_but_divergences_is_what_it_was(tiny_study, bounded):
    assert store.noise(bounded).floor >= store.noise(tiny_study).floor - ROUNDING
    assert store.noise(bounded).batch == store.noise(tiny_study).batch
    assert (store.base_divergence(bounded) <= store.base_divergence(tiny_study) + ROUNDING).all()
    for measure in ("pmi", "pmi-token"):
        same = (store.similarity(s, measure).matrix for s in (bounded, tiny_study))
        np.testing.assert_array_equal(*same)
        assert store.upper_bound(bounded, measure) is None
    assert store.upper_bound(tiny_study) is None


def test_the_whole_vocabulary_kept_is_exact(tiny_study, tiny_base):
    study = build(bounded_plan(tiny_base, VOCABULARY))
    exact, (lower, upper) = store.similarity(tiny_study, "jsd").divergence, ends(study)
    np.testing.assert_allclose(lower, exact, atol=ROUNDING)
    assert np.abs(upper - lower).max() <= 1e-15


def test_more_tokens_than_there_are_stop_a_build(cache, tiny_base):
    with pytest.raises(MeasurementError, match=f"between 1 and {VOCABULARY} tokens"):
        build(bounded_plan(tiny_base, VOCABULARY + 1))
    assert not store.list_studies()[0]


def test_scores_are_shared_with_the_exact_study_and_only_comparing_is_done(tiny_study, tiny_base):
    plan = bounded_plan(tiny_base, 12)
    root = Path(tiny_study.folder).parent
    engine = pipeline.engine_for(pipeline.prepare(plan, root), root, Silence())
    left = engine.missing()["units"]
    assert left["train"] == left["score"] == 0
    assert left["compare"] == engine.agenda.count()["compare"] > 0
    work, units = engine.agenda.work(), engine.missing()["work"]
    assert units["compare"] == pytest.approx(work["compare"])


def test_a_stopped_build_goes_on_and_ends_with_the_same_bytes(bounded, tiny_base, tmp_path):
    class Stop(Silence):
        def finish(self, stage):
            if stage == "compare":
                raise KeyboardInterrupt

    plan, root = bounded_plan(tiny_base, 12), tmp_path / "elsewhere"
    with pytest.raises(KeyboardInterrupt):
        pipeline.build(plan, progress=Stop(), root=root)
    before = {p: p.stat().st_ino for p in root.glob(".units/compare/*/*")}
    assert len(before) == 1
    study = build(plan, root=root)
    assert study.content == bounded.content
    assert {p: p.stat().st_ino for p in before} == before


def test_a_changed_bound_is_noticed_and_repaired(bounded, capsys):
    file = Path(bounded.folder) / "matrices.npz"
    whole = file.read_bytes()
    place = whole.index(b"jsd-upper.npy") + 180  # inside the array
    file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    with pytest.raises(StoreError, match=r"matrices\.npz is damaged"):
        store.verify(bounded.folder)
    assert main(["verify", "kept-12"]) == 2
    assert "repair" in capsys.readouterr().err
    assert repair("kept-12", progress=Silence())
    assert file.read_bytes() == whole
    store.verify(bounded.folder)


def test_a_task_that_joins_meets_the_same_kept_sets(bounded, tiny_study, tiny_base):
    task = {"source": "generated:navigate", "rows": 24}
    known = grown(bounded_plan(tiny_base, 12), task)
    lower, upper = ends(build(known))
    exact = store.similarity(build(grown(tiny_plan(tiny_base), task)), "jsd").divergence
    assert (lower <= exact + ROUNDING).all()
    assert (exact <= upper + ROUNDING).all()


# What solve and show say


def test_solve_reports_both_ends_and_whether_the_mixture_could_change(bounded, tiny_study, capsys):
    asked = ["solve", "kept-12", "--balance", "0.4", "--resolution", "inf"]
    assert main([*asked, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    found = answer["bounds"]
    low = solve(pose(store.similarity(bounded, "jsd")), 0.4)
    high = solve(pose(store.upper_bound(bounded)), 0.4)
    true = solve(pose(store.similarity(tiny_study, "jsd")), 0.4)
    np.testing.assert_allclose(answer["p"], low.p, atol=1e-12)
    np.testing.assert_allclose(found["upper"], high.p, atol=1e-12)
    assert found["distance"] == pytest.approx(np.abs(high.p - low.p).sum())
    assert np.abs(true.p - low.p).sum() <= found["most"] + 1e-9
    assert found["width"] == pytest.approx(bounded.facts["widest_interval"])
    assert found["sentence"].startswith("The mixture could change, by at most")
    raised = {a["name"]: a["number"] for a in answer["alarms"]}
    assert raised["between-bounds"] == pytest.approx(found["distance"])
    assert main(asked) == 0
    told = capsys.readouterr()
    assert found["sentence"] in told.out
    assert "upper end" in told.out
    assert "Divergences are known between two bounds only" in told.err


def test_at_the_anchor_nothing_is_open(bounded, capsys):
    assert main(["solve", "kept-12", "--resolution", "inf", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["bounds"]["most"] == answer["bounds"]["excess"] == 0.0
    assert answer["bounds"]["sentence"].startswith("The mixture is the same")
    assert "between-bounds" not in {a["name"] for a in answer["alarms"]}


@pytest.mark.parametrize("resolution", ["auto", "0.3", "5"])
def test_at_a_resolution_the_ends_are_the_kernels_or_it_says_why_not(bounded, capsys, resolution):
    asked = ["solve", "kept-12", "--balance", "0.4", "--resolution", resolution]
    assert main([*asked, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    lost = "bounds-lost" in {a["name"] for a in answer["alarms"]}
    assert lost is (answer["bounds"] is None)
    if not lost:
        S, noise = store.similarity(bounded, "jsd"), store.noise(bounded)
        seen = kernel(S, "auto" if resolution == "auto" else float(resolution), noise)
        upper = seen.upper_end(store.upper_bound(bounded)).similarity
        np.testing.assert_allclose(answer["bounds"]["upper"], solve(pose(upper), 0.4).p, atol=1e-9)
    assert main(asked) == 0
    assert "needs a finite balance" not in capsys.readouterr().out


def test_without_lambda_the_answer_says_what_it_lacks(bounded, capsys):
    words = ["solve", "kept-12", "--beta", "1", "--lambda", "0"]
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bounds"] is None
    assert main(words) == 0
    assert "needs a finite balance" in capsys.readouterr().out


def test_exact_studies_and_other_measures_are_answered_as_before(bounded, capsys):
    for words in (["tiny"], ["kept-12", "--measure", "pmi"]):
        assert main(["solve", *words, "--json"]) == 0
        assert "bounds" not in json.loads(capsys.readouterr().out)
    assert main(["solve", "tiny"]) == 0
    assert "end" not in capsys.readouterr().out.splitlines()[1]


def test_show_says_how_wide_the_bounds_are(bounded, capsys):
    assert main(["show", "kept-12", "--json"]) == 0
    m = json.loads(capsys.readouterr().out)["measured"]
    assert (m["kept_tokens"], m["widest_interval"]) == (12, bounded.facts["widest_interval"])
    assert main(["show", "kept-12"]) == 0
    assert "from the 12 likeliest tokens a context" in capsys.readouterr().out
    assert main(["show", "tiny"]) == 0
    assert "lower bounds" not in capsys.readouterr().out


def test_ends_that_agree_raise_no_alarm(tiny_study):
    S = store.similarity(tiny_study, "jsd")
    problem = pose(S)
    assert alarms(problem, solve(problem, 0.4), upper=S) == alarms(problem, solve(problem, 0.4))
