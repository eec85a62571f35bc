"""The Python API: its documentation runs as it stands, and its answers are those of the rooms."""

import ast
import contextlib
import doctest
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

import taskpgm_core
from taskpgm_core import (
    Question,
    TaskPGMError,
    allocate,
    baseline,
    baselines,
    explain,
    export_recipe,
    from_matrix,
    import_matrix,
    kernel,
    open_study,
    plot_epochs,
    plot_explanation,
    plot_graph,
    plot_mixture,
    plot_path,
    plot_selection,
    plot_similarity,
    select,
    similarity,
    solve,
    trace,
    uncertainty,
)
from taskpgm_core.mixture import Problem, pose
from taskpgm_core.records import Tabular

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs" / "python-api.md").read_text(encoding="utf-8")
NAMES = ["a", "b", "c", "d"]
S = np.array([[1, 0.7, 0.1, 0.2], [0.7, 1, 0.2, 0.3], [0.1, 0.2, 1, 0.4], [0.2, 0.3, 0.4, 1]])


@pytest.fixture(autouse=True)
def committed(monkeypatch, tmp_path):
    """The committed studies to read, and an empty folder to write to."""
    monkeypatch.setenv("TASKPGM_CACHE", str(ROOT / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def matrix():
    return from_matrix(S, NAMES, kind="similarity")


def shown(source, namespace):
    """What a notebook shows for a cell: its prints, then its last expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, "<python-api.md>", "exec"), namespace)
        if last is not None:
            code = compile(ast.Expression(last.value), "<python-api.md>", "eval")
            if (value := eval(code, namespace)) is not None:
                print(repr(value))
    return printed.getvalue()


def test_every_example_of_the_document_runs_and_shows_what_it_says():
    blocks = re.findall(r"```(python|text)\n(.*?)```", DOCUMENT, re.S)
    assert [kind for kind, _ in blocks].count("python") > 20
    namespace, printed = {}, ""
    for kind, text in blocks:
        if kind == "python":
            printed = shown(text, namespace)
        else:
            told = doctest.OutputChecker().check_output(text, printed, doctest.ELLIPSIS)
            assert told, f"the document says\n{text}but there is\n{printed}"


def test_every_public_name_is_documented_and_listed_once():
    for name in taskpgm_core.__all__:
        assert getattr(taskpgm_core, name) is not None
        if not isinstance(getattr(taskpgm_core, name), type):
            assert re.search(rf"`{name}\(", DOCUMENT), f"{name} is not in docs/python-api.md"
    tree = ast.parse((ROOT / "taskpgm_core" / "__init__.py").read_text(encoding="utf-8"))
    typed = {a.name for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for a in n.names}
    assert typed - {"import_module", "TYPE_CHECKING"} == set(taskpgm_core.__all__)
    assert set(taskpgm_core.__all__) <= set(dir(taskpgm_core))
    with pytest.raises(AttributeError, match="no attribute 'solv'"):
        _ = taskpgm_core.solv


def test_the_import_loads_nothing_and_questions_load_neither_plotly_nor_torch():
    code = (
        "import sys, taskpgm_core\n"
        "heavy = {'numpy', 'pandas', 'plotly', 'torch', 'streamlit'}\n"
        "first = heavy & set(sys.modules)\n"
        "taskpgm_core.solve\n"
        "later = (heavy | {'transformers', 'networkx'}) & set(sys.modules)\n"
        "sys.exit(str(first or later - {'numpy', 'pandas'} or ''))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert not run.stderr.strip()


RECORDS = {
    "similarity": lambda: similarity("starter"),
    "solution": lambda: solve("starter", balance=0.5),
    "infeasible": lambda: solve("starter", floors=0.1),
    "path": lambda: trace("starter", resolution=float("inf")),
    "no path": lambda: trace("starter", floors=0.1),
    "selection": lambda: select("starter", k_max=5, exact_up_to=0),
    "explanation": lambda: explain("starter", balance=0.5),
    "uncertainty": lambda: uncertainty("starter", balance=0.5, draws=3),
    "allocation": lambda: allocate(solve("starter"), 1000, source="starter"),
    "study": lambda: open_study("starter"),
    "kernel": lambda: kernel("starter"),
    "problem": lambda: pose(similarity("starter"), floors=0.01, caps=0.5),
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_shows_itself_in_a_line_or_two(name):
    record = RECORDS[name]()
    lines = repr(record).splitlines()
    assert len(lines) <= 2
    assert all(len(line) <= 170 for line in lines) or name in ("infeasible", "no path")
    assert lines[0].startswith(type(record).__name__)
    n = record.n if isinstance(record, Problem) else len(getattr(record, "tasks", ()))
    assert re.search(rf"\b{n} (tasks|weights)", lines[0])


@pytest.mark.parametrize("name", [name for name in RECORDS if name != "no path"])
def test_a_record_is_a_table_of_its_own_numbers(name):
    record = RECORDS[name]()
    if not isinstance(record, Tabular):
        assert name in ("study", "kernel", "problem")
        return
    table = record.to_pandas()
    assert table.index.is_unique
    expected = {
        "similarity": lambda: record.matrix,
        "solution": lambda: np.column_stack([record.p, record.anchor]),
        "infeasible": lambda: np.column_stack([record.p, record.anchor]),
        "path": lambda: record.weights,
        "selection": lambda: [[s.added, s.value] for s in record.steps],
        "explanation": lambda: [[r.weight, r.anchor, r.diversity] for r in record.reasons],
        "uncertainty": lambda: np.column_stack([record.weight, record.low, record.high]),
        "allocation": lambda: [[c, c / record.budget] for c in record.counts],
    }[name]()
    for row, given in zip(table.itertuples(index=False), expected, strict=True):
        for one, other in zip(row, given, strict=False):
            assert one == other or (np.isnan(one) and np.isnan(other))
    if len(table) == len(record.tasks):
        assert list(table.index) == list(record.tasks)


def test_unknown_numbers_are_nan_in_tables(matrix):
    table = allocate(solve(matrix), 100, rows=[10, None, 20, 0.0 + 30]).to_pandas()
    assert table.epochs.isna().tolist() == [False, True, False, False]
    assert table["count"].dtype.kind == "i"
    assert explain(matrix, balance=0.5).to_pandas().reduced_cost.isna().all()


def test_tasks_called_like_a_column_are_kept_apart():
    odd = from_matrix(S, ["task", "balance", "weight", "k"], kind="similarity")
    assert (odd.to_pandas().to_numpy() == S).all()
    assert trace(odd).to_pandas().columns.tolist() == list(odd.tasks)


def test_long_names_leave_a_record_readable():
    long = from_matrix(S, [name * 300 for name in NAMES], kind="similarity")
    assert len(repr(solve(long))) < 300


def test_a_frame_and_an_array_say_the_same(matrix):
    frame = pd.DataFrame(S, index=NAMES, columns=NAMES)
    for other in (
        from_matrix(frame, kind="similarity"),
        from_matrix(pd.DataFrame(S), NAMES, kind="similarity"),
        from_matrix(S.tolist(), NAMES, kind="similarity"),
    ):
        assert other.tasks == matrix.tasks
        assert (other.matrix == matrix.matrix).all()
    with pytest.warns(UserWarning, match="put into the order of the rows"):
        sorted_back = from_matrix(frame[NAMES[::-1]], kind="similarity")
    assert (sorted_back.matrix == matrix.matrix).all()
    with pytest.raises(TaskPGMError, match="other names than those given"):
        from_matrix(frame, NAMES[::-1], kind="similarity")


@pytest.mark.parametrize(
    ("matrix", "names", "kind", "sentence"),
    [
        (S, NAMES, "distance", "kind must be similarity or divergence"),
        (S[:3], NAMES, "similarity", "must be square, but it is 3 x 4"),
        (S[0], NAMES, "similarity", "must be square, but it is 4"),
        ([[1.0]], ["a"], "similarity", "at least 2"),
        (S, NAMES[:3], "similarity", "3 names, but the matrix has 4 rows"),
        (S, None, "similarity", "no names"),
        (S, "abcd", "similarity", "list of texts"),
        (S, [1, 2, 3, 4], "similarity", "list of texts"),
        (S, ["a", "b", "c", "a"], "similarity", "'a' stands more than once"),
        (S, ["a", "b", "c", " "], "similarity", "a task has no name"),
        (S, ["a", "b", "c", "d\n"], "similarity", "control character"),
        (S, NAMES, "divergence", 'use kind="similarity"'),
        (np.eye(4) - 1 + np.triu(S) - np.triu(S), NAMES, "divergence", "never negative"),
        (S + np.triu(S, 1), NAMES, "similarity", "symmetrise=True takes the mean"),
        ([[1.0, 2.0], [3.0]], ["a", "b"], "similarity", "rows that differ in length"),
        (1 - S, NAMES, "similarity", "keep_kind=True"),
        (np.where(S == 0.4, np.nan, S), NAMES, "similarity", "not a finite number"),
        ([["x", "y"], ["y", "x"]], ["a", "b"], "similarity", "no type of numbers"),
        (S * 1j, NAMES, "similarity", "complex"),
    ],
)
def test_a_bad_matrix_is_refused_in_one_sentence(matrix, names, kind, sentence):
    with pytest.raises(TaskPGMError, match=sentence) as caught:
        from_matrix(matrix, names, kind=kind)
    assert "\n" not in str(caught.value)


def test_a_hidden_entry_is_no_number():
    hidden = np.ma.masked_equal(np.where(S == 0.1, -999.0, S), -999.0)
    with pytest.raises(TaskPGMError, match="'a' and 'c' is not a finite number"):
        from_matrix(hidden, NAMES, kind="similarity")
    assert (from_matrix(np.ma.array(S), NAMES, kind="similarity").matrix == S).all()


@pytest.mark.parametrize("kind", [np.array, pd.Index, pd.Series])
def test_names_may_be_an_array_of_texts(kind):
    assert from_matrix(S, kind(NAMES), kind="similarity").tasks == tuple(NAMES)


def test_a_divergence_is_minus_s_and_one_above_ln_2_is_doubted():
    D = 0.5 * (1 - S)
    assert (from_matrix(D, NAMES, kind="divergence").matrix == -D).all()
    with pytest.warns(UserWarning, match="above ln 2"):
        from_matrix(2 * D, NAMES, kind="divergence")


def test_rounding_is_cleaned_and_said():
    with pytest.warns(UserWarning, match="which is rounding; their mean was taken"):
        found = from_matrix(S + 1e-9 * np.triu(S, 1), NAMES, kind="similarity")
    assert np.allclose(found.matrix, S, atol=1e-8)
    with pytest.warns(UserWarning, match="symmetrise=True"):
        halved = from_matrix(S + np.triu(S, 1), NAMES, kind="similarity", symmetrise=True)
    assert halved.matrix[0, 1] == pytest.approx(1.5 * S[0, 1])


def test_memory_and_file_give_the_same_mixture(tmp_path, matrix):
    """A study imported from the same numbers answers as the matrix does, to the bit."""
    matrix.to_pandas().to_csv("m.csv")
    study = import_matrix("m.csv", kind="similarity", root=tmp_path / "studies")
    for fields in ({"balance": 0.5}, {"balance": 2.0, "caps": 0.4, "anchor": "task:a,b"}):
        assert (solve(study, **fields).p == solve(matrix, **fields).p).all()
    rows = {"rows": [90] * 4, "sources": dict.fromkeys(NAMES, "rows.jsonl")}
    made = [export_recipe(s, budget=90, to="datasets", **rows) for s in (study, matrix)]
    recipes = [json.loads(each.files["mixture.json"]) for each in made]
    assert recipes[0]["provenance"]["digest"] == recipes[1]["provenance"]["digest"]
    assert recipes[0]["tasks"] == recipes[1]["tasks"]


@pytest.mark.slow
def test_python_and_the_command_line_give_the_same_mixture():
    options = ["--balance", "0.4", "--cap", "0.2", "--anchor", "proportional", "--json"]
    run = subprocess.run(
        [sys.executable, "-m", "taskpgm_core", "solve", "starter", *options],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    found = solve("starter", balance=0.4, caps=0.2, anchor="proportional")
    assert json.loads(run.stdout)["p"] == found.p.tolist()


def test_fields_replace_those_of_a_question(matrix):
    whole = Question(balance=0.3, caps=0.4)
    assert (solve(matrix, whole).p == solve(matrix, balance=0.3, caps=0.4).p).all()
    assert (solve(matrix, whole, balance=0.8).p == solve(matrix, balance=0.8, caps=0.4).p).all()
    assert whole == Question(balance=0.3, caps=0.4)


def test_an_anchor_may_be_a_mixture_in_any_form(matrix):
    first = solve(matrix, balance=0.2)
    weights = dict(zip(first.tasks, first.p, strict=True))
    for anchor in (first, first.p, list(first.p), weights, Question(anchor=first.p).anchor):
        assert np.allclose(solve(matrix, anchor=anchor).p, first.p, atol=1e-12)
    near = solve(matrix, balance=5.0, pull=weights, rho=1e6)
    assert np.abs(near.p - first.p).sum() < 1e-4


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda m: solve(S), "from_matrix makes a Similarity"),
        (lambda m: solve(m, 0.5), "balance=0.5"),
        (lambda m: solve(m, balanse=0.5), "did you mean 'balance'"),
        (lambda m: solve(m, anchor={"e": 1.0}), "'e', which is no task here"),
        (lambda m: solve(m, anchor=[1.0]), r"shape \(1,\)"),
        (lambda m: solve(m, anchor=["x"] * 4), "cannot be read as weights"),
        (lambda m: solve("startr"), "did you mean 'starter'"),
        (lambda m: similarity(m, "jsd"), "of the measure 'given'"),
        (uncertainty, "no examples to draw again"),
        (lambda m: baseline(m, "unifrom"), "did you mean 'uniform'"),
        (lambda m: baseline(m, "proportional"), "needs the rows"),
        (lambda m: allocate([0.5, 0.5], 10), "no names"),
        (lambda m: allocate(solve(m, caps=0.1), 10), "has no weights: The caps sum"),
        (lambda m: export_recipe(m, to="datasets"), "needs a budget"),
        (lambda m: export_recipe(m, budget=9, to="axolotl"), "needs the rows"),
        (lambda m: export_recipe(m, budget=9, to="x", sources={"e": ""}), "'e', which is no task"),
        (lambda m: export_recipe(m, budget=9, to="datasets", rows=[1, 2]), "2 entries"),
        (lambda m: export_recipe(m, budget=9, to="datasets", rows=[1.5] * 4), "whole number"),
        (lambda m: plot_path(trace(m, caps=0.1)), "The caps sum"),
        (lambda m: plot_epochs(allocate(solve(m), 10)), "no epochs"),
        (lambda m: plot_path(trace(m), source="starter"), "other tasks"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_in_one_sentence(ask, sentence, matrix):
    with pytest.raises(TaskPGMError, match=sentence) as caught:
        ask(matrix)
    assert "\n" not in str(caught.value)


def test_baselines_are_mixtures_by_name(matrix):
    found = baselines("starter", balance=0.5)
    assert found["proportional"] == baseline("starter", "proportional")
    rows = open_study("starter").rows
    assert np.allclose(list(found["proportional"].values()), rows / rows.sum())
    assert "proportional" not in baselines(matrix)
    assert "authors" in baselines(matrix)
    assert "authors" not in baselines(matrix, balance=float("inf"))
    assert all(abs(sum(p.values()) - 1) < 1e-9 for p in found.values())


def test_sizes_come_from_the_study_or_from_the_caller():
    study = open_study("starter")
    counted = allocate(solve("starter"), 4000, source="starter")
    same = allocate(solve("starter"), 4000, rows=[task.rows for task in study.tasks])
    assert counted.epochs == same.epochs
    tokens = allocate(baseline("starter", "uniform"), 4000, "tokens", source=study)
    assert sum(tokens.counts) == 4000
    assert None not in tokens.rows_needed


def test_sizes_from_the_caller_are_what_the_question_is_asked_of(matrix):
    rows = [10, 20, 30, 140]

    def tasks(**fields):
        with pytest.warns(UserWarning, match="Nothing says where the rows"):
            made = export_recipe(matrix, to="datasets", budget=100, rows=rows, **fields)
        return json.loads(made.files["mixture.json"])["tasks"]

    weights = [task["weight"] for task in tasks(anchor="proportional")]
    assert weights == pytest.approx([0.05, 0.1, 0.15, 0.7])
    counts = [task["count"] for task in tasks(max_epochs=1)]
    assert all(count <= have for count, have in zip(counts, rows, strict=True))


def test_a_recipe_names_the_rows_and_is_written_whole(tmp_path, matrix):
    files = {name: f"data/{name}.jsonl" for name in NAMES}
    made = export_recipe(
        matrix, budget=90, to="axolotl", sources=files, rows=np.full(4, 50), out=tmp_path / "r"
    )
    assert sorted(p.name for p in (tmp_path / "r").iterdir()) == sorted(made.files)
    for name, text in made.files.items():
        assert (tmp_path / "r" / name).read_text(encoding="utf-8") == text
    tasks = json.loads(made.files["mixture.json"])["tasks"]
    assert [task["source"]["path"] for task in tasks] == list(files.values())
    assert [task["rows"] for task in tasks] == [50] * 4


def test_what_a_trainer_cannot_do_is_a_warning(matrix):
    with pytest.warns(UserWarning, match=".") as caught:
        made = export_recipe(matrix, budget=900, to="axolotl", rows=[10, 10, 10, 10])
    assert [str(w.message) for w in caught] == list(made.warnings)


def test_figures_hold_the_numbers_of_their_records(matrix):
    found, path = solve(matrix, balance=0.5), trace(matrix)
    drawn = plot_mixture(found, {"b alone": {"b": 1.0}}, dark=True)
    marks = {t.name: {d[0]: d[1] for d in t.customdata} for t in drawn.data if t.name}
    assert marks["this mixture"] == pytest.approx(dict(zip(NAMES, found.p, strict=True)), abs=1e-8)
    assert marks["b alone"]["b"] == 1.0
    assert {t.meta for t in plot_path(path).data} == set(NAMES)
    assert {t.legendgroup for t in plot_path(trace("starter"), source="starter").data} == {
        task.family for task in open_study("starter").tasks
    }
    heat = plot_similarity(matrix).data[0].z
    assert np.isnan(np.diagonal(heat)).all()
    assert sorted(heat[np.triu_indices(4, 1)]) == pytest.approx(sorted(S[np.triu_indices(4, 1)]))
    nodes = {
        d[0]: d[1]
        for t in plot_graph(matrix, found).data
        for d in (t.customdata or ())
        if not isinstance(d[1], str)
    }
    assert nodes == pytest.approx(dict(zip(NAMES, found.p, strict=True)), abs=1e-8)
    steps = select(matrix)
    greedy = next(t for t in plot_selection(steps, 2).data if t.name == "greedy")
    assert [d[1] for d in greedy.customdata] == [step.added for step in steps.steps]
    assert isinstance(plot_explanation(explain(matrix, balance=0.5)), go.Figure)
    bars = plot_epochs(allocate(found, 100, rows=[10, 20, 30, 40])).data[0]
    assert {d[0]: d[1] for d in bars.customdata} == dict(
        zip(NAMES, allocate(found, 100).counts, strict=True)
    )
