"""Materialised mixtures: exact, shuffled, byte-identical for a seed, whole or not at all."""

import json
from collections import Counter
from pathlib import Path

import datasets
import numpy as np
import pytest

from taskpgm_core.errors import ExportError
from taskpgm_core.exports import Recipe, file_name, make_recipe
from taskpgm_core.exports import materialise as module
from taskpgm_core.exports.materialise import materialise
from taskpgm_core.files.hashing import sha256
from taskpgm_core.mixture.counts import allocate
from taskpgm_core.records import Example, Task

ODD = "x/../y\n: #\u2028"
TASKS = (
    Task(ODD, rows=10, mean_tokens=2.0),
    Task("plain", rows=400, mean_tokens=2.0),
    Task("none", rows=5, mean_tokens=2.0),
)


def recipe_of(budget=500, seed=3, p=(0.05, 0.95, 0.0)):
    names = [task.id for task in TASKS]
    return make_recipe(
        p, TASKS, allocate(p, names, budget, rows=[task.rows for task in TASKS]), seed=seed
    )


def load(task):
    rows = next(t.rows for t in TASKS if t.id == task)
    return [Example(f"{task} {i}\u2028\x85\n?", f'"{i}" ü') for i in range(rows)]


def lines(folder):
    data = (Path(folder) / "train.jsonl").read_bytes()
    return [json.loads(line) for line in data.splitlines()]


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))
    datasets.disable_progress_bars()


def test_counts_are_exact_and_repeats_are_whole_passes_and_a_remainder(tmp_path):
    recipe = recipe_of()
    materialise(recipe, load, tmp_path)
    rows = lines(tmp_path)
    assert Counter(row["task"] for row in rows) == dict(
        zip(recipe.tasks, recipe.counts, strict=True)
    )
    for task, count, available in ((ODD, 25, 10), ("plain", 475, 400)):
        seen = Counter(row["prompt"] for row in rows if row["task"] == task)
        assert len(seen) == available
        assert set(seen.values()) == {count // available, count // available + 1}
    assert "none" not in {row["task"] for row in rows}
    for row in rows:
        assert set(row) == {"task", "prompt", "completion", "messages"}
        assert Example(row["prompt"], row["completion"]) in load(row["task"])
        assert [m["content"] for m in row["messages"]] == [row["prompt"], row["completion"]]


def test_no_reader_breaks_a_line_in_two(tmp_path):
    materialise(recipe_of(), load, tmp_path)
    text = (tmp_path / "train.jsonl").read_text(encoding="utf-8")
    assert len(text.splitlines()) == 500


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
@pytest.mark.parametrize("per_task", [False, True])
def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path, format, per_task):
    folders = {}
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        materialise(recipe_of(), load, tmp_path / name, seed=seed, per_task=per_task, format=format)
        folders[name] = {
            str(path.relative_to(tmp_path / name)): path.read_bytes()
            for path in sorted((tmp_path / name).rglob("*"))
            if path.is_file()
        }
    assert folders["a"] == folders["b"]
    assert set(folders["a"]) == set(folders["c"])
    data = [name for name in folders["a"] if name != "manifest.json"]
    assert data
    assert all(folders["a"][name] != folders["c"][name] for name in data)


def test_the_manifest_tells_what_is_there(tmp_path):
    recipe = recipe_of()
    path = materialise(recipe, load, tmp_path)
    assert path == tmp_path / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    assert Recipe.from_json(json.dumps(manifest["recipe"])) == recipe
    ((name, facts),) = manifest["files"].items()
    data = (tmp_path / name).read_bytes()
    assert facts == {"sha256": module.sha256(data), "bytes": len(data), "rows": 500}
    assert manifest["tasks"][0] == {"task": ODD, "available": 10, "rows": 25}
    assert not list(tmp_path.glob(".writing-*"))


def test_rows_lie_in_random_order(tmp_path):
    """A part of a pass must not gather anywhere: its mean place is that of everything."""
    p = (0.05, 0.95, 0.0)
    places = []
    for seed in range(40):
        materialise(recipe_of(100, seed, p), load, tmp_path / str(seed))
        places += [i for i, row in enumerate(lines(tmp_path / str(seed))) if row["task"] == ODD]
    assert np.mean(places) == pytest.approx(49.5, abs=4 * 28.9 / np.sqrt(len(places)))
    assert np.std(places) == pytest.approx(28.9, rel=0.15)


def test_a_larger_budget_draws_what_a_smaller_one_drew(tmp_path):
    drawn = []
    for budget in (100, 300):
        materialise(recipe_of(budget, p=(0.0, 1.0, 0.0)), load, tmp_path / str(budget))
        drawn.append({row["prompt"] for row in lines(tmp_path / str(budget))})
    assert drawn[0] < drawn[1]
    assert len(drawn[0]) == 100


@pytest.mark.parametrize("format", ["jsonl", "parquet"])
def test_a_folder_loads_in_the_real_library(tmp_path, format):
    materialise(recipe_of(), load, tmp_path, format=format)
    mixed = datasets.load_dataset(str(tmp_path), split="train")
    assert len(mixed) == 500
    first = mixed[0]
    assert Example(first["prompt"], first["completion"]) in load(first["task"])
    assert first["messages"][1] == {"role": "assistant", "content": first["completion"]}


def test_each_task_on_its_own_has_every_row_once_and_shuffled(tmp_path):
    materialise(recipe_of(), load, tmp_path, per_task=True)
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert len(manifest["files"]) == 2
    for task in (ODD, "plain"):
        rows = lines(tmp_path / file_name(task))
        examples = [Example(row["prompt"], row["completion"]) for row in rows]
        assert sorted(examples, key=repr) == sorted(load(task), key=repr)
        assert examples != load(task)


def test_an_interrupted_run_leaves_no_manifest(tmp_path, monkeypatch):
    materialise(recipe_of(), load, tmp_path)
    before = (tmp_path / "train.jsonl").read_bytes()

    def full(path, data):
        raise ExportError("The disk is full.")

    monkeypatch.setattr(module, "write_atomic", full)
    with pytest.raises(ExportError, match="disk is full"):
        materialise(recipe_of(seed=9), load, tmp_path)
    assert not (tmp_path / "manifest.json").exists()
    assert (tmp_path / "train.jsonl").read_bytes() == before


def test_rows_that_are_not_the_recipes_are_refused(tmp_path):
    with pytest.raises(ExportError, match="has 9 rows, but the recipe was made for 10"):
        materialise(recipe_of(), lambda task: load(task)[:-1], tmp_path)
    half = [Example("\ud83d", "x")] * 10
    with pytest.raises(ExportError, match="half a character"):
        materialise(recipe_of(), lambda task: half, tmp_path)
    with pytest.raises(ExportError, match="jsonl or parquet"):
        materialise(recipe_of(), load, tmp_path, format="csv")
    assert not list(tmp_path.iterdir())


def test_a_manifest_that_points_elsewhere_deletes_nothing(tmp_path):
    data, folder = b"precious", tmp_path / "out"
    folder.mkdir()
    (tmp_path / "precious").write_bytes(data)
    listed = {"../precious": {"sha256": sha256(data)}}
    manifest = {"format": module.FORMAT, "files": listed}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    materialise(recipe_of(), load, folder)
    assert (tmp_path / "precious").read_bytes() == data
