"""Log-probabilities of served models: the study equals the one whose numbers they are."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskpgm_core import store
from taskpgm_core.analysis.drill_down import drill_down, positions
from taskpgm_core.analysis.replicates import replicates
from taskpgm_core.cli.main import main
from taskpgm_core.errors import StoreError
from taskpgm_core.store.gold_distance import gold_divergence
from tests.support.logprobs import small_table, table_of, write

COMMITTED = Path(__file__).parents[2] / "cache"


@pytest.fixture(scope="module")
def starter():
    return store.open_study("starter", COMMITTED)


@pytest.fixture
def served(starter, cache, tmp_path):
    return store.import_logprobs(write(table_of(starter), tmp_path / "served.parquet"))


def test_the_gold_study_of_a_file_is_the_one_made_from_the_cache(starter, served):
    assert (served.kind, served.measures, served.names) == ("served", ("gold",), starter.names)
    for S in (store.similarity, store.noise):
        one, other = S(served, "gold"), S(starter, "gold")
        assert one.tasks == other.tasks
        assert (one.divergence == other.divergence).all()
    a, b = store.losses(served), store.losses(starter)
    np.testing.assert_allclose(a.per_token, b.per_token, atol=1e-12)
    np.testing.assert_allclose(a.per_sequence, b.per_sequence, atol=1e-12)
    drawn = [replicates(s, "gold", draws=3) for s in (served, starter)]
    assert (drawn[0] == drawn[1]).all()
    one, other = (drill_down(s, "gold", 2, 5) for s in (served, starter))
    assert one.order == other.order
    assert (one.share == other.share).all()
    shown, known = (positions(s, d, d.order[0]) for s, d in ((served, one), (starter, other)))
    assert [p.gold for p in shown] == [p.gold for p in known]
    assert [p.text for p in shown] == [p.text for p in known]
    assert all(p.said == {} for p in shown)
    written = store.probe_text(served)
    pool, known_text = store.probe_pool(starter), store.probe_text(starter)
    for k, example in enumerate(written):
        last = pool.first[k] + pool.tokens[k] - 1
        assert example.completion == known_text[k].completion[: pool.spans[last][1]]


def test_a_name_that_stands_twice_in_a_row_is_refused(cache, tmp_path):
    path = tmp_path / "twice.jsonl"
    path.write_text('{"model": "base", "task": "a", "logprob": -1, "logprob": -2}\n')
    with pytest.raises(StoreError, match="line 1: 'logprob' stands in it twice; keep one"):
        store.import_logprobs(path)


def test_the_order_of_rows_and_the_kind_of_file_change_nothing(cache, tmp_path):
    table = small_table(("a", "b", "c"))
    first = store.import_logprobs(write(table, tmp_path / "one.parquet"), name="mine")
    mixed = table.sort_values("logprob")
    mixed = mixed.loc[[*mixed.index[mixed.task == "a"][:1], *mixed.index[mixed.task == "b"][:1],
                       *mixed.index]].drop_duplicates()  # fmt: skip
    again = store.import_logprobs(write(mixed, tmp_path / "two.jsonl"), name="mine")
    assert again.content == first.content
    packed = tmp_path / "three.jsonl.gz"
    packed.write_bytes(gzip.compress((tmp_path / "two.jsonl").read_bytes()))
    assert store.import_logprobs(packed, name="mine").content == first.content
    packed.write_bytes(packed.read_bytes()[:60])
    with pytest.raises(StoreError, match="a damaged packed file; pack it again"):
        store.import_logprobs(packed, name="mine")


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_its_divergence_is_that_of_the_rows(seed):
    from tempfile import TemporaryDirectory

    table = small_table(("a", "b", "c"), seed)
    with TemporaryDirectory() as place:
        file = write(table, Path(place) / "x.parquet")
        study = store.import_logprobs(file, root=Path(place) / "cache")
        D = store.similarity(study).divergence
        assert store.probe_text(study) is None
        base = store.losses(study).per_token[-1]
    models = [table[table.model == m].logprob.to_numpy() for m in "abc"]
    expected = gold_divergence(np.float32(models), np.full(18, 1 / 18))
    np.testing.assert_allclose(D, expected, atol=1e-12)
    own = table[table.model == "base"].groupby("task").logprob.mean()
    np.testing.assert_allclose(base, -own.to_numpy(), rtol=1e-6)


def edited(**changes):
    table = small_table().astype(object)
    for column, value in changes.items():
        table.loc[1, column] = value
    return table


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (small_table().drop(columns="logprob"), "has no column 'logprob'"),
        (
            edited(logprob=0.5),
            "row 2: the logprob is 0.5, which must be a finite number of at most 0",
        ),
        (edited(logprob=None), "row 2: the logprob is nothing"),
        (edited(position=1.5), "row 2: the position is 1.5, which must be a whole number"),
        (edited(position=0), "'a' has more than one row for task 'a', example 0, position 0"),
        (edited(example="x"), "row 2: the example is 'x', which must be a whole number"),
        (edited(model="c"), "the model 'c' is no task that has examples"),
        (small_table().drop(index=4), "'a' has no row for task 'a', example 1, position 1"),
        (small_table().query("model != 'base'"), "no rows of the base model"),
        (small_table().query("model != 'b'"), "no rows of the model of task 'b'"),
        (small_table(("a",)), "examples of 1 task"),
        (small_table(("a", "base")), "a task is called 'base'"),
        (
            small_table().assign(logprob=lambda t: -1.0 - t.position),
            "the model 'a' gives every token exactly what base gives it",
        ),
        (
            small_table().assign(text=lambda t: t.model),
            "two models were scored on different texts at task 'a', example 0, position 0",
        ),
        (small_table().iloc[:0], "is empty"),
    ],
)
def test_a_bad_table_is_one_sentence(cache, tmp_path, table, sentence):
    with pytest.raises(StoreError) as error:
        store.import_logprobs(write(table, tmp_path / "bad.jsonl"))
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)
    assert not list(cache.glob("bad-*"))


def test_rounding_above_zero_is_said(cache, tmp_path):
    table = small_table()
    table.loc[0, "logprob"] = 1e-7
    study = store.import_logprobs(write(table, tmp_path / "x.parquet"))
    said = "Rounding put 1 of the log-probabilities above 0; there they count as 0."
    assert study.facts["warnings"] == [said]


@pytest.mark.parametrize("damage", [b"PAR1 no table", b"[1]\n", b"{\n"])
def test_a_file_that_is_no_table_is_one_sentence(cache, tmp_path, damage):
    file = tmp_path / "x.parquet"
    file.write_bytes(damage)
    with pytest.raises(StoreError) as error:
        store.import_logprobs(file)
    assert "\n" not in str(error.value)


VERBS = [
    "show",
    "skills",
    "solve --balance 0 --budget 260",
    "solve --judge-by past-tense",
    "solve --unary gain --resolution inf",
    "explain",
    "uncertainty",
    "baselines",
    "select --k 3",
    "verify",
    "export --to trl --budget 100",
    "report --out {tmp}/report.html",
]


@pytest.mark.slow
def test_every_question_is_answered(served, capsys, tmp_path):
    for line in VERBS:
        verb, *rest = line.format(tmp=tmp_path).split()
        assert main([verb, "served", *rest, "--json"]) == 0, capsys.readouterr().err
        assert json.loads(capsys.readouterr().out)
    assert main(["show", "served"]) == 0
    assert "26 of 26 models beat the base at home" in capsys.readouterr().out


@pytest.mark.parametrize(
    "line",
    [
        "materialise --budget 9 --out x",
        "train --budget 10 --out x",
        "text --from .",
        "remove-task past-tense",
        "add-task generated:navigate",
        "add-target generated:navigate",
    ],
)
def test_what_it_cannot_do_is_one_true_sentence(served, capsys, line):
    verb, *rest = line.split()
    assert main([verb, "served", *rest]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "log-probabilities" in said
    assert "matrix" not in said
