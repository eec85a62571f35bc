"""Which of peft's adapters can be measured: those that peft merges into a model's weights."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from taskpgm_core.errors import ModelError

MERGED = (
    *("LORA", "ADALORA", "IA3", "LOHA", "LOKR", "VERA", "OFT", "HRA", "FOURIERFT", "LN_TUNING"),
    "TRAINABLE_TOKENS",
)
"""peft's names of the kinds whose merged logits are compared with peft's own in the tests."""
VIRTUAL_TOKENS = ("PROMPT_TUNING", "MULTITASK_PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING", "CPT")
KNOWN_LORA = {
    *("r", "lora_alpha", "target_modules", "exclude_modules", "lora_dropout", "fan_in_fan_out"),
    *("bias", "use_rslora", "modules_to_save", "init_lora_weights", "layers_to_transform"),
    *("layers_pattern", "rank_pattern", "alpha_pattern", "trainable_token_indices", "use_dora"),
    *("lora_bias", "target_parameters", "ensure_weight_tying", "eva_config", "qalora_group_size"),
    *("task_type", "peft_type", "auto_mapping", "peft_version", "base_model_name_or_path"),
    *("revision", "inference_mode", "runtime_config", "megatron_core"),
}
UNMERGED = {
    "alora_invocation_tokens": "it is an aLoRA, in force only after its invocation tokens",
    "arrow_config": "Arrow routes each token to other adapters",
    "layer_replication": "it replicates layers of the base model",
}
"""Settings of LoRA with which there is no one merged model, and why."""
KEEPS_BASE = ("gaussian", "eva", "orthogonal")
CHANGES_BASE = ("pissa", "olora")
"""Initialisations that take their start off the base model's weights, which peft does again."""


def changes_base(config: Mapping[str, Any]) -> bool:
    """Whether peft changes the base model's weights where it only puts such an adapter in."""
    return str(config.get("init_lora_weights", True)).lower().startswith(CHANGES_BASE)


def refusal(settings: Mapping[str, Any]) -> str | None:
    """Why an adapter with this ``adapter_config.json`` cannot be measured; None where it can."""
    from peft import PeftType
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    kind = str(settings.get("peft_type", "LORA"))
    if kind in VIRTUAL_TOKENS:
        return f"it is of the kind {kind}, which puts virtual tokens before the text"
    if kind not in MERGED:
        return f"it is of the kind {kind}; measured are {', '.join(MERGED)}"
    if settings.get("task_type") not in (None, "CAUSAL_LM"):
        return f"it was trained for the task type {settings['task_type']}, not CAUSAL_LM"
    known = {field.name: field for field in fields(PEFT_TYPE_TO_CONFIG_MAPPING[PeftType(kind)])}
    for name, value in settings.items():
        if name not in known and value:
            return f"the installed peft does not know its setting '{name}'; install a newer peft"
    if kind != "LORA":
        return None
    for name, value in settings.items():
        if name in KNOWN_LORA or not value or name not in known:
            continue
        if name in UNMERGED:
            return f"{UNMERGED[name]}, so that no merged model answers as it does"
        if (default := known[name].default) is MISSING or value != default:
            return f"its setting '{name}' is not among those that can be measured"
    start = settings.get("init_lora_weights", True)
    if "_niter_" in str(start):
        return (
            f"its initialisation '{start}' took an approximate decomposition with random numbers "
            f"off the base model's weights, so that its result cannot be had again; save it with "
            f"peft's path_initial_model_for_weight_conversion"
        )
    if isinstance(start, bool) or start in KEEPS_BASE or changes_base(settings):
        return None
    return (
        f"its initialisation '{start}' changed the base model's weights, and it does not hold "
        f"those; save it with peft's path_initial_model_for_weight_conversion"
    )


def peft_config(settings: Mapping[str, Any]) -> Any:
    """peft's configuration of these settings; ModelError where peft refuses them."""
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    kind = PEFT_TYPE_TO_CONFIG_MAPPING[settings.get("peft_type", "LORA")]
    known = {field.name for field in fields(kind)} - {"runtime_config"}
    try:
        return kind(**{k: v for k, v in settings.items() if k in known})
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(
            f"peft refuses the configuration of the adapter: {str(error).splitlines()[0]}"
        ) from None
