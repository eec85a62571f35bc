"""Scores and losses of trainings made elsewhere, compared with what they have."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest

from taskpgm_core import store
from taskpgm_core.cli.main import main
from taskpgm_core.errors import StoreError

MATRIX = ",mnli,qnli,rte,sst2\nmnli,1,.6,.7,.2\nqnli,.6,1,.5,.1\nrte,.7,.5,1,.2\nsst2,.2,.1,.2,1\n"
FOUR = ("mnli", "qnli", "rte", "sst2")
HEAD = "arm,seed,budget,task,in_mixture,n_rows,n_tokens,steps,loss,accuracy\n"


@pytest.fixture
def study(cache, tmp_path):
    (tmp_path / "four.csv").write_text(MATRIX)
    return store.import_matrix(tmp_path / "four.csv", kind="similarity")


def table(losses=True, scores=True, scale=1.0, tasks=FOUR, arms=("uniform", "mine")):
    rows = [
        f"{arm},{seed},1000,{task},True,250,2500,125,"
        f"{1 + 0.1 * k + 0.01 * a if losses else ''},{scale * (0.5 + 0.05 * a) if scores else ''}"
        for a, arm in enumerate(arms)
        for seed in (0, 1)
        for k, task in enumerate(tasks)
    ]
    return HEAD + "\n".join(rows) + "\n"


def answer(capsys, *arguments):
    capsys.readouterr()
    assert main(["evidence", "four", *arguments, "--json"]) == 0
    out, err = capsys.readouterr()
    return json.loads(out), err


def brought(tmp_path, text, name="runs.csv", tasks=FOUR):
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return store.read_runs(tmp_path / name, tasks)


def test_losses_alone_are_compared_by_losses(study, tmp_path, capsys):
    (tmp_path / "runs.csv").write_text(table(scores=False))
    found, _ = answer(capsys, "--import", str(tmp_path / "runs.csv"))
    assert found["by"] == "loss"
    assert [c["arm"] for c in found["tasks"]] == ["uniform", "mine"]
    assert found["tasks"][1]["difference"] == pytest.approx(0.01)
    assert found["tasks"][0]["accuracy"] is None
    assert main(["evidence", "four"]) == 0
    assert "nan" not in capsys.readouterr().out
    assert main(["evidence", "four", "--by", "accuracy"]) == 2
    assert "have no accuracy of any task; compare them --by loss" in capsys.readouterr().err


def test_scores_alone_are_compared_by_scores(study, tmp_path, capsys):
    (tmp_path / "runs.csv").write_text(table(losses=False))
    found, _ = answer(capsys, "--import", str(tmp_path / "runs.csv"))
    assert found["by"] == "accuracy"
    assert found["tasks"][0]["arm"] == "mine"
    assert found["tasks"][0]["difference"] == pytest.approx(0.05)


@pytest.mark.parametrize("task", ["suite:mmlu", "mmlu"])
def test_benchmarks_alone_are_compared_as_public_suites(study, tmp_path, capsys, task):
    (tmp_path / "runs.csv").write_text(table(losses=False, tasks=(task, "suite:bbh")))
    found, err = answer(capsys, "--import", str(tmp_path / "runs.csv"))
    assert (found["tasks"], found["held_out"]) == ([], [])
    assert found["suites"][0]["difference"] == pytest.approx(0.05)
    assert ("mmlu: no task of the study" in err) == (task == "mmlu")


def test_a_missing_reference_names_the_arms_that_there_are(study, tmp_path, capsys):
    (tmp_path / "runs.csv").write_text(table(arms=("one", "two")))
    assert main(["evidence", "four", "--import", str(tmp_path / "runs.csv")]) == 2
    assert "'uniform' on these tasks, but of one, two" in capsys.readouterr().err
    assert store.evidence(study) == []
    found, _ = answer(capsys, "--import", str(tmp_path / "runs.csv"), "--reference", "one")
    assert len(found["tasks"]) == 2


@pytest.mark.parametrize("reference", ["My Model (v1)", "my-model--v1"])
def test_an_arm_of_any_name_may_be_the_reference(study, tmp_path, capsys, reference):
    (tmp_path / "runs.csv").write_text(table(arms=("My Model (v1)", "two")))
    file = str(tmp_path / "runs.csv")
    first, _ = answer(capsys, "--import", file, "--reference", reference)
    again, _ = answer(capsys, "--reference", reference)
    assert first == again
    assert {c["arm"] for c in first["tasks"]} == {"my-model--v1", "two"}


def test_arms_that_would_get_one_name_are_refused(tmp_path):
    with pytest.raises(StoreError, match="'A b' and 'a-b' would both be kept as 'a-b'; rename"):
        brought(tmp_path, table(arms=("A b", "a-b")))


def test_an_arm_that_was_judged_by_less_is_named(study, tmp_path, capsys):
    (tmp_path / "runs.csv").write_text(table() + "third,0,1000,mnli,True,250,2500,125,,0.4\n")
    assert main(["evidence", "four", "--import", str(tmp_path / "runs.csv")]) == 2
    assert "'third' says nothing of 'mnli'" in capsys.readouterr().err


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_percent_is_recognised_and_said(tmp_path, scale):
    found = brought(tmp_path, table(scale=scale))
    np.testing.assert_allclose(sorted(set(found.rows["accuracy"].round(9))), [0.5, 0.55])
    assert any("read as percent" in s for s in found.said) == (scale == 100)


def test_percent_signs_need_no_guess(tmp_path):
    found = brought(tmp_path, "arm,task,accuracy\na,mnli,0.4%\na,qnli,55.2 %\n")
    np.testing.assert_allclose(found.rows["accuracy"], [0.004, 0.552])
    assert not any("read as percent" in s for s in found.said)


def test_headers_in_any_case_and_other_words(tmp_path):
    plain = brought(tmp_path, "arm,seed,task,accuracy,stderr\na,1,mnli,0.5,0.01\n")
    other = brought(tmp_path, "Model;SEED;Benchmark;Score;StdErr\na;1;mnli;0,5;0,01\n", "o.csv")
    pd.testing.assert_frame_equal(plain.rows, other.rows)
    assert plain.rows["stderr"].tolist() == [0.01]
    assert plain.rows[["budget", "n_rows", "loss"]].isna().all(axis=None)


@pytest.mark.parametrize("metric", ["loss", "eval_loss", "Exact Match", "acc"])
@pytest.mark.parametrize("number", ["value", "Score", "loss"])
def test_a_metric_says_what_the_numbers_are(tmp_path, metric, number):
    rows = f"arm,seed,task,Metric,{number},note\na,0,mnli,{metric},0.9,x\na,0,qnli,{metric},0.8,y\n"
    found = brought(tmp_path, rows)
    kind = "loss" if "loss" in metric else "accuracy"
    assert found.rows[kind].tolist() == [0.9, 0.8]
    assert found.rows["accuracy" if kind == "loss" else "loss"].isna().all()
    assert found.said == ("runs.csv: what stands under note is not read.",)


@pytest.mark.parametrize(
    "rows",
    [
        "metric,value\na,mnli,loss,2\na,qnli,accuracy,0.5\n",
        "metric,value\na,mnli,bleu,2\n",
        "metric,value\na,mnli,,2\n",
        "metric,loss,accuracy\na,mnli,loss,2,0.5\n",
        "metric\na,mnli,loss\n",
        "value\na,mnli,0.9\n",
    ],
)
def test_a_number_of_no_known_metric_is_refused(tmp_path, rows):
    with pytest.raises(StoreError, match="loss or accuracy"):
        brought(tmp_path, f"arm,task,{rows}")


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("r.csv", "arm,task,loss\n\n\na,mnli,1\n\nb,mnli,x\n", "line 6: loss is not"),
        ("r.csv", 'arm,task,loss,note\na,mnli,1,"x\ny"\nb,mnli,x,\n', "line 4: loss is not"),
        ("r.csv", "arm,mnli,qnli\na,1,2\nb,3,x\n", "line 3: accuracy is not"),
        ("r.md", "| arm | task | loss |\n|-|-|-|\n| a\u2028c | b | 1 |", "control"),
        ("r.md", "|arm|task|loss|\n|-|-|-|\n|a|b|1|\n|a|b|x|", "line 4: loss is not"),
        ("r.jsonl", '{"arm": "a", "task": "\u2028b", "loss": 1}\n\n{', "line 3, column 2"),
        ("r.jsonl", '{"arm": "a"}\n{"arm": "a", "arm": "b"}', "twice on line 2"),
        ("r.json", '[{"arm": "a", "task": "b", "loss": "x"}]', "row 1: loss is not"),
    ],
)
def test_a_line_at_fault_is_one_that_is_there(tmp_path, name, text, place):
    with pytest.raises(StoreError, match=place):
        brought(tmp_path, text, name)


def test_a_column_a_benchmark_is_a_row_a_benchmark(tmp_path):
    found = brought(tmp_path, "model,seed,MMLU,bbh\na,0,40.1,50\nb,0,41,\n")
    assert found.rows[["arm", "task"]].to_numpy().tolist() == [
        ["a", "suite:MMLU"],
        ["b", "suite:MMLU"],
        ["a", "suite:bbh"],
    ]
    np.testing.assert_allclose(found.rows["accuracy"], [0.401, 0.41, 0.5])


def harness(model, gsm8k=0.25, **more):
    return {
        "results": {
            "mmlu": {"alias": "mmlu", "acc,none": 0.4, "acc_stderr,none": 0.01},
            "mmlu_stem": {"alias": " - stem", "acc,none": 0.3, "acc_stderr,none": 0.02},
            "gsm8k": {
                "exact_match,strict-match": gsm8k,
                "exact_match_stderr,strict-match": 0.02,
                "exact_match,flexible-extract": 0.9,
            },
            "wikitext": {"word_perplexity,none": 12.0, "byte_perplexity,none": 1.5},
            "drop": {"f1,none": 0.6, "f1_stderr,none": "N/A"},
        },
        "groups": {"mmlu": {"alias": "mmlu", "acc,none": 0.4, "acc_stderr,none": 0.01}},
        "group_subtasks": {"mmlu": ["mmlu_stem"], "gsm8k": []},
        "config": {"model": "hf", "model_args": f"pretrained={model},dtype=bfloat16"},
        **more,
    }


def test_result_files_of_the_harness_are_read_several_at_once(study, tmp_path, capsys):
    for name, score in {"uniform-seed0": 0.2, "uniform-seed1": 0.3, "org__mine-seed0": 0.4}.items():
        folder = tmp_path / "out" / name
        folder.mkdir(parents=True)
        value = harness("x", score, model_name=name.replace("__", "/"))
        (folder / "results_2026-01-02T03-04-05.json").write_text(json.dumps(value))
    found = store.read_runs(tmp_path / "out", study.names)
    runs = found.rows
    assert set(runs["task"]) == {"suite:mmlu", "suite:gsm8k", "suite:drop"}
    assert set(zip(runs["arm"], runs["seed"], strict=True)) == {
        ("uniform", 0),
        ("uniform", 1),
        ("org/mine", 0),
    }
    gsm8k = runs[runs["task"] == "suite:gsm8k"].sort_values(["arm", "seed"])
    assert gsm8k["accuracy"].tolist() == [0.4, 0.2, 0.3]
    assert gsm8k["stderr"].tolist() == [0.02] * 3
    assert runs["stderr"].isna().sum() == 3
    assert all("'wikitext' of" in sentence for sentence in found.said)
    files = [str(p) for p in sorted((tmp_path / "out").rglob("*.json"))]
    assert store.read_runs(files[::-1], study.names).digest == found.digest
    answered, err = answer(capsys, *(x for f in files for x in ("--import", f)))
    assert "wikitext" in err
    mine = next(c for c in answered["suites"] if c["arm"] == "org-mine")
    assert mine["difference"] == pytest.approx(0.2 / 3)
    assert mine["tokens"] is None
    kept = store.evidence(study)[0][1]
    assert kept["stderr"].notna().any()
    assert main(["evidence", "four"]) == 0
    assert "nan" not in capsys.readouterr().out


def test_models_in_one_file_and_older_layouts(tmp_path):
    both = {"a": harness("x"), "b": harness("y")}
    assert set(brought(tmp_path, json.dumps(both), "r.json").rows["arm"]) == {"a", "b"}
    listed = brought(
        tmp_path, json.dumps([harness("./out/m/checkpoint-5"), harness("o/n")]), "l.json"
    )
    assert set(listed.rows["arm"]) == {"m/checkpoint-5", "o/n"}
    old = {
        "config_general": {"model_name": "org/m"},
        "results": {"harness|gsm8k|5": {"acc": 0.1, "acc_stderr": 0.01}, "all": {"acc": 0.1}},
    }
    rows = brought(tmp_path, json.dumps(old), "o.json").rows
    assert rows[["arm", "task", "accuracy", "stderr"]].to_numpy().tolist() == [
        ["org/m", "suite:gsm8k", 0.1, 0.01]
    ]


REFUSED = {
    "mixed units": (
        "r.csv",
        "arm,task,acc\na,mnli,0.4\na,qnli,55.2\n",
        "shares or percent.*55.2.*0.4",
    ),
    "beyond percent": (
        "r.csv",
        "arm,task,acc\na,mnli,120\n",
        "the score 120 of 'mnli' is no share",
    ),
    "negative": ("r.csv", "arm,task,acc\na,mnli,-0.2\n", "the score -0.2 of 'mnli'"),
    "some percent signs": (
        "r.csv",
        "arm,task,acc\na,mnli,5%\na,qnli,0.5\n",
        "line 3: .* no % sign",
    ),
    "neither": (
        "r.csv",
        "arm,task,loss,acc\na,mnli,,\n",
        "line 2: it has neither a loss nor a score",
    ),
    "no numbers": ("r.csv", "arm,task\na,mnli\n", "lacks a column loss or accuracy"),
    "no arm": ("r.csv", "task,loss\nmnli,1\n", "lacks the column 'arm'"),
    "no arm's name": ("r.csv", "arm,task,loss\n,mnli,1\n", "a row without an arm"),
    "a word": ("r.csv", "arm,task,loss\na,mnli,low\n", "line 2: loss is not a finite number"),
    "infinite": ("r.csv", "arm,task,loss\na,mnli,inf\n", "line 2: loss is not a finite number"),
    "half a seed": ("r.csv", "arm,seed,task,loss\na,0.5,mnli,1\n", "seed must be a whole number"),
    "no budget": ("r.csv", "arm,budget,task,loss\na,0,mnli,1\n", "budget must be at least 1 row"),
    "a huge budget": ("r.csv", "arm,budget,task,loss\na,1e300,mnli,1\n", "budget is 1e\\+300"),
    "a huge seed": (
        "r.csv",
        "arm,seed,task,loss\na,1e20,mnli,1\n",
        "seed is 1e\\+20, which is too",
    ),
    "grouped thousands": (
        "r.csv",
        "arm;budget;task;loss\na;10,000;mnli;1\n",
        "budget is 10,000; write whole numbers without a comma",
    ),
    "underscores": ("r.csv", "arm,task,loss\na,mnli,1_5\n", "line 2: loss is not a finite number"),
    "two losses": ("r.csv", "arm,task,loss,loss\na,mnli,1,2\n", "two columns are called 'loss'"),
    "a word for a truth": (
        "r.csv",
        "arm,task,in_mixture,loss\na,mnli,maybe,1\n",
        "in_mixture is 'maybe'; write true or false",
    ),
    "errors as shares": (
        "r.csv",
        "arm,task,acc,stderr\na,mnli,40,0.01\n",
        "standard errors in percent, as the scores are",
    ),
    "a line's end in a name": ("r.csv", 'arm,task,loss\n"a\nb",mnli,1\n', "a control character"),
    "a name twice in JSON": (
        "r.json",
        '{"model_name": "a", "results": {"m": {"acc": 0.1}, "m": {"acc": 0.9}}}',
        "'m' stands in it twice",
    ),
    "a huge score": (
        "r.json",
        '{"model_name": "a", "results": {"m": {"acc": 1' + "0" * 400 + "}}}",
        "has no score",
    ),
    "a score that is none": (
        "r.json",
        '{"model_name": "a", "results": {"m": {"acc": NaN}}}',
        "has no score",
    ),
    "twice": ("r.csv", "arm,task,loss\na,mnli,1\na,mnli,2\n", "'mnli' twice; give every run"),
    "two scores": ("r.csv", "arm,task,acc,em\na,mnli,.1,.2\n", "both 'acc' and 'em'"),
    "empty": ("r.csv", "", "is empty"),
    "no rows": ("r.csv", HEAD, "holds no run"),
    "long rows": (
        "r.csv",
        "arm,task,loss\na,mnli,1,2,3\n",
        "line 2: it has more cells than the first line",
    ),
    "no text": ("r.csv", b"arm,task,loss\na\xff,b,1\n", "not text in UTF-8"),
    "no JSON": ("r.json", "{", "is not valid JSON"),
    "other JSON": ("r.json", '{"a": 1}', "no results of lm-evaluation-harness"),
    "no score": (
        "r.json",
        json.dumps({"model_name": "a", "results": {"w": {"ppl": 9}}}),
        "has no score",
    ),
    "no model": ("r.json", '{"results": {"m": {"acc": 0.5}}}', "does not say which model"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_every_doubt_is_one_true_sentence(tmp_path, case):
    name, text, sentence = REFUSED[case]
    with pytest.raises(StoreError, match=sentence) as raised:
        brought(tmp_path, text, name)
    told = str(raised.value)
    assert told.endswith(".")
    assert "\n" not in told
    assert "Error" not in told


def test_places_without_runs(tmp_path):
    with pytest.raises(StoreError, match=r"folder .* holds no results"):
        store.read_runs(tmp_path)
    with pytest.raises(StoreError, match="cannot be read: No such file"):
        store.read_runs(tmp_path / "none.csv")


def test_tables_in_other_wrappings_are_the_same_runs(tmp_path):
    plain = brought(tmp_path, "arm,task,loss\na,mnli,1\nb,mnli,2\n").rows
    lines = '{"arm": "a", "task": "mnli", "loss": 1}\n{"arm": "b", "task": "mnli", "loss": 2}\n'
    others = {
        "r.csv.gz": gzip.compress(b"arm,task,loss\na,mnli,1\nb,mnli,2\n", mtime=0),
        "r.jsonl": lines,
        "r.json": "[" + lines.strip().replace("\n", ",") + "]",
        "r.md": "| arm | task | loss |\n|---|---|---|\n| a | mnli | 1 |\n| b | mnli | 2 |\n",
    }
    for name, text in others.items():
        pd.testing.assert_frame_equal(brought(tmp_path, text, name).rows, plain)


def test_a_column_that_sums_up_is_no_benchmark(tmp_path):
    found = brought(tmp_path, "model,mmlu,bbh,Avg\na,0.4,0.2,0.3\nb,0.5,0.1,0.3\n")
    assert set(found.rows["task"]) == {"suite:mmlu", "suite:bbh"}
    assert "Avg only sums them up and was left out" in found.said[0]
