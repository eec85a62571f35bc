"""A study of chats, from ShareGPT files to what trainers read of them."""

import json
from datetime import datetime

import datasets
import numpy as np
import pytest
import yaml
from transformers.utils import chat_template_utils

from taskpgm_core import store
from taskpgm_core.analysis.drill_down import drill_down, positions
from taskpgm_core.builds import pipeline
from taskpgm_core.builds.training_rows import training_rows
from taskpgm_core.cli.main import main
from taskpgm_core.errors import ExportError, ModelError, SourceError
from taskpgm_core.exports import export, make_recipe
from taskpgm_core.exports.materialise import materialise
from taskpgm_core.measure import render
from taskpgm_core.mixture.counts import allocate
from taskpgm_core.plans.plan import Plan
from tests.builds.test_pipeline import Heard
from tests.support.chat_templates import START, save_chat, template, tokenizer_of
from tests.support.tiny_model import tiny_plan

TOWNS = ("Ghent", "Turku", "Bergen")


def sharegpt(path, subject, count=14):
    """Conversations of two questions about ``subject``, one row without an answer among them."""
    rows = []
    for k in range(count):
        town = TOWNS[k % 3]
        turns = [
            ("system", f"You know {subject}."),
            ("human", f"{subject} of {town} {k}?"),
            ("gpt", f"{town} has {k}."),
            ("human", "Is that sure?"),
            ("gpt", f"Yes, {k}."),
        ]
        rows.append({"conversations": [{"from": who, "value": said} for who, said in turns]})
    rows.insert(3, {"conversations": rows[0]["conversations"][:2]})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return save_chat(tmp_path_factory.mktemp("chat-base"))


def chat_plan(base, folder, **changes):
    for name in ("bridges", "rivers"):
        sharegpt(folder / f"{name}.jsonl", name)
    options = {"incomplete": "skip"}
    return Plan.model_validate(
        {
            "slug": "chats",
            "base": str(base),
            "dtype": "float32",
            "template": "chat",
            "publish_text": True,
            "training": {"rank": 2, "steps": 2, "batch": 4, "max_tokens": 200},
            "probe": {"examples_per_task": 3, "max_completion_tokens": 20, "batch": 4, "top": 3},
            "tasks": [
                {"source": "file:bridges.jsonl", "options": options},
                {"source": "file:rivers.jsonl", "options": options},
            ],
            "folders": {"file": str(folder)},
            **changes,
        }
    )


def recipe_of(study):
    p = [0.5, 0.5]
    counts = allocate(p, list(study.names), 16, rows=[task.rows for task in study.tasks])
    return make_recipe(p, study.tasks, counts, seed=3)


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")
    datasets.disable_progress_bars()


def test_a_chat_study_is_measured_shown_and_handed_on_turn_by_turn(
    base, cache, tmp_path, own_cache, capsys
):
    plan, heard = chat_plan(base, tmp_path), Heard()
    study, _ = pipeline.build(plan, progress=heard, root=cache)
    said = "bridges.jsonl: ShareGPT, 14 conversations; 1 incomplete row left out."
    assert said in heard.sentences
    assert [task.rows_incomplete for task in study.tasks] == [1, 1]
    assert study.tasks[0].chat == ("messages", "several")
    assert np.isfinite(store.similarity(study, "jsd").matrix).all()
    assert main(["show", "chats"]) == 0
    assert "2 incomplete rows were left out: bridges 1, rivers 1." in capsys.readouterr().out

    # what people see of a probe example, token by token
    text = store.probe_text(study)
    found = drill_down(study, "jsd", 0, 1)
    shown = [position.text for position in positions(study, found, 0)]
    assert shown.count("(template)") >= 1
    written = "".join(s for s in shown if s != "(template)")
    answers = "".join(text[0].chat.turns[k].text for k in text[0].chat.answers)
    assert answers.startswith(written)
    assert len(written) > 6

    # the rows that trainers read are the owner's turns
    rows = {task: training_rows(study)(task) for task in study.names}
    recipe = recipe_of(study)
    materialise(recipe, rows.__getitem__, tmp_path / "tasks", per_task=True)
    own = {json.dumps(e.chat.messages) for task in rows for e in rows[task]}
    for portion in recipe.portions:
        loaded = datasets.load_dataset(
            "json", data_files=str(tmp_path / portion.source.path), split="train"
        )
        assert loaded.column_names == ["task", "messages"]
        assert len(loaded) == portion.rows
        assert {json.dumps(messages) for messages in loaded["messages"]} <= own
    assert json.loads(recipe.to_json())["tasks"][0]["chat"] == ["messages", "several"]

    # as many rows, but others
    sharegpt(tmp_path / "bridges.jsonl", "castles")
    with pytest.raises(ExportError, match="rows of task 'bridges' are not those that chats was"):
        training_rows(study)("bridges")
    sharegpt(tmp_path / "rivers.jsonl", "rivers", count=4)
    with pytest.raises(ExportError, match="rows of task 'rivers' are not those that chats was"):
        training_rows(study)("rivers")


def test_text_that_is_brought_of_targets_that_are_chats(base, cache, tmp_path, capsys):
    sharegpt(tmp_path / "exam.jsonl", "castles")
    target = {"source": "file:exam.jsonl", "options": {"incomplete": "skip"}}
    plan = chat_plan(base, tmp_path, targets=[target], publish_text=False)
    study, _ = pipeline.build(plan, progress=Heard(), root=cache)
    assert store.target_text(study) is None
    assert main(["text", "chats", "--from", str(tmp_path)]) == 0
    capsys.readouterr()
    brought = store.target_text(store.open_study("chats"))
    assert len(brought) == 3
    for example in brought:
        roles = [turn["role"] for turn in example.chat.messages]
        assert roles == ["system", "user", "assistant", "user", "assistant"]
        assert example.chat.messages[0]["content"] == "You know castles."
    assert (store.example_checksums(brought) == store.target_scores(study).checksum).all()


@pytest.mark.filterwarnings("ignore:`gradient_checkpointing` is deprecated:FutureWarning")
def test_trl_prepares_the_same_turns_and_learns_the_same_tokens(
    base, cache, tmp_path, own_cache, monkeypatch
):
    trl = pytest.importorskip("trl", reason="TRL is not installed")
    study, _ = pipeline.build(chat_plan(base, tmp_path), progress=Heard(), root=cache)
    recipe, rows = recipe_of(study), training_rows(study)
    monkeypatch.chdir(tmp_path)
    materialise(recipe, rows, "tasks", per_task=True)
    entries = yaml.safe_load(export(recipe, "trl", strict=True).files["trl.yaml"])
    assert entries["assistant_only_loss"] is True
    mixed = trl.get_dataset(trl.DatasetMixtureConfig(datasets=entries["datasets"]))["train"]
    tokenizer = tokenizer_of(template(marked=True))
    tokenizer.pad_token = tokenizer.eos_token
    trainer = trl.SFTTrainer(
        model=str(base),
        args=trl.SFTConfig(
            output_dir=str(tmp_path / "out"),
            assistant_only_loss=entries["assistant_only_loss"],
            report_to=[],
            use_cpu=True,
            bf16=False,
            max_length=None,
        ),
        train_dataset=mixed,
        processing_class=tokenizer,
    )
    ours = {}
    for task in study.names:
        for example in render(rows(task), tokenizer, "chat"):
            ours[tuple(example.ids.tolist())] = example
    prepared = list(trainer.train_dataset)
    assert len(prepared) == len(mixed) == 16
    for row in prepared:
        learnt = np.flatnonzero(np.array(row["labels"]) != -100)
        ids = tuple(row["input_ids"][: learnt[-1] + 1])
        assert ours[ids].places.tolist() == learnt.tolist()


def test_what_a_model_or_template_cannot_take_ends_the_build_at_once(base, cache, tmp_path):
    plain = chat_plan(base, tmp_path, template="{prompt}\n")
    with pytest.raises(
        SourceError, match=r"is a chat of 5 turns.*write template: chat in the plan"
    ):
        pipeline.build(plain, progress=Heard(), root=cache)
    (tmp_path / "plain").mkdir()
    plainer = save_chat(tmp_path / "plain")
    (plainer / "chat_template.jinja").unlink()
    with pytest.raises(ModelError, match="has no chat template"):
        pipeline.build(chat_plan(plainer, tmp_path), progress=Heard(), root=cache)
    assert list(cache.glob("chats-*")) == []


def test_the_last_answer_alone_is_another_study(base, cache, tmp_path):
    options = {"incomplete": "skip", "supervise": "last"}
    tasks = [{"source": f"file:{name}.jsonl", "options": options} for name in ("bridges", "rivers")]
    last = pipeline.prepare(chat_plan(base, tmp_path, tasks=tasks), cache)
    every = pipeline.prepare(chat_plan(base, tmp_path), cache)
    assert last.digest != every.digest
    assert last.tasks[0].chat == ("messages", "last")
    assert last.tasks[0].mean_tokens < every.tasks[0].mean_tokens


def test_another_chat_template_or_end_token_is_another_study(cache, tmp_path):
    base = save_chat(tmp_path / "base")
    plans = chat_plan(base, tmp_path), tiny_plan(base, template="chat"), tiny_plan(base)

    def digests():
        return [pipeline.prepare(plan, cache).digest for plan in plans]

    chats, pairs, plain = digests()
    written = base / "chat_template.jinja"
    written.write_text("Talk:\n" + written.read_text())
    assert [a == b for a, b in zip(digests(), (chats, pairs, plain), strict=True)] == [0, 0, 1]
    said = base / "tokenizer_config.json"
    said.write_text(json.dumps({**json.loads(said.read_text()), "eos_token": START}))
    assert digests()[2] != plain


def test_no_day_is_in_the_digest_of_a_template_that_writes_the_date(cache, tmp_path, monkeypatch):
    base = save_chat(tmp_path / "base", "{{ strftime_now('%d %b %Y') }}\n" + template())
    found = set()
    for day in (datetime(2026, 11, 28), datetime(2031, 1, 2)):
        clock = type("Clock", (), {"now": staticmethod(lambda day=day: day)})
        monkeypatch.setattr(chat_template_utils, "datetime", clock)
        found.add(pipeline.prepare(chat_plan(base, tmp_path), cache).digest)
    assert len(found) == 1
