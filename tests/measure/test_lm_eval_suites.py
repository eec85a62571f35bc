"""Public suites judge trained models by the real harness, on tasks written here; no network."""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from taskpgm_core import store
from taskpgm_core.cli.main import main
from taskpgm_core.errors import MeasurementError
from taskpgm_core.evidence.campaign import campaign
from taskpgm_core.evidence.protocol import Protocol
from taskpgm_core.evidence.statistics import FEWEST, compare, judges
from taskpgm_core.figures.evidence import arms_figure
from taskpgm_core.measure import lm_eval_suites as suites
from taskpgm_core.plans.plan import load_plan
from taskpgm_core.store.runs import COLUMNS
from tests.support.protocols import made_up, protocol
from tests.support.tiny_model import tiny_plan

QUESTIONS = [f"Is {k} more than {3 * k % 7}?" for k in range(24)]
CHOICES = [[f" {chr(97 + (k * m) % 26)}" for m in (1, 3, 7)] for k in range(1, 25)]
HARNESS = "lm-evaluation-harness is not installed (requirements-suites.txt)"


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    """A folder with two tasks and a group of both, in the harness's own form."""
    pytest.importorskip("lm_eval", reason=HARNESS)
    folder = tmp_path_factory.mktemp("suite-tasks")
    rows = [
        {"question": q, "choices": c, "answer": k % 3}
        for k, (q, c) in enumerate(zip(QUESTIONS, CHOICES, strict=True))
    ]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    choice = {
        "task": "tiny_choice",
        "dataset_path": "json",
        "dataset_kwargs": {
            "data_files": {"test": str(folder / "rows.jsonl")},
            "cache_dir": str(folder / "cache"),
        },
        "output_type": "multiple_choice",
        "test_split": "test",
        "doc_to_text": "{{question}}",
        "doc_to_choice": "choices",
        "doc_to_target": "answer",
        "target_delimiter": "",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    }
    write = {
        **choice,
        "task": "tiny_write",
        "output_type": "generate_until",
        "doc_to_target": "{{choices[answer]}}",
        "generation_kwargs": {"until": ["?"], "max_gen_toks": 4, "do_sample": False},
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    }
    del write["doc_to_choice"]
    group = {"group": "tiny_both", "task": ["tiny_choice", "tiny_write"]}
    for value in (choice, write, group):
        name = value.get("task") if isinstance(value.get("task"), str) else value["group"]
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(value))
    return folder


def by_hand(model, tokenizer):
    """Accuracy on tiny_choice: the answer whose tokens are likeliest after the question."""
    right = 0
    for k, (question, choices) in enumerate(zip(QUESTIONS, CHOICES, strict=True)):
        prompt, likely = tokenizer(question).input_ids, []
        for choice in choices:
            ids = tokenizer(question + choice).input_ids
            assert ids[: len(prompt)] == prompt
            with torch.no_grad():
                logits = model(torch.tensor([ids])).logits[0].log_softmax(-1)
            likely.append(sum(float(logits[t - 1, ids[t]]) for t in range(len(prompt), len(ids))))
        right += int(np.argmax(likely)) == k % 3
    return right / len(QUESTIONS)


def test_a_trained_adapter_is_scored_as_plain_loops_score_it(
    tiny_study, tiny_base, tasks, tmp_path, capsys
):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    words = ["train", "tiny", "--budget", "32", "--batch", "4", "--out", str(tmp_path / "made")]
    words += ["--suite", "tiny_choice,tiny_both", "--suite-tasks", str(tasks), "--json"]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)["suites"]
    tokenizer = AutoTokenizer.from_pretrained(tiny_base)
    model = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
    untrained = by_hand(model, tokenizer)
    adapted = PeftModel.from_pretrained(model, tmp_path / "made")
    assert told["tiny_choice"] == pytest.approx(by_hand(adapted, tokenizer))
    assert told["tiny_choice"] != pytest.approx(untrained)  # or the adapter was not in place
    assert told["tiny_both"] == pytest.approx(told["tiny_choice"] / 2)  # it never writes an answer


def test_suites_stand_in_the_evidence_table_and_change_nothing_else(tiny_study, tiny_base, tasks):
    plan, few = tiny_plan(tiny_base), {"seeds": [0], "held_out": []}
    campaign(protocol(**few), tiny_study, plan, threads=1)
    chosen = protocol(**few, suites=["tiny_choice"], suite_rows=9)
    campaign(chosen, tiny_study, plan, threads=1, suite_tasks=str(tasks))
    (_, a), (_, b) = store.evidence(tiny_study)
    bare, judged = (a, b) if len(a) < len(b) else (b, a)
    suite = judged["task"] == "suite:tiny_choice"
    pd.testing.assert_frame_equal(bare, judged[~suite].reset_index(drop=True))
    rows = judged[suite]
    assert set(rows["arm"]) == {arm.name for arm in chosen.arms}
    assert rows["loss"].isna().all()
    assert not rows["in_mixture"].any()
    assert (rows[["n_rows", "n_tokens"]] == 0).all(axis=None)
    assert ((9 * rows["accuracy"]).round(9) % 1 == 0).all()
    assert store.verify(tiny_study.folder)


def test_a_suite_that_nobody_knows_is_refused_before_training(tiny_study, tasks, tmp_path, capsys):
    words = ["train", "tiny", "--budget", "16", "--out", str(tmp_path / "made")]
    words += ["--suite", "tiny_choise", "--suite-tasks", str(tasks)]
    assert main(words) == 2
    assert "did you mean 'tiny_choice'" in capsys.readouterr().err
    assert not (tmp_path / "made").exists()


def documented():
    """The protocol in the documentation."""
    text = (Path(__file__).parents[2] / "docs" / "protocols.md").read_text(encoding="utf-8")
    return Protocol.model_validate(yaml.safe_load(re.search(r"```yaml\n(.*?)```", text, re.S)[1]))


def test_the_documented_protocol_is_valid_and_gets_intervals():
    plan, chosen = load_plan("llama-2-7b"), documented()
    assert chosen.study == plan.slug
    assert len(chosen.suites) >= FEWEST
    authors = next(arm for arm in chosen.arms if arm.name == "authors")
    assert authors.balance == len(plan.tasks) * 10 / 20


def test_the_harness_knows_the_documented_suites(tasks):
    suites.check_suites([*documented().suites, "mmlu", "bbh"], str(tasks))


def test_without_the_harness_one_sentence_says_what_to_install(monkeypatch):
    suites._known.cache_clear()
    for name in [n for n in sys.modules if n.partition(".")[0] == "lm_eval"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(MeasurementError, match=r"pip install -r requirements-suites\.txt"):
        suites.check_suites(["mmlu"])
    suites.check_suites([])
    assert suites.suite_scores(None, []) == {}
    suites._known.cache_clear()


@pytest.mark.parametrize(
    ("reported", "score"),
    [
        ({"alias": "a", "exact_match,none": 0.25, "acc,none": 0.5, "acc_norm,none": 0.75}, 0.5),
        ({"exact_match_stderr,a": 0.1, "exact_match,flexible": 0.3, "exact_match,b": 0.2}, 0.3),
        ({"acc_norm,none": 0.4, "acc_stderr,none": 0.1}, 0.4),
        ({"perplexity,none": 12.0}, None),
    ],
)
def test_a_suite_is_scored_by_its_first_known_metric(reported, score):
    assert suites._metric(reported) == score


def scored(arms, seeds=4, suites=6):
    """Runs with losses on one task and accuracies on suites, 0.1 an arm apart."""
    runs = made_up(dict.fromkeys(arms[1:], 0.0), seeds=seeds, tasks=1)
    rng = np.random.default_rng(0)
    rows = [
        {
            "arm": arm,
            "seed": seed,
            "task": f"suite:s{k}",
            "n_tokens": 0,
            "accuracy": 0.3 + 0.1 * place + 0.05 * k + 0.001 * rng.normal(),
        }
        for place, arm in enumerate(arms)
        for seed in range(seeds)
        for k in range(suites)
    ]
    return pd.concat([runs, pd.DataFrame(rows)], ignore_index=True)


def test_suites_are_compared_by_accuracy_the_highest_first():
    runs = scored(["uniform", "a", "b"])
    held_out, public = judges(runs, ["t0"])
    assert held_out == []
    assert public == [f"suite:s{k}" for k in range(6)]
    found = compare(runs, public, column="accuracy")
    assert [c.arm for c in found] == ["b", "a", "uniform"]
    assert found[0].difference == pytest.approx(0.2, abs=0.005)
    assert 0 < found[0].low < found[0].difference < found[0].high
    assert {c.worst_task for c in found} == {"suite:s0"}
    assert all(np.isnan(c.loss) and c.tokens == 5 for c in found)


def test_few_suites_get_differences_and_no_certainty():
    """All of five agree by luck once in sixteen times; resampling them would call that sure."""
    runs = scored(["uniform", "a"], suites=5)
    first = compare(runs, judges(runs, ["t0"])[1], column="accuracy")[0]
    assert first.difference == pytest.approx(0.1, abs=0.005)
    assert first.low is first.high is first.p is first.p_holm is None
    (trace,) = arms_figure(
        ["a"], [0.1], [None], [None], [False], reference="u", better="right"
    ).data
    assert trace.error_x.array == trace.error_x.arrayminus == (0.0,)
    assert trace.marker.symbol == ("circle",)
    assert "customdata[1]" not in trace.hovertemplate[0]


def test_scores_made_elsewhere_are_read_and_shown(tiny_study, tmp_path, capsys):
    runs = scored(["uniform", "a", "b"])
    frame = runs.assign(**{c: 16 for c in COLUMNS if c not in runs})
    frame["in_mixture"] = True
    frame = frame.replace({"task": {"t0": tiny_study.names[0]}})
    more = [
        frame[frame["task"] == tiny_study.names[0]].assign(task=t) for t in tiny_study.names[1:]
    ]
    frame = pd.concat([frame, *more], ignore_index=True)
    frame.to_csv(tmp_path / "runs.csv", index=False)
    assert main(["evidence", "tiny", "--import", str(tmp_path / "runs.csv"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [c["arm"] for c in told["suites"]] == ["b", "a", "uniform"]
    assert told["suites"][0]["loss"] is None
    assert not told["held_out"]
    assert main(["evidence", "tiny"]) == 0
    assert "Public suites" in capsys.readouterr().out
    from tests.support.app import open_page

    at = open_page("evidence", study="tiny")
    at.session_state["evidence-tasks"] = "public suites"
    at.run()
    assert not at.exception
    shown = at.dataframe[0].value
    assert list(shown["mixture"]) == ["b", "a", "uniform"]
    assert "loss" not in shown
    assert list(at.dataframe[1].value["its score"]) == pytest.approx([0.5, 0.4, 0.3], abs=0.005)
    drawn = json.loads(at.get("plotly_chart")[0].proto.spec)
    assert "score" in drawn["layout"]["xaxis"]["title"]["text"]
    assert any(re.search(r"b .{0,20} and a .{0,20} beat uniform", m.value) for m in at.markdown)
    one = frame[frame["seed"] == 0]
    one.to_csv(tmp_path / "one.csv", index=False)
    assert main(["evidence", "tiny", "--import", str(tmp_path / "one.csv"), "--json"]) == 0
    assert all(c["p"] is None for c in json.loads(capsys.readouterr().out)["suites"])
    shutil.rmtree(max(Path(tiny_study.folder, "evidence").glob("*/"), key=os.path.getmtime))
    for column, value, words in (
        ("loss", np.nan, "A run of arm 'uniform' says nothing of 'add-2-digit'"),
        ("budget", 0, "line 2: budget must be at least 1"),
        ("seed", 0.5, "line 2: seed must be a whole number"),
        ("arm", "c", "A run of arm 'c' says nothing of"),
    ):
        bad = frame.assign(**{column: [value, *frame[column][1:]]})
        bad.to_csv(tmp_path / "bad.csv", index=False)
        assert main(["evidence", "tiny", "--import", str(tmp_path / "bad.csv")]) == 2, words
        assert words in capsys.readouterr().err
    pd.concat([frame, frame[:1]]).to_csv(tmp_path / "bad.csv", index=False)
    assert main(["evidence", "tiny", "--import", str(tmp_path / "bad.csv")]) == 2
    assert "arm 'uniform' with seed 0 has task 'add-2-digit' twice" in capsys.readouterr().err
    assert len(list((Path(tiny_study.folder) / "evidence").glob("*/"))) == 1  # none of the bad ones
