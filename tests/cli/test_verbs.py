"""Every verb on mixtures: its JSON against an independent computation, its errors in a sentence."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from taskpgm_core import store
from taskpgm_core.analysis.drill_down import drill_down
from taskpgm_core.analysis.replicates import replicates
from taskpgm_core.cli.main import main
from taskpgm_core.errors import ExportError, NotKeptError
from taskpgm_core.exports import EXPORTERS, export, make_recipe
from taskpgm_core.mixture import pose, solve, trace
from taskpgm_core.mixture.baselines import BASELINES, baseline
from taskpgm_core.mixture.counts import allocate
from taskpgm_core.mixture.explanation import explain
from taskpgm_core.mixture.uncertainty import uncertainty
from taskpgm_core.records import Task

ROOT = Path(__file__).parents[2]
MIXTURES = (
    "solve path select explain uncertainty baselines export materialise report train skills"
).split()
"""The verbs that ask for a mixture."""


@pytest.fixture
def ask(capsys):
    """Runs a verb with --json; its answer, or its one sentence of error.

    A mixture's question is of S as measured where the words do not say otherwise.
    """

    def run(*words):
        words = [*map(str, words)]
        if words[0] in MIXTURES and "--resolution" not in words:
            words += ["--resolution", "inf"]
        status = main([*words, "--json"])
        out, err = capsys.readouterr()
        if status:
            assert status == 2
            assert out == ""
            assert err.startswith("Error: ")
            assert err.count("\n") == 1
            return err
        return json.loads(out)

    return run


@pytest.fixture(scope="module")
def starter():
    return store.open_study("starter", ROOT / "cache")


@pytest.fixture(scope="module")
def problem(starter):
    return pose(store.similarity(starter, "jsd"))


def test_solve_answers_every_key_of_the_contract(ask, starter, problem):
    answer = ask("solve", "starter", "--balance", 0.5, "--budget", 5000)
    assert answer["tasks"] == list(starter.names)
    assert answer["p"] == pytest.approx(solve(problem, 0.5).p.tolist(), abs=1e-12)
    assert (answer["balance"], answer["lambda"], answer["beta"]) == (0.5, 1.0, 0.5 / 26)
    assert answer["measure"] == "jsd"
    assert answer["anchor"] == "uniform"
    assert answer["gap"] < 1e-9
    assert answer["gap_relative"] < 1e-9
    assert answer["status"] == "optimal"
    assert answer["unique"] is True
    assert answer["closed_form_valid"] is False
    assert answer["shift"] == 0
    assert answer["support"] == [t for t, p in zip(answer["tasks"], answer["p"], strict=True) if p]
    assert sum(answer["counts"]) == 5000
    assert len(answer["epochs"]) == 26
    p, S = np.array(answer["p"]), problem.similarity.matrix
    energy = -0.5 / 26 * S.sum(axis=1) @ p + p @ S @ p / 2
    assert answer["energy"] == pytest.approx(energy)
    assert answer["energy_unary"] + answer["energy_pairwise"] == pytest.approx(energy)
    assert answer["uniform"] == pytest.approx([1 / 26] * 26)
    assert answer["proportional"] == pytest.approx((starter.rows / starter.rows.sum()).tolist())
    assert answer["effective_tasks"] == pytest.approx(np.exp(-(p[p > 0] * np.log(p[p > 0])).sum()))
    assert set(answer["alarms"][0]) == {"name", "sentence", "number", "level"}


@pytest.mark.parametrize("slug", ["starter", "bigbench"])
def test_balance_one_is_exactly_uniform_and_others_differ(ask, slug):
    answers = {r: ask("solve", slug, "--balance", r) for r in (0, 1, 4)}
    n = len(store.open_study(slug, ROOT / "cache").names)
    assert answers[1]["p"] == [1 / n] * n
    for r in (0, 4):
        assert np.abs(np.array(answers[r]["p"]) - 1 / n).sum() > 0.5
    assert all(answer["gap"] < 1e-9 for answer in answers.values())


def test_beta_and_lambda_are_the_balance(ask):
    by_symbols = ask("solve", "starter", "--beta", 0.06, "--lambda", 2)
    assert by_symbols["balance"] == pytest.approx(26 * 0.06 / 2)
    by_balance = ask("solve", "starter", "--balance", 26 * 0.06 / 2)
    assert by_symbols["p"] == pytest.approx(by_balance["p"], abs=1e-12)
    assert by_symbols["energy"] == pytest.approx(2 * by_balance["energy"])
    single = ask("solve", "starter", "--beta", 1, "--lambda", 0)
    assert len(single["support"]) == 1
    assert single["balance"] is None  # infinite


@pytest.mark.slow
def test_every_control_of_solve_changes_the_mixture(ask, starter, tmp_path):
    plain = np.array(ask("solve", "starter", "--balance", 0.5)["p"])
    mixture = tmp_path / "now.json"
    mixture.write_text(json.dumps(dict.fromkeys(starter.names[:5], 0.2)))
    for words in (
        ["--measure", "pmi"],
        ["--anchor", "proportional"],
        ["--anchor", mixture],
        ["--anchor", "task:swaps,boolean"],
        ["--unary", "gain"],
        ["--floor", "0.01"],
        ["--floor", "swaps=0.1"],
        ["--cap", "0.08"],
        ["--cap", "past-tense=0.01"],
        ["--budget", "20000", "--max-epochs", "1"],
        ["--group", "dates:0.2:0.3"],
        ["--pin", "swaps"],
        ["--pin", "swaps=0.3"],
        ["--pull-to", mixture, "--rho", "0.5"],
    ):
        moved = np.array(ask("solve", "starter", "--balance", 0.5, *words)["p"])
        assert np.abs(moved - plain).sum() > 1e-3, words
        assert moved.sum() == pytest.approx(1)
    pmi = [
        ask("solve", "starter", "--balance", 0.5, "--measure", "pmi", "--margin", m)["p"]
        for m in (0.1, 2.0)
    ]
    assert np.abs(np.subtract(*pmi)).sum() > 1e-3


def test_tokens_are_another_budget_than_rows(ask, starter):
    rows = ask("solve", "starter", "--budget", 9000, "--balance", 0)
    tokens = ask("solve", "starter", "--budget", 9000, "--balance", 0, "--unit", "tokens")
    assert sum(rows["counts"]) == sum(tokens["counts"]) == 9000
    i = starter.names.index("past-tense")
    mean = starter.tasks[i].mean_tokens
    assert tokens["epochs"][i] == pytest.approx(rows["epochs"][i] / mean, rel=0.01)


def test_the_path_is_the_solver_at_every_balance(ask, problem):
    answer = ask("path", "starter")
    balances = [point["balance"] for point in answer["breakpoints"]]
    assert balances == sorted(balances)
    assert balances[0] == 0
    for point in answer["breakpoints"][::7]:
        p = solve(problem, point["balance"]).p
        assert list(point["p"].values()) == pytest.approx(p.tolist(), abs=1e-7)
    assert answer["anchor"]


def test_select_steps_are_valued_as_the_contract_says(ask, problem):
    answer = ask("select", "starter", "--balance", 0.5, "--k", 5, "--exact-up-to", 0)
    S, u = problem.similarity.matrix, problem.unary
    for k, step in enumerate(answer["steps"], start=1):
        p = np.array(step["p"])
        assert step["k"] == len(step["tasks"]) == k
        assert step["value"] == pytest.approx(0.5 / 26 * u @ p - p @ S @ p / 2)
        assert step["guarantee"] <= step["value"] + 1e-12
        assert step["value"] <= step["upper_bound"] + 1e-12
        assert (step["gamma"] is None) == (k == 1)
        assert step["exact"] is None


def test_explanations_are_those_of_the_mixture_room(ask, problem):
    answer = ask("explain", "starter", "--balance", 0.5)
    found = explain(problem, solve(problem, 0.5), trace(problem))
    for said, reason in zip(answer["tasks"], found.reasons, strict=True):
        parts = said["unary"] + sum(said["pairwise"].values()) + sum(said["constraints"].values())
        assert parts == pytest.approx(said["weight"], abs=1e-9)
        assert said["anchor"] + said["diversity"] == pytest.approx(said["weight"], abs=1e-12)
        assert said["task"] not in said["pairwise"]
        assert said["enters_at"] == reason.enters_at
        assert (said["reduced_cost"] is None) == (said["weight"] > 0)
    one = ask("explain", "starter", "--balance", 0.5, "--task", "swaps")
    assert [r["task"] for r in one["tasks"]] == ["swaps"]


def test_uncertainty_is_the_bootstrap_of_the_study(ask, starter, problem):
    words = ["--balance", 0.5, "--draws", 20, "--seed", 3, "--level", 0.8]
    answer = ask("uncertainty", "starter", *words)
    sure = uncertainty(
        problem, 0.5, replicates(starter, "jsd", draws=20, seed=3, level=0.8), level=0.8
    )
    assert [t["low"] for t in answer["tasks"]] == pytest.approx(sure.low.tolist())
    assert [t["inclusion"] for t in answer["tasks"]] == pytest.approx(sure.inclusion.tolist())
    assert answer["stability"] == pytest.approx(sure.stability)
    for task in answer["tasks"]:
        least, most = task["near_optimal"]
        assert least <= task["weight"] <= most
    wider = ask("uncertainty", "starter", *words, "--slack", 0.01)
    assert all(
        a["near_optimal"][1] >= b["near_optimal"][1]
        for a, b in zip(wider["tasks"], answer["tasks"], strict=True)
    )


@pytest.mark.parametrize("judged", [False, True])
def test_uncertainty_advises_only_what_would_steady_the_mixture(starter, capsys, judged):
    words = "uncertainty starter --measure gold --balance 1000 --draws 50".split()
    more = ["--resolution", "auto", "--judge-by", "add-2-digit"] if judged else []
    assert main([*words, *more]) == 0
    (alarm,) = [s for s in capsys.readouterr().err.splitlines() if "Measured again" in s]
    # judged by something, there is no balance at which no measurement moves the mixture
    nearer = "" if judged else ", or a balance nearer to 1,"
    assert alarm.endswith(f"More probe examples{nearer} would steady it.")


def test_by_words_alone_a_measured_study_is_solved_and_says_what_it_lacks(ask, starter):
    assert ask("solve", "starter", "--measure", "text", "--balance", 0.5)["status"] == "optimal"
    with pytest.raises(NotKeptError, match=r"words alone of starter.* no intervals"):
        replicates(starter, "text")
    with pytest.raises(NotKeptError, match=r"words alone of starter.* Choose another measure"):
        drill_down(starter, "text", 0, 1)


def test_baselines_are_all_there(ask, starter, problem):
    answer = ask("baselines", "starter", "--balance", 0.5, "--seed", 4, "--budget", 100)
    assert set(answer["baselines"]) == set(BASELINES)
    drawn = baseline("dirichlet", problem.similarity, seed=4)
    assert answer["baselines"]["dirichlet"]["p"] == pytest.approx(drawn.tolist())
    for other in answer["baselines"].values():
        assert sum(other["p"]) == pytest.approx(1)
        assert sum(other["counts"]) == 100
    for words in (["--temperature", 2], ["--strength", 0.1]):
        assert ask("baselines", "starter", *words) != ask("baselines", "starter")


@pytest.mark.parametrize("trainer", EXPORTERS)
def test_every_trainer_gets_a_recipe(ask, tmp_path, trainer):
    words = ["--balance", 0.5, "--budget", 1000, "--to", trainer, "--out", tmp_path]
    answer = ask("export", "starter", *words)
    assert sum(answer["asked"].values()) == pytest.approx(1, abs=1e-12)
    assert set(answer["realised"]) == set(answer["asked"])
    assert {"mixture.json", *answer["files"]} == {p.name for p in tmp_path.iterdir()}
    canonical = json.loads((tmp_path / "mixture.json").read_text())
    assert sum(task["count"] for task in canonical["tasks"]) == 1000
    assert canonical["provenance"]["gap"] < 1e-9
    assert set(answer["asked"]) | set(answer["dropped"]) == set(
        store.open_study("starter", ROOT / "cache").names
    )


def test_strict_refuses_what_a_trainer_cannot_do(ask):
    words = ["export", "starter", "--balance", 0.5, "--budget", 20000, "--to", "trl"]
    assert ask(*words)["warnings"]
    assert "cannot do what is asked" in ask(*words, "--strict")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_materialised_rows_are_the_mixture_and_no_probe_example(ask, tmp_path, starter, form):
    words = ["--balance", 0.5, "--budget", 600, "--format", form, "--seed", 2]
    for name in ("one", "two"):
        answer = ask("materialise", "starter", *words, "--out", tmp_path / name)
    one, two = (tmp_path / name / f"train.{form}" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    frame = pd.read_json(one, lines=True) if form == "jsonl" else pd.read_parquet(one)
    counts = dict(zip(answer["tasks"], answer["counts"], strict=True))
    assert frame["task"].value_counts().to_dict() == counts
    probe = {(e.prompt, e.completion) for e in store.probe_text(starter)}
    assert not probe & set(zip(frame["prompt"], frame["completion"], strict=True))


def test_per_task_files_are_where_the_recipes_look(ask, tmp_path):
    words = ["starter", "--balance", 2.0, "--budget", 50]
    ask("materialise", *words, "--per-task", "--out", tmp_path / "tasks")
    recipe = ask("export", *words, "--to", "axolotl", "--out", tmp_path)
    paths = [t["source"]["path"] for t in json.loads(recipe["files"]["mixture.json"])["tasks"]]
    assert all((tmp_path / path).is_file() for path in paths)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["solve", "starter", "--balance", "-1"], "finite number of at least 0"),
        (["solve", "starter", "--beta", "1"], "go together"),
        (["solve", "starter", "--balance", "1", "--beta", "1", "--lambda", "1"], "not both"),
        (["solve", "starter", "--measure", "jds"], "did you mean 'jsd'"),
        (["solve", "starter", "--anchor", "task:swap"], "did you mean 'swaps'"),
        (["solve", "starter", "--anchor", "nowhere.json"], "cannot be read as a mixture"),
        (["solve", "starter", "--floor", "swap=0.1"], "did you mean 'swaps'"),
        (["solve", "starter", "--group", "date:0:1"], "did you mean 'dates'"),
        (["solve", "starter", "--group", "dates"], "FAMILY:LO:HI"),
        (["solve", "starter", "--max-epochs", "1"], "--budget"),
        (["solve", "starter", "--budget", "0"], "at least 1"),
        (["solve", "starter", "--rho", "1"], "--pull-to and --rho go together"),
        (["solve", "starter", "--pull-to", "p.json"], "--pull-to and --rho go together"),
        (["solve", "starter", "--budget", "0", "--max-epochs", "1"], "at least 1"),
        (
            ["solve", "starter", "--pin", "swaps=0.5", "--cap", "swaps=0.1"],
            "'swaps' is pinned to 0.5, but its floor is 0 and its cap 0.1",
        ),
        (["solve", "starter", "--pin", "swaps=0.01", "--floor", "swaps=0.1"], "its floor is 0.1"),
        (
            ["solve", "starter", "--pin", "swaps=0.9", "--budget", "9999", "--max-epochs", "1"],
            "'swaps' is pinned to 0.9",
        ),
        (["uncertainty", "starter", "--slack", "-1"], "--slack must be a finite number"),
        (["explain", "starter", "--task", "swap"], "did you mean 'swaps'"),
        (["explain", "starter", "--floor", "0.2"], "floors sum to"),
        (["select", "starter", "--k", "99"], "between 1 and the number of tasks"),
        (["select", "starter", "--floor", "0.01"], "without floors"),
        (["uncertainty", "starter", "--level", "2"], "between 0 and 1"),
        (["export", "starter", "--to", "axolotl"], "--budget"),
        (["export", "starter", "--to", "axolotls", "--budget", "9"], "did you mean 'axolotl'"),
        (["solve", "startet"], "did you mean 'starter'"),
        (["report", "starter", "--out", "x.html", "--record", "./x.html"], "the same file"),
        (["materialise", "starter", "--budget", "9", "--out", __file__], "cannot be written"),
    ],
)
def test_what_makes_no_sense_gets_one_sentence(ask, words, sentence):
    assert sentence in ask(*words)


def test_a_pin_goes_before_a_bound_for_all_tasks(ask):
    found = ask("solve", "starter", "--cap", 0.06, "--floor", 0.01, "--pin", "swaps=0.5")
    weights = dict(zip(found["tasks"], found["p"], strict=True))
    assert weights.pop("swaps") == pytest.approx(0.5)
    assert min(weights.values()) >= 0.01 - 1e-12
    assert max(weights.values()) <= 0.06 + 1e-12


def test_a_path_says_how_many_tasks_have_weight(starter, capsys):
    assert main(["path", "starter", "--resolution", "inf"]) == 0
    shown = [int(line.split()[1]) for line in capsys.readouterr().out.splitlines()[1:]]
    traced = trace(pose(store.similarity(starter, "jsd")))
    assert shown == [int((w > 0).sum()) for w in traced.weights]
    assert min(shown) < max(shown)


def test_baselines_are_counted_though_one_cannot_be(ask, capsys):
    asked = ["baselines", "starter", "--budget", "2000", "--max-epochs", "1"]
    assert main(asked) == 0
    out, err = capsys.readouterr()
    assert "cannot be met" in err
    first = out.splitlines()[1].split()
    assert all(cell == "-" or cell.isdigit() for cell in first[1:])
    assert "-" in first[1:]
    at_infinity = ask("baselines", "starter", "--beta", "1", "--lambda", "0")
    assert "authors" not in at_infinity["baselines"]
    assert "uniform" in at_infinity["baselines"]


@pytest.mark.parametrize("trainer", sorted(EXPORTERS))
def test_a_name_with_line_ends_breaks_no_file_and_runs_nothing(trainer, tmp_path):
    names = ["a\n$(touch here)\n touch here", "b\u2028evil: 1\x85c: 2"]
    for rows in (None, 20):  # unknown rows bring warnings into the files' heads
        tasks = [Task(name, "", "", rows, 3.0 if rows else None) for name in names]
        recipe = make_recipe([0.5, 0.5], tasks, allocate([0.5, 0.5], names, 10, rows=[rows] * 2))
        try:
            files = export(recipe, trainer).files
        except ExportError:
            if rows:
                raise
            continue  # some trainers need the rows
        for name, text in files.items():
            if name.endswith((".yaml", ".yml")):
                yaml.safe_load(text)
            elif name.endswith(".json"):
                json.loads(text)
            elif name.endswith(".sh"):
                subprocess.run(["bash", "-c", text], cwd=tmp_path, check=False, capture_output=True)
        assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_mixture_of_a_recipe_or_a_decision_can_be_asked_for_again(ask, tmp_path, capsys):
    question = ["--balance", 0.4, "--budget", 500, "--resolution", "auto"]
    asked = ask("solve", "starter", *question)["p"]
    ask("export", "starter", *question, "--to", "trl", "--out", tmp_path)
    record = tmp_path / "record.json"
    written = ["--out", str(tmp_path / "report.html"), "--record", str(record)]
    assert main(["report", "starter", *map(str, question), *written]) == 0
    capsys.readouterr()
    for file in (tmp_path / "mixture.json", record):
        again = ask("solve", "starter", "--anchor", file)["p"]
        assert again == pytest.approx(asked, abs=1e-9)


def test_trl_finds_the_rows_that_there_are(ask):
    total = sum(task.rows for task in store.open_study("bigbench", ROOT / "cache").tasks)
    words = ["export", "bigbench", "--anchor", "proportional", "--budget", total, "--to", "trl"]
    assert not ask(*words)["warnings"]


def test_a_huge_budget_is_answered_by_what_is_expected(ask):
    found = ask("export", "starter", "--budget", 10**12, "--to", "datasets")
    for task, share in found["realised"].items():
        assert share == pytest.approx(found["asked"][task], rel=1e-3)


def test_a_recipe_reads_materialised_rows_and_says_how_to_get_them(capsys, tmp_path):
    words = ["starter", "--budget", "90", "--out", str(tmp_path)]
    assert main(["export", *words, "--to", "trl"]) == 0
    assert "materialise starter --per-task" in capsys.readouterr().out
    recipe = json.loads((tmp_path / "mixture.json").read_text())
    assert {t["source"]["path"].split("/")[0] for t in recipe["tasks"]} == {"tasks"}


@pytest.mark.slow
def test_materialise_says_what_it_wrote_and_leaves_nothing_old(capsys, tmp_path):
    words = ["materialise", "starter", "--out", str(tmp_path)]
    assert main([*words, "--budget", "26", "--unit", "tokens", "--balance", "0.5"]) == 0
    said = capsys.readouterr().out
    frame = pd.read_json(tmp_path / "train.jsonl", lines=True)
    assert f"Wrote {len(frame)} rows of {frame['task'].nunique()} tasks" in said
    assert "supervised tokens for 26" in said
    (tmp_path / "mine.txt").write_text("kept")
    assert main([*words, "--budget", "10", "--format", "parquet"]) == 0
    assert "Wrote 10 rows of 10 tasks" in capsys.readouterr().out
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"train.parquet", "manifest.json", "mine.txt"}
    (tmp_path / "train.parquet").write_bytes(b"edited since")
    assert main([*words, "--budget", "10"]) == 0
    assert (tmp_path / "train.parquet").read_bytes() == b"edited since"
