"""Competing mixtures trained and compared: no row judged and trained on, nothing run twice."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml

from taskpgm_core import store
from taskpgm_core.analysis.mixture_reference import reference_mixture
from taskpgm_core.cli.experiments import chosen_evidence
from taskpgm_core.cli.main import main
from taskpgm_core.errors import MixtureError, PlanError, SourceError, StoreError
from taskpgm_core.evidence.arms import arm_words, mixture_of
from taskpgm_core.evidence.campaign import campaign
from taskpgm_core.evidence.protocol import PROTOCOLS, Arm, load_protocol
from taskpgm_core.evidence.run import Run, prepare_context, run
from taskpgm_core.evidence.sampling import evaluation_rows, training_rows
from taskpgm_core.evidence.statistics import compare, epochs
from taskpgm_core.measure import finetuning
from taskpgm_core.mixture import pose, solve
from taskpgm_core.plans.plan import load_plan
from taskpgm_core.store.runs import COLUMNS
from taskpgm_core.tasks import read, split
from tests.support.kept_runs import committed_copy, keep_runs
from tests.support.protocols import ARMS, made_up, protocol
from tests.support.tiny_model import TASKS, tiny_plan


@pytest.fixture
def plan(tiny_base):
    return tiny_plan(tiny_base)


def run_all(study, plan, **changes):
    return campaign(protocol(**changes), study, plan, threads=1)


def test_runs_are_made_once_and_kept_with_every_column(tiny_study, plan):
    assert run_all(tiny_study, plan) == 6
    assert run_all(tiny_study, plan) == 0
    ((card, runs),) = store.evidence(tiny_study)
    assert list(runs.columns) == list(COLUMNS)
    assert len(runs) == 6 * 5
    assert set(runs["task"]) == {*TASKS, "swaps"}
    assert np.isfinite(runs["loss"]).all()
    assert runs["accuracy"].between(0, 1).all()
    for _, each in runs.groupby(["arm", "seed"]):
        assert each["n_rows"].sum() == 16
        assert (each["steps"] == 4).all()
        assert (each["in_mixture"] == (each["n_rows"] > 0)).all()
        assert (each.loc[each["task"] == "swaps", "n_rows"] == 0).all()
        assert (each["n_tokens"] >= each["n_rows"]).all()
    assert {a["name"] for a in card["arms"].values()} == {"uniform", "jsd-0.5", "best-single"}
    assert store.verify(tiny_study.folder)
    for c in compare(runs, TASKS):
        mine = runs[runs["arm"] == c.arm].groupby("seed")["n_tokens"].sum()
        assert c.tokens == mine.mean() > 16


def test_an_arm_is_what_it_does_and_more_seeds_cost_only_themselves(tiny_study, plan):
    assert run_all(tiny_study, plan, seeds=[0]) == 3
    assert run_all(tiny_study, plan, seeds=[0, 1]) == 3
    renamed = [{"name": "uniform", "balance": 0.2}, *ARMS[1:]]
    assert run_all(tiny_study, plan, arms=renamed, seeds=[0]) == 1
    assert run_all(tiny_study, plan, seeds=[0], budget=8) == 3
    assert len(store.evidence(tiny_study)) == 2


def test_runs_of_an_arm_that_was_redefined_are_never_averaged(tiny_study):
    for definition, loss in (("0" * 12, 1.0), ("1" * 12, 3.0)):
        row = dict.fromkeys(COLUMNS, 0) | {"arm": "a-b", "task": "x", "loss": loss}
        rows = pd.DataFrame([row])
        store.keep_run(
            tiny_study, "d" * 64, rows=rows, arm={"name": "a-b"}, definition=definition, card={}
        )
    ((_, runs),) = store.evidence(tiny_study)
    found = {c.arm: c.loss for c in compare(runs, ["x"], reference="a-b-" + "0" * 12)}
    assert found == {"a-b-" + "0" * 12: 1.0, "a-b-" + "1" * 12: 3.0}


def test_runs_of_the_definition_that_is_planned_keep_the_arms_name(tiny_study):
    old, new, once = "0" * 12, "1" * 12, "2" * 12
    kept_row(tiny_study, 0, definition=once, name="other")
    for definition in (old, new):
        kept_row(tiny_study, 0, definition=definition, card={"planned": {"arms": {"a": new}}})

    def named():
        ((card, runs),) = store.evidence(tiny_study)
        assert set(card["arms"]) == set(runs["arm"])
        return set(runs["arm"])

    assert named() == {"a", f"a-{old}", "other"}
    for planned, names in (
        ({"a": old}, {"a", f"a-{new}", "other"}),
        ({"other": once}, {f"a-{old}", f"a-{new}", "other"}),
        (["a", "other"], {f"a-{old}", f"a-{new}", "other"}),  # what older versions wrote
    ):
        store.plan_runs(tiny_study, "d" * 64, {"planned": {"arms": planned}})
        assert named() == names
    assert store.verify(tiny_study.folder)


def test_kept_runs_are_repeated_without_a_trace(tiny_study, plan):
    run_all(tiny_study, plan, seeds=[0])
    before = {p.name: p.read_bytes() for p in _files(tiny_study)}
    said = []
    again = {"threads": 1, "repeat": True, "say": said.append}
    assert campaign(protocol(seeds=[0, 1]), tiny_study, plan, **again) == 3
    assert all("at most 0 nats a token" in line for line in said)
    name = next(n for n in before if n.startswith("uniform"))
    rows = store.kept_run(tiny_study, *_run_of(tiny_study, name))
    digest, arm, definition, _ = _run_of(tiny_study, name)
    moved = rows.assign(loss=rows["loss"] + [0.25, *[0.0] * (len(rows) - 1)])
    store.keep_run(
        tiny_study, digest, rows=moved, arm={"name": arm}, definition=definition, card={}
    )
    said.clear()
    campaign(protocol(seeds=[0, 1]), tiny_study, plan, **again)
    assert ["at most 0.25 nats" in line for line in said].count(True) == 1
    assert {p.name for p in _files(tiny_study)} == set(before)


def _run_of(study, file):
    arm, definition, seed = file.removesuffix(".parquet").rsplit("-", 2)
    return _folder(study).name, arm, definition, int(seed)


UNDER_WAY: set[str] = set()
"""Protocols whose runs are committed as they finish; every page counts what is there."""


@pytest.mark.parametrize("slug", ["starter", "bigbench"])
def test_the_committed_runs_are_those_of_their_protocol_and_all_of_them(slug):
    study = store.open_study(slug)
    every = [load_protocol(path.stem) for path in PROTOCOLS.glob("*.yaml")]
    known = {chosen.digest(study.digest)[:12]: chosen for chosen in every if chosen.study == slug}
    assert known
    for card, runs in store.evidence(study):  # no runs of a study are complete, too
        chosen = known[card["folder"]]
        planned = {(arm.name, seed) for arm in chosen.arms for seed in chosen.seeds}
        made = set(zip(runs["arm"], runs["seed"], strict=True))
        assert made < planned if chosen.name in UNDER_WAY else made == planned
        digest = chosen.digest(study.digest)
        arms = {arm.name: arm.digest for arm in chosen.arms}
        assert all(store.has_run(study, digest, arm, arms[arm], seed) for arm, seed in made)


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("confirmation-bigbench", "01cc90e598cf"),
        ("confirmation-starter", "ea7d3c865c88"),
        ("screening-bigbench", "e9f82a93b4e7"),
    ],
)
def test_committed_protocols_keep_the_digests_that_their_runs_are_kept_under(name, digest):
    assert load_protocol(name).digest("study").startswith(digest)


def test_a_confirmation_shares_neither_runs_nor_seeds_with_the_screening():
    screened = load_protocol("screening-bigbench")
    confirmed = [load_protocol(f"confirmation-{s}") for s in ("bigbench", "starter")]
    for chosen in confirmed:
        assert chosen.digest("study") != screened.digest("study")
        assert not set(chosen.seeds) & set(screened.seeds)
        assert len(chosen.seeds) >= 5
        assert [a.digest for a in chosen.arms] == [a.digest for a in confirmed[0].arms]
        assert {a.digest for a in chosen.arms} < {a.digest for a in screened.arms}
        assert len(chosen.arms) == 8


def test_two_processes_share_a_protocol(tiny_study, plan):
    first = campaign(protocol(), tiny_study, plan, threads=1, part=(0, 2))
    second = campaign(protocol(), tiny_study, plan, threads=1, part=(1, 2))
    assert (first, second) == (3, 3)
    ((_, runs),) = store.evidence(tiny_study)
    assert runs.groupby(["arm", "seed"]).ngroups == 6


def test_the_same_run_gives_the_same_bytes(tiny_study, plan, tmp_path):
    run_all(tiny_study, plan, seeds=[0])
    files = {p.name: p.read_bytes() for p in _files(tiny_study)}
    for path in _files(tiny_study):
        path.unlink()
    (_folder(tiny_study) / "manifest.json").unlink()
    run_all(tiny_study, plan, seeds=[0])
    assert {p.name: p.read_bytes() for p in _files(tiny_study)} == files


def _folder(study):
    from pathlib import Path

    return next((Path(study.folder) / "evidence").glob("[0-9a-f]*"))


def _files(study):
    return sorted(_folder(study).glob("*.parquet"))


def test_no_text_is_in_two_of_probe_pool_training_and_judging(tiny_study, plan):
    chosen = protocol()
    on = prepare_context(chosen, plan, store.cache_root())
    trained = {e.ids.tobytes() for rows in on.training.values() for e in rows.values()}
    judging = {e.ids.tobytes() for rows in on.judging.values() for e in rows}
    assert not trained & judging
    assert "swaps" not in on.training
    assert len(on.judging["swaps"]) == 4
    from taskpgm_core.measure import render

    for entry in plan.tasks:
        found = read(entry.source, rows=entry.rows, seed=plan.seed, folders={}, options={})
        rows = found.examples
        parts = split(rows, probe=plan.probe.examples_per_task, seed=plan.seed, name=entry.id)
        probe = [rows[k] for k in parts.probe_indices]
        held = {e.ids.tobytes() for e in render(probe, on.base.tokenizer, plan.template)}
        assert not held & (trained | judging)


def kept_row(study, seed, *, name="a", definition="0" * 12, card=None, loss=0.0):
    row = dict.fromkeys(COLUMNS, 0) | {"task": "x", "arm": name, "seed": seed}
    store.keep_run(
        study,
        "d" * 64,
        rows=pd.DataFrame([row | {"loss": loss}]),
        arm={"name": name},
        definition=definition,
        card=card or {},
    )


def test_finished_runs_kept_at_the_same_time_are_all_listed(tiny_study):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda seed: kept_row(tiny_study, seed), range(24)))
    assert all(store.has_run(tiny_study, "d" * 64, "a", "0" * 12, s) for s in range(24))


def test_a_damaged_run_stays_damaged_when_others_are_kept_or_dropped(tiny_study):
    for seed in range(3):
        kept_row(tiny_study, seed)
    victim, other, _ = _files(tiny_study)
    victim.write_bytes(victim.read_bytes()[:-1])
    kept_row(tiny_study, 3)
    with pytest.raises(StoreError, match=f"{victim.name} is damaged"):
        store.evidence(tiny_study)
    store.drop_run(_folder(tiny_study), other.name)
    with pytest.raises(StoreError, match=f"{victim.name} is damaged"):
        store.evidence(tiny_study)
    kept_row(tiny_study, 0)
    ((_, runs),) = store.evidence(tiny_study)
    assert set(runs["seed"]) == {0, 2, 3}


def test_rows_are_redrawn_by_seed_and_repeat_only_after_a_whole_pass():
    available = {"a": range(10), "b": range(5)}
    drawn = training_rows({"a": 25, "b": 3}, available, seed=1)
    counts = np.bincount([row for task, row in drawn if task == "a"], minlength=10)
    assert counts.min() >= 2
    assert counts.max() <= 3
    assert drawn == training_rows({"a": 25, "b": 3}, available, seed=1)
    assert drawn != training_rows({"a": 25, "b": 3}, available, seed=2)
    few, many = (
        {r for t, r in training_rows({"a": n}, available, seed=3) if t == "a"} for n in (4, 8)
    )
    assert few < many
    assert len(evaluation_rows("a", 100, 16)) == 16
    assert evaluation_rows("a", 10, 16) == evaluation_rows("a", 10, 16)
    assert len(evaluation_rows("a", 10, 16)) == 5


def test_a_task_of_judged_texts_alone_is_refused_only_where_it_is_drawn(tiny_study, plan):
    on = prepare_context(protocol(), plan, store.cache_root())
    bare = replace(on, training={**on.training, "boolean": {}})
    chosen = Run(protocol().arms[0], 0, dict.fromkeys(TASKS, 0.25))
    for budget in ({}, {"budget_tokens": 60}):
        with pytest.raises(SourceError, match="'boolean' has no row left to train on"):
            run(protocol(**budget), chosen, bare)
    without = Run(chosen.arm, 0, {t: 0.0 if t == "boolean" else 1 / 3 for t in TASKS})
    assert run(protocol(), without, bare).set_index("task").loc["boolean", "n_rows"] == 0


def test_an_arm_is_the_exact_mixture_it_names(tiny_study):
    arms = {arm.name: arm for arm in protocol().arms}
    S = store.similarity(tiny_study, "jsd")
    assert mixture_of(arms["jsd-0.5"], tiny_study, 0) == pytest.approx(solve(pose(S), 0.5).p)
    assert mixture_of(arms["uniform"], tiny_study, 0) == pytest.approx(np.full(4, 0.25))
    assert mixture_of(arms["best-single"], tiny_study, 0).max() == 1


def test_the_baseline_that_counts_skills_is_the_one_of_pages_and_commands():
    study, arm = store.open_study("starter"), Arm(name="x", baseline="skill-even")
    similarity, noise = store.similarity(study, "jsd"), store.noise(study, "jsd")
    known = reference_mixture("skill-even", similarity, study.tasks, noise=noise)
    guessed = reference_mixture("skill-even", similarity, study.tasks)
    assert mixture_of(arm, study, 0) == pytest.approx(known)
    assert known != pytest.approx(guessed)


def test_an_arm_says_what_it_is():
    said = {a.name: arm_words(a) for a in load_protocol("screening-bigbench").arms}
    assert said["authors-0.5"] == "Closed form, projected at balance 0.5"
    assert said["jsd-0.3-bounded"] == "TaskPGM by JSD at balance 0.3, every task 1% to 10%"
    assert len(set(said.values())) == len(said)


@pytest.mark.parametrize("name", sorted(p.stem for p in PROTOCOLS.glob("*.yaml")))
def test_committed_protocols_are_valid_and_hold_out_what_they_say(name):
    chosen = load_protocol(name)
    old = chosen.skills is None  # of a study that is measured already
    tasks = store.open_study(chosen.study).tasks if old else load_plan(chosen.study).tasks
    assert len(chosen.held_out) >= 8 or not old
    assert not {t.id for t in chosen.held_out} & {t.id for t in tasks}
    assert not {t.source for t in chosen.held_out} & {t.source for t in tasks}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"arms": [*ARMS, ARMS[0]]}, "more than once"),
        ({"arms": [{"name": "x"}]}, "a baseline or a balance"),
        ({"arms": [{"name": "../x", "balance": 1}]}, "lower-case"),
        ({"budget": 17}, "multiple of batch"),
        ({"sedds": [1]}, "sedds"),
    ],
)
def test_a_bad_protocol_gets_one_sentence(tmp_path, change, words):
    value = {**protocol().model_dump(mode="json"), **change}
    (tmp_path / "p.yaml").write_text(yaml.safe_dump(value))
    with pytest.raises(PlanError, match=words):
        load_protocol(tmp_path / "p.yaml")
    with pytest.raises(PlanError, match="did you mean 'screening-bigbench'"):
        load_protocol("screening-bigbnch")


def test_paired_differences_find_what_is_there_and_nothing_else():
    runs = made_up({"better": -0.1, "worse": 0.2, "same": 0.0})
    found = {c.arm: c for c in compare(runs, [f"t{k}" for k in range(8)])}
    assert found["better"].high < 0 < found["worse"].low
    assert found["same"].low < 0 < found["same"].high
    assert found["better"].p_holm < 0.05
    assert found["same"].p_holm > 0.05
    assert found["uniform"].difference is None
    for arm, c in found.items():
        mine = runs[runs["arm"] == arm]
        assert c.loss == pytest.approx(mine["loss"].mean())
        by_task = mine.groupby("task")["loss"].mean()
        assert (c.worst_task, c.worst) == (by_task.idxmax(), pytest.approx(by_task.max()))
        if c.difference is not None:
            assert c.difference == pytest.approx(c.loss - found["uniform"].loss)
            assert c.p <= c.p_holm <= 1
    order = [c.loss for c in compare(runs, [f"t{k}" for k in range(8)])]
    assert order == sorted(order)


def test_arms_are_compared_on_the_seeds_they_share():
    runs = made_up({"arm": 0.5}, noise=0.0)
    partial = runs[~((runs["arm"] == "arm") & (runs["seed"] > 2))]
    arm = next(c for c in compare(partial, ["t0", "t1"]) if c.arm == "arm")
    assert arm.seeds == 3
    assert arm.difference == pytest.approx(0.5)
    with pytest.raises(MixtureError, match="reference arm 'none'"):
        compare(runs, ["t0"], reference="none")
    with pytest.raises(MixtureError, match="says nothing of 't99'"):
        compare(runs, ["t0", "t99"])


def test_epochs_are_those_of_the_task_repeated_most():
    runs = pd.DataFrame(
        {"arm": "a", "seed": s, "task": t, "n_rows": n}
        for s, drawn in enumerate([{"x": 30, "y": 5}, {"x": 10, "y": 10}])
        for t, n in drawn.items()
    )
    assert epochs(runs, {"x": 20, "y": 10}) == {"a": pytest.approx((1.5 + 1.0) / 2)}


def test_verbs_validate_compare_and_train(tiny_study, plan, tmp_path, capsys):
    (tmp_path / "p.yaml").write_text(yaml.safe_dump(protocol().model_dump(mode="json")))
    assert main(["validate", str(tmp_path / "p.yaml"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runs_made"] == 6
    assert main(["evidence", "tiny", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert {c["arm"] for c in answer["tasks"]} == {"uniform", "jsd-0.5", "best-single"}
    assert {c["worst_task"] for c in answer["held_out"]} == {"swaps"}
    assert answer["forecast"]["arms"] == ["best-single", "jsd-0.5", "uniform"]
    assert main(["evidence", "tiny", "--by", "accuracy", "--json"]) == 0
    exact = json.loads(capsys.readouterr().out)["tasks"]
    assert {c["arm"] for c in exact} == {c["arm"] for c in answer["tasks"]}
    shares = [c["accuracy"] for c in exact]
    assert shares == sorted(shares, reverse=True)
    words = ["train", "tiny", "--budget", "24", "--balance", "0.5", "--out", str(tmp_path / "made")]
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rows"] == 24
    assert told["steps"] == 6
    assert main(["validate", str(tmp_path / "p.yaml"), "--part", "2/2"]) == 2
    assert "K/N" in capsys.readouterr().err


def test_a_trained_target_is_an_adapter_that_peft_loads(tiny_study, tiny_base, tmp_path, capsys):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    words = ["train", "tiny", "--budget", "16", "--out", str(tmp_path / "made")]
    assert main(words) == 0
    capsys.readouterr()
    model = AutoModelForCausalLM.from_pretrained(tiny_base)
    adapted = PeftModel.from_pretrained(model, tmp_path / "made")
    moved = [float(p.detach().abs().sum()) for n, p in adapted.named_parameters() if "lora_B" in n]
    assert moved
    assert all(m > 0 for m in moved)


@pytest.mark.parametrize(("budget", "steps"), [(16, 4), (15, 4), (17, 5)])
def test_every_row_of_the_budget_is_trained_on_once(
    tiny_study, tmp_path, capsys, monkeypatch, budget, steps
):
    backward, read = finetuning._backward, []

    def heard(base, batch, *options):
        read.append([tuple(e.ids.tolist()) for e in batch])
        return backward(base, batch, *options)

    monkeypatch.setattr(finetuning, "_backward", heard)
    words = ["train", "tiny", "--budget", str(budget), "--out", str(tmp_path / "made"), "--json"]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    rows = [ids for batch in read for ids in batch]
    assert told["rows"] == len(rows) == len(set(rows)) == budget
    assert told["steps"] == len(read) == steps


def test_a_confirmation_is_meant_before_a_screening_but_never_guessed(monkeypatch):
    folders = {"aa": "screening", "bb": "confirmation", "cc": "screening"}

    def known(*names):
        cards = [({"folder": n, "stage": folders[n]}, n) for n in names]
        ordered = sorted(cards, key=lambda one: one[0]["stage"] != "confirmation")
        monkeypatch.setattr(store, "evidence", lambda study: ordered)
        return store.open_study("bigbench")

    assert chosen_evidence(known("aa", "bb", "cc"), None)[1] == "bb"
    assert chosen_evidence(known("aa", "bb", "cc"), "c")[1] == "cc"
    assert chosen_evidence(known("aa"), None)[1] == "aa"
    with pytest.raises(StoreError, match=r"2 evidence folders .*aa \(screening\), cc"):
        chosen_evidence(known("aa", "cc"), None)


def test_a_confirmation_comes_first_and_says_its_stage(cache):
    study = committed_copy(cache, "bigbench")
    for name in ("screening-bigbench", "confirmation-bigbench"):
        keep_runs(study, name)
    assert [card["stage"] for card, _ in store.evidence(study)] == ["confirmation", "screening"]
