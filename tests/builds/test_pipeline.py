"""From a plan to a study, with a tiny real model: what is stored, what stops a build, and when."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from taskpgm_core import errors, measure, store
from taskpgm_core.analysis.question import study_kernel
from taskpgm_core.analysis.replicates import drawn_again, replicates
from taskpgm_core.builds import dry_run, pipeline
from taskpgm_core.builds.material import gather
from taskpgm_core.errors import MeasurementError, ModelError, SourceError
from taskpgm_core.measure import Silence
from taskpgm_core.plans.plan import Plan, renamed
from taskpgm_core.tasks.text_distance import text_distances
from tests.support.tiny_model import TASKS, save_tiny, tiny_plan


class Heard(Silence):
    """A progress that remembers what it was told."""

    def __init__(self) -> None:
        self.sentences, self.measured, self.reused = [], 0, 0

    def say(self, sentence):
        self.sentences.append(sentence)

    def advance(self, stage, work, *, reused=False):
        self.measured, self.reused = self.measured + (not reused), self.reused + reused


def build(plan: Plan, **options):
    return pipeline.build(plan, progress=options.pop("progress", Silence()), **options)


def arrays_of(study) -> dict[str, bytes]:
    files = json.loads((Path(study.folder) / "manifest.json").read_text())["files"]
    return {name: (Path(study.folder) / name).read_bytes() for name in files}


def jsonl(path: Path, rows) -> str:
    path.write_text("".join(json.dumps({"prompt": p, "completion": c}) + "\n" for p, c in rows))
    return f"jsonl:{path.name}"


# What a build stores


def test_everything_measured_is_stored_and_consistent(tiny_study):
    n = len(TASKS)
    assert tiny_study.names == TASKS
    assert store.verify(tiny_study.folder).absent == ()
    pool, tokens = store.probe_pool(tiny_study), store.token_divergences(tiny_study)
    positions = int(pool.tokens.sum())
    assert tokens.shape == (n * (n - 1) // 2, positions)
    D = store.similarity(tiny_study, "jsd").divergence
    assert (np.diagonal(D) == 0).all()
    assert ((D >= 0) & (np.log(2) >= D)).all()
    # tasks weigh the same, and so do the examples of a task and the tokens of an example
    example = 1 / (n * np.bincount(pool.task)[pool.task] * pool.tokens)
    weights = np.repeat(example, pool.tokens)
    mean = tokens.astype(float) @ weights
    np.testing.assert_allclose(D[np.triu_indices(n, 1)], mean, rtol=2e-3)
    examples = store.pair_divergences(tiny_study)
    np.testing.assert_allclose(examples.of(0, 1).astype(float).mean(), D[0, 1], rtol=5e-4)
    gold = store.gold_log_probabilities(tiny_study)
    assert gold.shape == (n + 1, positions)
    losses = store.losses(tiny_study)
    second = store.second_gold(tiny_study)
    assert [TASKS[k] for k in second.tasks] == ["add-2-digit"]
    own = [-gold[k].astype(float) @ weights for k in range(n + 1)]
    own[0] = (own[0] - second.log_probability[0].astype(float) @ weights) / 2
    np.testing.assert_allclose(losses.per_token.mean(axis=1), own, rtol=1e-4)
    assert store.likely_tokens(tiny_study).ids.shape == (n + 1, positions, 3)
    assert (store.base_divergence(tiny_study) > 0).all()
    curves = store.training_curves(tiny_study)
    assert set(zip(curves["task"], curves["replicate"], strict=True)) == {
        *((name, 0) for name in TASKS),
        ("add-2-digit", 1),
    }
    texts = store.probe_text(tiny_study)
    assert texts is not None
    assert len(texts) == len(pool.task)


def test_words_are_compared_by_every_build(tiny_study, tiny_base, cache):
    assert tiny_study.measures == ("jsd", "pmi", "pmi-token", "text", "gold")
    material = gather(tiny_plan(tiny_base))
    found = text_distances({t: material.training(t) for t in TASKS}, seed=0)
    np.testing.assert_array_equal(store.similarity(tiny_study, "text").divergence, found.divergence)
    noise = store.noise(tiny_study, "text")
    assert (noise.tasks, noise.divergence.tolist()) == (TASKS, found.noise.tolist())
    seen = study_kernel(tiny_study, store.similarity(tiny_study, "text"), "auto")
    assert seen.distances.median_noise == np.median(found.noise)


def test_without_what_compares_words_nothing_is_measured(tiny_base, cache, monkeypatch):
    monkeypatch.setattr(errors, "CHECKOUT", False)
    for there, extra in ({"torch": True}, "text"), ({}, "measure"):
        monkeypatch.setattr("taskpgm_core.builds.material.find_spec", there.get)
        named = rf"scikit-learn is not installed; run: pip install 'taskpgm\[{extra}\]'"
        for begun in (build, dry_run.preview):
            with pytest.raises(SourceError, match=named):
                begun(tiny_plan(tiny_base))
    assert not (cache / ".units").exists()


def test_every_replicate_takes_part(tiny_study):
    """The first task has two models, so its pairs are means of two, its PMI of two tables."""
    D = store.similarity(tiny_study, "jsd").divergence
    kept = store.replicate_divergences(tiny_study).astype(float)
    assert (~np.isnan(kept)).all(axis=2).sum(axis=1).tolist() == [2, 2, 2, 1, 1, 1]
    means = np.nanmean(kept, axis=1).mean(axis=1)
    np.testing.assert_allclose(means, D[np.triu_indices(len(TASKS), 1)], rtol=2e-3)
    pool, second = store.probe_pool(tiny_study), store.second_gold(tiny_study)
    gold = store.gold_log_probabilities(tiny_study).astype(float)[:-1]
    S = []
    for first in (gold[0], second.log_probability[0].astype(float)):
        models = np.vstack([first, gold[1:]])
        examples = -np.add.reduceat(models, pool.first, axis=1)
        losses = np.array(
            [[row[pool.task == k].mean() for k in range(len(TASKS))] for row in examples]
        )
        S.append(measure.pmi(losses))
    np.testing.assert_allclose(
        store.similarity(tiny_study, "pmi").matrix, np.mean(S, axis=0), rtol=1e-5, atol=1e-7
    )
    assert drawn_again(tiny_study) == (
        "if the test examples and the training seeds of 1 of the 4 tasks were drawn again"
    )
    assert replicates(tiny_study, "jsd", draws=3).shape == (3, 4, 4)


def test_training_noise_and_batch_noise_are_kept(tiny_study):
    noise = store.noise(tiny_study)
    assert noise.tasks == ("add-2-digit",)
    assert noise.divergence[0] > 0
    assert noise.batch is not None
    assert 0 <= noise.batch < noise.floor
    assert noise.floor == noise.divergence[0]


def test_divergences_equal_those_of_two_full_softmaxes(tiny_study, tiny_base):
    """The obvious way: load the two adapters with peft, take both log-softmaxes, in float64."""
    plan = tiny_plan(tiny_base)
    root = Path(tiny_study.folder).parent
    prepared = pipeline.prepare(plan, root)
    engine = pipeline.engine_for(prepared, root, Silence())
    batch = engine.agenda.batches[0]
    ids = torch.from_numpy(batch.ids)
    log_probability = []
    for k in (1, 2):  # one model each
        adapter = engine._found(engine.agenda.models[k])
        with measure.applied(prepared.base, adapter, TASKS[k]), torch.inference_mode():
            logits = prepared.base.model(input_ids=ids).logits[batch.rows, batch.columns]
            log_probability.append(torch.log_softmax(logits.double(), -1))
    p, q = (x.exp() for x in log_probability)
    m = torch.log((p + q) / 2)
    expected = ((p * (log_probability[0] - m)).sum(-1) + (q * (log_probability[1] - m)).sum(-1)) / 2
    pair = [(i, j) for i in range(4) for j in range(i + 1, 4)].index((1, 2))
    found = store.token_divergences(tiny_study)[pair, batch.places]
    np.testing.assert_allclose(found.astype(float), expected.numpy(), rtol=2e-3, atol=1e-6)


def test_the_same_plan_gives_the_same_bytes_and_a_second_build_says_complete(
    tiny_study, tiny_base, tmp_path
):
    study, now = build(tiny_plan(tiny_base))
    assert not now
    assert study.content == tiny_study.content
    fresh, now = build(tiny_plan(tiny_base), root=tmp_path / "elsewhere")
    assert now
    assert arrays_of(fresh) == arrays_of(tiny_study)


def test_rebuild_measures_again_and_replaces(tiny_study, tiny_base):
    heard = Heard()
    study, now = build(tiny_plan(tiny_base), rebuild=True, progress=heard)
    assert now
    assert heard.measured > 0
    assert heard.reused == 0
    assert arrays_of(study) == arrays_of(tiny_study)
    assert [s.slug for s in store.list_studies()[0]] == ["tiny"]


def test_a_stopped_rebuild_goes_on_where_it_was(tiny_study, tiny_base):
    class Stop(Heard):
        def finish(self, stage):
            if stage == "score":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(tiny_plan(tiny_base), rebuild=True, progress=Stop())
    assert store.open_study("tiny").content == tiny_study.content
    heard = Heard()
    build(tiny_plan(tiny_base), rebuild=True, progress=heard)
    assert heard.reused == 2  # the first model's training and its first batch
    heard = Heard()
    build(tiny_plan(tiny_base), rebuild=True, progress=heard)
    assert heard.reused == 0


def test_another_slug_is_assembled_from_the_same_units(tiny_study, tiny_base):
    heard = Heard()
    study, now = build(renamed(tiny_plan(tiny_base), "again"), progress=heard)
    assert now
    assert heard.measured == 0
    assert study.digest == tiny_study.digest
    assert arrays_of(study) == arrays_of(tiny_study)


def test_dropped_rows_are_counted_and_said(cache, tiny_base):
    plan = tiny_plan(tiny_base, tasks=[f"generated:{n}" for n in ("add-2-digit", "table-lookup")])
    training = {**plan.training.model_dump(), "second_seed": [], "max_tokens": 100}
    heard = Heard()
    study, _ = build(
        plan.model_copy(update={"training": type(plan.training)(**training)}), progress=heard
    )
    dropped = study.tasks[1].rows_dropped
    assert dropped > 0
    assert study.tasks[0].rows_dropped == 0
    assert any(f"table-lookup: {dropped} rows" in s for s in heard.sentences)


# What stops a build


@pytest.mark.parametrize("end", ["", " ", "\n"])
def test_a_probe_example_in_the_training_rows_stops_a_build(cache, tiny_base, tmp_path, end):
    rows = [(f"What is {k} + 1?", str(k + 1)) for k in range(12)]
    others = [(prompt + end, completion) for prompt, completion in rows]
    plan = tiny_plan(
        tiny_base,
        folders={"jsonl": str(tmp_path)},
        tasks=[jsonl(tmp_path / "a.jsonl", rows), jsonl(tmp_path / "b.jsonl", others)],
        training={"steps": 1},
    )
    with pytest.raises(SourceError, match="is a probe example of task"):
        build(plan)
    assert not store.list_studies()[0]


def test_a_model_that_does_not_repeat_itself_stops_a_build(cache, tiny_base, monkeypatch):
    from taskpgm_core.measure import worker

    original = worker.Worker.drift

    def moved(self, batch, hidden):
        return original(self, batch, hidden + np.float32(0.05))

    monkeypatch.setattr(worker.Worker, "drift", moved)
    with pytest.raises(MeasurementError, match=r"differs from itself \(D = .*must\s+be 0"):
        build(tiny_plan(tiny_base))
    assert not store.list_studies()[0]


def test_a_divergence_that_cannot_be_stops_a_build(cache, tiny_base, monkeypatch):
    from taskpgm_core.measure import worker

    original = worker.Worker.compare
    for wrong in (0.7, np.nan):

        def bad(self, hidden, checkpoints, pairs, wrong=wrong):
            D = original(self, hidden, checkpoints, pairs)
            if len(pairs) > 1:
                D[0, 0] = wrong
            return D

        monkeypatch.setattr(worker.Worker, "compare", bad)
        shutil.rmtree(cache / ".units" / "compare", ignore_errors=True)
        with pytest.raises(MeasurementError, match=r"'add-2-digit' and .*outside \[0, ln 2\]"):
            build(tiny_plan(tiny_base))
        assert not store.list_studies()[0]


def test_a_number_that_is_not_finite_stops_a_build(cache, tiny_base, monkeypatch):
    from taskpgm_core.measure import worker

    original = worker.score

    def bad(base, batch, top):
        arrays = original(base, batch, top)
        arrays["gold"][0] = np.inf
        return arrays

    monkeypatch.setattr(worker, "score", bad)
    with pytest.raises(MeasurementError, match="not finite"):
        build(tiny_plan(tiny_base))


def test_a_probe_example_longer_than_the_context_stops_a_build(cache, tmp_path):
    base = save_tiny(tmp_path / "short", context=16)
    with pytest.raises((MeasurementError, SourceError), match=r"context of 16|longer than"):
        build(tiny_plan(base))


# Models that were trained elsewhere


@pytest.fixture
def brought(tiny_study, tiny_base, tmp_path) -> Path:
    """The adapter of the second task, as peft saves it."""
    from peft import LoraConfig, get_peft_model, set_peft_model_state_dict
    from transformers import AutoModelForCausalLM

    root = Path(tiny_study.folder).parent
    prepared = pipeline.prepare(tiny_plan(tiny_base), root)
    engine = pipeline.engine_for(prepared, root, Silence())
    adapter = engine._found(engine.agenda.models[1])
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(tiny_base), LoraConfig(**adapter.config)
    )
    set_peft_model_state_dict(
        model, {k: torch.from_numpy(np.array(v)) for k, v in adapter.weights.items()}
    )
    model.save_pretrained(tmp_path / "adapter")
    model.merge_and_unload().save_pretrained(tmp_path / "checkpoint")
    prepared.base.tokenizer.save_pretrained(tmp_path / "checkpoint")
    return tmp_path


def with_model(tiny_base, **model) -> Plan:
    tasks = [{"source": f"generated:{name}", "rows": 24} for name in TASKS]
    tasks[1] |= model
    return tiny_plan(tiny_base, tasks=tasks)


@pytest.mark.parametrize("kind", ["adapter", "checkpoint"])
def test_brought_models_measure_like_those_trained_here(tiny_study, tiny_base, brought, kind):
    study, now = build(renamed(with_model(tiny_base, **{kind: str(brought / kind)}), kind))
    assert now
    D, expected = (store.similarity(s, "jsd").matrix for s in (study, tiny_study))
    np.testing.assert_allclose(D, expected, atol=1e-5)
    assert set(store.training_curves(study).query("replicate == 0")["task"]) == {*TASKS} - {
        TASKS[1]
    }


def test_an_adapter_that_changes_nothing_stops_a_build(tiny_study, tiny_base, brought):
    weights = load_file(brought / "adapter" / "adapter_model.safetensors")
    zero = {k: np.zeros_like(v) if "lora_B" in k else v for k, v in weights.items()}
    save_file(zero, brought / "adapter" / "adapter_model.safetensors")
    with pytest.raises(MeasurementError, match="'add-3-digit' answers exactly like the base"):
        build(renamed(with_model(tiny_base, adapter=str(brought / "adapter")), "zero"))


def test_an_adapter_of_another_base_is_refused(tiny_study, brought, tmp_path):
    other = save_tiny(tmp_path / "other", hidden=48)
    with pytest.raises(ModelError, match="trained for another base model"):
        build(with_model(other, adapter=str(brought / "adapter")))


def test_a_checkpoint_of_another_vocabulary_is_refused(tiny_base, cache, tmp_path):
    folder = save_tiny(tmp_path / "other")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": 512}))
    with pytest.raises(ModelError, match="vocabulary of 512 tokens"):
        build(with_model(tiny_base, checkpoint=str(folder)))


# Memory


def test_a_full_gpu_halves_the_batches_of_all_models_and_says_so(
    tiny_study, tiny_base, tmp_path, monkeypatch
):
    from taskpgm_core.measure import worker

    original, calls = worker.score, []

    def small(base, batch, top):
        calls.append(len(batch.ids))
        if len(batch.ids) > 2 and len(calls) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return original(base, batch, top)

    monkeypatch.setattr(worker, "score", small)
    heard = Heard()
    study, _ = build(tiny_plan(tiny_base), root=tmp_path / "gpu", progress=heard)
    assert heard.sentences == [
        "Memory ran out with 5 probe examples a batch; going on with 2 for all models."
    ]
    assert study.facts["probe_batch"] == 2
    assert tiny_study.facts["probe_batch"] == 5
    D, expected = (store.similarity(s, "jsd").matrix for s in (study, tiny_study))
    np.testing.assert_allclose(D, expected, atol=1e-6)


def test_a_gpu_too_small_for_one_example_is_a_sentence(cache, tiny_base, monkeypatch):
    from taskpgm_core.measure import worker

    def full(base, batch, top):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(worker, "score", full)
    with pytest.raises(MeasurementError, match="too little memory for one probe example"):
        build(tiny_plan(tiny_base))


def test_a_gpu_too_small_for_training_takes_fewer_rows_at_a_time(
    tiny_study, tiny_base, tmp_path, monkeypatch
):
    from taskpgm_core.measure import finetuning as training

    original = training.completion_loss

    def small(base, examples, packed=False):
        if len(examples) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return original(base, examples, packed)

    monkeypatch.setattr(training, "completion_loss", small)
    heard = Heard()
    study, _ = build(tiny_plan(tiny_base), root=tmp_path / "gpu", progress=heard)
    assert study.facts["training_rows_at_once"] == 2
    assert tiny_study.facts["training_rows_at_once"] == 4
    assert heard.sentences[0].startswith("Memory ran out in training the model of task")
    assert heard.sentences[0].endswith("went through the model 2 rows at a time.")
    losses, expected = (store.training_curves(s)["loss"] for s in (study, tiny_study))
    np.testing.assert_allclose(losses, expected, rtol=1e-4)


def test_a_damaged_unit_is_named_and_measured_again(tiny_study, tiny_base, cache):
    unit = sorted((cache / ".units" / "score").glob("*/*"))[0]
    whole = unit.read_bytes()
    unit.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    heard = Heard()
    study, _ = build(renamed(tiny_plan(tiny_base), "again"), progress=heard)
    assert any(f"{unit.name} is damaged; it is measured again" in s for s in heard.sentences)
    assert unit.read_bytes() == whole
    assert arrays_of(study) == arrays_of(tiny_study)
