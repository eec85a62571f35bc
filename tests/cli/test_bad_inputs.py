"""What people get wrong ends in one clear sentence on stderr, exit code 2, and no traceback."""

import io
import json
import re
import shutil

import numpy as np
import pytest
import yaml

from taskpgm_core import measure
from taskpgm_core.cli.main import main
from tests.support.synthetic_study import write_study
from tests.support.tiny_model import save_tiny

PLAN = {
    "slug": "mine",
    "dtype": "float32",
    "training": {"steps": 1, "batch": 2, "rank": 2},
    "probe": {"examples_per_task": 2},
    "tasks": ["generated:add-2-digit", "generated:boolean"],
}


class Bench:
    """A folder to make inputs in, with a tiny base model."""

    def __init__(self, folder, base):
        self.folder, self.base = folder, base

    def file(self, name: str, content: str) -> str:
        (self.folder / name).write_text(content)
        return str(self.folder / name)

    def wide(self, name: str, content: str) -> str:
        (self.folder / name).write_text(content, encoding="utf-16")
        return str(self.folder / name)

    def plan(self, **changes) -> str:
        value = {"base": str(self.base), **PLAN, "folders": {"jsonl": str(self.folder)}, **changes}
        return self.file("plan.yaml", yaml.safe_dump({k: v for k, v in value.items() if v}))

    def rows(self, name: str, count: int = 30, **at) -> str:
        """A JSONL file; ``at``: lineNUMBER=TEXT."""
        lines = [
            json.dumps({"prompt": f"{name} asks {k}?", "completion": str(k)})
            for k in range(1, count + 1)
        ]
        for key, text in at.items():
            lines[int(key.removeprefix("line")) - 1] = text
        self.file(name, "\n".join(lines) + "\n")
        return f"jsonl:{name}"

    def with_rows(self, **at) -> str:
        return self.plan(tasks=[self.rows("a.jsonl", **at), self.rows("b.jsonl")])

    def matrix(self, text: str, kind: str = "similarity", **more) -> list[str]:
        options = [x for k, v in more.items() for x in (f"--{k}", v)]
        return ["import", self.file("m.csv", text), "--kind", kind, *options]

    def adapter(self, **changes) -> str:
        """An adapter for a base model of another width; ``changes`` to its configuration."""
        from peft import LoraConfig, get_peft_model

        from tests.support.tiny_model import tiny_llama

        model = get_peft_model(tiny_llama(hidden=64), LoraConfig(r=2, target_modules=["q_proj"]))
        model.save_pretrained(self.folder / "adapter")
        config = self.folder / "adapter" / "adapter_config.json"
        config.write_text(json.dumps({**json.loads(config.read_text()), **changes}))
        return str(self.folder / "adapter")

    def with_adapter(self, adapter: str) -> str:
        task = {"source": "generated:boolean", "rows": 20, "adapter": adapter}
        return self.plan(tasks=["generated:add-2-digit", task])


def loop(b):
    value = {"source": "generated:boolean"}
    return ["build", b.plan(tasks=[value, {**value, "id": "boolean"}])]


def npy_of_objects(b):
    np.save(b.folder / "m.npy", np.array([{}, []], dtype=object), allow_pickle=True)
    return ["import", str(b.folder / "m.npy"), "--kind", "similarity"]


def weights_without_safetensors(b):
    folder = save_tiny(b.folder / "pickled")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    return ["build", b.plan(base=str(folder))]


def adapter_without_safetensors(b):
    adapter = b.adapter()
    (b.folder / "adapter" / "adapter_model.safetensors").unlink()
    return ["build", b.with_adapter(adapter)]


# name: (the command, what the sentence says)
CASES = {
    # plans
    "no such plan": (lambda b: ["build", "startr"], r"no plan startr.*did you mean 'starter'"),
    "a folder as plan": (lambda b: ["build", str(b.folder)], "is a folder; name the plan's YAML"),
    "broken YAML": (
        lambda b: ["build", b.file("p.yaml", "slug: [a\nb: c")],
        r"not valid YAML on line \d",
    ),
    "YAML without keys": (
        lambda b: ["build", b.file("p.yaml", "- a\n- b")],
        "must be a YAML mapping",
    ),
    "unknown key": (
        lambda b: ["build", b.plan(bse="x")],
        r"unknown key 'bse' \(did you mean 'base'",
    ),
    "unknown inner key": (
        lambda b: ["build", b.plan(training={"step": 3})],
        r"unknown key 'training\.step' \(did you mean 'steps'",
    ),
    "missing key": (lambda b: ["build", b.plan(base=None)], "base: Field required"),
    "one task": (lambda b: ["build", b.plan(tasks=["generated:boolean"])], "at least 2 tasks"),
    "duplicate ids": (loop, "'boolean' stands more than once"),
    "slug that leaves the cache": (
        lambda b: ["build", b.plan(slug="../../evil")],
        "slug '../../evil' must be",
    ),
    "--slug that leaves the cache": (
        lambda b: ["build", b.plan(), "--slug", "../evil"],
        r"'\.\./evil' is no slug",
    ),
    "second seed of no task": (
        lambda b: ["build", b.plan(training={"second_seed": ["boolaen"]})],
        r"'boolaen', which is no task \(did you mean 'boolean'",
    ),
    "zero steps": (
        lambda b: ["build", b.plan(training={"steps": 0})],
        "training.steps: .*greater than",
    ),
    "adapter and checkpoint": (
        lambda b: [
            "build",
            b.plan(
                tasks=[
                    "generated:boolean",
                    {"source": "generated:sum", "adapter": "a", "checkpoint": "b"},
                ]
            ),
        ],
        "names an adapter and a checkpoint",
    ),
    # tasks
    "unknown source": (
        lambda b: ["build", b.plan(tasks=["generatd:x", "generated:boolean"])],
        "did you mean 'generated'",
    ),
    "unknown generator": (
        lambda b: ["build", b.plan(tasks=["generated:bolean", "generated:swaps"])],
        "did you mean 'boolean'",
    ),
    "unknown option": (
        lambda b: [
            "build",
            b.plan(tasks=["generated:boolean", {"source": "hub:x", "options": {"splt": "train"}}]),
        ],
        r"unknown option 'splt' \(did you mean 'split'",
    ),
    "missing file": (
        lambda b: ["build", b.plan(tasks=["jsonl:none.jsonl", "generated:boolean"])],
        "no file .*none.jsonl",
    ),
    "empty file": (
        lambda b: [
            "build",
            b.plan(tasks=["jsonl:e.jsonl", "generated:boolean"]) if b.file("e.jsonl", "") else "",
        ],
        "holds no examples",
    ),
    "broken JSON on line 17": (
        lambda b: ["build", b.with_rows(line17='{"prompt": "x", ')],
        r"a\.jsonl, line 17: .*not valid JSON",
    ),
    "empty completion": (
        lambda b: ["build", b.with_rows(line3='{"prompt": "x", "completion": " "}')],
        "line 3: the completion is empty",
    ),
    "no completion": (
        lambda b: ["build", b.with_rows(line4='{"prompt": "x"}')],
        "line 4: there is no completion; the option incomplete: skip",
    ),
    "a number as prompt": (
        lambda b: ["build", b.with_rows(line5='{"prompt": 3, "completion": "x"}')],
        "line 5: the prompt must be text",
    ),
    "too few examples": (
        lambda b: ["build", b.plan(tasks=[b.rows("a.jsonl", 2), "generated:boolean"])],
        "has 2 different examples",
    ),
    "probe examples trained on": (
        lambda b: [
            "build",
            b.plan(tasks=[b.rows("a.jsonl"), {"source": "jsonl:a.jsonl", "id": "again"}]),
        ],
        "is a probe example of task",
    ),
    "every row too long": (
        lambda b: ["build", b.plan(training={"steps": 1, "max_tokens": 8})],
        "longer than training.max_tokens = 8",
    ),
    # models
    "no such base": (lambda b: ["build", b.plan(base="no-model")], "'no-model' is no model"),
    "no such GGUF": (lambda b: ["build", b.plan(base="none.gguf")], "no GGUF file none.gguf"),
    "package that is not there": (
        lambda b: ["build", b.plan(base="package:nopkg/x.gguf")],
        "needs the Python package nopkg",
    ),
    "package file that leaves it": (
        lambda b: ["build", b.plan(base="package:peft/../../evil.gguf")],
        "holds no",
    ),
    "folder without a model": (lambda b: ["build", b.plan(base=str(b.folder))], "no config.json"),
    "pickled weights": (weights_without_safetensors, "no .safetensors weights"),
    "no chat template": (lambda b: ["build", b.plan(template="chat")], "no chat template"),
    "adapter for another base": (
        lambda b: ["build", b.with_adapter(b.adapter())],
        "trained for another base model",
    ),
    "adapter of another kind": (
        lambda b: ["build", b.with_adapter(b.adapter(peft_type="PROMPT_TUNING")), "--dry-run"],
        "it is of the kind PROMPT_TUNING, which puts virtual tokens before the text",
    ),
    "adapter that is not there": (
        lambda b: ["build", b.with_adapter("no-adapter")],
        "no adapter folder no-adapter",
    ),
    "pickled adapter": (adapter_without_safetensors, "no adapter_model.safetensors"),
    # matrices
    "missing matrix": (
        lambda b: ["import", "none.csv", "--kind", "similarity"],
        "no file none.csv",
    ),
    "NaN": (lambda b: b.matrix("0,nan\nnan,0\n"), "'T1' and 'T2' is not a finite number"),
    "asymmetric": (lambda b: b.matrix("0,1\n2,0\n"), "not symmetric: 'T1' and 'T2'"),
    "n = 1": (lambda b: b.matrix("1\n"), "holds 1 task"),
    "not square": (lambda b: b.matrix("0,1\n1,0\n2,2\n"), "must be square"),
    "negative divergence": (lambda b: b.matrix("0,-1\n-1,0\n", "divergence"), "never negative"),
    "name that leaves the cache": (
        lambda b: b.matrix("0,1\n1,0\n", name="../x"),
        "no name for a study",
    ),
    "unknown kind": (
        lambda b: b.matrix("0,1\n1,0\n", "distance"),
        "must be similarity or divergence",
    ),
    "pickled matrix": (npy_of_objects, "cannot be read as a matrix"),
    "distances as similarities": (
        lambda b: b.matrix("0,.5,.2\n.5,0,.3\n.2,.3,0\n"),
        "--kind divergence, or add --keep-kind",
    ),
    "similarities as distances": (
        lambda b: b.matrix("1,.5,.2\n.5,1,.3\n.2,.3,1\n", "divergence"),
        "use --kind similarity",
    ),
    "two ways that look alike": (
        lambda b: b.matrix("1,0.62001\n0.62,1\n"),
        r"have 0\.62001 one way and 0\.62 the other; --symmetrise",
    ),
    "half an empty matrix": (lambda b: b.matrix("1,.5\n0,1\n"), "zeros on one side"),
    "pairs with a gap": (lambda b: b.matrix("a,b,1\nb,c,2\n"), "says nothing of 'a' and 'c'"),
    "a total that is none": (lambda b: b.matrix("a,b\n1,.5\n.5,1\n7,7\n"), "no sum or mean of"),
    "an object without a matrix": (
        lambda b: ["import", b.file("m.json", '{"rows": 3}'), "--kind", "similarity"],
        "neither a list of rows, nor an object by task",
    ),
    # mixtures
    "a part beside rows": (
        lambda b: [
            *("solve", "synthetic", "--anchor"),
            b.file("m.yaml", "sums: 0.5\nlogic: 12000\n"),
        ],
        "'sums' looks like a part of a set and 'logic' like rows",
    ),
    "a mixer of rows that are unknown": (
        lambda b: [
            *("solve", "synthetic", "--anchor"),
            b.file("m.sh", "x --dataset_mixer_list sums 0.5 nothing 0.5"),
        ],
        "names 'nothing', which is no task",
    ),
    "percentages of nothing whole": (
        lambda b: [
            *("solve", "synthetic", "--pull-to"),
            b.file("m.csv", "Task;Share\nsums;12,5%\nlogic;20%\n"),
            *("--rho", "1"),
        ],
        r"sum to 32\.5, not 100",
    ),
    "a recipe's program": (
        lambda b: ["solve", "synthetic", "--anchor", b.file("load_mixture.py", "import json")],
        "name the file beside it that has the numbers",
    ),
    # finished trainings
    "scores of two kinds": (
        lambda b: [
            *("evidence", "synthetic", "--import"),
            b.file("r.csv", "arm,task,score\na,sums,0.4\na,logic,55.2\n"),
        ],
        "are the scores shares or percent",
    ),
    "runs without numbers": (
        lambda b: ["evidence", "synthetic", "--import", b.file("r.csv", "arm,task\na,sums\n")],
        "lacks a column loss or accuracy",
    ),
    "runs of other arms": (
        lambda b: [
            *("evidence", "synthetic", "--import"),
            b.file("r.csv", "model,task,loss\nmine,sums,0.4\n"),
        ],
        "reference arm 'uniform' on these tasks, but of mine",
    ),
    "results of another tool": (
        lambda b: ["evidence", "synthetic", "--import", b.file("r.json", '{"mmlu": 0.4}')],
        "no results of lm-evaluation-harness",
    ),
    "a folder without results": (
        lambda b: ["evidence", "synthetic", "--import", str(b.folder)],
        r"holds no results\*\.json",
    ),
    # studies
    "no such study": (
        lambda b: ["solve", "sintetic"],
        r"no study 'sintetic' \(did you mean 'synthetic'",
    ),
    "a path as study": (lambda b: ["show", "../../etc"], r"no study '\.\./\.\./etc'"),
    "unknown measure": (lambda b: ["solve", "synthetic", "--measure", "jds"], "did you mean 'jsd'"),
    "balance NaN": (
        lambda b: ["solve", "synthetic", "--balance", "nan"],
        "--balance must be a finite number",
    ),
    "balance below 0": (lambda b: ["solve", "synthetic", "--balance", "-1"], "--balance must be"),
    "beta alone": (
        lambda b: ["solve", "synthetic", "--beta", "1"],
        "--beta and --lambda go together",
    ),
    "budget 0": (lambda b: ["solve", "synthetic", "--budget", "0"], "--budget must be"),
    "floor of no task": (
        lambda b: ["solve", "synthetic", "--floor", "sum=0.1"],
        "did you mean 'sums'",
    ),
    "text from nowhere": (
        lambda b: ["text", "synthetic", "--from", "nowhere"],
        "no folder nowhere",
    ),
    "unpack nothing": (lambda b: ["unpack", "none.tar.gz"], "no file none.tar.gz"),
    "unpack no archive": (lambda b: ["unpack", b.file("x.tar.gz", "x")], "cannot be unpacked"),
    "bad option of a task": (
        lambda b: ["add-task", "synthetic", "generated:boolean", "--option", "x"],
        "wants KEY=VALUE",
    ),
    "no such task to remove": (
        lambda b: ["remove-task", "synthetic", "logik"],
        r"synthetic has no task 'logik' \(did you mean 'logic'\?\)",
    ),
    "too few tasks left": (
        lambda b: ["remove-task", "synthetic", "logic", "dates"],
        "has 3 tasks, so removing 2 leaves 1; a mixture needs at least 2",
    ),
    "no slug for what is left": (
        lambda b: ["remove-task", "synthetic", "logic", "--slug", "No!"],
        "'No!' is no slug",
    ),
    # what the system refuses
    "a name too long": (lambda b: ["validate", "x" * 300], "x cannot be used: File name too long"),
    "a plan of a name too long": (
        lambda b: ["build", "x" * 300],
        "x cannot be used: File name too long",
    ),
    "a protocol in UTF-16": (
        lambda b: ["validate", b.wide("p.yaml", "name: x")],
        r"p\.yaml is not text in UTF-8; save it as UTF-8",
    ),
    "a protocol that says something twice": (
        lambda b: ["validate", b.file("p.yaml", "name: x\nname: y")],
        r"p\.yaml is not valid YAML on line 1: 'name' stands in it twice",
    ),
    # usage
    "a part that is no number": (
        lambda b: ["validate", "skills-dose", "--part", "²/3"],
        "--part wants K/N",
    ),
    "no such verb": (lambda b: ["slove"], "No such command 'slove'"),
    "no such flag": (lambda b: ["solve", "synthetic", "--blance", "1"], r"--blance.*--balance"),
    "missing argument": (lambda b: ["solve"], "Missing argument 'STUDY'"),
    "a word for a number": (
        lambda b: ["solve", "synthetic", "--balance", "much"],
        "'much' is not a valid float",
    ),
    "a cluster without ray": (
        lambda b: ["build", b.plan(), "--address", "10.0.0.1:6379"],
        "goes with --engine ray",
    ),
    "progress file in no folder": (
        lambda b: ["build", b.plan(), "--json-progress", "/proc/none/p.json"],
        "cannot be written",
    ),
}


def test_there_are_at_least_thirty():
    assert len(CASES) >= 30


@pytest.mark.parametrize("case", CASES)
def test_one_clear_sentence(case, cache, tiny_base, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    write_study(cache)
    command, sentence = CASES[case]
    arguments = command(Bench(tmp_path, tiny_base))
    capsys.readouterr()
    before = sorted(p.name for p in cache.iterdir() if not p.name.startswith("."))
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    last = [line for line in err.splitlines() if line.startswith("Error: ")]
    assert len(last) == 1
    assert err.rstrip().endswith(last[0])
    assert re.search(sentence, last[0]), last[0]
    assert "Traceback" not in err
    assert len(last[0]) < 500
    assert sorted(p.name for p in cache.iterdir() if not p.name.startswith(".")) == before
    shutil.rmtree(tmp_path / "pickled", ignore_errors=True)


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_trained(
    tiny_study, capsys, monkeypatch
):
    def train(*_, **__):
        raise AssertionError("it trained")

    monkeypatch.setattr(measure, "train", train)
    assert main(["train", "tiny", "--budget", "16", "--out", __file__]) == 2
    assert "mixture.json cannot be written" in capsys.readouterr().err


def test_a_study_is_not_deleted_where_nobody_can_be_asked(cache, capsys, monkeypatch):
    write_study(cache)
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["delete", "synthetic"]) == 2
    assert "synthetic was not deleted; say --yes to delete it unasked." in capsys.readouterr().err
