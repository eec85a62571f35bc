"""Seeds: every place draws what the bytes written out here give, so nothing measured moves."""

import json
from hashlib import sha256
from types import SimpleNamespace

import numpy as np
import pytest

from taskpgm_core.builds.adaptive_probes import _orders
from taskpgm_core.evidence.sampling import evaluation_rows, training_rows
from taskpgm_core.files.hashing import generator_from, seed_from
from taskpgm_core.measure.finetuning import task_seed
from taskpgm_core.records import Example
from taskpgm_core.tasks import read, split
from taskpgm_core.tasks.generated.generator import stream


def seed_of(text, size=8):
    return int.from_bytes(sha256(text.encode()).digest()[:size], "big")


def drawn(text, n):
    return np.random.default_rng(seed_of(text)).permutation(n)


def test_a_seed_is_the_first_64_bits_of_the_joined_parts():
    assert seed_from("é", 3, "rows") == seed_of("é/3/rows")
    assert list(generator_from("a", 1).permutation(9)) == list(drawn("a/1", 9))


@pytest.mark.parametrize("seed", [0, 7])
def test_generated_tasks(seed):
    assert stream("navigate", seed) == seed_of(f"navigate\0{seed}")


@pytest.mark.parametrize("seed", [0, 7])
def test_training_has_48_bits(seed):
    assert task_seed(seed, "gsm8k", 2) == seed_of(f"{seed}/gsm8k/2", size=6)


def test_the_split():
    examples = [Example(str(k), "x") for k in range(30)]
    found = split(examples, probe=8, seed=5, name="t")
    assert found.probe_indices == tuple(sorted(drawn("5/t/split", 30)[:8]))


def test_rows_of_runs():
    assert evaluation_rows("t", 40, 10) == sorted(drawn("evaluation/t", 40)[:10])
    rows = drawn("rows/3/t/0", 12)[:9]
    expected = [("t", int(rows[k])) for k in drawn("order/3", 9)]
    assert training_rows({"t": 9}, {"t": range(12)}, 3) == expected


def test_choices_of_bigbench(tmp_path):
    choices = {name: float(name == "d") for name in "abcdef"}
    examples = [{"input": f"Which {k}?", "target_scores": choices} for k in range(3)]
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "task.json").write_text(json.dumps({"examples": examples}))
    found = read(
        "bigbench:letters", rows=None, seed=4, folders={"bigbench": str(tmp_path)}, options={}
    ).examples
    for index, example in enumerate(found):
        order = "; ".join("abcdef"[k] for k in drawn(f"letters/{index}/4", 6))
        assert example.prompt.endswith(f"Options: {order}")


def test_rounds_of_probes():
    plan = SimpleNamespace(seed=2, tasks=[SimpleNamespace(id="a"), SimpleNamespace(id="b")])
    reserve = SimpleNamespace(task=np.array([0, 1, 0, 1, 0, 1, 1]))
    a, b = _orders(plan, reserve)
    assert list(a) == list(np.array([0, 2, 4])[drawn("2/a/rounds", 3)])
    assert list(b) == list(np.array([1, 3, 5, 6])[drawn("2/b/rounds", 4)])
