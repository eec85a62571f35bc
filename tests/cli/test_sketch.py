"""``sketch``: tasks from files and folders, by words alone, and what it says it leaves open."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from taskpgm_core import store
from taskpgm_core.analysis.question import Question, pose_question
from taskpgm_core.builds.cost_model import small_model_cost
from taskpgm_core.builds.material import gather
from taskpgm_core.cli.build import plan_named
from taskpgm_core.cli.main import main
from taskpgm_core.errors import PlanError
from taskpgm_core.plans.plan import load_plan, plan_of
from taskpgm_core.tasks.file_search import find_files, task_names
from taskpgm_core.tasks.generated import generate
from taskpgm_core.tasks.text_distance import text_distances

ROOT = Path(__file__).parents[2]
FOOD = {"prompt": "What is eaten?", "completion": "Bread."}


def lines(rows) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def pairs(name: str, count: int = 40, seed: int = 0):
    return [
        {"prompt": e.prompt, "completion": e.completion} for e in generate(name, count, seed, {})
    ]


@pytest.fixture
def data(tmp_path, monkeypatch, cache):
    """A folder with one task in each format, two of them near-copies, and the working directory."""
    folder = tmp_path / "data"
    (folder / "sums").mkdir(parents=True)
    (folder / "sums" / "two.jsonl").write_text(lines(pairs("add-2-digit")))
    (folder / "sums" / "three.json").write_text(json.dumps(pairs("add-3-digit")))
    pd.DataFrame(pairs("sort-foods")).to_csv(folder / "foods.csv", index=False)
    pd.DataFrame(pairs("past-tense")).to_parquet(folder / "past.parquet")
    chats = [
        {"messages": [{"role": "user", "content": p["prompt"]},
                      {"role": "assistant", "content": p["completion"]}]}
        for p in pairs("navigate")
    ]  # fmt: skip
    (folder / "walks.jsonl.gz").write_bytes(gzip.compress(lines(chats).encode()))
    (folder / "README.md").write_text("not rows")
    (folder / ".hidden.jsonl").write_text("{")
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def ask(capsys):
    def run(*words):
        status = main([*map(str, words), "--json"])
        out, err = capsys.readouterr()
        if status:
            assert (status, out) == (2, "")
            return err
        return json.loads(out)

    return run


NAMES = ["foods", "past", "walks", "sums/three", "sums/two"]


def test_the_study_is_of_all_rows_of_every_file_and_says_what_it_read(data, ask):
    found = ask("sketch", "data")
    assert (found["slug"], found["kind"], found["measures"]) == ("sketch-data", "text", ["text"])
    assert [t["id"] for t in found["tasks"]] == NAMES
    assert [t["family"] for t in found["tasks"]] == ["", "", "", "sums", "sums"]
    assert [t["rows"] for t in found["tasks"]] == [40] * 5
    assert "data/walks.jsonl.gz: messages, 40 conversations." in found["read"]
    study = store.open_study("sketch-data")
    plan = plan_of(study)
    examples = gather(plan).examples
    expected = text_distances(examples, seed=0)
    assert (store.similarity(study).divergence == expected.divergence).all()
    posed = pose_question(study, Question(balance=0.0))
    assert found["p"] == pytest.approx(posed.optimum().p)
    assert found["skills"] == posed.kernel.skills
    p = dict(zip(NAMES, found["p"], strict=True))
    assert max(p["sums/two"], p["sums/three"]) < min(p["foods"], p["past"], p["walks"])
    assert found["measuring"]["command"] == "taskpgm build sketch-data"


def test_it_prints_one_screen_with_the_command_that_goes_on(data, capsys):
    for k in range(40):
        (data / f"more-{k}.jsonl").write_text(
            lines([{**FOOD, "prompt": f"{k} {i}?"} for i in range(3)])
        )
    assert main(["sketch", "data"]) == 0
    said, err = capsys.readouterr()
    assert err == ""
    shown = said.splitlines()
    assert len(shown) < 50
    assert "45 tasks, " in said
    assert "distinct skills" in said
    assert "1 other file in folders was passed by." in shown
    assert shown[-2].startswith("That trains 90 models of SmolLM2-135M-Instruct and scores ")
    assert "taskpgm build sketch-data" in shown[-3]
    assert "more-0, more-1, more-10, more-11 and 36 more have too few different rows" in shown[-1]


@pytest.mark.slow
def test_it_imports_no_torch_and_needs_no_model(data):
    words = ["sketch", "data"]
    code = (
        "import sys; from taskpgm_core.cli.main import main; "
        f"status = main({words!r}); "
        "assert not {'torch', 'transformers', 'streamlit'} & set(sys.modules); sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"TASKPGM_CACHE": str(data.parent / "cache"), "PATH": "", "PYTHONPATH": str(ROOT)},
        cwd=data.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Compared 5 tasks by words alone in " in done.stdout


def test_bad_files_are_told_of_all_at_once_or_left_out_with_a_word(data, ask, capsys):
    (data / "broken.jsonl").write_text("{")
    (data / "text.csv").write_text("text\nalone\n")
    said = ask("sketch", "data", "nowhere")
    assert said.startswith("Error: 3 of 8 files and folders cannot be read:\n")
    for part in ("There is no file nowhere.", "broken.jsonl, line 1: this is not valid JSON",
                 "text.csv, line 2: a text alone"):  # fmt: skip
        assert said.count(part) == 1
    assert said.endswith("leave them out with --skip.\n")
    assert not list(store.cache_root().glob("sketch*"))
    assert main(["sketch", "data", "--skip"]) == 0
    out, err = capsys.readouterr()
    assert "Compared 5 tasks" in out
    assert [line.startswith("Warning: Left out: ") for line in err.splitlines()] == [True] * 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["data/foods.csv"], "at least 2 tasks, one a file, but there is 1"),
        (["nowhere"], "There is no file nowhere."),
        (["data", "--name", "Not a slug"], "is no slug"),
        (["data", "--option", "columns"], "--option wants KEY=VALUE"),
        (["data", "--option", "colums={}"], "did you mean 'columns'"),
        ([], "Missing argument"),
    ],
)
def test_what_makes_no_study_is_a_sentence(data, ask, words, sentence):
    assert sentence in ask("sketch", *words)


def test_names_are_kept_and_other_files_get_a_number(data, ask):
    first = ask("sketch", "data")
    again = ask("sketch", "data")
    assert (first["built_now"], again["built_now"]) == (True, False)
    assert again["content"] == first["content"]
    named = ask("sketch", "data", "--name", "mine")
    assert named["slug"] == "mine"
    (data / "new.jsonl").write_text(lines(pairs("boolean")))
    assert ask("sketch", "data")["slug"] == "sketch-data-2"
    assert ask("sketch", "data")["slug"] == "sketch-data-2"
    assert "There is a study 'mine' of other files" in ask("sketch", "data", "--name", "mine")


def test_its_rows_are_materialised_and_its_plan_is_measured_from_anywhere(
    data, ask, tmp_path, monkeypatch
):
    ask("sketch", "data")
    monkeypatch.chdir("/")
    out = tmp_path / "out"
    found = ask("materialise", "sketch-data", "--balance", "0", "--budget", "50", "--out", out)
    assert sum(found["counts"]) == 50
    assert ask("verify", "sketch-data")["study"] == "sketch-data"
    plan = plan_named("sketch-data")
    assert (plan.slug, plan.template) == ("sketch-data-measured", "chat")
    assert plan.probe.examples_per_task == 24
    assert plan.base == load_plan("starter").base
    assert {len(s.probe_indices) for s in gather(plan).splits.values()} == {24}
    with pytest.raises(PlanError, match="There is no plan sketch-date"):
        plan_named("sketch-date")
    (data / "sums" / "two.jsonl").write_text(lines(pairs("add-2-digit", seed=1)))
    refused = ask("materialise", "sketch-data", "--budget", "50", "--out", out)
    assert "The rows of its tasks are not those that sketch-data was made of" in refused


def test_a_plan_that_holds_nothing_out_is_not_measured(tmp_path, ask, cache):
    tasks = [{"source": f"generated:{n}", "rows": 40} for n in ("boolean", "navigate")]
    file = tmp_path / "plan.yaml"
    plan = {"slug": "p", "base": "no/base", "tasks": tasks, "probe": {"examples_per_task": 0}}
    file.write_text(json.dumps(plan))
    for more in ([], ["--dry-run"]):
        assert "p holds out no examples to compare models on" in ask("build", file, *more)
    assert ask("build", file, "--measure", "text")["kind"] == "text"


def test_bigbench_folders_are_recognised(tmp_path, cache, ask, monkeypatch):
    monkeypatch.chdir(tmp_path)
    about = {"name": "n", "description": "d", "keywords": ["k"]}
    rows = [{"input": f"Is {k} even?", "target_scores": {"yes": k % 2, "no": 1 - k % 2}}
            for k in range(30)]  # fmt: skip
    for name, examples in (("maths", []), ("maths/even", rows), ("maths/odd", rows[:9])):
        place = tmp_path / "bb" / name
        place.mkdir(parents=True, exist_ok=True)
        (place / "task.json").write_text(json.dumps({**about, "examples": examples}, indent=2))
        (place / "scores.json").write_text("{}")
    found = ask("sketch", "bb", "--name", "bb")
    assert [t["id"] for t in found["tasks"]] == ["maths/even", "maths/odd"]
    assert found["read"][0] == "bb/maths/even/task.json: BIG-bench task, 30 rows."
    assert [t["family"] for t in found["tasks"]] == ["maths", "maths"]
    assert "without examples of its own" in ask("sketch", "bb/maths/task.json", "bb")


def test_every_file_gets_a_name_of_its_own(tmp_path):
    for name in ("a/x.jsonl", "a/x.csv", "b/x.jsonl", "b/c/y.json", "z.jsonl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "b" / "loop").symlink_to(tmp_path)
    found = find_files([tmp_path, tmp_path / "z.jsonl"])
    assert task_names(found.files) == ["z", "a/x.csv", "a/x.jsonl", "b/x", "c/y"]
    flat = find_files([tmp_path / "b" / "x.jsonl", tmp_path / "a" / "x.jsonl"])
    assert task_names(flat.files) == ["b/x", "a/x"]


def test_the_guess_of_the_cost_is_within_twice_of_what_the_starter_study_took():
    plan, study = load_plan("starter"), store.open_study("starter", ROOT / "cache")
    rows = gather(plan).examples
    prompt, completion = (
        np.mean([np.mean([len(text) for text in part]) for part in parts])
        for parts in (
            [[e.prompt for e in r] for r in rows.values()],
            [[e.completion for e in r] for r in rows.values()],
        )
    )
    found, seconds = small_model_cost(plan, float(prompt), float(completion))
    assert 0.5 < study.facts["seconds"] / seconds < 2
    assert found.units["train"] == 52
