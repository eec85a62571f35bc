"""Probe examples in rounds: chosen by seed and measurement alone, never measured twice."""

import json
from pathlib import Path

import numpy as np
import pytest

from taskpgm_core import store
from taskpgm_core.analysis.replicates import DRAWS, LEVEL
from taskpgm_core.builds import dry_run, pipeline
from taskpgm_core.builds.repair import repair
from taskpgm_core.cli.main import main
from taskpgm_core.errors import PlanError
from taskpgm_core.measure import Silence
from taskpgm_core.mixture import pose
from taskpgm_core.mixture.uncertainty import divergence_replicates, uncertainty
from taskpgm_core.plans.plan import parse_plan, renamed
from taskpgm_core.plans.plan_edits import grown
from tests.support.tiny_model import TASKS, tiny_plan

MOST = 6


def plan_in_rounds(base, target=0.02, **changes):
    rule = {"first": 2, "target_half_width": target, "balance": 0.4, **changes}
    probe = {"examples_per_task": MOST, "max_completion_tokens": 6, "batch": 3, "top": 3}
    return renamed(tiny_plan(base, probe={**probe, "adaptive": rule}), "rounds")


def build(plan, **options):
    return pipeline.build(plan, progress=options.pop("progress", Silence()), **options)[0]


def files_of(study):
    return {
        p.name: p.read_bytes() for p in Path(study.folder).iterdir() if "manifest" not in p.name
    }


def examples(study):
    return np.bincount(store.probe_pool(study).task)


@pytest.fixture(scope="module")
def target(tiny_base, tmp_path_factory):
    """A half-width that the third round is the first to reach."""
    study = build(plan_in_rounds(tiny_base, 1e-6), root=tmp_path_factory.mktemp("whole"))
    widths = [r["half_width"] for r in study.facts["rounds"]]
    assert min(widths) == min(widths[2:]) < min(widths[:2])
    return max(w for w in widths if w < min(widths[:2])) * (1 + 1e-9), study


@pytest.fixture
def in_rounds(tiny_base, cache, target):
    return build(plan_in_rounds(tiny_base, target[0]))


def test_it_stops_at_the_first_round_that_is_sure_enough(in_rounds, target):
    rounds, wanted = in_rounds.facts["rounds"], target[0]
    assert [r["half_width"] <= wanted for r in rounds] == [False] * (len(rounds) - 1) + [True]
    assert len(rounds) > 2
    assert in_rounds.facts["target_reached"] is True
    counts = np.array([r["examples"] for r in rounds])
    assert (counts[0] == 2).all()
    assert (np.diff(counts, axis=0) >= 0).all()
    assert (np.diff(counts.sum(axis=1)) == len(TASKS)).all()
    assert counts.max() <= MOST
    assert (examples(in_rounds) == counts[-1]).all()
    longer = target[1].facts["rounds"]
    assert longer[: len(rounds)] == rounds  # what is chosen does not depend on where it stops


def test_the_last_half_width_is_that_of_the_studys_examples_drawn_again(in_rounds):
    problem = pose(store.similarity(in_rounds, "jsd"))
    pairs = store.pair_divergences(in_rounds)
    drawn = divergence_replicates(pairs.divergence, pairs.task, DRAWS, 0)
    found = uncertainty(problem, 0.4, drawn, level=LEVEL)
    told = in_rounds.facts["rounds"][-1]["half_width"]
    assert found.half_width_l1 == pytest.approx(told, rel=0.01)  # stored by example in float16


def test_the_examples_end_where_the_target_is_out_of_reach(target):
    whole = target[1]
    assert whole.facts["target_reached"] is False
    assert (examples(whole) == MOST).all()


def test_the_whole_reserve_gives_what_measuring_it_at_once_gives(target, tiny_base, cache):
    plan = plan_in_rounds(tiny_base, 1e-6)
    probe = plan.probe.model_copy(update={"adaptive": None})
    once, whole = build(plan.model_copy(update={"probe": probe})), target[1]
    D, expected = (store.similarity(s, "jsd").divergence for s in (whole, once))
    np.testing.assert_allclose(D, expected, atol=1e-6)  # other batches, other rounding
    for a, b in zip(*(vars(store.probe_pool(s)).values() for s in (whole, once)), strict=True):
        np.testing.assert_array_equal(a, b)
    assert store.probe_text(whole) == store.probe_text(once)


def test_passes_are_those_of_the_batches_and_no_unit_is_measured_twice(tiny_base, cache, target):
    class Heard(Silence):
        measured = 0

        def advance(self, stage, work, *, reused=False):
            self.measured += stage == "score" and not reused

    heard = Heard()
    study = build(plan_in_rounds(tiny_base, target[0]), progress=heard)
    assert heard.measured == len(list((cache / ".units" / "score").glob("*/*")))
    pool, models = store.probe_pool(study), len(TASKS) + 2
    again = -(-2 * len(TASKS) // 4)  # of the first round's examples, by the base alone
    assert study.facts["rounds"][-1]["forward_passes"] == models * len(pool.task) + again


@pytest.mark.parametrize("units", [3, 30, 45])
def test_a_stopped_build_repeats_nothing_and_ends_with_the_same_bytes(
    in_rounds, tiny_base, target, tmp_path, units
):
    class Stop(Silence):
        left = units

        def advance(self, stage, work, *, reused=False):
            self.new = not reused and stage != "train"

        def finish(self, stage):
            self.left -= self.new
            if self.left == 0:
                raise KeyboardInterrupt

    plan, root = plan_in_rounds(tiny_base, target[0]), tmp_path / "elsewhere"
    with pytest.raises(KeyboardInterrupt):
        build(plan, root=root, progress=Stop())
    before = {p: p.stat().st_ino for p in root.glob(".units/*/*/*")}
    study = build(plan, root=root)
    assert study.facts["rounds"] == in_rounds.facts["rounds"]
    assert files_of(study) == files_of(in_rounds)
    assert {p: p.stat().st_ino for p in before} == before


def test_a_rebuild_measures_all_rounds_again_to_the_same_bytes(in_rounds, tiny_base, target):
    before = files_of(in_rounds)
    assert files_of(build(plan_in_rounds(tiny_base, target[0]), rebuild=True)) == before
    assert not list((Path(in_rounds.folder).parent / ".units").glob("rebuild-*"))


def test_a_damaged_file_is_repaired_with_the_pool_that_was_chosen(in_rounds):
    file = Path(in_rounds.folder) / "pairs.npz"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + b"x")
    assert repair("rounds", progress=Silence())
    assert file.read_bytes() == whole
    store.verify(in_rounds.folder)


def test_show_and_a_dry_run_tell_of_the_rounds(in_rounds, tiny_base, tmp_path, capsys):
    assert main(["show", "rounds"]) == 0
    rounds = in_rounds.facts["rounds"]
    assert f"{len(rounds)} rounds chose" in (out := capsys.readouterr().out)
    assert "the target was reached" in out
    cost = dry_run.preview(plan_in_rounds(tiny_base), root=tmp_path)
    assert "at most" in cost.basis
    assert cost.forward_passes >= rounds[-1]["forward_passes"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"balance": 1.0}, "at balance 1 the mixture is the anchor"),
        ({"first": 7}, "adaptive.first is 7, but examples_per_task holds out only 6"),
        ({"frist": 3}, "unknown key 'probe.adaptive.frist' (did you mean 'first'?)"),
        ({"target_half_width": 0}, "probe.adaptive.target_half_width"),
    ],
)
def test_rules_that_make_no_sense_are_refused(tiny_base, change, sentence):
    value = plan_in_rounds(tiny_base).model_dump(mode="json")
    value["probe"]["adaptive"].update(change)
    with pytest.raises(PlanError) as told:
        parse_plan(json.dumps(value))
    assert sentence in str(told.value)


def test_no_task_joins_a_pool_that_was_chosen_for_others(tiny_base):
    with pytest.raises(PlanError, match="no task can join it"):
        grown(plan_in_rounds(tiny_base), {"source": "generated:navigate", "rows": 24})
