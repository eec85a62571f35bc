"""Models that somebody trained elsewhere: adapters of every kind, made and saved with peft."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from peft import (
    AdaLoraConfig,
    FourierFTConfig,
    HRAConfig,
    IA3Config,
    LNTuningConfig,
    LoHaConfig,
    LoKrConfig,
    LoraConfig,
    OFTConfig,
    TrainableTokensConfig,
    VeraConfig,
    get_peft_model,
)
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from tests.support.tiny_model import tiny_tokenizer

VOCABULARY = 304  # padded beyond the tokenizer's


def _llama(**changes: Any) -> LlamaForCausalLM:
    torch.manual_seed(0)
    shape = {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
        "initializer_range": 0.2,
        "tie_word_embeddings": False,
        "bos_token_id": 0,
        "eos_token_id": 0,
    }
    return LlamaForCausalLM(LlamaConfig(**{**shape, **changes}))


def _gpt2() -> GPT2LMHeadModel:
    torch.manual_seed(0)
    shape = {"n_embd": 32, "n_layer": 2, "n_head": 2, "initializer_range": 0.2}
    special = {"bos_token_id": 0, "eos_token_id": 0}
    return GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, **shape, **special))


BASES: dict[str, Callable[[], Any]] = {
    "llama": _llama,
    "tied llama": lambda: _llama(tie_word_embeddings=True),
    "biased llama": lambda: _llama(attention_bias=True, mlp_bias=True),
    "gpt2": _gpt2,
}
"""Random models with their output layer apart, tied, with biases, and with transposed layers."""

QV = ["q_proj", "v_proj"]


def _lora(*targets: str, **more: Any) -> LoraConfig:
    return LoraConfig(**{"r": 4, "target_modules": list(targets) or QV, **more})


def _gpt2_lora(**more: Any) -> LoraConfig:
    return LoraConfig(**{"r": 4, "target_modules": ["c_attn"], "fan_in_fan_out": True, **more})


KINDS: dict[tuple[str, str], Callable[[], Any]] = {
    ("llama", "plain"): _lora,
    ("llama", "rank and alpha patterns"): lambda: _lora(
        *QV,
        "down_proj",
        rank_pattern={"layers.0.self_attn.q_proj": 2, "down_proj": 3},
        alpha_pattern={"v_proj": 32},
    ),
    ("llama", "rslora"): lambda: _lora(use_rslora=True, lora_alpha=9),
    ("llama", "DoRA"): lambda: _lora("q_proj", "o_proj", use_dora=True),
    ("gpt2", "DoRA"): lambda: _gpt2_lora(use_dora=True),
    ("biased llama", "bias all"): lambda: _lora(bias="all"),
    ("gpt2", "bias all"): lambda: _gpt2_lora(bias="all"),
    ("biased llama", "bias lora_only"): lambda: _lora(bias="lora_only"),
    ("gpt2", "bias lora_only"): lambda: _gpt2_lora(bias="lora_only"),
    ("biased llama", "lora_bias"): lambda: _lora(lora_bias=True),
    ("gpt2", "lora_bias"): lambda: _gpt2_lora(lora_bias=True),
    ("llama", "head saved"): lambda: _lora(modules_to_save=["lm_head"]),
    ("tied llama", "head saved"): lambda: _lora(modules_to_save=["lm_head"]),
    ("llama", "embeddings and head saved"): lambda: _lora(
        modules_to_save=["embed_tokens", "lm_head"]
    ),
    ("tied llama", "embeddings saved"): lambda: _lora(modules_to_save=["embed_tokens"]),
    ("tied llama", "embeddings saved, tied"): lambda: _lora(
        modules_to_save=["embed_tokens"], ensure_weight_tying=True
    ),
    ("gpt2", "embeddings saved"): lambda: _gpt2_lora(modules_to_save=["wte"]),
    ("llama", "norm saved"): lambda: _lora(modules_to_save=["norm"]),
    ("llama", "LoRA on embeddings"): lambda: _lora(*QV, "embed_tokens"),
    ("llama", "LoRA on the head"): lambda: _lora(*QV, "lm_head"),
    ("tied llama", "LoRA on embeddings"): lambda: _lora(*QV, "embed_tokens"),
    ("tied llama", "LoRA on embeddings, tied"): lambda: _lora(
        *QV, "embed_tokens", ensure_weight_tying=True
    ),
    ("tied llama", "LoRA on the head"): lambda: _lora(*QV, "lm_head"),
    ("llama", "trainable tokens"): lambda: _lora(trainable_token_indices=[1, 5]),
    ("tied llama", "trainable tokens"): lambda: _lora(trainable_token_indices=[1, 5]),
    ("llama", "PiSSA"): lambda: _lora(init_lora_weights="pissa"),
    ("gpt2", "PiSSA"): lambda: _gpt2_lora(init_lora_weights="pissa"),
    ("llama", "OLoRA"): lambda: _lora(init_lora_weights="olora"),
    ("tied llama", "OLoRA"): lambda: _lora("o_proj", init_lora_weights="olora"),
    ("llama", "orthogonal"): lambda: _lora(init_lora_weights="orthogonal"),
    ("llama", "exclude_modules"): lambda: _lora(exclude_modules=["layers.0.self_attn.q_proj"]),
    ("gpt2", "exclude_modules"): lambda: _gpt2_lora(exclude_modules=r".*h\.0\..*"),
    ("llama", "layers_to_transform"): lambda: _lora(layers_to_transform=[1]),
    ("llama", "target_parameters"): lambda: _lora(
        target_modules=[], target_parameters=["q_proj.weight", "mlp.down_proj.weight"]
    ),
    ("llama", "all-linear"): lambda: _lora(target_modules="all-linear"),
    ("gpt2", "all-linear"): lambda: _gpt2_lora(target_modules="all-linear"),
    ("llama", "regex"): lambda: _lora(target_modules=r".*layers\.1.*(q|o)_proj"),
    ("gpt2", "two targets"): lambda: _gpt2_lora(target_modules=["c_attn", "c_proj"]),
    ("llama", "IA3"): lambda: IA3Config(
        target_modules=["k_proj", "down_proj"], feedforward_modules=["down_proj"]
    ),
    ("gpt2", "IA3"): lambda: IA3Config(
        target_modules=["c_attn"], feedforward_modules=[], fan_in_fan_out=True
    ),
    ("llama", "VeRA"): lambda: VeraConfig(r=4, target_modules=["q_proj", "o_proj"]),
    ("llama", "VeRA by its key"): lambda: VeraConfig(
        r=4, target_modules=["q_proj", "o_proj"], save_projection=False
    ),
    ("llama", "LoHa"): lambda: LoHaConfig(r=4, target_modules=QV),
    ("llama", "LoKr"): lambda: LoKrConfig(r=4, target_modules=QV),
    ("llama", "AdaLoRA"): lambda: AdaLoraConfig(
        init_r=4, target_r=2, total_step=10, target_modules=QV
    ),
    ("llama", "OFT"): lambda: OFTConfig(oft_block_size=8, r=0, target_modules=QV),
    ("llama", "HRA"): lambda: HRAConfig(r=4, target_modules=QV),
    ("llama", "FourierFT"): lambda: FourierFTConfig(n_frequency=20, target_modules=QV),
    ("llama", "layer norms"): lambda: LNTuningConfig(target_modules=["input_layernorm", "norm"]),
    ("gpt2", "layer norms"): lambda: LNTuningConfig(target_modules=["ln_1", "ln_f"]),
    ("llama", "tokens alone"): lambda: TrainableTokensConfig(
        token_indices=[1, 5], target_modules=["embed_tokens"]
    ),
    ("tied llama", "tokens alone"): lambda: TrainableTokensConfig(
        token_indices=[1, 5], target_modules=["embed_tokens"]
    ),
}
"""(base, kind) and peft's configuration of it: all that are measured."""


def save_base(name: str, folder: Path, dtype: torch.dtype = torch.float32) -> Path:
    """A base of ``BASES`` with the tiny tokenizer."""
    BASES[name]().to(dtype).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def save_adapter(
    base: Any, config: Callable[[], Any], folder: Path, seed: int = 1, strength: float = 0.05
) -> Any:
    """peft's model of ``config()`` over ``base``, its trained tensors moved at random; saved."""
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft's on tied weights and missing biases
        model = get_peft_model(base, config())
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.requires_grad:
                    parameter.add_(strength * torch.randn_like(parameter))
        model.save_pretrained(folder)
    return model.eval()
