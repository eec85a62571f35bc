"""What docs/input-files.md says is read is read: its examples, its tables, its lists of endings."""

import bz2
import gzip
import json
import lzma
import re
from pathlib import Path

import numpy as np
import pyarrow
import pytest

from taskpgm_core import store
from taskpgm_core.errors import MixtureError, SourceError, StoreError
from taskpgm_core.files.packed import ENDINGS as PACKED
from taskpgm_core.store.mixture_files import read_mixture
from taskpgm_core.store.run_files import AVERAGES, read_runs
from taskpgm_core.tasks.file_search import ENDINGS, find_files
from taskpgm_core.tasks.registry import read

PAGE = (Path(__file__).parents[1] / "docs" / "input-files.md").read_text(encoding="utf-8")
TASKS = ("mnli", "qnli", "sst2")
PLAIN = {"rows": None, "seed": 0, "folders": {}, "options": {}}


def zstd(data):
    return pyarrow.compress(data, codec="zstd", asbytes=True)


PACKERS = {".gz": gzip.compress, ".zst": zstd, ".bz2": bz2.compress, ".xz": lzma.compress}


def section(title):
    return re.search(rf"^##+ {title}.*?\n(.*?)(?=^## |\Z)", PAGE, re.S | re.M)[1]


def example_of(title):
    """(ending, text) of a section's example."""
    kind, text = re.search(r"```(\w+)\n(.*?)```", section(title), re.S).groups()
    return {"markdown": "md"}.get(kind, kind), text


@pytest.fixture(params=["plain", *PACKERS])
def written(request, tmp_path):
    """A section's example as a file, plain and packed in every way."""

    def write(title):
        ending, text = example_of(title)
        data = text.encode()
        if request.param == "plain":
            path = tmp_path / f"example.{ending}"
        else:
            path = tmp_path / f"example.{ending}{request.param}"
            data = PACKERS[request.param](data)
        path.write_bytes(data)
        return path

    return write


def test_the_packed_kinds_are_those_that_are_read():
    assert set(PACKERS) == set(PACKED)
    assert "gzip, zstd, bzip2 or xz" in PAGE


def test_the_example_of_a_matrix_is_one(written, cache):
    study = store.import_matrix(written("A matrix"), kind="similarity", name="example")
    assert study.names == TASKS
    expected = [[1, 0.6, 0.2], [0.6, 1, 0.1], [0.2, 0.1, 1]]
    np.testing.assert_array_equal(store.similarity(study).matrix, expected)


def test_a_list_of_tasks_may_be_packed(written, cache, tmp_path):
    (tmp_path / "tasks.csv.xz").write_bytes(
        lzma.compress(b"task,rows\nmnli,10\nqnli,20\nsst2,30\n")
    )
    study = store.import_matrix(
        written("A matrix"), kind="similarity", tasks=tmp_path / "tasks.csv.xz", name="example"
    )
    assert [task.rows for task in study.tasks] == [10, 20, 30]


def test_the_example_of_a_mixture_is_one(written):
    np.testing.assert_allclose(read_mixture(written("A mixture"), TASKS), [0.4, 0.35, 0.25])


def test_the_example_of_runs_is_read_and_says_what_it_took(written):
    found = read_runs(written("Runs made elsewhere"), TASKS)
    scores = {(r.arm, r.task): r.accuracy for r in found.rows.itertuples()}
    assert scores == {
        ("uniform", "mnli"): 0.61,
        ("uniform", "qnli"): 0.725,
        ("mine", "mnli"): 0.635,
        ("mine", "qnli"): 0.72,
    }
    said = " ".join(found.said)
    for what in ("Avg only sums them up", "read as percent", "taken for one seed"):
        assert what in said
    assert set(re.findall(r"`(\w+)`", re.search(r"A column (`avg`.*?) beside", PAGE, re.S)[1])) == (
        AVERAGES
    )


def test_the_example_of_rows_is_read(written):
    path = written("Rows of tasks")
    found = read(f"file:{path}", **PLAIN)
    assert found.shape == "Alpaca"
    assert [e.prompt for e in found.examples] == [
        "Translate into German.\nbread",
        "Translate into German.\nmilk",
    ]


def test_every_pair_of_the_table_is_a_pair(tmp_path):
    cells = [line.split("|")[1] for line in PAGE.splitlines() if line.endswith("| a pair |")]
    pairs = [re.findall(r"`(\w+)`", part) for cell in cells for part in cell.split(";")]
    assert len(pairs) == 6
    for one, other in pairs:
        (tmp_path / "a.jsonl").write_text(json.dumps({one: "x", other: "y"}))
        (example,) = read(f"file:{tmp_path}/a.jsonl", **PLAIN).examples
        assert (example.prompt, example.completion) == ("x", "y")


def test_what_stands_beside_a_pair_unclear_is_refused_but_not_beside_a_prompt(tmp_path):
    refused = re.search(r"beside which there is a\n?(.*?), of which nobody", PAGE, re.S)[1]
    keys = re.findall(r"`(\w+)`", refused)
    assert len(keys) == 7
    for key in keys:
        (tmp_path / "a.jsonl").write_text(json.dumps({"query": "x", "response": "y", key: "z"}))
        with pytest.raises(SourceError, match=r"nobody can tell|could be"):
            read(f"file:{tmp_path}/a.jsonl", **PLAIN)
        (tmp_path / "a.jsonl").write_text(json.dumps({"prompt": "x", "completion": "y", key: "z"}))
        assert len(read(f"file:{tmp_path}/a.jsonl", **PLAIN).examples) == 1


def test_the_endings_of_folders_are_those_of_the_page(tmp_path):
    said = re.search(r"all files below are taken that end in (.*?), packed", PAGE, re.S)[1]
    assert set(re.findall(r"`(\.\w+)`", said)) == set(ENDINGS)
    for ending in ("", *PACKED):
        (tmp_path / f"rows{ending}.jsonl{ending}").touch()
    assert {f.path.name for f in find_files([tmp_path]).files} == {
        p.name for p in tmp_path.iterdir()
    }


ALIKE = [
    ("mnli", "mnli\u200b"),
    ("mnli", "\u2060mnli"),
    ("mn li", "mn\u00a0li"),
    ("caf\u00e9", "cafe\u0301"),
    ("mnli", "mnli\ufe0f"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_names_that_look_alike_are_one_true_sentence(tmp_path, cache, one, other):
    matrix = tmp_path / "m.csv"
    matrix.write_text(f",{one},{other}\n{one},1,.5\n{other},.5,1\n", encoding="utf-8")
    both = f"{re.escape(ascii(one))} and {re.escape(ascii(other))} look alike"
    with pytest.raises(StoreError, match=f"{both} to a reader; rename one"):
        store.import_matrix(matrix, kind="similarity")
    runs = tmp_path / "runs.csv"
    runs.write_text(f"arm,task,loss\nuniform,{other},1\n", encoding="utf-8")
    with pytest.raises(StoreError, match=f"tasks {both}"):
        read_runs(runs, [one, "rte"])
    mixture = tmp_path / "mix.json"
    mixture.write_text(json.dumps({other: 1}), encoding="utf-8")
    with pytest.raises(MixtureError, match=f"but {re.escape(ascii(other))} is not") as raised:
        read_mixture(mixture, [one, "rte"])
    assert "did you mean" not in str(raised.value)


def test_a_list_of_tasks_with_a_name_that_looks_alike_says_so(tmp_path, cache):
    (tmp_path / "m.csv").write_text(",mnli,rte\nmnli,1,.5\nrte,.5,1\n")
    (tmp_path / "t.csv").write_text("task\nmnli\u200b\nrte\n", encoding="utf-8")
    with pytest.raises(StoreError, match=r"looks like 'mnli', but 'mnli(\\u200b)?' is not 'mnli"):
        store.import_matrix(tmp_path / "m.csv", kind="similarity", tasks=tmp_path / "t.csv")


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.jsonl.gz"])
@pytest.mark.parametrize("coding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_rows_in_utf_16_are_one_true_sentence(tmp_path, name, coding):
    text = "prompt,completion\na,b\n" if "csv" in name else '[{"prompt": "a", "completion": "b"}]'
    data = text.encode(coding)
    path = tmp_path / name
    path.write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    with pytest.raises(SourceError) as raised:
        read(f"file:{path}", **PLAIN)
    assert str(raised.value) == f"{path}: the text is UTF-16 or UTF-32; save the file as UTF-8."
