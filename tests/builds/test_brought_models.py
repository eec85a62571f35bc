"""Studies with models trained elsewhere: beside clean ones, refused in time, and warned of."""

import copy
import json
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel
from tokenizers import Tokenizer

from taskpgm_core import store
from taskpgm_core.builds import dry_run, pipeline
from taskpgm_core.cli.main import main
from taskpgm_core.errors import MeasurementError, ModelError
from taskpgm_core.measure import Silence
from tests.support.brought import BASES, KINDS, save_adapter, save_base
from tests.support.tiny_model import TASKS, save_tiny, tiny_llama, tiny_plan, tiny_tokenizer

KINDS_BESIDE = {
    "biased llama": {
        "add-2-digit": ("biased llama", "bias all"),
        "reverse-letters": ("llama", "head saved"),
        "sort-animals": ("llama", "PiSSA"),
    },
    "tied llama": {
        "add-2-digit": ("tied llama", "LoRA on embeddings"),
        "reverse-letters": ("tied llama", "trainable tokens"),
        "sort-animals": ("tied llama", "OLoRA"),
    },
}
CLEAN = ("add-3-digit", "boolean")


def one_seed(base):
    """A brought model has no second seed."""
    return {**tiny_plan(base).training.model_dump(mode="json"), "second_seed": []}


def plan_with(base, adapters=(), **changes):
    """Five tasks in an order that has a clean one after each brought one."""
    names = ("add-2-digit", "add-3-digit", "sort-animals", "reverse-letters", "boolean")
    tasks = []
    for name in names:
        more = {"adapter": str(adapters[name])} if name in adapters else {}
        tasks.append({"source": f"generated:{name}", "rows": 24, **more})
    return tiny_plan(base, tasks=tasks, **changes)


def measurement(plan, root):
    prepared = pipeline.prepare(plan, root)
    _, result, _ = pipeline.measured(prepared, root, Silence())
    return prepared, result


@pytest.mark.parametrize("name", KINDS_BESIDE)
def test_clean_models_beside_brought_ones_keep_their_numbers_to_the_bit(tmp_path, name):
    base = save_base(name, tmp_path / "base")
    adapters = {}
    for task, kind in KINDS_BESIDE[name].items():
        adapters[task] = tmp_path / task
        save_adapter(BASES[name](), KINDS[kind], adapters[task])
    seeds = one_seed(base)
    _, alone = measurement(plan_with(base, training=seeds), tmp_path / "alone")
    prepared, beside = measurement(plan_with(base, adapters, training=seeds), tmp_path / "beside")
    order = [task.id for task in prepared.tasks]
    rows = [*(order.index(task) for task in CLEAN), len(order)]
    assert np.array_equal(alone.gold[rows], beside.gold[rows])
    assert np.array_equal(alone.base[rows[:-1]], beside.base[rows[:-1]])
    pairs = list(zip(*np.triu_indices(len(order), 1), strict=True))
    pair = pairs.index((rows[0], rows[1]))
    assert np.array_equal(alone.divergence[pair], beside.divergence[pair])
    others = [k for k in range(len(order)) if k not in rows]
    assert not np.isclose(alone.base[others], beside.base[others]).all()
    for task, folder in adapters.items():  # the right head, by peft's model in float64
        expected = divergence_by_peft(prepared, folder, merged=kind_merges(name, task))
        found = beside.base[order.index(task)]
        np.testing.assert_allclose(found, expected, atol=2e-5)


def kind_merges(name, task):
    """Whether peft's merged model is the trained one; not so for LoRA on tied embeddings."""
    return KINDS_BESIDE[name][task][1] != "LoRA on embeddings"


def divergence_by_peft(prepared, folder, merged):
    base = prepared.base.model
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = PeftModel.from_pretrained(copy.deepcopy(base), str(folder))
        model = (model.merge_and_unload() if merged else model).eval()
    found = np.empty(prepared.pool.positions)
    for batch in prepared.pool.batches(4):
        ids = torch.from_numpy(batch.ids)
        with torch.inference_mode():
            p, q = (
                torch.softmax(m(input_ids=ids).logits[batch.rows, batch.columns].double(), -1)
                for m in (model, base)
            )
        m = (p + q) / 2
        jsd = (p * (p / m).log() + q * (q / m).log()).sum(-1) / 2
        found[batch.places] = jsd.numpy()
    return found


@pytest.fixture
def plain(tiny_base, tmp_path) -> Path:
    """An adapter of the tiny base that names it."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_base)
    save_adapter(model, lambda: LoraConfig(r=2, target_modules=["q_proj"]), tmp_path / "plain")
    return tmp_path / "plain"


def change(folder, **settings):
    file = folder / "adapter_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **settings}))
    return folder


def prepared_with(base, tmp_path, **model):
    first = {"source": "generated:add-2-digit", "rows": 24, **{k: str(v) for k, v in model.items()}}
    rest = [{"source": f"generated:{name}", "rows": 24} for name in TASKS[1:]]
    plan = tiny_plan(base, tasks=[first, *rest], training=one_seed(base))
    return pipeline.prepare(plan, tmp_path / "cache")


def test_an_adapter_that_names_this_base_is_taken_without_a_word(tiny_base, plain, tmp_path):
    assert prepared_with(tiny_base, tmp_path, adapter=plain).warnings == ()


def test_an_adapter_of_other_weights_of_the_same_shape_is_refused(tiny_base, plain, tmp_path):
    other = save_tiny(tmp_path / "other", seed=9)
    change(plain, base_model_name_or_path=str(other))
    with pytest.raises(ModelError, match=r"plain of task 'add-2-digit' was trained for .*other"):
        prepared_with(tiny_base, tmp_path, adapter=plain)
    same = save_tiny(tmp_path / "same")  # another folder, the same weights
    change(plain, base_model_name_or_path=str(same))
    assert prepared_with(tiny_base, tmp_path, adapter=plain).warnings == ()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"base_model_name_or_path": "owner/elsewhere"}, "name the base model owner/elsewhere,"),
        (
            {"base_model_name_or_path": "owner/it", "revision": "v2"},
            "name the base model owner/it at revision v2,",
        ),
        ({"base_model_name_or_path": None}, "name no base model"),
    ],
)
def test_a_base_that_is_not_at_hand_is_a_warning_kept_with_the_study(
    tiny_base, plain, cache, capsys, settings, words
):
    change(plain, **settings)
    first = {"source": "generated:add-2-digit", "rows": 24, "adapter": str(plain)}
    rest = [{"source": f"generated:{name}", "rows": 24} for name in TASKS[1:]]
    seeds = one_seed(tiny_base)
    plan = tiny_plan(tiny_base, tasks=[first, *rest], training=seeds)
    assert words in dry_run.preview(plan).warnings[0]
    study, _ = pipeline.build(plan, progress=Silence())
    (warning,) = study.facts["warnings"]
    assert warning.startswith("The brought models of task add-2-digit ")
    assert words in warning
    assert main(["show", "tiny"]) == 0
    assert warning in " ".join(capsys.readouterr().err.split())


def test_another_adapter_in_the_same_folder_is_another_study(tiny_base, plain, tmp_path):
    first = prepared_with(tiny_base, tmp_path, adapter=plain).digest
    assert prepared_with(tiny_base, tmp_path, adapter=plain).digest == first
    change(plain, lora_alpha=16)
    assert prepared_with(tiny_base, tmp_path, adapter=plain).digest != first


def swapped(folder, one="a", other="b"):
    """The tiny tokenizer with two tokens exchanged."""
    tiny_tokenizer().save_pretrained(folder)
    rules = json.loads((folder / "tokenizer.json").read_text())
    words = rules["model"]["vocab"]
    words[one], words[other] = words[other], words[one]
    Tokenizer.from_str(json.dumps(rules)).save(str(folder / "tokenizer.json"))


def test_a_checkpoint_with_other_tokens_is_refused_by_its_name(tiny_base, tmp_path):
    folder = tmp_path / "checkpoint"
    tiny_llama(seed=3).save_pretrained(folder)
    (words,) = prepared_with(tiny_base, tmp_path, checkpoint=folder).warnings
    assert "have no tokenizer files" in words
    tiny_tokenizer().save_pretrained(folder)
    assert prepared_with(tiny_base, tmp_path, checkpoint=folder).warnings == ()
    swapped(folder)
    with pytest.raises(ModelError, match=r"checkpoint .*checkpoint of task .* reads other tokens"):
        prepared_with(tiny_base, tmp_path, checkpoint=folder)


def test_an_adapter_with_other_or_added_tokens_is_refused_or_warned_of(tiny_base, plain, tmp_path):
    tokenizer = tiny_tokenizer()
    tokenizer.add_tokens(["<pad>"])
    tokenizer.save_pretrained(plain)
    (words,) = prepared_with(tiny_base, tmp_path, adapter=plain).warnings
    assert "tokens that the base model lacks ('<pad>')" in words
    swapped(plain)
    with pytest.raises(ModelError, match="reads other tokens"):
        prepared_with(tiny_base, tmp_path, adapter=plain)


def test_checkpoints_that_are_none_are_refused(tiny_base, plain, tmp_path):
    folder = save_tiny(tmp_path / "checkpoint", seed=3)
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"lm_head.weight": "model-2-of-2.safetensors"}})
    )
    with pytest.raises(ModelError, match=r"lacks model-2-of-2\.safetensors"):
        prepared_with(tiny_base, tmp_path, checkpoint=folder)
    (folder / "model.safetensors.index.json").unlink()
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="holds an adapter; write `adapter:"):
        prepared_with(tiny_base, tmp_path, checkpoint=folder)


def test_weights_that_a_file_does_not_hold_are_not_made_up(tmp_path):
    from safetensors.torch import load_file, save_file

    folder = save_tiny(tmp_path / "base")
    whole = load_file(folder / "model.safetensors")
    lacking = {k: v for k, v in whole.items() if k != "lm_head.weight"}
    save_file(lacking, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"hold no 'lm_head\.weight'"):
        prepared_with(folder, tmp_path)


def test_nothing_is_trained_before_every_brought_model_was_looked_at(tiny_base, plain, cache):
    change(plain, peft_type="PROMPT_TUNING")
    last = {"source": "generated:reverse-letters", "rows": 24, "adapter": str(plain)}
    tasks = [*({"source": f"generated:{name}", "rows": 24} for name in TASKS[:3]), last]
    plan = tiny_plan(tiny_base, tasks=tasks)
    for run in (dry_run.preview, lambda plan: pipeline.build(plan, progress=Silence())):
        with pytest.raises(ModelError, match=f"{re.escape(str(plain))} cannot be measured"):
            run(plan)
    assert not list(cache.glob(".units/*/*/*"))
    assert store.list_studies() == ([], [])


def test_memory_that_runs_out_in_comparing_is_said_to_be_that(tiny_base, cache, monkeypatch):
    from taskpgm_core.measure import jsd

    tiles = []

    def full(hidden, heads, pairs, device, tile):
        tiles.append(tile)
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(jsd, "in_turn", full)
    with pytest.raises(MeasurementError, match="too little memory to compare"):
        pipeline.build(tiny_plan(tiny_base), progress=Silence())
    assert len(tiles) == 1
    with pytest.raises(torch.OutOfMemoryError):
        jsd.all_pairs([np.zeros((1, 2), np.float32)], [], [(0, 0)], tile=jsd.GPU_TILE)
    assert tiles[1:] == [jsd.GPU_TILE, jsd.GPU_TILE // 4, jsd.GPU_TILE // 16, jsd.TILE]
