"""Single-task models on one resident base model: LoRA put in, merged, and taken out again."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from taskpgm_core.errors import ModelError
from taskpgm_core.files.hashing import digest_of, sha256, sha256_file
from taskpgm_core.measure.base_model import HUB_ID, BaseModel, Weights, find_weights
from taskpgm_core.plans.plan import Training

EMBEDDINGS = ("lm_head", "embed_tokens", "wte", "embed_out", "embed_in")


@dataclass(frozen=True)
class Adapter:
    """A LoRA adapter: peft's configuration and its weights by name (float32)."""

    config: dict[str, Any]
    weights: Mapping[str, np.ndarray]

    @property
    def digest(self) -> str:
        arrays = {k: sha256(np.ascontiguousarray(v).tobytes()) for k, v in self.weights.items()}
        return digest_of({"config": self.config, "weights": arrays})


def lora_config(training: Training) -> dict[str, Any]:
    """What peft needs to know of the adapters that are trained here."""
    return {
        "r": training.rank,
        "lora_alpha": training.alpha,
        "target_modules": sorted(training.targets),
        "lora_dropout": 0.0,
        "bias": "none",
        "task_type": "CAUSAL_LM",
    }


def read_adapter(name: str) -> Adapter:
    """An adapter that somebody trained elsewhere, from a folder or hub id; safetensors only."""
    from safetensors.numpy import load_file

    folder = Path(name)
    if not folder.is_dir():
        if not HUB_ID.fullmatch(name):
            raise ModelError(f"There is no adapter folder {name}.")
        from huggingface_hub import snapshot_download

        try:
            folder = Path(snapshot_download(name, allow_patterns=["adapter_*"]))
        except Exception as error:
            reason = str(error).splitlines()[0]
            raise ModelError(f"The hub adapter {name} cannot be had ({reason}).") from None
    weights = folder / "adapter_model.safetensors"
    config = folder / "adapter_config.json"
    for path in (config, weights):
        if not path.is_file():
            raise ModelError(
                f"{name} holds no {path.name}, so it is no LoRA adapter in safetensors."
            )
    try:
        settings = json.loads(config.read_text())
        if settings.get("peft_type", "LORA") != "LORA":
            raise ModelError(f"{name} is a {settings['peft_type']} adapter; only LoRA is measured.")
        known = (
            "r",
            "lora_alpha",
            "target_modules",
            "lora_dropout",
            "bias",
            "task_type",
            "use_rslora",
            "rank_pattern",
            "alpha_pattern",
            "fan_in_fan_out",
            "layers_to_transform",
        )
        kept = {k: settings[k] for k in known if settings.get(k) is not None}
        arrays = load_file(weights)
    except (ValueError, OSError) as error:
        raise ModelError(f"The adapter {name} cannot be read: {error}.") from None
    if settings.get("modules_to_save") or any(part in key for key in arrays for part in EMBEDDINGS):
        raise ModelError(
            f"The adapter {name} changes the embeddings or the output layer; give the full "
            f"model as a checkpoint instead."
        )
    return Adapter(kept, arrays)


def read_checkpoint(name: str, base: BaseModel) -> Weights:
    """A full fine-tuned model; ModelError if it reads other tokens than the base model."""
    weights = find_weights(name)
    config = json.loads((weights.folder / "config.json").read_text())
    if config.get("vocab_size") != base.model.config.vocab_size:
        raise ModelError(
            f"The checkpoint {name} has a vocabulary of {config.get('vocab_size')} tokens, the "
            f"base model {base.model.config.vocab_size}; they cannot be compared."
        )
    return weights


def checkpoint_digest(weights: Weights) -> str:
    return digest_of({f.name: sha256_file(f) for f in sorted(weights.folder.glob("*.safetensors"))})


def wrap(base: BaseModel, config: Mapping[str, Any]) -> Any:
    """The base model with fresh LoRA layers in place; ModelError where they do not fit."""
    from peft import LoraConfig, get_peft_model

    try:
        return get_peft_model(base.model, LoraConfig(**config))
    except (ValueError, TypeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"The adapter does not fit the base model: {reason}") from None


@contextmanager
def applied(base: BaseModel, adapter: Adapter, name: str) -> Iterator[None]:
    """Within the block the resident base model is the single-task model ``name``, merged.

    Merging scores at the bare body's speed. The touched weights are put back from copies, since
    subtracting a merged update does not give the same bits.
    """
    from peft import set_peft_model_state_dict
    from peft.tuners.tuners_utils import BaseTunerLayer

    wrapped = wrap(base, adapter.config)
    pristine: list[tuple[torch.Tensor, torch.Tensor]] = []
    try:
        state = {k: torch.from_numpy(np.array(v)) for k, v in adapter.weights.items()}
        try:
            outcome: Any = set_peft_model_state_dict(wrapped, state)
        except RuntimeError:
            raise ModelError(
                f"The adapter of task '{name}' was trained for another base model: its shapes "
                f"do not fit."
            ) from None
        missing = [key for key in outcome.missing_keys if "lora_" in key]
        if outcome.unexpected_keys or missing:
            stray = (list(outcome.unexpected_keys) + missing)[0]
            raise ModelError(
                f"The adapter of task '{name}' was trained for another base model: '{stray}' has "
                f"no counterpart."
            )
        for module in wrapped.modules():
            if isinstance(module, BaseTunerLayer):
                weight = cast(torch.Tensor, module.get_base_layer().weight)
                pristine.append((weight, weight.detach().clone()))
        wrapped.merge_adapter()
        wrapped.unload()
        yield
    finally:
        with torch.no_grad():
            for parameter, weight in pristine:
                parameter.copy_(weight)
        if not pristine:
            wrapped.unload()
