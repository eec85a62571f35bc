"""Mixture files: the plain layouts under any usual header, and the doubts that are asked about."""

import bz2
import gzip
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskpgm_core.errors import MixtureError
from taskpgm_core.records import Task
from taskpgm_core.store import parse_mixture

TASKS = ("sums", "dates", "logic")
KNOWN = tuple(Task(task, rows=rows) for task, rows in zip(TASKS, (100, 200, 300), strict=True))
RECORDS = [{"Task": "sums", "Weight": 1}, {"Task": "logic", "Weight": 3}]

QUARTER = {
    # each a quarter of sums and three of logic
    "YAML": ("m.yaml", "sums: 0.25\nlogic: 0.75\n"),
    "YAML under a key": ("m.yml", "mixture:\n  sums: 1\n  logic: 3\n"),
    "YAML weights": ("m.yaml", "seed: 3\nweights: {sums: 1e-1, logic: 3e-1}\n"),
    "YAML without a suffix": ("mixture", "sums: 1\nlogic: 3\n"),
    "a list of objects": ("m.json", json.dumps(RECORDS)),
    "a list beside other keys": ("m.json", json.dumps({"seed": 1, "parts": RECORDS})),
    "YAML list": ("m.yaml", "- {dataset: sums, share: 25%}\n- {dataset: logic, share: 75%}\n"),
    "objects by task": ("m.yaml", "sums: {proportion: 0.25}\nlogic: {proportion: 0.75}\n"),
    "pairs": ("m.json", '[["sums", 1], ["logic", 3]]'),
    "percent strings": ("m.json", '{"sums": "25%", "logic": "75 %"}'),
    "percent in a table": ("m.csv", "Task,Weight\nsums,25%\nlogic,75%\n"),
    "percent, decimal commas": ("m.csv", "name;percent\nsums;25,0\nlogic;75,0\n"),
    "probability": ("m.csv", "ID,Probability\nsums,0.25\nlogic,0.75\n"),
    "share in percent": ("m.csv", "task,share\nsums,25\nlogic,75\n"),
    "p": ("m.tsv", "dataset\tp\nsums\t.25\nlogic\t.75\n"),
    "rows": ("m.csv", "task,rows\nsums,50\nlogic,150\n"),
    "rows beside a weight": ("m.csv", "task,rows,weight\nsums,9999,1\nlogic,2,3\n"),
    # 0.3 of 100 rows and 0.3 of 300 rows
    "epochs": ("m.csv", "task,epochs\nsums,0.3\nlogic,0.3\n"),
    "no header": ("m.csv", "sums,1\nlogic,3\n"),
    "bars": ("m.md", "| task | weight |\n|---|---|\n| sums | 1 |\n| logic | 3 |\n"),
    "relative weights": ("m.json", '{"sums": 0.5, "logic": 1.5}'),
    "packed": ("m.json.gz", gzip.compress(b'{"sums": 1, "logic": 3}', mtime=0)),
    "packed under a plain name": ("m.csv", bz2.compress(b"task,weight\nsums,1\nlogic,3\n")),
    "JSON lines": ("m.jsonl", "".join(json.dumps(r) + "\n" for r in RECORDS)),
    "decimal commas of three digits": ("m.csv", "task;share\nsums;0,250\nlogic;0,750\n"),
    "decimal commas without a header": ("m.csv", "sums;0,25\nlogic;0,75\n"),
    "commas in all": ("m.csv", "task;rows\nsums;1,500\nlogic;4,500\n"),
    "UTF-16": ("m.csv", "task,weight\nsums,1\nlogic,3\n".encode("utf-16")),
}


def read(name, content, tasks=TASKS, known=KNOWN):
    data = content if isinstance(content, bytes) else content.encode()
    return parse_mixture(data, name, tasks, known)


@pytest.mark.parametrize("case", QUARTER)
def test_one_mixture_in_many_layouts(case):
    name, content = QUARTER[case]
    np.testing.assert_allclose(read(name, content), [0.25, 0, 0.75])


def test_tasks_may_be_called_like_a_trainers_keys():
    names = ("data", "streams", "dataset")
    found = read("m.json", '{"data": 1, "streams": 2, "dataset": 1}', names, ())
    np.testing.assert_allclose(found, [0.25, 0.5, 0.25])


REFUSED = {
    "a part beside rows": (
        "m.json",
        '{"sums": 0.5, "logic": 12000}',
        "'sums' looks like a part of a",
    ),
    "a whole beside rows": ("m.yaml", "sums: 1.0\nlogic: 5000\n", "write rows for all, or shares"),
    "a part beside rows, table": ("m.csv", "task,weight\nsums,0.5\nlogic,12000\n", "like rows"),
    "some percent": ("m.json", '{"sums": "25%", "logic": 3}', "'logic' has no % sign, but others"),
    "half of all percent": ("m.json", '{"sums": "12.5%", "logic": "25%"}', "sum to 37.5, not 100"),
    "half of all shares": ("m.csv", "task,share\nsums,.1\nlogic,.3\n", "sum to 0.4, not 1"),
    "a fraction of what": (
        "m.csv",
        "task,fraction\nsums,.1\nlogic,.9\n",
        "call it share or epochs",
    ),
    "two weights": (
        "m.csv",
        "task,weight,share\nsums,1,.5\nlogic,1,.5\n",
        "both 'weight' and 'share'",
    ),
    "no names": ("m.csv", "thing,weight\nsums,1\n", "none of task, tasks, name, dataset, id"),
    "no numbers": ("m.csv", "task,colour\nsums,red\n", "none of weight, share"),
    "an empty cell": ("m.csv", "task,weight\nsums,\nlogic,1\n", "'sums' has no number"),
    "a short row": ("m.csv", "task,weight\nsums\nlogic,1\n", "row 2 lacks its weight"),
    "a word": ("m.yaml", "sums: much\nlogic: 1\n", "'sums' has 'much', which is no number"),
    "truth": ("m.yaml", "sums: yes\nlogic: 1\n", "'sums' has 'True', which is no number"),
    "nothing": ("m.json", '{"sums": null, "logic": 1}', "no number that fits"),
    "twice in YAML": ("m.yaml", "sums: 1\nsums: 2\n", "'sums' stands in it twice"),
    "twice in a list": ("m.json", '[["sums", 1], ["sums", 3]]', "names 'sums' twice"),
    "broken YAML": ("m.yaml", "sums: [1\nlogic: 2", r"not valid YAML on line \d"),
    "broken JSON": ("m.json", '{"sums": 1,', "not valid JSON on line 1, column"),
    "underscores": ("m.csv", "task,weight\nsums,1\nlogic,0_5\n", "'logic' has '0_5', which is no"),
    "minutes to YAML": (
        "m.yaml",
        "sums: 1:30\nlogic: 2\n",
        "'sums' has '1:30', which is no number",
    ),
    "octal to YAML": ("m.yaml", "sums: 010\nlogic: 2_0\n", "'logic' has '2_0'"),
    "a comma that may group": (
        "m.csv",
        "task;rows\nsums;12,000\nlogic;300\n",
        "whether '12,000' has a decimal comma or groups thousands",
    ),
    "a damaged archive": ("m.json.gz", b"\x1f\x8b\x08hello", "a damaged packed file"),
    "a name twice, no ending": ("m", '{"sums": 1, "sums": 2}', "'sums' stands in it twice"),
    "deep JSON": ("m.json", "[" * 9999, "nested too deeply"),
    "empty": ("m.csv", "", "it is empty"),
    "an empty object": ("m.json", "{}", "not all zero"),
    "another encoding": ("m.csv", b"task,weight\nsums\xff,1\n", "not text in UTF-8"),
    "objects without weights": ("m.json", '[{"task": "sums"}]', "none of weight, share"),
    "an object lacks its weight": (
        "m.json",
        '[{"task": "sums", "weight": 1}, {"task": "logic"}]',
        "an entry of it lacks 'weight'",
    ),
    "a program": ("m.py", "print(1)", "it is a program"),
    "a number": ("m.yaml", "3", "holds no object by task"),
    "a long number": ("m.json", '{"sums": 1' + "0" * 400 + "}", "no number that fits"),
    "an answer without a mixture": ("m.json", '{"status": "infeasible"}', "no mixture meets"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_every_doubt_is_one_true_sentence(case):
    name, content, sentence = REFUSED[case]
    with pytest.raises(MixtureError, match=sentence) as raised:
        read(name, content)
    text = str(raised.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert not any(word in text for word in ("Error", "NoneType", "could not convert"))


@given(
    data=st.binary(max_size=200)
    | st.text("sumlogic:{}[],.0123 \n-#'\"|%&*!", max_size=80).map(str.encode),
    name=st.sampled_from(["m.json", "m.yaml", "m.csv", "m.tsv", "m.sh", "m", "m.md"]),
)
def test_any_bytes_give_a_mixture_or_a_sentence(data, name):
    try:
        p = parse_mixture(data, name, TASKS, KNOWN)
    except MixtureError:
        return
    assert p.min() >= 0
    assert p.sum() == pytest.approx(1)


@given(
    value=st.recursive(
        st.none()
        | st.booleans()
        | st.floats()
        | st.integers()
        | st.sampled_from(["sums", "logic#3", "1"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "sums",
                        "logic",
                        "weights",
                        "tasks",
                        "p",
                        "datasets",
                        "dataset",
                        "path",
                        "weight",
                        "data",
                        "train",
                        "streams",
                        "choose",
                        "sources",
                        "target_ratio",
                        "probabilities",
                        "dataset_mixer",
                        "source",
                        "source_weights",
                        "split",
                        "fraction",
                        "num_samples",
                    ]
                ),
                inner,
                max_size=3,
            )
        ),
        max_leaves=12,
    )
)
def test_any_object_gives_a_mixture_or_a_sentence(value):
    try:
        p = parse_mixture(json.dumps(value).encode(), "m.json", TASKS, KNOWN)
    except MixtureError:
        return
    assert p.sum() == pytest.approx(1)
