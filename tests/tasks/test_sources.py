"""Where examples come from: every source, and the sentence for everything that can be wrong."""

import json
from collections import Counter

import datasets
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskpgm_core.errors import SourceError
from taskpgm_core.records import Example
from taskpgm_core.tasks import registry, shared_examples, split
from taskpgm_core.tasks.generated import generate


def read(source, rows=None, seed=0, folders=None, **options):
    found = registry.read(source, rows=rows, seed=seed, folders=folders or {}, options=options)
    return found.examples


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    datasets.disable_progress_bars()
    monkeypatch.setattr(
        datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"), raising=True
    )


def test_generated_rows_and_their_default():
    assert read("generated:add-2-digit", rows=7, seed=5) == generate("add-2-digit", 7, 5)
    assert len(read("generated:add-2-digit")) == 1000
    shards = [read("generated:boolean", rows=5, shard=k, shards=3) for k in range(3)]
    assert len({example.prompt for shard in shards for example in shard}) == 15


@pytest.mark.parametrize(
    ("source", "options", "sentence"),
    [
        ("generated", {}, "'generated' is no task source"),
        ("jsonll:x", {}, r"no task source \(did you mean 'jsonl'\?\)"),
        ("hub:", {}, "'hub:' is no task source"),
        ("generated:add-2-digit", {"shuffle": 3}, "unknown option 'shuffle'; known: shard, shards"),
        (
            "jsonl:x",
            {"shuffle": 3},
            "unknown option 'shuffle'; known: columns, incomplete, supervise",
        ),
        ("hub:x", {"prompt_colum": "q"}, r"'prompt_colum' \(did you mean 'prompt_column'\?\)"),
        ("hub:x", {"split": 3}, "the option split must be text, not 3"),
        ("bigbench:x", {"most_choices": "ten"}, "most_choices a whole number"),
        ("bigbench:x", {"prefix": "no"}, "prefix must be true or false"),
    ],
)
def test_bad_sources_and_options_are_sentences(source, options, sentence):
    with pytest.raises(SourceError, match=sentence):
        read(source, **options)


# JSON Lines


def lines(path, *records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return f"jsonl:{path}"


def test_jsonl_reads_pairs_as_they_are(tmp_path):
    source = lines(
        tmp_path / "t.jsonl",
        {"prompt": " a\u2028b ", "completion": " c", "id": 7},
        {"prompt": "d", "completion": "e"},
    )
    assert read(source) == [Example(" a\u2028b ", " c"), Example("d", "e")]
    assert read(source, rows=1) == read(source)[:1]
    assert read("jsonl:t.jsonl", folders={"jsonl": str(tmp_path)}) == read(source)
    assert read(source.replace("jsonl:", "file:")) == read(source)


def test_jsonl_passes_over_blank_lines_and_a_byte_order_mark(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"prompt": "a", "completion": "b"}\r\n\r\n')
    assert read(f"jsonl:{path}") == [Example("a", "b")]


GOOD = b'{"prompt": "a", "completion": "b"}\n'


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b'{"prompt": "a", "completion" "b"}', r"line 17: this is not valid JSON \(Expecting ':'"),
        (b"[" * 100_000, "line 17: this cannot be read: its JSON is nested too deeply"),
        (b'{"prompt": "caf\xe9", "completion": "b"}', "line 17: the text is not UTF-8"),
        (b'["a", "b"]', "line 17: expected an object, not a list"),
        (b"3", "line 17: expected an object, not a number"),
        (
            b"{}",
            "line 17: expected the keys prompt and completion, or messages, but there are none",
        ),
        (
            b'{"question": "a", "answer": "b"}',
            "this row is question and answer, but the rows before it are prompt and completion "
            r"\(line 1\)",
        ),
        (b'{"prompt": "a", "completion": ""}', "line 17: the completion is empty"),
        (b'{"prompt": " ", "completion": "b"}', "line 17: the prompt is empty"),
        (
            b'{"prompt": "a", "completion": null}',
            "line 17: there is no completion; the option incomplete: skip leaves such rows out",
        ),
        (b'{"prompt": "a", "completion": 4}', "the completion must be text, not a number"),
        (
            b'{"prompt": ["a"], "completion": "b"}',
            "this row is TRL conversational, but the rows before",
        ),
        (b'{"prompt": "a", "completion": "\\ud800"}', "the completion holds half a surrogate pair"),
        (b'{"messages": []}', "this row is messages, but the rows before it are prompt and"),
    ],
)
def test_jsonl_names_the_line_at_fault(tmp_path, line, sentence):
    path = tmp_path / "t.jsonl"
    path.write_bytes(GOOD * 16 + line + b"\n" + GOOD)
    with pytest.raises(SourceError, match=sentence) as error:
        read(f"jsonl:{path}")
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_jsonl_files_that_are_not_there_or_hold_nothing(tmp_path):
    with pytest.raises(SourceError, match="There is no file"):
        read(f"jsonl:{tmp_path}/none.jsonl")
    with pytest.raises(SourceError, match="is a folder"):
        read(f"jsonl:{tmp_path}")
    (tmp_path / "empty.jsonl").write_bytes(b"\n \n")
    with pytest.raises(SourceError, match="cannot be read: Not a directory"):
        read(f"jsonl:{tmp_path}/empty.jsonl/x.jsonl")
    with pytest.raises(SourceError, match="holds no examples"):
        read(f"jsonl:{tmp_path}/empty.jsonl")


# The hub, by its local folders


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "quiz"
    place.mkdir()
    rows = [{"q": f"{k}+{k}?", "a": 2 * k, "tags": ["sum"], "{x}": "odd"} for k in range(5)]
    (place / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (place / "test.jsonl").write_text(json.dumps({**rows[0], "a": None}) + "\n")
    return place


def test_hub_reads_columns_and_templates(folder, tmp_path):
    pairs = read(f"hub:{folder}", prompt_column="q", completion_column="a")
    assert pairs == [Example(f"{k}+{k}?", str(2 * k)) for k in range(5)]
    templated = read(
        "hub:quiz",
        folders={"hub": str(tmp_path)},
        prompt_template="{{Q}} {q}\nA:",
        completion_template=" {a}",
    )
    assert templated[:2] == [Example("{Q} 0+0?\nA:", " 0"), Example("{Q} 1+1?\nA:", " 2")]
    odd = read(f"hub:{folder}", prompt_column="q", completion_column="{x}")
    assert odd[0] == Example("0+0?", "odd")


def test_hub_reads_saved_data_class_labels_and_conversations(tmp_path):
    features = datasets.Features(
        {"prompt": datasets.Value("string"), "mood": datasets.ClassLabel(names=["bad", "good"])}
    )
    table = datasets.Dataset.from_dict({"prompt": ["x", "y"], "mood": [1, 0]}, features=features)
    table.save_to_disk(tmp_path / "one")
    datasets.DatasetDict(test=table).save_to_disk(tmp_path / "several")
    wanted = [Example("x", "good"), Example("y", "bad")]
    assert read(f"hub:{tmp_path}/one", completion_column="mood") == wanted
    assert read(f"hub:{tmp_path}/several", split="test", completion_column="mood") == wanted
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]
    datasets.Dataset.from_dict({"messages": [turns], "talk": [turns]}).save_to_disk(
        tmp_path / "chat"
    )
    assert [e.chat.pair for e in read(f"hub:{tmp_path}/chat")] == [("hi", "ho")]
    assert read(f"hub:{tmp_path}/chat", messages_column="talk") == read(f"hub:{tmp_path}/chat")


def test_hub_draws_rows_of_every_class_though_they_are_sorted(tmp_path):
    moods = datasets.ClassLabel(names=["bad", "good"])
    features = datasets.Features({"prompt": datasets.Value("string"), "mood": moods})
    rows = {"prompt": [f"row {k}" for k in range(200)], "mood": [0] * 100 + [1] * 100}
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(tmp_path / "sorted")

    def drawn(rows=None, seed=0):
        return read(f"hub:{tmp_path}/sorted", rows, seed, completion_column="mood")

    some = drawn(60)
    assert 15 < sum(example.completion == "good" for example in some) < 45  # 30, deviation 3.2
    assert len(set(some)) == 60
    assert drawn(90)[:60] == some
    assert drawn(60, seed=1) != some
    assert drawn(200) == drawn(500) == drawn()
    assert set(some) < set(drawn())


def a_judged_set(place, **columns):
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["0", "1"]),
            "alike": datasets.Value("float32"),
            "right": datasets.Value("bool"),
        }
    )
    rows = {
        "text": ["a", "b", " ", None, "e"],
        "label": [0, 1, 1, 1, -1],
        "alike": [2.8, 0.0, 5.0, 1.0, 1.0],
        "right": [True, False, True, True, True],
    }
    datasets.Dataset.from_dict({**rows, **columns}, features=features).save_to_disk(place)
    return f"hub:{place}"


def test_hub_leaves_out_what_is_incomplete_where_asked(tmp_path):
    options = {"prompt_column": "text", "completion_column": "label"}
    source = a_judged_set(tmp_path / "some", text=["a", "b", "c", "d", "e"])
    with pytest.raises(SourceError, match=r"row 4: column 'label' has no class \(-1\); the option"):
        read(source, **options)
    assert len(read(source, incomplete="skip", **options)) == 4
    judged = read(source, prompt_column="text", completion_column="right")
    assert len(judged) == 5  # a class that is in no text may be missing
    source = a_judged_set(tmp_path / "none", label=[0, 1, 1, 1, 1])
    with pytest.raises(
        SourceError, match="row 2: the prompt is empty; the option incomplete: skip"
    ):
        read(source, **options)
    whole = [Example("a", "0"), Example("b", "1"), Example("e", "1")]
    assert read(source, incomplete="skip", **options) == whole
    for rows in range(1, 4):
        found = read(source, rows, incomplete="skip", **options)
        assert len(found) == rows
        assert set(found) <= set(whole)
    source = a_judged_set(tmp_path / "all", text=[None] * 5)
    with pytest.raises(SourceError, match="has no row that is complete"):
        read(source, incomplete="skip", **options)


def test_hub_calls_classes_as_asked_and_rounds(tmp_path):
    source = a_judged_set(tmp_path / "set", text=["a", "b", "c", "d", "e"], label=[0, 1, 1, 0, 0])

    def said(**options):
        return [example.completion for example in read(source, prompt_column="text", **options)]

    assert said(completion_column="label", class_names="no, yes") == [
        "no",
        "yes",
        "yes",
        "no",
        "no",
    ]
    assert said(completion_template="It is {right}.", class_names="false,true")[:2] == [
        "It is true.",
        "It is false.",
    ]
    assert said(completion_template="{alike:.1f}") == ["2.8", "0.0", "5.0", "1.0", "1.0"]
    for options, sentence in (
        (
            {"completion_column": "label", "class_names": "no"},
            "has 1 names, but column 'label' has",
        ),
        ({"completion_column": "label", "class_names": "no,"}, "has 2 names, but"),
        ({"completion_template": "{label} {right}", "class_names": "a,b"}, "made of 2"),
        ({"completion_template": "{text:.1f}"}, "column 'text' is a str, not a number"),
        ({"completion_template": "{alike:9.1f}"}, r"\{column:.1f\} to round"),
        ({"completion_column": "label", "incomplete": "drop"}, "can be skip, not 'drop'"),
    ):
        with pytest.raises(SourceError, match=sentence):
            said(**options)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "expected the keys prompt and completion, or messages, but there are"),
        ({"prompt_column": "q"}, "no column 'completion' for the completion; name completion_col"),
        ({"prompt_column": "qq", "completion_column": "a"}, r"'qq' \(did you mean 'q'\?\)"),
        ({"prompt_template": "{z}", "completion_column": "a"}, "no column 'z'"),
        ({"prompt_template": "{}", "completion_column": "a"}, "no column ''"),
        ({"prompt_template": "{q.upper}", "completion_column": "a"}, "no column 'q.upper'"),
        ({"prompt_template": "{q!r}", "completion_column": "a"}, "plain {column} only"),
        ({"prompt_template": "{q", "completion_column": "a"}, "'{q' is not valid"),
        ({"prompt_template": "{q}", "prompt_column": "q"}, "prompt_column, not both"),
        ({"messages_column": "q", "prompt_column": "q"}, "messages_column stands alone"),
        ({"messages_column": "m"}, "no column 'm'"),
        ({"messages_column": "q"}, "row 0: messages must be a list, not text"),
        ({"prompt_column": "q", "completion_column": "tags"}, "row 0: column 'tags' is a list"),
        ({"split": "test", "prompt_column": "q", "completion_column": "a"}, "column 'a' is empty"),
        ({"split": "dev"}, 'Unknown split "dev"'),
        ({"config": "large"}, "BuilderConfig 'large' not found"),
    ],
)
def test_hub_mistakes_are_sentences(folder, options, sentence):
    with pytest.raises(SourceError, match=sentence.replace("{", r"\{")) as error:
        read(f"hub:{folder}", **options)
    assert str(folder) in str(error.value)
    assert "\n" not in str(error.value)


def test_hub_never_runs_code_and_says_what_cannot_be_reached(tmp_path, monkeypatch):
    (tmp_path / "scripted").mkdir()
    (tmp_path / "scripted" / "scripted.py").write_text("raise SystemExit('ran')")
    with pytest.raises(SourceError, match="revision: refs/convert/parquet"):
        read(f"hub:{tmp_path}/scripted")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="doesn't contain any data files"):
        read(f"hub:{tmp_path}/empty")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "train.jsonl").write_text('{"prompt": "a", "completion" "b"}\n')
    with pytest.raises(SourceError, match=r"broken \(split train\) cannot be loaded: .*JSON"):
        read(f"hub:{tmp_path}/broken")

    seen = {}

    def unreachable(place, config, **options):
        seen.update(options, place=place, config=config)
        raise ConnectionError("Couldn't reach 'who/what' on the Hub")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(
        SourceError, match=r"hub:who/what \(split train\) cannot be loaded: Couldn't"
    ):
        read("hub:who/what", revision="abc")
    assert seen == {"place": "who/what", "config": None, "split": "train", "revision": "abc"}


# BIG-bench


@pytest.fixture
def bench(tmp_path):
    def put(name, **task):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        (tmp_path / name / "task.json").write_text(json.dumps(task))

    animals = {"cat": 1, "dog": 0, "fox": 0, "owl": 0}
    choice = [{"input": f" Which {k}? ", "target_scores": animals} for k in range(200)]
    put("animals", task_prefix="Answer.\n", examples=choice)
    put("crowd", examples=[{"input": "Who?", "target_scores": {str(k): k for k in range(11)}}])
    put(
        "sums/easy",
        examples=[{"input": "1+1", "target": " 2 "}, {"input": "x", "target": ["3", "4"]}],
    )
    put("sums", examples=[], keywords=["arithmetic"])
    put(
        "mixed",
        examples=[
            {"input": "a", "target": "words", "target_scores": {"x": 0, "y": 0}},
            {"input": "b", "target": []},
            {"input": 3, "target": "z"},
        ],
    )
    put("list", examples={"a": 1})
    put("unscored", examples=[{"input": "a", "target_scores": {"x": "1"}}])
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "task.json").write_text('{"examples": [')
    return tmp_path


def test_bigbench_shuffles_choices_by_an_examples_own_seed(bench):
    def examples(seed, rows=None):
        return read("bigbench:animals", rows, seed, {"bigbench": str(bench)})

    all_ = examples(0)
    assert {example.completion for example in all_} == {"cat"}
    places = Counter()
    for k, example in enumerate(all_):
        question, options = example.prompt.split("\nOptions: ")
        assert question == f"Answer.\nWhich {k}?"
        assert sorted(options.split("; ")) == ["cat", "dog", "fox", "owl"]
        places[options.split("; ").index("cat")] += 1
    assert len(places) == 4
    assert max(places.values()) < 80  # 50 of 200 expected, standard deviation 6
    assert examples(0, rows=10) == all_[:10]
    assert examples(1) != all_
    bare = read("bigbench:animals", 1, 0, {"bigbench": str(bench)}, prefix=False, most_choices=3)
    assert bare == [Example("Which 0?", "cat")]


def test_bigbench_targets_subtasks_and_places(bench, tmp_path):
    folders = {"bigbench": str(bench)}
    assert read("bigbench:crowd", folders=folders) == [Example("Who?", "10")]
    assert read("bigbench:sums/easy", folders=folders) == [Example("1+1", "2"), Example("x", "3")]
    mixed = read("bigbench:mixed", 1, folders=folders)[0]
    assert mixed.completion == "words"
    inside = tmp_path / "release" / "bigbench"
    inside.mkdir(parents=True)
    (inside / "benchmark_tasks").symlink_to(bench)
    assert len(read("bigbench:animals", folders={"bigbench": str(tmp_path / "release")})) == 200


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("animal", r"no BIG-bench task 'animal' \(did you mean 'animals'\?\)"),
        ("../animals", "no BIG-bench task"),
        ("/etc", "no BIG-bench task"),
        ("sums", "has no examples of its own; name one of its subtasks"),
        ("list", "has no examples of its own"),
        ("unscored", "example 0: target_scores must give every choice a number"),
        ("broken", "broken/task.json is not valid JSON"),
        ("mixed", "example 1 has no target; set rows to stop before it"),
    ],
)
def test_bigbench_mistakes_are_sentences(bench, name, sentence):
    with pytest.raises(SourceError, match=sentence):
        read(f"bigbench:{name}", folders={"bigbench": str(bench)})


def test_bigbench_absent_says_which_command_brings_it(tmp_path):
    with pytest.raises(SourceError, match="bring them with: make bigbench"):
        read("bigbench:animals", folders={"bigbench": str(tmp_path / "nowhere")})


# Splits and overlaps

EXAMPLES = st.lists(
    st.builds(Example, st.sampled_from("abcdefgh"), st.sampled_from(["x", "y", " y "])), min_size=1
)


@settings(max_examples=60, deadline=None)
@given(EXAMPLES, st.integers(1, 6), st.integers(0, 99))
def test_a_split_never_has_an_example_on_both_sides(examples, probe, seed):
    different = len({(e.prompt, e.completion.strip()) for e in examples})
    if different <= probe:
        with pytest.raises(SourceError, match=f"'t' has {different} different examples"):
            split(examples, probe=probe, seed=seed, name="t")
        return
    parts = split(examples, probe=probe, seed=seed, name="t")
    train, held = ([examples[k] for k in ks] for ks in (parts.train_indices, parts.probe_indices))
    keys = {(e.prompt, e.completion.strip()) for e in held}
    assert len(held) == probe == len(keys)
    assert not [e for e in train if (e.prompt, e.completion.strip()) in keys]
    assert len(train) + len(held) + parts.dropped == len(examples)
    repeated = [e for e in examples if (e.prompt, e.completion.strip()) in keys]
    assert len(repeated) == len(held) + parts.dropped
    assert parts == split(examples, probe=probe, seed=seed, name="t")


def test_splits_differ_by_seed_and_name():
    examples = generate("add-2-digit", 200, 0)
    chosen = {
        split(examples, probe=16, seed=seed, name=name).probe_indices
        for seed in (0, 1)
        for name in ("a", "b")
    }
    assert len(chosen) == 4


def test_shared_examples_are_counted_once_for_every_pair():
    a, b, c = Example("1", "a"), Example("2", "caf\u00e9"), Example("3", "c")
    tasks = {"x": [a, a, b], "y": [c, Example(" 1", "a\n"), Example("2", "cafe\u0301")], "z": [c]}
    assert shared_examples(tasks) == [("x", "y", 2), ("y", "z", 1)]
    assert shared_examples({"x": [a], "y": [b]}) == []
