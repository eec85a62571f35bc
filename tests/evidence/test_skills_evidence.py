"""Runs judged by skill: against loops, scipy and simulations of known truth."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t as student
from scipy.stats import ttest_1samp, ttest_rel

from taskpgm_core import store
from taskpgm_core.cli.main import main
from taskpgm_core.errors import MixtureError, PlanError, SourceError
from taskpgm_core.evidence.arms import arm_title, arm_words, even_over_families, mixture_of
from taskpgm_core.evidence.campaign import campaign
from taskpgm_core.evidence.judgement import (
    HypothesisTest,
    dose_points,
    hypotheses_in_order,
    judgement,
)
from taskpgm_core.evidence.judging_rows import task_rows
from taskpgm_core.evidence.kept_share import MEASURES, judged_runs
from taskpgm_core.evidence.paired_test import (
    PairedDifference,
    hold_in_order,
    paired_difference,
    paired_differences,
    seeds_needed,
)
from taskpgm_core.evidence.protocol import (
    Arm,
    committed_protocols,
    load_protocol,
    skills_warning,
)
from taskpgm_core.evidence.rows_saved import rows_saved, times_needed
from taskpgm_core.evidence.run import judging_counts
from taskpgm_core.evidence.sampling import mixture_rows
from taskpgm_core.measure import find_weights, load_base, rows_seen, task_seed
from taskpgm_core.plans.plan import load_plan
from taskpgm_core.tasks import load_task, split
from taskpgm_core.tasks.overlap import normalised
from tests.support.protocols import protocol
from tests.support.tiny_model import TASKS, tiny_plan

PAIR = [["add-2-digit", "add-3-digit"]]


# Kept shares


def reference_rows(base, own, outside=()):
    rows = [(t, -1, x) for t, x in base.items()]
    rows += [(t, k, x) for t, pair in own.items() for k, x in enumerate(pair)]
    return pd.DataFrame(rows, columns=["task", "replicate", "loss"])


def test_kept_shares_by_hand():
    base = {"a": 3.0, "b": 2.0, "c": 2.0, "weak": 1.0, "near": 5.0, "far": 4.0}
    own = {"a": (1.0, 1.0), "b": (0.5, 1.5), "c": (1.0, 1.0), "weak": (0.9, 0.7)}
    skills = {"a": "x", "b": "x", "c": "c", "weak": "weak", "near": "x", "far": "far"}
    losses = {"a": 2.0, "b": 1.25, "c": 4.0, "weak": 0.1, "near": 2.5, "far": 3.5}
    exact = {"a": 1.0, "b": 0.0, "c": 0.5, "weak": 0.0, "near": 1.0, "far": 1.0}
    runs = pd.DataFrame(
        [
            {"arm": "uniform", "seed": 3, "task": t, "loss": x, "accuracy": exact[t]}
            for t, x in losses.items()
        ]
    )
    table = judged_runs(runs, skills, ("a", "b", "c", "weak"), reference_rows(base, own))
    found = table.loc[("uniform", 3)]
    # a keeps 1/2 and b 3/4 of their gains, c would be at -2 and is clipped; weak gains .2
    assert found["kept"] == pytest.approx(((0.5 + 0.75) / 2 - 1) / 2)
    assert found["kept_files"] == pytest.approx((0.5 + 0.75 - 1) / 3)
    assert found["worst"] == -1
    assert found["loss"] == pytest.approx(((2.0 + 1.25) / 2 + 4.0 + 0.1) / 3)
    assert found["exact"] == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert found["loss_files"] == pytest.approx((2.0 + 1.25 + 4.0 + 0.1) / 4)
    assert (found["siblings"], found["outside"]) == (2.5, 3.5)
    with pytest.raises(MixtureError, match="says nothing of 'b'"):
        judged_runs(runs[runs["task"] != "b"], skills, ("a", "b"), reference_rows(base, own))


@given(st.integers(1, 6), st.floats(0.3, 2.0))
@settings(max_examples=20, deadline=None)
def test_copies_of_a_skill_do_not_move_what_is_judged_by_skill(copies, gain):
    tasks = ["other", *(f"copy{k}" for k in range(copies))]
    skills = {t: t if t == "other" else "copies" for t in tasks}
    base = dict.fromkeys(tasks, 3.0)
    own = dict.fromkeys(tasks, (3.0 - gain, 3.0 - gain))
    rows = [
        {"arm": "u", "seed": 0, "task": t, "loss": 3.0 - gain * (1.0 if t == "other" else 0.2)}
        for t in tasks
    ]
    runs = pd.DataFrame(rows).assign(accuracy=0.0)
    table = judged_runs(runs, skills, tuple(tasks), reference_rows(base, own))
    assert table["kept"].item() == pytest.approx(0.6)
    assert table["kept_files"].item() == pytest.approx((1 + 0.2 * copies) / (1 + copies))


# Tests


def table_of(values, measure="kept"):
    """A table of one measure from {arm: values by seed}."""
    found = {(arm, s): x for arm, xs in values.items() for s, x in enumerate(xs)}
    table = pd.DataFrame(
        {m: pd.Series(found if m == measure else {}, dtype=float) for m in MEASURES}
    )
    table.index = pd.MultiIndex.from_tuples(list(found), names=["arm", "seed"])
    return table


@pytest.mark.slow
@settings(deadline=None)
@given(
    st.lists(st.tuples(*[st.floats(-3, 3).map(lambda x: round(x, 3))] * 2), min_size=2, max_size=9)
)
def test_a_paired_difference_is_scipys(pairs):
    one, two = np.array(pairs).T
    found = paired_difference(table_of({"t": one, "u": two}), "kept", "t", "u")
    assert found.seeds == len(pairs)
    assert found.difference == pytest.approx((one - two).mean())
    if np.ptp(one - two) > 1e-9:
        known = ttest_rel(one, two)
        assert found.p == pytest.approx(known.pvalue, rel=1e-6, abs=1e-12)
        interval = known.confidence_interval(0.95)
        assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


def test_a_paired_difference_takes_common_seeds_and_says_what_it_does_not_know():
    table = table_of({"t": [1.0, 2.0, 4.0], "u": [0.0, 0.5, np.nan], "one": [1.0]})
    assert paired_difference(table, "kept", "t", "u").seeds == 2
    alone = paired_difference(table, "kept", "t", "one")
    assert (alone.seeds, alone.difference, alone.p) == (1, 0.0, None)
    assert paired_difference(table, "kept", "t", "nobody").difference is None
    assert paired_difference(table, "exact", "t", "u").seeds == 0
    same = paired_difference(table_of({"t": [1.0, 2.0], "u": [1.0, 2.0]}), "kept", "t", "u")
    assert (same.p, same.low, same.high) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize(("effect", "seeds"), [(0.5, 34), (0.8, 15), (1.0, 10), (1.2, 8)])
def test_seeds_needed_are_those_of_tables_of_power(effect, seeds):
    assert seeds_needed(1.0, effect) == seeds  # Cohen 1988: paired t, two-sided 5%, power .8


def test_seeds_needed_have_the_power_that_they_promise_and_no_fewer_do():
    rng = np.random.default_rng(0)
    n = seeds_needed(0.03, 0.03)

    def power(seeds):
        drawn = rng.normal(0.03, 0.03, (20000, seeds))
        t = drawn.mean(axis=1) / (drawn.std(axis=1, ddof=1) / np.sqrt(seeds))
        return (t > student.ppf(0.975, seeds - 1)).mean()

    assert power(n) > 0.79
    assert power(n - 1) < 0.8
    assert seeds_needed(0.0, 0.03) == seeds_needed(1e-9, 0.03) == 5
    assert seeds_needed(10.0, 0.001) == 100


def known(p, difference=0.1):
    return PairedDifference("t", "u", "kept", 5, difference, 0.1, None, None, p)


def test_hypotheses_stop_at_the_first_that_fails():
    assert hold_in_order([known(0.01), known(0.04)]) == [True, True]
    assert hold_in_order([known(0.01), known(0.06), known(0.001)]) == [True, False, False]
    assert hold_in_order([known(0.001, difference=-0.1), known(0.001)]) == [False, False]
    assert hold_in_order([known(None), known(0.001)]) == [False, False]
    assert hold_in_order([]) == []


@pytest.mark.slow
@pytest.mark.parametrize("true", range(4))
def test_testing_in_order_keeps_the_chance_of_any_false_finding(true):
    """The first ``true`` hypotheses are right, the others are not: simulated."""
    worlds = 20000
    effects = [1.5 if k < true else 0.0 for k in range(4)]
    drawn = np.random.default_rng(true).normal(effects, 1.0, (worlds, 6, 4))
    p, mean = ttest_1samp(drawn, 0, axis=1).pvalue, drawn.mean(axis=1)
    false_findings = sum(
        any(hold_in_order([known(*test) for test in zip(*world, strict=True)])[true:])
        for world in zip(p.tolist(), mean.tolist(), strict=True)
    )
    assert false_findings / worlds < 0.05


def test_hypotheses_of_two_studies_are_one_chain():
    def judged(study, *stated, complete=True):
        tests = tuple(
            HypothesisTest(order, study, known(p), ("t", "u"), complete) for order, p in stated
        )
        return SimpleNamespace(hypotheses=tests)

    def holds(*judgements):
        return [t.holds for t in hypotheses_in_order(judgements)]

    assert holds(judged("b", (1, 0.01), (3, 0.2), (4, 0.01)), judged("s", (2, 0.04))) == [
        True,
        True,
        False,
        False,
    ]
    assert holds(judged("b", (1, 0.01), (3, 0.01))) == [True, None]  # 2 is not run yet
    assert holds(judged("b", (1, 0.3), (3, 0.01))) == [False, False]
    assert holds(judged("b", (1, None), (3, 0.01)), judged("s", (2, 0.01))) == [None, None, None]
    assert holds() == []
    missing = judged("b", (1, 0.01), (3, 0.01), complete=False)
    assert holds(missing, judged("s", (2, 0.01))) == [None, None, None]
    waiting = judged("s", (2, 0.01), complete=False)
    assert holds(judged("b", (1, 0.01), (3, 0.01)), waiting) == [True, None, None]
    failed = hypotheses_in_order([judged("b", (1, 0.3), (3, 0.01)), judged("s", (2, 0.01))])
    assert [t.reached for t in failed] == [True, False, False]


def test_all_differences_at_once_are_those_of_the_pairs():
    table = table_of({"t": [1.0, 2.0, 4.0], "u": [0.0, 0.5, np.nan], "one": [1.0]})
    found = paired_differences(table, "kept", "u")
    assert [d.arm for d in found] == ["one", "t"]
    assert all(d == paired_difference(table, "kept", d.arm, "u") for d in found)
    unknown = paired_differences(table, "kept", "nobody")
    assert [d.difference for d in unknown] == [None] * 3


# Rows saved


def test_rows_are_read_off_a_log_linear_monotone_curve():
    times = [0.5, 1, 2, 4]
    assert times_needed(times, [0.1, 0.2, 0.4, 0.6], 0.3) == (pytest.approx(2**0.5), "")
    assert times_needed(times, [0.1, 0.2, 0.4, 0.6], 0.05) == (0.5, "<")
    assert times_needed(times, [0.1, 0.2, 0.4, 0.6], 0.61) == (4.0, ">")
    assert times_needed(times, [0.1, 0.2, 0.4, 0.6], 0.1) == (0.5, "")
    assert times_needed(times, [0.1, 0.2, 0.4, 0.6], 0.6) == (4.0, "")
    # a dip is levelled: 0.4 and 0.2 become 0.3, reached first at 1
    assert times_needed(times, [0.1, 0.4, 0.2, 0.6], 0.3) == (pytest.approx(1.0), "")


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6), st.floats(0, 1), st.floats(0, 1))
def test_more_kept_needs_no_fewer_rows(kept, one, two):
    times = [2.0**k for k in range(len(kept))]
    low, high = sorted((one, two))
    assert times_needed(times, kept, low)[0] <= times_needed(times, kept, high)[0] + 1e-9


def test_rows_saved_find_a_known_factor():
    rng = np.random.default_rng(1)
    curve = {f"u{x:g}": x for x in (0.5, 0.75, 1, 1.5, 2, 3)}
    luck = rng.normal(0, 0.02, 6)
    values = {name: 0.5 + 0.2 * np.log(x) + luck for name, x in curve.items()}
    values["t"] = 0.5 + 0.2 * np.log(1.4) + luck + rng.normal(0, 0.005, 6)
    found = rows_saved(table_of(values), "t", curve)
    assert found is not None
    assert found.low < 1.4 < found.high
    assert found.times == pytest.approx(1.4, rel=0.05)
    assert (found.beyond, found.seeds) == ("", 6)
    values["t"] = values["u3"] + 0.1
    assert rows_saved(table_of(values), "t", curve).words == ">3"
    assert rows_saved(table_of(values), "nobody", curve) is None


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_the_interval_of_rows_saved_covers_the_truth(seeds):
    rng = np.random.default_rng(seeds)
    curve, truth, worlds = {f"u{x:g}": x for x in (0.5, 1, 2, 4)}, 2**0.5, 300
    covered = 0
    for _ in range(worlds):
        rows = {**curve, "t": truth}
        values = {
            name: 0.5 + 0.1 * np.log2(x) + rng.normal(0, 0.03, seeds) for name, x in rows.items()
        }
        found = rows_saved(table_of(values), "t", curve)
        assert 0.5 <= found.low <= found.times <= found.high <= 4
        covered += found.low <= truth <= found.high
    assert covered / worlds > 0.93


# Arms


@pytest.mark.slow
def test_parents_even_and_mixtures_brought_along(tiny_study):
    families = ("sums", "sums", "logic", "")
    known = replace(
        tiny_study,
        tasks=tuple(replace(t, family=f) for t, f in zip(tiny_study.tasks, families, strict=True)),
    )
    assert even_over_families(known).tolist() == pytest.approx([1 / 6, 1 / 6, 1 / 3, 1 / 3])
    told = Arm(name="parent-even", baseline="parent-even")
    assert mixture_of(told, known, 0).tolist() == even_over_families(known).tolist()
    brought = Arm(name="mine", weights={"boolean": 3, "add-2-digit": 1})
    assert mixture_of(brought, tiny_study, 0).tolist() == [0.25, 0, 0.75, 0]
    for weights in ({"boolean": -1.0}, {}, {"boolean": float("nan")}):
        with pytest.raises(MixtureError, match="weights of at least 0"):
            mixture_of(Arm(name="mine", weights=weights), tiny_study, 0)
    with pytest.raises(MixtureError, match=r"'bolean', which is no task of tiny \(did you mean"):
        mixture_of(Arm(name="mine", weights={"bolean": 1.0}), tiny_study, 0)
    assert arm_words(brought) == "A mixture brought along"
    assert "told" in arm_words(told)
    long = Arm(name="x", measure="text", balance=0, resolution="auto", budget=1536)
    assert "words alone" in arm_words(long)
    assert arm_words(long).endswith("1,536 rows")
    assert arm_title(long).endswith("1,536 rows")
    assert long.digest != Arm(name="x", measure="text", balance=0, resolution="auto").digest


@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 9), st.integers(20, 50))
@settings(max_examples=25, deadline=None)
def test_arms_of_one_seed_take_a_prefix_of_one_order(one, two, seed, rows):
    available = {"a": list(range(rows)), "b": list(range(rows, 2 * rows))}
    p = np.array([0.3, 0.7])
    runs = [mixture_rows(q, available, n, seed) for q, n in ((p, one), (p[::-1], two))]
    for task in available:
        first, second = ({} for _ in runs)
        counts = []
        for counted, run in zip((first, second), runs, strict=True):
            for t, row in run:
                if t == task:
                    counted[row] = counted.get(row, 0) + 1
            counts.append(sum(counted.values()))
        fewer, more = (first, second) if counts[0] <= counts[1] else (second, first)
        assert all(more.get(row, 0) >= times for row, times in fewer.items())


# Rows that judge, and runs


@pytest.fixture
def plan(tiny_base):
    return tiny_plan(tiny_base)


def by_skill(**changes):
    return protocol(
        skills=PAIR,
        skill_rows=6,
        evaluation_rows=2,
        training={**protocol().training.model_dump(), "max_tokens": 128},
        **changes,
    )


def test_few_files_of_a_skill_have_more_rows_each(plan):
    assert judging_counts(by_skill(), plan) == {
        "add-2-digit": 3,
        "add-3-digit": 3,
        "boolean": 6,
        "reverse-letters": 6,
        "swaps": 6,
    }
    assert set(judging_counts(protocol(), plan).values()) == {4}


@pytest.mark.parametrize("longer", [True, False])
def test_no_row_that_judges_was_seen_by_a_single_task_model(plan, cache, longer, monkeypatch):
    if not longer:  # a source without further rows
        monkeypatch.setattr("taskpgm_core.evidence.judging_rows.IN_ORDER", ())
    base = load_base(find_weights(plan.base), dtype="float32", models=cache / ".models")
    entry = plan.tasks[0]
    rows = task_rows(entry, plan, base, wanted=5, most=128, unseen=True)
    examples = load_task(entry, plan)
    parts = split(examples, probe=3, seed=plan.seed, name=entry.id)
    training = [examples[k] for k in parts.train_indices]
    seen = {
        normalised(training[k])
        for r in (0, 1)
        for k in rows_seen(len(training), plan.training, task_seed(plan.seed, entry.id, r))
    }
    probes = {normalised(examples[k]) for k in parts.probe_indices}
    assert not rows.judging_text & (seen | probes)
    assert bool(rows.judging_text & set(rows.training_text.values())) is not longer
    assert 0 < len(rows.judging) == len(rows.judging_text) <= 5
    assert (
        rows.judging_text
        == task_rows(entry, plan, base, wanted=5, most=128, unseen=True).judging_text
    )
    if not longer:
        steps = plan.training.model_copy(update={"steps": 30})
        all_seen = plan.model_copy(update={"training": steps})
        with pytest.raises(SourceError, match="of at most 128 tokens was seen by its single-task"):
            task_rows(entry, all_seen, base, wanted=5, most=128, unseen=True)


@pytest.fixture
def sums(tmp_path):
    """A file of 30 rows, each of more than two tokens."""
    rows = [json.dumps({"prompt": f"{k} and 1", "completion": str(k + 1)}) for k in range(30)]
    (tmp_path / "sums.jsonl").write_text("\n".join(rows))
    return str(tmp_path / "sums.jsonl")


@pytest.mark.parametrize("kind", ["jsonl", "file"])
def test_a_file_that_is_used_whole_judges_by_rows_that_training_left_out(plan, cache, sums, kind):
    base = load_base(find_weights(plan.base), dtype="float32", models=cache / ".models")
    for count, beyond in ((None, 0), (30, 0), (40, 0), (27, 3)):
        entry = plan.tasks[0].model_copy(update={"source": f"{kind}:{sums}", "rows": count})
        found = task_rows(entry, plan, base, wanted=4, most=128, unseen=True)
        assert len(found.judging) == 4
        assert len(found.judging_text - set(found.training_text.values())) == beyond


def test_a_model_that_was_brought_along_is_judged_beyond_the_plans_own_rows(plan, cache, sums):
    base = load_base(find_weights(plan.base), dtype="float32", models=cache / ".models")
    changes = {"source": f"file:{sums}", "adapter": "elsewhere", "rows": 20}
    entry = plan.tasks[0].model_copy(update=changes)
    examples = {normalised(example) for example in load_task(entry, plan)}
    found = task_rows(entry, plan, base, wanted=4, most=128, unseen=True)
    assert len(found.judging) == 4
    assert not found.judging_text & examples
    whole = entry.model_copy(update={"rows": None})
    with pytest.raises(SourceError, match="was brought along and may have seen every row"):
        task_rows(whole, plan, base, wanted=4, most=128, unseen=True)


def test_a_task_in_no_mixture_is_judged_by_any_row_where_others_are_too_few(plan, cache, sums):
    base = load_base(find_weights(plan.base), dtype="float32", models=cache / ".models")
    inside = plan.tasks[0].model_copy(update={"source": f"file:{sums}", "rows": None})
    outside = inside.model_copy(update={"id": "outside"})
    some = plan.training.model_copy(update={"steps": 1, "batch": 12})
    chosen = plan.model_copy(update={"training": some})

    def judging(entry, wanted):
        return task_rows(entry, chosen, base, wanted=wanted, most=128, unseen=True).judging_text

    left = len(judging(inside, 27))
    assert 0 < left < 27
    assert [len(judging(outside, wanted)) for wanted in (2, left, 27)] == [2, left, 27]
    assert judging(outside, 2) < judging(outside, 27)


@pytest.mark.parametrize("unseen", [True, False])
def test_rows_that_are_too_long_to_judge_are_said_to_be(plan, cache, sums, unseen):
    base = load_base(find_weights(plan.base), dtype="float32", models=cache / ".models")
    entry = plan.tasks[0].model_copy(update={"source": f"file:{sums}", "rows": None})
    for one in (entry, entry.model_copy(update={"id": "outside"})):
        with pytest.raises(SourceError, match="has 0 rows of at most 2 tokens"):
            task_rows(one, plan, base, wanted=4, most=2, unseen=unseen)


@pytest.mark.slow
def test_runs_judged_by_skill_from_beginning_to_end(tiny_study, plan, capsys, tmp_path):
    arms = [
        {"name": "uniform", "baseline": "uniform"},
        {"name": "taskpgm", "balance": 0, "resolution": "auto"},
        {"name": "uniform-32", "baseline": "uniform", "budget": 32},
        {"name": "mine", "weights": {"boolean": 1}},
    ]
    chosen = by_skill(
        arms=arms,
        stage="confirmation",
        hypotheses=[{"order": 1, "arm": "taskpgm"}],
    )
    said = []
    go = {"threads": 1, "say": said.append}
    digest, arm = chosen.digest(tiny_study.digest), chosen.arms[0]
    with (
        store.claim_run(tiny_study, digest, f"uniform-{arm.digest}-1") as mine,
        store.claim_run(tiny_study, digest, "reference"),
    ):  # as another process does that makes them
        assert mine
        assert campaign(chosen, tiny_study, plan, **go) == 7
        assert store.reference_losses(tiny_study, digest) is None
        ((card, runs),) = store.evidence(tiny_study)
        assert judgement(tiny_study, card, runs) is None
    assert campaign(chosen, tiny_study, plan, **go) == 1
    assert store.reference_losses(tiny_study, digest) is not None
    assert campaign(chosen, tiny_study, plan, **go) == 0
    ((card, runs),) = store.evidence(tiny_study)
    assert store.verify(tiny_study.folder)
    longer = runs[(runs["arm"] == "uniform-32") & (runs["seed"] == 0)]
    assert longer["n_rows"].sum() == 32
    rows = store.reference_losses(tiny_study, digest)
    assert rows[rows["replicate"] == -1]["task"].tolist() == [*TASKS, "swaps"]
    assert set(rows[rows["replicate"] == 1]["task"]) >= {"add-2-digit"}
    judged = judgement(tiny_study, card, runs)
    assert (judged.skills, judged.files, judged.stage) == (3, 4, "confirmation")
    assert judged.table.notna().any(axis=0)[["kept", "loss", "exact", "loss_files"]].all()
    assert set(judged.others) == {"mine"}
    assert {r.arm for r in judged.rows_saved} <= {"taskpgm", "mine"}
    [dose] = dose_points([judged])
    assert (dose.files, dose.skills, dose.room) == (4, 3, 0.25)
    assert main(["evidence", "tiny", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["skills"]
    assert told["hypotheses"][0]["holds"] in (True, False)
    assert told["differences"][0]["difference"] is not None
    assert main(["evidence", "tiny"]) == 0
    text = capsys.readouterr().out
    assert (
        "Hypothesis 1, on tiny: TaskPGM at the automatic resolution keeps more than uniform" in text
    )
    said.clear()
    assert campaign(chosen, tiny_study, plan, threads=1, repeat=True, say=said.append) == 8
    assert len(said) == 9
    assert all("at most 0 nats a token" in line for line in said)

    (tmp_path / "mix.json").write_text(json.dumps({"boolean": 1, "add-2-digit": 3}))
    (tmp_path / "p.yaml").write_text(yaml.safe_dump(chosen.model_dump(mode="json")))
    words = ["validate", str(tmp_path / "p.yaml"), "--arm", f"yours={tmp_path / 'mix.json'}"]
    assert main(words) == 0
    ((card, _),) = store.evidence(tiny_study)
    [added] = [a for a in card["arms"].values() if a["name"] == "yours"]
    assert added["weights"] == {"add-2-digit": 0.75, "boolean": 0.25}
    for bad in ("yours", "=x", "Bad Name=" + str(tmp_path / "mix.json")):
        assert main([*words[:2], "--arm", bad]) == 2
    assert main([*words[:2], "--arm", f"mine={tmp_path / 'mix.json'}"]) == 2


def test_shares_are_counted_in_the_studys_own_precision(tiny_study, plan):
    with pytest.raises(PlanError, match="trains in bfloat16, but tiny was measured in float32"):
        campaign(by_skill(dtype="bfloat16"), tiny_study, plan, threads=1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"skills": [["a", "b"], ["b", "c"]]}, "task 'b' is in two skills"),
        ({"skill_rows": 4}, "skill_rows needs skills"),
        ({"skills": "families", "hypotheses": [{"order": 1, "arm": "x"}]}, "'x', which is no arm"),
        ({"hypotheses": [{"order": 1, "arm": "jsd-0.5"}]}, "so name the skills"),
        ({"arms": [{"name": "x", "weights": {"a": 1}, "balance": 1}]}, "takes no baseline"),
        ({"arms": [{"name": "x", "weights": {"a": 1}, "measure": "pmi"}]}, "or measure"),
        ({"arms": [{"name": "x", "baseline": "uniform", "budget": 18}]}, "18 is no multiple of"),
        (
            {
                "arms": [
                    {"name": "x", "baseline": "uniform", "floor": 0.1, "anchor": "proportional"}
                ]
            },
            "'x' names a baseline or brings weights, so it takes no anchor and no floor",
        ),
        ({"arms": [{"name": "x", "weights": {"a": 1}, "resolution": "auto"}]}, "no resolution"),
        ({"arms": [{"name": "x", "baseline": "uniform", "unary": "gain"}]}, "no unary"),
        ({"arms": [{"name": "x", "baseline": "uniform", "cap": 0.5}]}, "no cap"),
    ],
)
def test_bad_protocols_of_skills_get_one_sentence(tmp_path, change, words):
    value = {**protocol().model_dump(mode="json"), **change}
    (tmp_path / "p.yaml").write_text(yaml.safe_dump(value))
    with pytest.raises(PlanError, match=words):
        load_protocol(tmp_path / "p.yaml")


def test_names_in_skills_that_are_no_task_are_said(tiny_study):
    assert skills_warning(protocol(skills=[["boolean", "swaps"]]), tiny_study) == ""
    assert skills_warning(protocol(skills="families"), tiny_study) == ""
    groups = [["add-2-digt", "add-3-digit"], ["elsewhere"]]
    said = skills_warning(protocol(skills=groups), tiny_study)
    assert "'add-2-digt' (did you mean 'add-2-digit'?), 'elsewhere', which tiny has no" in said


# The committed protocols


def test_the_committed_protocols_of_skills():
    known = {n: p for n, p in committed_protocols().items() if n.startswith("skills-")}
    assert len(known) == 5
    confirmations = [p for p in known.values() if p.stage == "confirmation"]
    stated = sorted((h.order, p.study, h.against) for p in confirmations for h in p.hypotheses)
    assert stated == [
        (1, "bigbench", "uniform"),
        (2, "starter", "uniform"),
        (3, "bigbench", "text"),
        (4, "bigbench", "jsd-0.5"),
    ]
    screened = {s for p in known.values() if "screening" in p.name for s in p.seeds}
    for name, chosen in known.items():
        plan = load_plan(chosen.study)
        counts = judging_counts(chosen, plan)
        skills = chosen.skill_of(plan.tasks)
        for skill in set(skills.values()):
            files = [task for task in skills if skills[task] == skill]
            assert sum(counts[task] for task in files) >= 32, (name, skill)
        if chosen.stage == "confirmation":
            assert len(chosen.seeds) >= 5
            assert not screened & set(chosen.seeds)
    sources = {t.source for t in load_plan("bigbench").tasks}
    for name in ("skills-screening-bigbench", "skills-confirmation-bigbench"):
        held = known[name].held_out
        assert not sources & {t.source for t in held}
        assert all(t.family == t.source.removeprefix("bigbench:").split("/")[0] for t in held)
    curve = [
        a.budget or 512
        for a in known["skills-confirmation-bigbench"].arms
        if a.baseline == "uniform"
    ]
    assert sorted(x / 512 for x in curve) == [0.5, 0.75, 1, 1.5, 2, 3]
    assert len(set(known["skills-dose"].skill_of(load_plan("starter-dose").tasks).values())) == 21
    assert (
        len(set(known["skills-screening-starter"].skill_of(load_plan("starter").tasks).values()))
        == 21
    )
