"""What a recipe warns of whatever trainer reads it, and which versions each trainer needs."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from taskpgm_core import store
from taskpgm_core.cli.main import main
from taskpgm_core.errors import ExportError, StoreError
from taskpgm_core.exports import (
    EXPORTERS,
    Recipe,
    Source,
    export,
    make_recipe,
    placed_sources,
)
from taskpgm_core.mixture.counts import allocate
from taskpgm_core.records import Task

TINY = Path(__file__).with_name("tiny")
FILES = {task: f"data/{task}/train.jsonl," for task in ("mnli", "qnli", "rte", "sst2")}
PLACES = {
    "mnli": "glue:mnli,validation_matched",
    "qnli": "data/qnli.jsonl,",
    "rte": "org/rte,",
    "sst2": "sst2.parquet,",
}
COMMENTED = (".yaml", ".sh", ".py")


@pytest.fixture
def tiny(cache, tmp_path):
    """The tiny matrix, imported with a source of every task or with none."""

    def bring(sources=FILES):
        folder = tmp_path / "tiny"
        shutil.copytree(TINY, folder, dirs_exist_ok=True)
        if sources:
            first, *lines = (folder / "tasks.csv").read_text().splitlines()
            told = [f"{line},{sources[line.split(',')[0]]}" for line in lines]
            (folder / "tasks.csv").write_text("\n".join([f"{first},source,split", *told]))
        return store.import_matrix(
            folder / "matrix.csv", kind="similarity", tasks=folder / "tasks.csv", name="tiny"
        )

    return bring


def recipe_of(tasks, budget, **options):
    n = len(tasks)
    counted = allocate(
        np.full(n, 1 / n), [t.id for t in tasks], budget, rows=[t.rows for t in tasks]
    )
    return make_recipe(np.full(n, 1 / n), tasks, counted, **options)


def told(rendered, sentence):
    """The sentence stands as a warning in a head of the files and among the warnings."""
    assert any(sentence in warning for warning in rendered.warnings)
    heads = [text for name, text in rendered.files.items() if name.endswith(COMMENTED)]
    assert heads
    assert all(re.search(f"^# WARNING: .*{re.escape(sentence)}", text, re.M) for text in heads)


@pytest.mark.parametrize("to", EXPORTERS)
def test_a_task_repeated_hundreds_of_times_is_said_by_every_recipe(tiny, capsys, to):
    tiny()
    words = ["export", "tiny", "--budget", "100000", "--to", to]
    assert main([*words, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    (warning,) = (w for w in answer["warnings"] if "417 times" in w)
    assert "'rte'" in warning
    assert "A limit of 4 epochs would move" in warning
    assert warning.endswith("The option --max-epochs 4 sets that limit.")
    assert any(
        warning in text for name, text in answer["files"].items() if name.endswith(COMMENTED)
    )
    assert main([*words, "--strict"]) == 2
    assert main(["export", "tiny", "--budget", "200", "--to", to, "--strict"]) == 0
    capsys.readouterr()
    # following the advice ends the alarm, which is what makes it one
    assert main([*words, "--max-epochs", "4"]) == 0
    assert "times" not in capsys.readouterr().err


@pytest.mark.parametrize("to", EXPORTERS)
def test_paths_that_exist_nowhere_are_said_and_refused(tiny, capsys, to):
    tiny(sources=None)
    words = ["export", "tiny", "--budget", "200", "--to", to]
    assert main(words) == 0
    assert "replace these paths" in capsys.readouterr().err
    assert main([*words, "--strict"]) == 2
    assert "replace these paths" in capsys.readouterr().err


@pytest.mark.parametrize("to", EXPORTERS)
def test_warnings_of_a_recipe_alone_survive_any_name(to):
    evil = "a\u2028- evil: 1\n# b\x7f"
    tasks = (Task(evil, rows=3, mean_tokens=1.0), Task("b", rows=900, mean_tokens=2.0))
    recipe = recipe_of(tasks, 100, unplaced=(evil,))
    assert Recipe.from_json(recipe.to_json()) == recipe
    out = export(recipe, to)
    told(out, "A limit of 4 epochs holds it. The option --max-epochs 4 sets that limit.")
    told(out, "replace these paths")
    assert all(evil not in text for text in out.files.values())
    with pytest.raises(ExportError, match=r"not for training as it is|cannot do what is asked"):
        export(recipe, to, strict=True)


def test_the_sources_of_an_import_are_named(tiny):
    study = tiny(PLACES)
    sources, unplaced = placed_sources(study)
    assert unplaced == ()
    assert sources["mnli"] == Source("glue", "mnli", "validation_matched")
    assert sources["qnli"] == Source("data/qnli.jsonl")
    assert sources["rte"] == Source("org/rte")
    recipe = recipe_of(study.tasks, 200, sources=sources)
    text = export(recipe, "trl", strict=True).files["trl.yaml"]
    for words in ("data/qnli.jsonl", "org/rte", "validation_matched[:50]", "sst2.parquet"):
        assert words in text


@pytest.mark.parametrize(
    ("written", "source"),
    [
        ("jsonl:a/b.jsonl", Source("a/b.jsonl")),
        ("hub:org/name:sub", Source("org/name", "sub")),
        ("C:\\rows\\a.jsonl", Source("C:\\rows\\a.jsonl")),
        ("hf://datasets/org/name/a.parquet", Source("hf://datasets/org/name/a.parquet")),
        ("a:b.jsonl", Source("a:b.jsonl")),
    ],
)
def test_a_source_is_read_as_it_is_written(tiny, written, source):
    study = tiny(sources=None)
    object.__setattr__(study, "tasks", (Task("t", source=written),))
    assert placed_sources(study) == ({"t": source}, ())


def test_sources_make_another_study_and_their_absence_the_old_one(tiny):
    plain = tiny(sources=None)
    assert plain.digest.startswith("47b4e95b8e7f")  # what it was before there were sources
    assert tiny().digest != plain.digest
    manifest = json.loads((Path(plain.folder) / "manifest.json").read_text())
    assert all("split" not in task for task in manifest["tasks"])


@pytest.mark.parametrize("to", EXPORTERS)
@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (Source("a/b.jsonl", split="validation"), "whose only split is train, not 'validation'"),
        (Source("a/b.csv"), "are in a/b.csv, which many trainers would take for a data set's name"),
        (Source("a/b.jsonl.gz"), "write them as JSON Lines or Parquet"),
    ],
)
def test_a_source_that_no_trainer_reads_as_it_is_named_is_said(to, source, sentence):
    tasks = (Task("a", rows=300, mean_tokens=1.0), Task("b", rows=900, mean_tokens=2.0))
    told(export(recipe_of(tasks, 100, sources={"a": source}), to), sentence)
    fine = {"a": Source("a/b.jsonl", split="train[:50%]"), "b": Source("org/name", split="test")}
    assert recipe_of(tasks, 100, sources=fine).warnings == ()


def test_a_split_of_nothing_is_refused(tiny, tmp_path):
    tiny(sources=None)
    (tmp_path / "t.csv").write_text("task,source,split\nmnli,,train\nqnli\nrte\nsst2\n")
    with pytest.raises(StoreError, match="a split but no source"):
        store.import_matrix(TINY / "matrix.csv", kind="similarity", tasks=tmp_path / "t.csv")


@pytest.mark.parametrize("to", EXPORTERS)
def test_versions_are_said_in_the_head_and_in_json(tiny, capsys, to):
    tiny()
    assert main(["export", "tiny", "--budget", "200", "--to", to, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    versions = EXPORTERS[to].versions
    assert answer["versions"] == {
        "checked": versions.checked,
        "at_least": versions.at_least,
        "older": versions.older,
    }
    heads = [text for name, text in answer["files"].items() if name.endswith(COMMENTED)]
    assert heads
    for text in heads:
        assert f"# Checked against {versions.checked}; needs at least" in text
    assert versions.older.endswith(".")


@pytest.mark.parametrize(
    ("trainer", "source", "words"),
    [
        ("ms-swift", Source("org/data", split="validation"), "reads the split train"),
        ("ms-swift", Source("a/b.jsonl", split="train[:50%]"), "reads the split train"),
        ("open-instruct", Source("a/b.json"), "takes a .json file for a data set's name"),
        ("open-instruct", Source("a/b.jsonl", split="train[:50%]"), "reads files whole"),
        ("openrlhf", Source("org/data", split="train[:50%]"), "reads splits whole"),
        ("oumi", Source("a/b.jsonl", split="train[:50%]"), "reads files whole"),
        ("axolotl", Source("org/data", split="train[:50%]"), "is a slice already"),
    ],
)
def test_a_trainer_that_would_read_other_rows_says_so_once(trainer, source, words):
    tasks, p = [Task("a", rows=500), Task("b", rows=500)], [0.6, 0.4]
    allocation = allocate(p, ["a", "b"], 100, rows=[500, 500])

    def told(split, **sources):
        places = {"b": Source("org/b", split=split), **sources}
        recipe = make_recipe(p, tasks, allocation, sources=places)
        return [w for w in export(recipe, trainer).warnings if words in w and '"a"' in w]

    assert len(told(source.split, a=source)) == 1
    assert not told("train", a=Source("org/a"))
