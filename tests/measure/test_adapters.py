"""Adapters of every kind that peft merges: peft's own logits, and a base that keeps its bits."""

import copy
import json
import warnings

import numpy as np
import pytest
import torch
from peft import LoraConfig, PeftModel, PrefixTuningConfig, PromptTuningConfig
from safetensors.torch import load_file, save_file

from taskpgm_core.errors import MeasurementError, ModelError
from taskpgm_core.measure import applied, find_weights, load_base
from taskpgm_core.measure.adapters import check_fit, has_own_head, read_adapter
from taskpgm_core.measure.lm_head import head_of
from taskpgm_core.measure.loan import checksums, tensors_of
from tests.support.brought import BASES, KINDS, save_adapter, save_base

IDS = torch.arange(3, 40)[None]
UNTIED = {"LoRA on embeddings", "LoRA on embeddings, tied", "LoRA on the head"}
"""Kinds on tied weights that peft's merging makes another model of than was trained."""


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    """Every base model as this program loads it, by its name and dtype."""
    known = {}

    def loaded(name, dtype="float32"):
        if (name, dtype) not in known:
            folder = save_base(name, tmp_path_factory.mktemp("base"))
            known[name, dtype] = load_base(
                find_weights(str(folder)), dtype=dtype, models=folder, device="cpu"
            )
        return known[name, dtype]

    return loaded


def bits(base):
    return {name: t.detach().clone() for name, t in tensors_of(base.model).items()}


def same_bits(base, before):
    after = tensors_of(base.model)
    assert after.keys() == before.keys()
    return all(torch.equal(after[name], value) for name, value in before.items())


def logits(model):
    with torch.inference_mode():
        return model(input_ids=IDS).logits.float()


def by_peft(base, folder):
    """The logits of peft's own merged model, over a copy of the base."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = PeftModel.from_pretrained(copy.deepcopy(base.model), str(folder))
        return logits(model.merge_and_unload().eval())


def measured(base, folder):
    """Logits as a comparison makes them: hidden states under the adapter, then the right head."""
    adapter = read_adapter(str(folder))
    own = has_own_head(base, adapter)
    with applied(base, adapter, "t"), torch.inference_mode():
        hidden = base.body(IDS)
        head = head_of(base.model)
    with torch.inference_mode():
        return (head if own else head_of(base.model))(hidden)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("name", "kind"), KINDS, ids=lambda word: word.replace(" ", "-"))
def test_what_peft_merges_is_measured_as_peft_merges_it(bases, tmp_path, name, kind, dtype):
    base = bases(name, dtype)
    before, plain = bits(base), logits(base.model)
    trained = save_adapter(copy.deepcopy(base.model), KINDS[name, kind], tmp_path)
    check_fit(base, str(tmp_path), "t")
    found = measured(base, tmp_path)
    if name.startswith("tied") and kind in UNTIED:  # as it was trained
        assert not torch.allclose(by_peft(base, tmp_path), logits(trained), atol=0.5)
        assert torch.allclose(found, logits(trained), atol=1e-4 if dtype == "float32" else 0.2)
    else:
        assert torch.equal(found, by_peft(base, tmp_path))
    assert not torch.allclose(found, plain, atol=0.02)
    assert same_bits(base, before)
    assert torch.equal(logits(base.model), plain)
    assert base.model.config.tie_word_embeddings == BASES[name]().config.tie_word_embeddings
    assert not any(p.requires_grad for p in base.model.parameters())
    assert not hasattr(base.model, "peft_config")


@pytest.mark.parametrize("start", ["pissa", "olora"])
def test_a_converted_adapter_is_measured_as_the_trained_model(bases, tmp_path, start):
    base = bases("llama")
    config = LoraConfig(r=4, target_modules=["q_proj"], init_lora_weights=start)
    torch.manual_seed(0)
    from peft import get_peft_model

    model = get_peft_model(copy.deepcopy(base.model), config)
    model.peft_config["default"].init_lora_weights = True  # as peft documents it
    model.save_pretrained(tmp_path / "start")
    model.peft_config["default"].init_lora_weights = start
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.05 * torch.randn_like(parameter))
    trained = logits(model.eval())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft's on a second adapter in the same model
        model.save_pretrained(
            tmp_path / "plain", path_initial_model_for_weight_conversion=str(tmp_path / "start")
        )
    assert torch.allclose(measured(base, tmp_path / "plain"), trained, atol=1e-4)


REFUSED = {
    "aLoRA": (
        LoraConfig(
            r=2, target_modules=["q_proj"], alora_invocation_tokens=[3, 4], task_type="CAUSAL_LM"
        ),
        "it is an aLoRA",
    ),
    "prompt tuning": (
        PromptTuningConfig(num_virtual_tokens=2, task_type="CAUSAL_LM"),
        "PROMPT_TUNING, which puts virtual tokens",
    ),
    "prefix tuning": (
        PrefixTuningConfig(num_virtual_tokens=2, task_type="CAUSAL_LM"),
        "PREFIX_TUNING, which puts virtual tokens",
    ),
    "a random decomposition": (
        LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights="pissa_niter_4"),
        "random numbers off the base model's weights",
    ),
    "a bias that no layer has": (
        LoraConfig(r=2, target_modules=["q_proj"], lora_bias=True),
        "peft does not merge it: .*the base layer has no bias",
    ),
    "QALoRA": (
        LoraConfig(r=2, target_modules=["q_proj"], use_qalora=True, qalora_group_size=16),
        "'use_qalora' is not among those",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_measured_is_refused_without_its_weights(bases, tmp_path, what):
    base, (config, words) = bases("llama"), REFUSED[what]
    before = bits(base)
    save_adapter(copy.deepcopy(base.model), lambda: copy.deepcopy(config), tmp_path)
    with pytest.raises(ModelError, match=words):
        check_fit(base, str(tmp_path), "t")
    assert same_bits(base, before)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"peft_type": "XLORA"}, "of the kind XLORA; measured are LORA"),
        ({"task_type": "SEQ_CLS"}, "the task type SEQ_CLS"),
        ({"new_in_peft_99": {"x": 1}}, "does not know its setting 'new_in_peft_99'"),
        ({"layer_replication": [[0, 2], [1, 2]]}, "replicates layers"),
        ({"init_lora_weights": "loftq"}, "'loftq' changed the base model's weights"),
        ({"init_lora_weights": "corda"}, "'corda' changed the base model's weights"),
        ({"target_modules": ["no_such_layer"]}, "does not fit the base model"),
        ({"r": 8}, r"another base model: '.*lora_A.*' is .*\[4, 32\].*not .*\[8, 32\]"),
    ],
)
def test_a_configuration_that_cannot_be_measured_is_refused(bases, tmp_path, change, words):
    base = bases("llama")
    save_adapter(copy.deepcopy(base.model), KINDS["llama", "plain"], tmp_path)
    file = tmp_path / "adapter_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(ModelError, match=words):
        check_fit(base, str(tmp_path), "t")


def test_tensors_that_lack_or_are_too_many_are_refused(bases, tmp_path):
    base = bases("llama")
    save_adapter(copy.deepcopy(base.model), KINDS["llama", "head saved"], tmp_path)
    file = tmp_path / "adapter_model.safetensors"
    whole = load_file(file)
    for key in ("base_model.model.lm_head.weight", next(k for k in whole if "lora_B" in k)):
        save_file({k: v for k, v in whole.items() if k != key}, file)
        with pytest.raises(ModelError, match="another base model"):
            check_fit(base, str(tmp_path), "t")
    save_file({**whole, "base_model.model.model.layers.9.x.lora_A.weight": torch.ones(2)}, file)
    with pytest.raises(ModelError, match=r"layers\.9.*no counterpart"):
        check_fit(base, str(tmp_path), "t")
    head = "base_model.model.lm_head.weight"
    save_file({**whole, head: torch.ones(310, 32)}, file)
    with pytest.raises(ModelError, match=r"lm_head.*\[310, 32\], not .*\[304, 32\]"):
        check_fit(base, str(tmp_path), "t")


def test_a_digest_covers_all_of_the_configuration_and_every_tensor(bases, tmp_path):
    save_adapter(copy.deepcopy(bases("llama").model), KINDS["llama", "rslora"], tmp_path)
    first = read_adapter(str(tmp_path))
    config = {**first.config, "use_rslora": False}
    assert type(first)(config, first.weights).digest != first.digest
    for key, value in first.weights.items():
        moved = value.copy()
        moved.flat[-1] = np.nextafter(moved.flat[-1], np.inf)
        assert type(first)(first.config, {**first.weights, key: moved}).digest != first.digest
    assert read_adapter(str(tmp_path)).digest == first.digest


def test_a_half_precision_adapter_is_read_exactly(bases, tmp_path):
    base = bases("llama")
    save_adapter(copy.deepcopy(base.model), KINDS["llama", "plain"], tmp_path)
    file = tmp_path / "adapter_model.safetensors"
    half = {k: v.bfloat16() for k, v in load_file(file).items()}
    save_file(half, file)
    for key, value in read_adapter(str(tmp_path)).weights.items():
        assert torch.equal(torch.from_numpy(value), half[key].float())
    assert torch.equal(measured(base, tmp_path), by_peft(base, tmp_path))


@pytest.mark.parametrize("where", ["model.norm.weight", "model.layers.1.mlp.up_proj.weight"])
def test_a_change_that_is_not_put_back_names_the_adapter_and_the_tensor(tmp_path, where):
    folder = save_base("llama", tmp_path / "base")
    base = load_base(find_weights(str(folder)), dtype="float32", models=tmp_path)
    save_adapter(copy.deepcopy(base.model), KINDS["llama", "plain"], tmp_path / "a")
    adapter = read_adapter(str(tmp_path / "a"))
    ran = []

    def score(task):
        with applied(base, adapter, task), torch.no_grad():
            ran.append(task)
            tensors_of(base.model)[where].view(torch.int32).view(-1)[7] ^= 1  # a single bit

    with pytest.raises(MeasurementError, match=f"task 't' changed '{where}' of the base model"):
        score("t")
    with pytest.raises(MeasurementError, match=f"'{where}' of the base model"):
        score("u")
    assert ran == ["t"]  # nothing is scored over a base that is not whole


def test_a_checksum_sees_one_bit_and_an_exchange():
    torch.manual_seed(0)
    for shape in ((1,), (3, 5), (4096 * 3 + 17,), (300, 77)):
        for dtype in (torch.float32, torch.bfloat16, torch.int64):
            tensor = (torch.randn(shape) * 100).to(dtype)
            (first,) = checksums({"t": tensor}).values()
            assert checksums({"t": tensor.clone()})["t"] == first
            for place in (0, tensor.numel() - 1):
                other = tensor.clone()
                other.view(-1).view(torch.uint8)[place * tensor.element_size()] ^= 1
                assert checksums({"t": other})["t"] != first
            if tensor.numel() > 1:
                turned = tensor.view(-1).flip(0).view(shape)
                assert checksums({"t": turned})["t"] != first
