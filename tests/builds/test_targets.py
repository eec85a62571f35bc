"""Targets: scored by every model, in no similarity, and the same whenever they are added."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from taskpgm_core import measure, store
from taskpgm_core.builds import cost_model, dry_run, pipeline
from taskpgm_core.builds.material import gather
from taskpgm_core.cli.main import main
from taskpgm_core.errors import PlanError, SourceError, StoreError
from taskpgm_core.measure import Silence
from taskpgm_core.plans.plan import TargetEntry, load_plan
from taskpgm_core.plans.plan_edits import grown, with_target
from tests.support.tiny_model import TASKS, tiny_plan

TARGET = {"source": "generated:navigate", "rows": 24}
ADD = ["add-target", "tiny", "generated:navigate", "--rows", "24"]
OWN = {"targets.npz", "target-text.json"}


def files_of(study) -> dict[str, bytes]:
    names = json.loads((Path(study.folder) / "manifest.json").read_text())["files"]
    return {name: (Path(study.folder) / name).read_bytes() for name in names}


def units_of(cache) -> dict[Path, int]:
    return {p: p.stat().st_mtime_ns for p in (cache / ".units").rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def targeted_cache(tmp_path_factory, tiny_cache, tiny_base):
    """The tiny study, and beside it the same with a target; read it, never write to it."""
    root = tmp_path_factory.mktemp("targeted") / "cache"
    shutil.copytree(tiny_cache, root)
    pipeline.build(with_target(tiny_plan(tiny_base), TARGET), progress=Silence(), root=root)
    return root


@pytest.fixture
def targeted(targeted_cache, cache):
    shutil.copytree(targeted_cache, cache, dirs_exist_ok=True)
    return store.open_study("tiny-for-navigate", cache)


def test_a_target_changes_no_file_of_the_study_it_is_added_to(tiny_study, cache, capsys):
    before = units_of(cache)
    assert main([*ADD, "--dry-run"]) == 0
    said = capsys.readouterr().out
    models = len(TASKS) + 1 + len(store.second_gold(tiny_study).tasks)
    assert re.search(rf"^score +\d+ +{models} ", said, re.MULTILINE)  # 3 examples, 5 a batch
    assert re.search(r"^train +\d+ +0 ", said, re.MULTILINE)
    assert re.search(r"^compare +\d+ +0 ", said, re.MULTILINE)
    assert main([*ADD, "--yes", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["slug"] == "tiny-for-navigate"
    assert answer["targets"] == [{"id": "navigate", "family": "", "source": TARGET["source"]}]
    after = units_of(cache)
    assert {p: after[p] for p in before} == before
    assert {p.parents[1].name for p in after.keys() - before} == {"score"}
    assert len(after) - len(before) == models
    study = store.open_study("tiny-for-navigate")
    assert study.digest != tiny_study.digest
    assert study.names == tiny_study.names
    files = files_of(study)
    assert {name: files[name] for name in files if name not in OWN} == files_of(tiny_study)
    assert set(files) - set(files_of(tiny_study)) == OWN
    assert store.verify(study.folder).absent == ()


def test_a_target_that_was_there_from_the_start_gives_the_same_bytes(targeted, tiny_base, tmp_path):
    plan = tiny_plan(tiny_base, targets=[TARGET])
    study, now = pipeline.build(plan, progress=Silence(), root=tmp_path / "elsewhere")
    assert now
    assert study.digest == targeted.digest
    assert files_of(study) == files_of(targeted)


def test_a_second_target_leaves_the_first_ones_units_alone(targeted, tiny_base, cache):
    plan = tiny_plan(tiny_base, targets=[{"source": "generated:swaps", "rows": 24}, TARGET])
    models = len(TASKS) + 1 + len(store.second_gold(targeted).tasks)
    assert dry_run.preview(plan).left == {"train": 0, "score": models, "compare": 0}
    study, _ = pipeline.build(plan, progress=Silence())
    both, one = store.target_losses(study), store.target_losses(targeted)
    assert both.targets == ("swaps", "navigate")
    np.testing.assert_array_equal(both.per_token[:, 1:], one.per_token)


def test_a_task_that_joins_later_keeps_the_targets(targeted, cache):
    plan = grown(
        tiny_plan("x", targets=[TARGET]).model_copy(update={"slug": "later"}),
        {"source": "generated:code-trace", "rows": 24},
    )
    assert [target.id for target in plan.targets] == ["navigate"]


def test_losses_equal_those_of_a_full_softmax(targeted, tiny_base, cache):
    """The obvious way: every model with peft, the whole softmax, example by example, in float64."""
    plan = tiny_plan(tiny_base, targets=[TARGET])
    prepared = pipeline.prepare(plan, cache)
    engine = pipeline.engine_for(prepared, cache, Silence())
    scores, losses = store.target_scores(targeted), store.target_losses(targeted)
    assert prepared.targets is not None
    held = prepared.material.targets["navigate"]
    assert tuple(scores.row) == held.rows
    assert (scores.checksum == store.example_checksums(held.chosen)).all()
    assert list(store.target_text(targeted)) == held.chosen
    assert scores.log_probability.shape == (len(TASKS) + 1, prepared.targets.positions)

    def nats(spec):
        """The mean loss a sequence and a token of one model."""
        found = []
        for example in prepared.targets.examples:
            ids = torch.from_numpy(example.ids)[None]
            with torch.inference_mode():
                if spec.task is None:
                    logits = prepared.base.model(input_ids=ids).logits
                else:
                    with measure.applied(prepared.base, engine._found(spec), spec.task):
                        logits = prepared.base.model(input_ids=ids).logits
            log_p = torch.log_softmax(logits[0].double(), -1)
            places = range(
                len(example.prompt) - 1, len(example.prompt) - 1 + len(example.completion)
            )
            gold = [float(log_p[k, t]) for k, t in zip(places, example.completion, strict=True)]
            found.append((-sum(gold), -sum(gold) / len(gold)))
        return np.mean(found, axis=0)

    models = engine.agenda.models
    for row, spec in enumerate(models[: len(TASKS) + 1]):
        own = [nats(m) for m in models if m.task == spec.task]
        sequence, token = np.mean(own, axis=0)
        np.testing.assert_allclose(losses.per_sequence[row, 0], sequence, rtol=1e-4)
        np.testing.assert_allclose(losses.per_token[row, 0], token, rtol=1e-4)
    assert list(scores.second_tasks) == list(store.second_gold(targeted).tasks)
    assert len(scores.second) == len(scores.second_tasks) > 0


def test_units_that_are_gone_are_named(targeted, cache, capsys):
    shutil.rmtree(cache / ".units")
    assert (
        main([*ADD[:1], "tiny-for-navigate", "generated:swaps", "--rows", "24", "--dry-run"]) == 0
    )
    said = capsys.readouterr().err
    trained = len(TASKS) + len(store.second_gold(targeted).tasks)
    assert "rebuild parts of tiny-for-navigate are not all here" in said
    assert f"{trained} of {trained} trainings" in said


def test_a_damaged_file_of_targets_is_repaired(targeted, capsys):
    file = Path(targeted.folder) / "targets.npz"
    whole = file.read_bytes()
    file.write_bytes(whole[:-9])
    assert main(["verify", targeted.slug]) == 2
    assert "targets.npz" in capsys.readouterr().err
    assert main(["repair", targeted.slug]) == 0
    assert file.read_bytes() == whole


def test_a_removed_task_takes_its_model_from_the_targets(targeted, capsys):
    assert main(["remove-task", targeted.slug, "add-2-digit", "--slug", "less", "--json"]) == 0
    less = store.open_study("less")
    assert less.target_names == ("navigate",)
    np.testing.assert_array_equal(
        store.target_losses(less).per_token, store.target_losses(targeted).per_token[1:]
    )
    old, new = store.target_scores(targeted), store.target_scores(less)
    np.testing.assert_array_equal(new.log_probability, old.log_probability[1:])
    others = old.second_tasks != 0
    np.testing.assert_array_equal(new.second, old.second[others])
    np.testing.assert_array_equal(new.second_tasks, old.second_tasks[others] - 1)
    assert store.target_text(less) == store.target_text(targeted)
    capsys.readouterr()
    assert main(["remove-task", targeted.slug, "navigate"]) == 2
    assert "is a target of tiny-for-navigate: it is scored and never trained on" in (
        capsys.readouterr().err
    )


def test_text_that_may_not_be_shared_is_not_kept(targeted, tiny_base):
    plan = tiny_plan(tiny_base, targets=[TARGET], publish_text=False, slug="quiet")
    study, _ = pipeline.build(plan, progress=Silence())
    assert study.digest == targeted.digest
    assert store.target_text(study) is None
    assert files_of(study)["targets.npz"] == files_of(targeted)["targets.npz"]


def test_show_lists_targets(targeted, capsys):
    assert main(["show", targeted.slug, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["measured"]["targets"]["navigate"]
    losses = store.target_losses(targeted).per_token[:, 0]
    assert shown["base"] == losses[-1]
    assert shown["best"] == losses[:-1].min()
    assert losses[targeted.names.index(shown["model"])] == shown["best"]
    assert main(["show", targeted.slug]) == 0
    assert "navigate" in capsys.readouterr().out


# What a plan may say


def test_no_digest_of_a_plan_without_targets_moves(tiny_base):
    plan = tiny_plan(tiny_base)
    assert "targets" not in plan.normalised()
    assert "targets" in with_target(plan, TARGET).normalised()
    assert with_target(plan, TARGET) == tiny_plan(
        tiny_base, targets=[TARGET], slug="tiny-for-navigate"
    )


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ({"source": "generated:navigate", "adapter": "a"}, "a target is scored and .* no adapter"),
        ({"source": "generated:navigate", "checkpoint": "a"}, "has no checkpoint"),
        ({"source": "generated:navigate", "joined": 0}, "has no joined"),
        ({"source": "generated:navigate", "famly": "a"}, "the new target: unknown key 'famly'"),
        ({"source": "generated:navigate", "id": " "}, "has no id"),
        ({"source": "generated:navigate", "id": "boolean"}, "has the id of a task"),
    ],
)
def test_a_target_that_makes_no_sense_is_refused(tiny_base, target, sentence):
    with pytest.raises(PlanError, match=sentence):
        with_target(tiny_plan(tiny_base), target)


def test_a_target_twice_or_with_a_second_seed_is_refused(tiny_base):
    plan = with_target(tiny_plan(tiny_base), TARGET)
    with pytest.raises(PlanError, match="target id 'navigate' stands more than once"):
        with_target(plan, TARGET)
    training = {**plan.training.model_dump(), "second_seed": ["navigate"]}
    with pytest.raises(ValueError, match="'navigate', which is a target: it is scored and never"):
        tiny_plan(tiny_base, targets=[TARGET], training=training)


def test_a_leak_is_refused_by_name(tiny_base):
    plan = tiny_plan(tiny_base, targets=[{"source": "generated:boolean", "rows": 24, "id": "exam"}])
    with pytest.raises(SourceError, match="of target 'exam' is an example of task 'boolean'"):
        gather(plan)


def test_white_space_hides_no_leak(tiny_base, tmp_path):
    rows = [{"prompt": f"How many is {k}", "completion": str(k)} for k in range(9)]
    for name, pad in (("mine", ""), ("exam", " ")):
        lines = [json.dumps({**row, "prompt": row["prompt"] + pad}) for row in rows]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    plan = tiny_plan(
        tiny_base,
        tasks=["jsonl:mine.jsonl", {"source": "generated:boolean", "rows": 24}],
        training={**tiny_plan(tiny_base).training.model_dump(), "second_seed": []},
        targets=["jsonl:exam.jsonl"],
        folders={"jsonl": str(tmp_path)},
    )
    with pytest.raises(SourceError, match="of target 'exam' is an example of task 'mine'"):
        gather(plan)


def test_a_target_needs_no_row_to_spare(tiny_base, tmp_path):
    def plan(count):
        rows = [json.dumps({"prompt": f"q{k}", "completion": str(k)}) for k in range(count)]
        (tmp_path / "exam.jsonl").write_text("\n".join(rows) + "\n")
        return tiny_plan(tiny_base, targets=["jsonl:exam.jsonl"], folders={"jsonl": str(tmp_path)})

    assert gather(plan(3)).targets["exam"].rows == (0, 1, 2)
    with pytest.raises(SourceError, match="'exam' has 2 different examples, but 3 are scored"):
        gather(plan(2))


def test_examples_are_drawn_as_those_of_a_task_are(tiny_base):
    """A task of that name and seed would hold out the same rows."""
    as_task = tiny_plan(tiny_base, tasks=[TARGET, *tiny_plan(tiny_base).model_dump()["tasks"]])
    as_target = tiny_plan(tiny_base, targets=[TARGET])
    assert gather(as_target).targets["navigate"].rows == (
        gather(as_task).splits["navigate"].probe_indices
    )


def test_studies_without_models_take_no_target(cache, tmp_path, tiny_base, capsys):
    (tmp_path / "mine.csv").write_text("1,0.5\n0.5,1\n")
    store.import_matrix(tmp_path / "mine.csv", kind="similarity")
    assert main(["add-target", "mine", "generated:navigate"]) == 2
    assert "mine was imported as a matrix, so nothing can be scored" in capsys.readouterr().err
    plan = tiny_plan(tiny_base, targets=[TARGET]).model_dump(mode="json")
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan))
    assert main(["build", str(tmp_path / "plan.yaml"), "--measure", "text"]) == 0
    capsys.readouterr()
    assert store.open_study("tiny-text").targets == ()
    assert main(["add-target", "tiny-text", "generated:swaps"]) == 2
    assert "was built by words alone" in capsys.readouterr().err


def test_the_cost_of_a_large_plan_counts_its_targets():
    plan = load_plan("llama-2-7b")
    more = plan.model_copy(update={"targets": (TargetEntry(source="hub:x/y", id="exam"),)})
    assert plan.expect is not None
    without, cost = (cost_model.expected(p, plan.expect) for p in (plan, more))
    share = 1 / len(plan.tasks)
    assert cost.tokens["score"] == pytest.approx(without.tokens["score"] * (1 + share))
    batches = -(-plan.probe.examples_per_task // plan.probe.batch)
    assert cost.units["score"] - without.units["score"] == cost.models * batches
    assert cost.units["compare"] == without.units["compare"]
    assert cost.disk > without.disk


def test_text_that_is_brought_is_that_of_the_targets_too(targeted, tiny_base, cache, tmp_path):
    plan = tiny_plan(tiny_base, targets=[TARGET], publish_text=False)
    study, _ = pipeline.build(plan, progress=Silence())
    assert store.target_text(study) is None
    brought = pipeline.text_of(study, tmp_path)
    assert store.target_text(brought) == store.target_text(targeted)
    assert store.probe_text(brought) == store.probe_text(targeted)
    assert store.verify(brought.folder).absent == ()


def test_text_of_other_targets_is_refused(targeted):
    text = list(store.target_text(targeted))
    text[1] = text[0]
    with pytest.raises(StoreError, match="of target 'navigate' differs"):
        store.brought_target_text(targeted, text)
