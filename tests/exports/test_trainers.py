"""Recipes and trainer formats: loaded back, run in the real library, or checked field by field."""

import importlib.util
import json
import math
import subprocess
from collections import Counter
from decimal import Decimal
from pathlib import Path

import datasets
import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from taskpgm_core.errors import ExportError
from taskpgm_core.exports import EXPORTERS, Recipe, Source, export, file_name, make_recipe
from taskpgm_core.exports.exact_shares import exact_shares
from taskpgm_core.exports.interleave_counts import interleaved_counts
from taskpgm_core.exports.materialise import materialise
from taskpgm_core.mixture.counts import allocate
from taskpgm_core.records import Example, Task

modest = settings(max_examples=40, deadline=None)

NASTY = "a/../b: #x\n- evil: 1\u2028'\"$(touch pwned)`\x7f\\"
TASKS = (
    Task(NASTY, rows=100, mean_tokens=3.0),
    Task("-rf *", rows=50, mean_tokens=10.0),
    Task("nothing", rows=9, mean_tokens=1.0),
    Task("größer, @ all", rows=1000, mean_tokens=1.5),
)
P = (0.5, 0.3, 0.0, 0.2)


def recipe_of(budget=120, unit="rows", p=P, tasks=TASKS, **options):
    known = all(task.mean_tokens for task in tasks)
    allocation = allocate(
        p,
        [task.id for task in tasks],
        budget,
        unit=unit,
        rows=[task.rows for task in tasks],
        mean_tokens=[task.mean_tokens for task in tasks] if known else None,
    )
    options.setdefault("seed", 7)
    options.setdefault("provenance", {"study": "starter-0123", "balance": 0.8, "note": "a\n- b: c"})
    return make_recipe(p, tasks, allocation, **options)


def load(task):
    rows = {t.id: t.rows for t in TASKS}[task]
    return [Example(f"{task} {i}?", f"answer {i}") for i in range(rows)]


@pytest.fixture
def pools(tmp_path, monkeypatch):
    """The tasks' rows on disk, the working folder beside them, and the cache of datasets apart."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.chdir(tmp_path)
    datasets.disable_progress_bars()
    materialise(recipe_of(), load, "tasks", per_task=True)
    return tmp_path


def shares_of(rows, recipe):
    lengths = {task.id: task.mean_tokens if recipe.unit == "tokens" else 1.0 for task in TASKS}
    amounts = {task: rows[task] * lengths[task] for task in recipe.tasks}
    total = sum(amounts.values())
    return pytest.approx({task: amount / total for task, amount in amounts.items()}, abs=1e-12)


def settings_of(recipe, to):
    """The parsed YAML of an export."""
    files = export(recipe, to).files
    (text,) = (text for name, text in files.items() if name.endswith(".yaml"))
    return yaml.safe_load(text)


def bodies(out):
    """The exported text without its comments."""
    texts = "\n".join(out.files.values()).split("\n")
    return "\n".join(line for line in texts if not line.startswith("#"))


def words_of(recipe, to, array):
    """What bash makes of an exported array."""
    (text,) = export(recipe, to).files.values()
    script = f'{text}\nprintf "%s\\0" "${{{array}[@]}}"'
    run = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
    assert run.stderr == b""
    return run.stdout.decode().split("\0")[:-1]


# The recipe


@modest
@given(st.lists(st.floats(0, 1e12), min_size=1, max_size=60).filter(any))
def test_shares_sum_to_one_exactly(weights):
    shares = exact_shares(weights)
    assert sum(shares) == 1
    assert math.fsum(shares) == 1
    if shares != [weight / math.fsum(weights) for weight in weights]:  # moved to the grid
        assert all(share * 2**50 == int(share * 2**50) for share in shares)
        assert sum(shares[::-1]) == sum(sorted(shares)) == np.sum(shares) == 1
    assert all(share == 0 for share, weight in zip(shares, weights, strict=True) if weight == 0)
    np.testing.assert_allclose(shares, np.array(weights) / sum(weights), atol=2**-49)


def test_plain_shares_stay_plain():
    assert exact_shares([0.7, 0.3]) == [0.7, 0.3]
    assert exact_shares([2, 1, 1]) == [0.5, 0.25, 0.25]


def test_a_recipe_drops_zeros_sums_to_one_and_reads_itself_back():
    recipe = recipe_of()
    assert recipe.tasks == (NASTY, "-rf *", "größer, @ all")
    assert recipe.dropped == ("nothing",)
    assert sum(recipe.weights) == 1
    assert sum(recipe.counts) == recipe.budget == 120
    assert Recipe.from_json(recipe.to_json()) == recipe
    value = json.loads(recipe.to_json())
    assert [task["epochs"] for task in value["tasks"]] == [0.6, 0.72, 0.024]
    assert value["provenance"]["study"] == "starter-0123"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda v: v.pop("format"), "no mixture"),
        (lambda v: v.update(version=99), "version 99"),
        (lambda v: v.pop("seed"), "lacks the key 'seed'"),
        (lambda v: v.update(budget=119), "counts sum to 120"),
        (lambda v: v["tasks"][0].update(weight=0.6), "not to 1"),
        (lambda v: v["tasks"][0].update(weight=-0.5), "weight -0.5"),
        (lambda v: v["tasks"][0].update(rows=0), "no rows"),
        (lambda v: v["tasks"][0].update(count=0.5), "no whole number"),
        (lambda v: v["tasks"][0].update(mean_tokens=0), "must be positive"),
        (lambda v: v["tasks"][0]["source"].update(what=1), "malformed"),
        (lambda v: v.update(dropped=["-rf *"]), "more than once"),
        (lambda v: v.update(tasks=[]), "positive weight"),
        (lambda v: v.update(unit="words"), "rows or tokens"),
    ],
)
def test_a_damaged_recipe_is_one_clear_sentence(change, sentence):
    value = json.loads(recipe_of().to_json())
    change(value)
    with pytest.raises(ExportError, match=sentence):
        Recipe.from_json(json.dumps(value))
    with pytest.raises(ExportError, match="not JSON"):
        Recipe.from_json("{")


@modest
@given(st.lists(st.text(min_size=1, max_size=80), min_size=2, max_size=20, unique=True))
def test_file_names_are_safe_and_unique(ids):
    names = [file_name(task) for task in ids]
    assert len(set(names)) == len(ids)
    for name in names:
        assert len(name) <= 49
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        assert name[0] != "-"


# All trainers


@pytest.mark.parametrize("unit", ["rows", "tokens"])
@pytest.mark.parametrize("to", EXPORTERS)
def test_every_export_says_what_it_means_and_survives_any_task_name(to, unit):
    recipe = recipe_of(unit=unit)
    out = export(recipe, to)
    assert out.meaning
    assert set(out.realised) == set(recipe.tasks)
    assert sum(out.realised.values()) == pytest.approx(1)
    for name, text in out.files.items():
        if name.endswith(".json"):
            json.loads(text)
            continue
        if name.endswith((".yaml", ".sh")):
            assert f"# Meaning: {out.meaning}" in text
            assert '# Weight zero: "nothing"' in text
            assert NASTY not in text
        if name.endswith(".yaml"):
            assert isinstance(yaml.safe_load(text), dict)
        if name.endswith(".sh"):
            subprocess.run(["bash", "-n"], input=text.encode(), check=True)
    if to != "datasets":
        assert "nothing" not in bodies(out)
    assert export(recipe, to) == out


@pytest.mark.parametrize("to", EXPORTERS)
def test_strict_refuses_just_what_is_warned_about(to):
    for recipe in (recipe_of(), recipe_of(400), recipe_of(4000)):
        if export(recipe, to).warnings:
            own = export(recipe, to).warnings[len(recipe.warnings) :]
            sentence = "cannot do what is asked" if own else "not for training as it is"
            with pytest.raises(ExportError, match=sentence):
                export(recipe, to, strict=True)
        else:
            assert export(recipe, to, strict=True).warnings == ()


UNKNOWN = (Task("a"), Task("b"))


def test_an_unknown_trainer_is_named():
    with pytest.raises(ExportError, match="did you mean 'axolotl'"):
        export(recipe_of(), "axolotel")


def test_the_trainers_are_those_of_the_command_line():
    assert ", ".join(EXPORTERS) == (
        "datasets, trl, axolotl, llama-factory, open-instruct, alignment-handbook, ms-swift, oumi, "
        "openrlhf, megatron-lm, megatron-bridge, nemo, olmo-core, mosaicml-streaming"
    )


# Hugging Face datasets, run


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(1, 9)), min_size=1, max_size=4),
    st.integers(0, 99),
    st.sampled_from(["first_exhausted", "all_exhausted"]),
    st.integers(1, 3000),
)
def test_interleaving_is_foretold_to_the_row(sources, seed, strategy, limit):
    lengths = [length for length, _ in sources]
    p = exact_shares([weight for _, weight in sources])
    parts = [datasets.Dataset.from_dict({"k": [i] * n}) for i, n in enumerate(lengths)]
    mixed = datasets.interleave_datasets(
        parts, probabilities=p, seed=seed, stopping_strategy=strategy
    )
    real = np.bincount(mixed["k"][:limit], minlength=len(p))
    told = interleaved_counts(p, limit, seed=seed, lengths=lengths, strategy=strategy)
    assert told == real.tolist()


def run_datasets(folder, recipe):
    for name, text in export(recipe, "datasets").files.items():
        (folder / name).write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("load_mixture", folder / "load_mixture.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.load_mixture()


@pytest.mark.parametrize(("budget", "unit"), [(120, "rows"), (4000, "rows"), (3000, "tokens")])
def test_the_datasets_recipe_yields_what_it_promises(pools, budget, unit):
    recipe = recipe_of(budget, unit)
    out = export(recipe, "datasets", strict=not recipe.warnings)
    mixed = run_datasets(pools, recipe)
    wanted = sum(portion.rows_needed for portion in recipe.portions)
    assert len(mixed) == wanted
    assert out.realised == shares_of(Counter(mixed["task"]), recipe)
    value = json.loads(out.files["interleave.json"])
    noise = 5 * math.sqrt(0.25 / wanted)
    rows = Counter(mixed["task"])
    for task, p in zip(recipe.tasks, value["probabilities"], strict=True):
        assert rows[task] / wanted == pytest.approx(p, abs=noise)
    assert sum(value["probabilities"]) == 1


def test_zero_weights_never_reach_interleave_datasets(pools):
    value = json.loads(export(recipe_of(), "datasets").files["interleave.json"])
    assert all(value["probabilities"])
    assert [source["task"] for source in value["sources"]] == list(recipe_of().tasks)


# TRL, run


@pytest.mark.parametrize(
    ("budget", "unit", "p"),
    [
        (120, "rows", P),
        (121, "rows", P),
        (300, "tokens", P),
        (110, "rows", (0.9, 0.098, 0.0, 0.002)),
        (110, "rows", (0.9, 0.1 - 1e-9, 0.0, 1e-9)),
    ],
)
def test_trl_reads_its_recipe_and_keeps_its_shares(pools, budget, unit, p):
    from trl import DatasetMixtureConfig, TrlParser, get_dataset

    recipe = recipe_of(budget, unit, p)
    out = export(recipe, "trl", strict=True)
    (pools / "trl.yaml").write_text(out.files["trl.yaml"], encoding="utf-8")
    parser = TrlParser([DatasetMixtureConfig])
    (config,) = parser.parse_args_and_config(["--config", "trl.yaml"])
    assert sum(entry.fraction for entry in config.datasets) == 1
    mixed = get_dataset(config)["train"]
    assert mixed.column_names == ["prompt", "completion"]
    rows = Counter(prompt.rpartition(" ")[0] for prompt in mixed["prompt"])
    assert out.realised == shares_of(rows, recipe)
    wanted = sum(portion.rows_needed for portion in recipe.portions)
    assert wanted - len(TASKS) <= len(mixed) <= wanted + 1 / min(recipe.weights)


def test_trl_warns_where_rows_would_repeat(pools):
    from trl import DatasetMixtureConfig, get_dataset

    recipe = recipe_of(400)
    out = export(recipe, "trl")
    assert "has 100 of the 200 rows asked" in out.warnings[0]
    entries = yaml.safe_load(out.files["trl.yaml"])["datasets"]
    mixed = get_dataset(DatasetMixtureConfig(datasets=entries))["train"]
    assert f"TRL will read {len(mixed):,} rows, not 400." in out.warnings
    rows = Counter(prompt.rpartition(" ")[0] for prompt in mixed["prompt"])
    assert out.realised == shares_of(rows, recipe)


# Trainers that take a part of the rows


def test_axolotl_slices_load_and_repeats_are_refused(pools):
    for budget, warned in ((120, 0), (400, 2)):
        recipe = recipe_of(budget)
        out = export(recipe, "axolotl")
        assert len(out.warnings) == warned
        rows = Counter()
        for entry in settings_of(recipe, "axolotl")["datasets"]:
            assert set(entry) == {"path", "type", "split", "ds_type"}
            rows.update(
                datasets.load_dataset(
                    entry["ds_type"], data_files=entry["path"], split=entry["split"]
                )["task"]
            )
        assert out.realised == shares_of(rows, recipe)
    sliced = {TASKS[0].id: Source("org/data", split="train[:9]")}
    assert "slice already" in export(recipe_of(sources=sliced), "axolotl").warnings[0]


def test_alignment_handbook_fractions_keep_whole_rows(pools):
    for budget, warned in ((120, 0), (121, 0), (400, 2)):
        recipe = recipe_of(budget)
        out = export(recipe, "alignment-handbook")
        assert len(out.warnings) == warned
        mixture = settings_of(recipe, "alignment-handbook")["dataset_mixture"]
        assert mixture["seed"] == 7
        rows = Counter()
        for entry in mixture["datasets"]:
            assert set(entry) == {"id", "split", "columns", "weight"}
            assert 0 < entry["weight"] <= 1
            source = datasets.load_dataset(entry["id"], split=entry["split"])
            rows.update(source.select(range(int(len(source) * entry["weight"])))["task"])
        assert out.realised == shares_of(rows, recipe)
    alone = {TASKS[0].id: Source("data/all.jsonl")}
    (warning,) = export(recipe_of(sources=alone), "alignment-handbook").warnings
    assert "folder of its own" in warning


@modest
@given(st.integers(1, 10**7), st.data())
def test_no_fraction_loses_a_row(rows, data):
    from taskpgm_core.exports.trainers.alignment_handbook import fraction

    keep = data.draw(st.integers(1, rows))
    assert int(rows * fraction(keep, rows)) == keep
    assert fraction(keep, rows) <= 1


def test_megatron_bridge_weights_are_epochs():
    recipe = recipe_of(400)
    blend = settings_of(recipe, "megatron-bridge")["dataset"]
    assert set(blend) == {"source", "source_weights", "blend_seed"}
    assert blend["source_weights"] == pytest.approx([2.0, 2.4, 0.08])
    for portion, weight, source in zip(
        recipe.portions, blend["source_weights"], blend["source"], strict=True
    ):
        whole = int(weight)
        drawn = whole * portion.rows + math.ceil(portion.rows * (weight - whole))
        assert drawn == portion.count
        assert source == {
            "path_or_dataset": "json",
            "split": "train",
            "load_kwargs": {"data_files": portion.source.path},
        }
    assert export(recipe, "megatron-bridge", strict=True).realised == dict(
        zip(recipe.tasks, recipe.weights, strict=True)
    )


@modest
@given(st.integers(1, 10**6), st.integers(1, 10**7))
def test_no_weight_of_megatron_bridge_draws_a_row_too_many(rows, wanted):
    from taskpgm_core.exports.trainers.megatron_bridge import passes

    weight = passes(wanted, rows)
    whole = int(weight)
    assert whole * rows + math.ceil(rows * (weight - whole)) == wanted
    assert weight == pytest.approx(wanted / rows)


@pytest.mark.parametrize("to", ["axolotl", "alignment-handbook", "megatron-bridge"])
def test_parts_of_unknown_rows_cannot_be_written(to):
    with pytest.raises(ExportError, match="needs the rows of task 'a', which are unknown"):
        export(recipe_of(tasks=UNKNOWN, p=(0.5, 0.5)), to)


# Trainers that take whole numbers


def test_llama_factory_counts_are_exact():
    recipe = recipe_of(400)
    files = export(recipe, "llama-factory", strict=True).files
    info = json.loads(files["dataset_info.json"])
    chosen = yaml.safe_load(files["llama_factory.yaml"])
    assert chosen["dataset"].split(",") == list(info) == [file_name(t) for t in recipe.tasks]
    assert chosen["mix_strategy"] == "concat"
    assert chosen["streaming"] is False
    assert [entry["num_samples"] for entry in info.values()] == [200, 120, 80]
    for entry in info.values():
        assert set(entry) == {"file_name", "split", "num_samples", "columns"}
        assert entry["columns"] == {"prompt": "prompt", "response": "completion"}


def test_open_instruct_counts_are_integers_without_a_point():
    words = words_of(recipe_of(400), "open-instruct", "DATASET_MIXER_LIST")
    assert words[1::2] == ["200", "120", "80"]
    assert words[::2] == [portion.source.path for portion in recipe_of().portions]
    assert words_of(recipe_of(), "open-instruct", "DATASET_MIXER_LIST_SPLITS") == ["train"]
    mixed = {TASKS[0].id: Source("org/data", config="main", split="all")}
    splits = words_of(recipe_of(sources=mixed), "open-instruct", "DATASET_MIXER_LIST_SPLITS")
    assert splits == ["all", "train", "train"]  # one a source: twice as many are refused
    (warning,) = export(recipe_of(sources=mixed), "open-instruct").warnings
    assert "no dataset configuration" in warning


def test_ms_swift_counts_follow_the_hash():
    hub = {TASKS[0].id: Source("org/data", config="sub")}
    chosen = settings_of(recipe_of(400, sources=hub), "ms-swift")
    assert chosen["dataset"][0] == "org/data:sub#200"
    assert [name.rpartition("#")[2] for name in chosen["dataset"]] == ["200", "120", "80"]
    assert chosen["split_dataset_ratio"] == 0
    assert chosen["data_seed"] == 7


def test_oumi_counts_are_samples():
    recipe = recipe_of(400)
    train = settings_of(recipe, "oumi")["data"]["train"]
    assert [entry["sample_count"] for entry in train["datasets"]] == [200, 120, 80]
    for entry, portion in zip(train["datasets"], recipe.portions, strict=True):
        assert entry == {
            "dataset_name": "text_sft_jsonl",
            "dataset_path": portion.source.path,
            "split": "train",
            "sample_count": portion.count,
            "shuffle": True,
            "seed": 7,
        }
    parquet = {TASKS[0].id: Source("a.parquet")}
    assert "JSON lines" in export(recipe_of(sources=parquet), "oumi").warnings[0]


def test_mosaicml_streams_choose_whole_numbers():
    chosen = settings_of(recipe_of(400), "mosaicml-streaming")
    assert [set(stream) for stream in chosen["streams"].values()] == [{"local", "choose"}] * 3
    assert [stream["choose"] for stream in chosen["streams"].values()] == [200, 120, 80]
    assert chosen["shuffle"] is True


@pytest.mark.parametrize("budget", [121, 4001])
def test_mosaicml_streaming_reads_what_its_recipe_promises(pools, budget):
    streaming = pytest.importorskip("streaming", reason="mosaicml-streaming is not installed")
    recipe = recipe_of(budget)
    out = export(recipe, "mosaicml-streaming")
    chosen = yaml.safe_load(out.files["mosaicml_streaming.yaml"])
    for portion in recipe.portions:
        shards = portion.source.path.rpartition(".")[0] + "-mds"
        with streaming.MDSWriter(out=shards, columns={"task": "str"}) as writer:
            for line in Path(portion.source.path).read_text("utf-8").splitlines():
                writer.write({"task": json.loads(line)["task"]})
    mixed = streaming.StreamingDataset(
        streams=[streaming.Stream(**stream) for stream in chosen["streams"].values()],
        shuffle=chosen["shuffle"],
        shuffle_seed=chosen["shuffle_seed"],
        batch_size=1,
    )
    rows = Counter(row["task"] for row in mixed)
    assert sum(rows.values()) == budget
    assert out.realised == shares_of(rows, recipe)


@pytest.mark.parametrize(
    "to", ["llama-factory", "open-instruct", "ms-swift", "oumi", "mosaicml-streaming"]
)
def test_a_task_without_a_row_at_this_budget_is_left_out(to):
    recipe = recipe_of(3, p=(0.9, 0.09, 0.0, 0.01))
    assert recipe.counts == (3, 0, 0)
    out = export(recipe, to)
    assert file_name("-rf *") not in bodies(out)
    assert out.realised["-rf *"] == 0


# Trainers that take probabilities or shares


def test_openrlhf_probabilities_and_their_outcome(pools):
    for budget in (120, 400, 9000):
        recipe = recipe_of(budget)
        out = export(recipe, "openrlhf")
        words = words_of(recipe, "openrlhf", "DATA")
        value = dict(zip(words[::2], words[1::2], strict=True))
        probabilities = [float(p) for p in value["--data.dataset_probs"].split(",")]
        assert sum(probabilities) == 1
        assert probabilities == list(recipe.weights)
        assert value["--data.max_samples"] == str(budget)
        sources = [
            datasets.load_dataset("json", data_files=path, split=value["--data.dataset_split"])
            for path in value["--data.dataset"].split(",")
        ]
        mixed = datasets.interleave_datasets(
            [source.select(range(min(budget, len(source)))) for source in sources],
            probabilities=probabilities,
            seed=int(value["--train.seed"]),
            stopping_strategy="all_exhausted",
        )
        mixed = mixed.select(range(min(budget, len(mixed))))
        assert out.realised == shares_of(Counter(mixed["task"]), recipe)
        assert bool(out.warnings[len(recipe.warnings) :]) == (len(mixed) < budget)
    comma = {TASKS[0].id: Source("a,b.jsonl")}
    assert "cannot name" in export(recipe_of(sources=comma), "openrlhf").warnings[0]


@pytest.mark.parametrize("unit", ["rows", "tokens"])
def test_megatron_and_nemo_blend_tokens(unit):
    recipe = recipe_of(unit=unit)
    words = words_of(recipe, "megatron-lm", "DATA_PATH")
    assert json.loads(export(recipe, "nemo").files["nemo_paths.json"]) == words
    weights = [float(word) for word in words[::2]]
    assert sum(weights) == 1
    expected = [3.0 * 0.5, 10.0 * 0.3, 1.5 * 0.2] if unit == "rows" else [0.5, 0.3, 0.2]
    np.testing.assert_allclose(weights, np.array(expected) / sum(expected))
    for prefix in words[1::2]:
        assert prefix.endswith("/train_text_document")
        with pytest.raises(ValueError, match="could not convert"):
            float(prefix)


@pytest.mark.parametrize("unit", ["rows", "tokens"])
def test_olmo_core_shares_are_of_tokens(unit):
    recipe = recipe_of(400, unit=unit)
    chosen = settings_of(recipe, "olmo-core")
    assert chosen["requested_tokens"] == (200 * 3 + 120 * 10 + 120 if unit == "rows" else 400)
    sources = chosen["source_list"]["sources"]
    assert [source["source_name"] for source in sources] == list(recipe.tasks)
    assert sum(source["target_ratio"] for source in sources) == 1
    for source, portion in zip(sources, recipe.portions, strict=True):
        assert set(source) - {"max_repetition_ratio"} == {"source_name", "target_ratio", "paths"}
        assert source["target_ratio"] > 0
        needed = chosen["requested_tokens"] * source["target_ratio"]
        allowed = portion.rows * portion.mean_tokens * source.get("max_repetition_ratio", 1)
        assert needed <= allowed


@pytest.mark.parametrize("to", ["megatron-lm", "nemo", "olmo-core"])
def test_shares_of_tokens_need_the_length_of_rows(to):
    out = export(recipe_of(tasks=UNKNOWN, p=(0.5, 0.5)), to)
    assert out.realised == {"a": None, "b": None}
    assert "mean tokens of task 'a'" in out.warnings[0]


@pytest.mark.parametrize("to", ["datasets", "trl", "openrlhf"])
def test_unknown_rows_are_warned_about(to):
    out = export(recipe_of(tasks=UNKNOWN, p=(0.5, 0.5)), to)
    assert 'rows of task "a" are unknown' in out.warnings[0]


def test_row_shares_of_a_token_recipe_go_by_length():
    value = json.loads(export(recipe_of(unit="tokens"), "datasets").files["interleave.json"])
    rows = np.array([0.5 / 3, 0.3 / 10, 0.2 / 1.5])
    np.testing.assert_allclose(value["probabilities"], rows / rows.sum())


def test_printed_shares_lose_no_digit():
    p = np.random.default_rng(0).dirichlet(np.ones(4))
    recipe = recipe_of(p=p)
    words = words_of(recipe, "openrlhf", "DATA")
    printed = words[words.index("--data.dataset_probs") + 1].split(",")
    assert tuple(map(float, printed)) == recipe.weights
    assert abs(sum(map(Decimal, printed)) - 1) < Decimal("1e-15")
