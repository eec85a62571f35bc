"""Chats handed on: the rows as messages, and the format each trainer documents for them."""

import json
from pathlib import Path

import datasets
import pytest
import yaml

from taskpgm_core.chats import Chat
from taskpgm_core.errors import ExportError
from taskpgm_core.exports import EXPORTERS, Recipe, export, file_name, make_recipe
from taskpgm_core.exports.materialise import materialise
from taskpgm_core.mixture.counts import allocate
from taskpgm_core.records import Example, Task
from tests.exports.test_trainers import words_of

SEVERAL, LAST = ("messages", "several"), ("messages", "last")


def recipe_of(*chats, budget=10):
    tasks = [Task(f"t{k}", rows=20, mean_tokens=4.0, chat=chat) for k, chat in enumerate(chats)]
    p = [1 / len(tasks)] * len(tasks)
    counts = allocate(p, [t.id for t in tasks], budget, rows=[20] * len(tasks), mean_tokens=None)
    return make_recipe(p, tasks, counts, seed=7)


def yaml_of(recipe, to):
    (text,) = (t for n, t in export(recipe, to).files.items() if n.endswith(".yaml"))
    return yaml.safe_load(text)


def chat_row(k, **more):
    turns = [("user", f"q{k}"), ("assistant", f"a{k}"), ("user", "more?"), ("assistant", f"b{k}")]
    messages = [{"role": role, "content": text} for role, text in turns]
    return Example.of_chat(Chat.of_value({"messages": messages, **more}))


def test_each_trainer_gets_the_format_that_it_documents():
    recipe = recipe_of(SEVERAL, SEVERAL)
    assert yaml_of(recipe, "trl")["assistant_only_loss"] is True
    assert yaml_of(recipe, "trl")["datasets"][0]["columns"] == ["messages"]
    handbook = yaml_of(recipe, "alignment-handbook")
    assert handbook["assistant_only_loss"] is True
    assert handbook["dataset_mixture"]["datasets"][0]["columns"] == ["messages"]
    (entry, _) = yaml_of(recipe, "axolotl")["datasets"]
    assert {k: entry[k] for k in ("type", "field_messages", "roles_to_train", "train_on_eos")} == {
        "type": "chat_template",
        "field_messages": "messages",
        "roles_to_train": ["assistant"],
        "train_on_eos": "turn",
    }
    info = json.loads(export(recipe, "llama-factory").files["dataset_info.json"])
    entry = info[file_name("t0")]
    assert (entry["formatting"], entry["columns"]) == ("sharegpt", {"messages": "messages"})
    assert entry["tags"]["observation_tag"] == "tool"
    assert "mask_history" not in yaml_of(recipe, "llama-factory")
    assert yaml_of(recipe, "ms-swift")["loss_scale"] == "default"
    train = yaml_of(recipe, "oumi")["data"]["train"]
    assert train["collator_name"] == "text_completions_only_with_padding"
    assert train["train_target"] == "all_assistant_turns"
    words = words_of(recipe, "openrlhf", "DATA")
    assert words[words.index("--data.input_key") + 1] == "messages"
    assert {"--data.apply_chat_template", "--data.multiturn"} <= set(words)
    assert "--data.output_key" not in words
    bridge = yaml_of(recipe, "megatron-bridge")["dataset"]
    assert bridge["preprocessing"] == {"loss_mode": "assistant"}
    assert "target_responses" in export(recipe, "mosaicml-streaming").meaning
    for to in EXPORTERS:
        warned = export(recipe, to).warnings
        assert bool(warned) == (to in ("megatron-lm", "nemo", "olmo-core")), to


def test_the_last_answer_alone_is_handed_on_where_there_is_a_switch():
    recipe = recipe_of(LAST, LAST)
    assert yaml_of(recipe, "llama-factory")["mask_history"] is True
    assert yaml_of(recipe, "ms-swift")["loss_scale"] == "last_round"
    assert yaml_of(recipe, "oumi")["data"]["train"]["train_target"] == "final_assistant_turn"
    bridge = yaml_of(recipe, "megatron-bridge")["dataset"]
    assert bridge["preprocessing"] == {"loss_mode": "last_turn"}
    assert "--data.multiturn" not in words_of(recipe, "openrlhf", "DATA")
    (text,) = export(recipe, "open-instruct").files.values()
    assert "--dataset_transform_fn last_turn_tulu_tokenize_and_truncate_v1" in text
    for to in ("trl", "alignment-handbook", "axolotl"):
        (warning,) = export(recipe, to).warnings
        assert warning.endswith('no switch for the last one alone, as task "t0" asks.')
        with pytest.raises(ExportError, match="cannot do what is asked"):
            export(recipe, to, strict=True)
    both = recipe_of(SEVERAL, LAST)
    for to in ("llama-factory", "ms-swift", "oumi", "megatron-bridge", "openrlhf"):
        (warning,) = export(both, to).warnings
        assert 'task "t1" asks for the last one and task "t0" for every one' in warning
    single = recipe_of(("messages",), LAST)  # one answer a chat: both ways are the same
    assert export(single, "ms-swift", strict=True).warnings == ()


def test_tools_are_named_or_warned_about():
    recipe = recipe_of((*SEVERAL, "tools"), (*SEVERAL, "tools"))
    assert yaml_of(recipe, "trl")["datasets"][0]["columns"] == ["messages", "tools"]
    info = json.loads(export(recipe, "llama-factory").files["dataset_info.json"])
    assert info[file_name("t0")]["formatting"] == "openai"
    assert info[file_name("t0")]["columns"] == {"messages": "messages", "tools": "tools"}
    for to in ("open-instruct", "openrlhf", "ms-swift"):
        assert "tools" in " ".join(export(recipe, to).warnings)
    one = recipe_of((*SEVERAL, "tools"), SEVERAL)
    for to in ("trl", "datasets", "alignment-handbook", "megatron-bridge"):
        (warning,) = export(one, to).warnings
        assert 'task "t0" has calls of tools and task "t1" has none' in warning


@pytest.mark.parametrize("trait", ["open", "uneven"])
def test_turns_that_a_trainer_leaves_out_are_warned_about(trait):
    (warning,) = export(recipe_of((*SEVERAL, trait), SEVERAL), "llama-factory").warnings
    assert warning.startswith("LLaMA-Factory leaves out a chat in which")


def test_recipes_of_pairs_and_their_json_say_nothing_of_chats():
    recipe = recipe_of((), ())
    assert "chat" not in recipe.to_json()
    assert Recipe.from_json(recipe.to_json()) == recipe
    chats = recipe_of(SEVERAL, ())
    assert Recipe.from_json(chats.to_json()) == chats
    assert chats.chat == {"messages", "several"}


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_all_rows_are_messages_where_any_task_is_chats(tmp_path, format, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    tools = [{"type": "function", "function": {"name": "f"}}]
    pools = {
        "t0": [chat_row(k, tools=tools) for k in range(20)],
        "t1": [Example(f"p{k}", f"c{k}") for k in range(20)],
    }
    recipe = recipe_of((*SEVERAL, "tools"), ())
    materialise(recipe, pools.__getitem__, tmp_path / "out", format=format)
    mixed = datasets.load_dataset(str(tmp_path / "out"), split="train")
    assert set(mixed.column_names) == {"task", "messages", "tools"}
    own = {
        "t0": [e.chat.messages for e in pools["t0"]],
        "t1": [
            [{"role": "user", "content": e.prompt}, {"role": "assistant", "content": e.completion}]
            for e in pools["t1"]
        ],
    }
    for row in mixed:
        assert row["messages"] in own[row["task"]]
        assert (row["tools"] and json.loads(row["tools"])) == (
            tools if row["task"] == "t0" else None
        )


def as_text(chats):
    return sorted(json.dumps(messages, sort_keys=True) for messages in chats)


def test_calls_of_tools_come_back_as_they_were_written(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    case = Path(__file__).parents[1] / "tasks" / "cases" / "tool-calls-null-content.jsonl"
    rows = [json.loads(line) for line in case.read_text().splitlines()][:20]
    pool = [Example.of_chat(Chat.of_value(row)) for row in rows]
    recipe = recipe_of((*SEVERAL, "tools"))
    materialise(recipe, lambda task: pool, tmp_path / "out", per_task=True)
    loaded = datasets.load_dataset(
        "json", data_files=str(tmp_path / "out" / file_name("t0") / "train.jsonl"), split="train"
    )
    read = [
        [{k: v for k, v in turn.items() if v is not None or k == "content"} for turn in messages]
        for messages in loaded["messages"]
    ]
    assert as_text(read) == as_text([row["messages"] for row in rows])
    assert set(loaded["tools"]) == {json.dumps(rows[0]["tools"])}


def test_llm_foundry_is_told_which_answers_and_where_it_stops():
    def of(*traits):
        return export(recipe_of(("messages", *traits)), "mosaicml-streaming")

    assert "target_responses to all" in of("several").meaning
    assert "target_responses to last" in of("last").meaning
    assert of("several").warnings == ()
    for trait, said in (
        ("tools", "more than a role and a content, as task"),
        ("open", "ends without an answer, as task"),
        ("uneven", "two turns of one role in a row, which task"),
    ):
        assert any(said in warning for warning in of("several", trait).warnings)
