"""Every recipe that is written is read back as the mixture that it was written from."""

import json

import numpy as np
import pytest

from taskpgm_core.errors import MixtureError
from taskpgm_core.exports import EXPORTERS, Source, export, make_recipe
from taskpgm_core.mixture.counts import allocate
from taskpgm_core.records import Task
from taskpgm_core.store import parse_mixture

TASKS = (
    Task("mnli", rows=1000, mean_tokens=2.0, source="jsonl:data/mnli-v2.jsonl"),
    Task("a/../b: #x 'y'", rows=700, mean_tokens=30.0),
    Task("nothing", rows=9, mean_tokens=1.0),
    Task("größer, @ all", rows=5000, mean_tokens=1.5, source="hub:org/greater:main"),
)
NAMES = tuple(task.id for task in TASKS)
P = np.array([0.32, 0.18, 0.0, 0.5])
BUDGET = 1000
HUB = {
    "mnli": Source("data/mnli-v2.jsonl"),
    "größer, @ all": Source("org/greater", "main", "train"),
}
HOLD_NO_NUMBERS = {"load_mixture.py", "nemo_paths.py", "llama_factory.yaml"}


def rendered(to, sources=None, p=P):
    counted = allocate(
        p,
        list(NAMES),
        BUDGET,
        unit="rows",
        rows=[task.rows for task in TASKS],
        mean_tokens=[task.mean_tokens for task in TASKS],
    )
    return export(make_recipe(p, TASKS, counted, seed=3, sources=sources), to).files


@pytest.mark.parametrize("sources", [None, HUB], ids=["materialised", "of its own"])
@pytest.mark.parametrize("to", EXPORTERS)
def test_an_export_is_read_back_as_the_same_mixture(to, sources):
    files = {n: t for n, t in rendered(to, sources).items() if n not in HOLD_NO_NUMBERS}
    assert files
    for name, text in files.items():
        read = parse_mixture(text.encode(), name, NAMES, TASKS)
        # formats of probabilities and shares are exact, counts are of BUDGET rows
        np.testing.assert_allclose(read, P, atol=1 / BUDGET)
        if to in ("datasets", "trl", "openrlhf", "megatron-lm", "nemo", "olmo-core"):
            np.testing.assert_allclose(read, P, rtol=1e-12)


@pytest.mark.parametrize(("to", "name"), [("datasets", "py"), ("llama-factory", "llama_f")])
def test_a_file_without_numbers_names_the_one_that_has_them(to, name):
    for file, text in rendered(to).items():
        if name in file:
            with pytest.raises(MixtureError, match=r"the file beside it|dataset_info\.json"):
                parse_mixture(text.encode(), file, NAMES, TASKS)


EQUAL = tuple(Task(name, rows=100, mean_tokens=1.0) for name in ("a", "b"))
QUARTER = {
    # what other people write for these trainers, each a quarter of a and three of b
    "llama-factory interleaved": (
        "x.yaml",
        "dataset: a,b\nmix_strategy: interleave_under\ninterleave_probs: 0.25,0.75\n",
    ),
    "ms-swift interleaved": ("x.yaml", "dataset: [a, b]\ninterleave_prob: [0.25, 0.75]\n"),
    "ms-swift counts": ("x.yaml", "dataset:\n- 'a#25'\n- 'b:sub#75'\n"),
    "open-instruct list": ("x.yaml", "dataset_mixer_list: a 0.25 b 75\n"),
    "open-instruct options": ("x.sh", "python t.py \\\n --dataset_mixer_list a 25 b 0.75 --x 1\n"),
    "handbook's old mixer": ("x.yaml", "dataset_mixer:\n  org/a: 0.25\n  org/b: 0.75\n"),
    "handbook": (
        "x.yaml",
        "dataset_mixture: {datasets: [{id: a, weight: .25}, {id: b, weight: .75}]}",
    ),
    "oumi proportions": (
        "x.yaml",
        "data: {train: {datasets: [{dataset_name: a, mixture_proportion: .25}, "
        "{dataset_name: b, mixture_proportion: .75}]}}",
    ),
    "openrlhf options": ("x.sh", "x --data.dataset a,b --data.dataset_probs 0.25,0.75"),
    "openrlhf prompts": ("x.sh", "x --prompt_data a,b --prompt_data_probs=0.25,0.75"),
    "megatron options": ("x.sh", 'x --data-path 10 /d/a_text_document 30 "/d/b_text_document"'),
    "megatron splits": ("x.json", '{"train": ["1", "d/a", "3", "d/b"], "valid": ["d/v"]}'),
    "nemo": ("x.json", '["1", "d/a", "3", "d/b"]'),
    "axolotl slices": (
        "x.yaml",
        "datasets: [{path: d/a.jsonl, split: 'train[:25]'}, "
        "{path: d/b.jsonl, split: 'train[:75%]'}]",
    ),
    "streams by proportion": ("x.yaml", "streams: {a: {proportion: 1}, b: {proportion: 3}}"),
    "streams by repeat": ("x.yaml", "streams: {a: {repeat: 0.5}, b: {repeat: 1.5}}"),
    "streams by choose": ("x.yaml", "streams: {x: {local: m/a, choose: 1}, b: {choose: 3}}"),
    "olmo-core": (
        "x.yaml",
        "sources: [{source_name: a, target_ratio: .25}, {source_name: b, target_ratio: .75}]",
    ),
    "bridge": ("x.yaml", "dataset: {source: [a, b], source_weights: [0.5, 1.5]}"),
    "dataset_info": ("x.json", json.dumps({"a": {"num_samples": 5}, "b": {"num_samples": 15}})),
}


@pytest.mark.parametrize("case", QUARTER)
def test_mixers_as_their_trainers_document_them(case):
    name, text = QUARTER[case]
    read = parse_mixture(text.encode(), name, ("a", "b"), EQUAL)
    np.testing.assert_allclose(read, [0.25, 0.75])


def test_a_part_of_a_set_is_a_share_of_rows_only_where_the_rows_are_known():
    text = b"dataset_mixture: {datasets: [{id: a, weight: 0.5}, {id: b, weight: 0.5}]}"
    known = (Task("a", rows=100), Task("b", rows=300))
    np.testing.assert_allclose(parse_mixture(text, "x.yaml", ("a", "b"), known), [0.25, 0.75])
    with pytest.raises(MixtureError, match=r"rows of 'a' are unknown here.*--tasks"):
        parse_mixture(text, "x.yaml", ("a", "b"))


def test_a_share_of_tokens_is_a_share_of_rows_only_where_lengths_are_known():
    text = b'["1", "a", "1", "b"]'
    known = (Task("a", mean_tokens=1.0), Task("b", mean_tokens=3.0))
    np.testing.assert_allclose(parse_mixture(text, "x.json", ("a", "b"), known), [0.75, 0.25])
    with pytest.raises(MixtureError, match=r"mean tokens a row of 'a' are unknown"):
        parse_mixture(text, "x.json", ("a", "b"))


UNCLEAR = {
    "one row or all": ("x.yaml", "dataset_mixer: {a: 1, b: 0.5}", "'1' of 'a' may be one row"),
    "unequal probabilities": ("x.yaml", "{dataset: 'a,b', interleave_probs: '1'}", "names 2"),
    "a weight beside a path": (
        "x.yaml",
        "datasets: [{path: a, weight: .5}, {path: b, weight: .5}]",
        "write {task: share}",
    ),
    "fractions of no whole": (
        "x.yaml",
        "datasets: [{path: a, fraction: .5}, {path: b, fraction: .9}]",
        "sum to no 1",
    ),
    "two kinds of stream": (
        "x.yaml",
        "streams: {a: {repeat: 1}, b: {choose: 3}}",
        "the same one of proportion",
    ),
    "an amount is missing": (
        "x.yaml",
        "data: {train: {datasets: [{dataset_name: a, sample_count: 3}, {dataset_name: b}]}}",
        "'b' has no sample_count",
    ),
    "a prefix for a weight": ("x.sh", "x --data-path a 0.5 b 0.5", "weights and prefixes in turn"),
    "an odd mixer": ("x.sh", "x --dataset_mixer_list a 0.5 b", "names and numbers in turn"),
    "a word for a count": (
        "x.yaml",
        "dataset: ['a#many', 'b#3']",
        "'many' of 'a#many' is no number",
    ),
    "open quotes": ("x.sh", "x --data-path 'a 0.5", "quotes do not match"),
    "weights without sources": (
        "x.yaml",
        "dataset: {source: [a, b], source_weights: [1]}",
        "2 sources, but 1 weights",
    ),
}


@pytest.mark.parametrize("case", UNCLEAR)
def test_what_is_unclear_is_asked_about(case):
    name, text, sentence = UNCLEAR[case]
    with pytest.raises(MixtureError, match=sentence):
        parse_mixture(text.encode(), name, ("a", "b"), EQUAL)
