"""Single-task models on one resident base model: adapters put in, merged, and taken out again."""

import copy
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from taskpgm_core.errors import ModelError
from taskpgm_core.files.hashing import digest_of, sha256
from taskpgm_core.measure.adapter_config import changes_base, peft_config, refusal
from taskpgm_core.measure.base_model import HUB_ID, BaseModel
from taskpgm_core.measure.loan import Loan, tensors_of
from taskpgm_core.plans.plan import Training

FILES = ("adapter_*", "tokenizer*", "added_tokens.json", "vocab.*", "merges.txt", "*.jinja")
"""What is fetched of an adapter on the hub: its own files and those of its tokenizer."""


@dataclass(frozen=True)
class Adapter:
    """An adapter: the whole of peft's configuration and its tensors by name (float32)."""

    config: dict[str, Any]
    weights: Mapping[str, np.ndarray]

    @cached_property
    def digest(self) -> str:
        """Of the whole configuration and all tensors."""
        arrays = {
            k: [str(v.dtype), list(v.shape), sha256(np.ascontiguousarray(v).tobytes())]
            for k, v in self.weights.items()
        }
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


def adapter_folder(name: str) -> Path:
    """The folder ``name``, or that of a hub id; ModelError unless it holds an adapter."""
    folder = Path(name)
    if not folder.is_dir():
        if not HUB_ID.fullmatch(name):
            raise ModelError(f"There is no adapter folder {name}.")
        from huggingface_hub import snapshot_download

        try:
            folder = Path(snapshot_download(name, allow_patterns=list(FILES)))
        except Exception as error:
            reason = str(error).splitlines()[0]
            raise ModelError(f"The hub adapter {name} cannot be had ({reason}).") from None
    for file in ("adapter_config.json", "adapter_model.safetensors"):
        if not (folder / file).is_file():
            raise ModelError(f"{name} holds no {file}, so it is no adapter in safetensors.")
    return folder


def adapter_settings(name: str, folder: Path) -> dict[str, Any]:
    """The whole ``adapter_config.json``; ModelError unless peft merges such adapters."""
    try:
        settings = json.loads((folder / "adapter_config.json").read_text())
    except (ValueError, OSError) as error:
        raise ModelError(f"The adapter {name} cannot be read: {error}.") from None
    if not isinstance(settings, dict):
        raise ModelError(f"The adapter {name} cannot be read: its configuration is no object.")
    if reason := refusal(settings):
        raise ModelError(f"The adapter {name} cannot be measured: {reason}.")
    return settings


def read_adapter(name: str) -> Adapter:
    """An adapter that somebody trained elsewhere, from a folder or hub id; safetensors only."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    folder = adapter_folder(name)
    settings = adapter_settings(name, folder)
    try:
        tensors = load_file(folder / "adapter_model.safetensors")
    except (ValueError, OSError, SafetensorError) as error:
        raise ModelError(f"The adapter {name} cannot be read: {error}.") from None
    return Adapter(settings, {k: _array(v) for k, v in tensors.items()})


def _array(tensor: torch.Tensor) -> np.ndarray:
    """As numpy, which has no bfloat16: half precision as float32, which holds it exactly."""
    half = tensor.dtype in (torch.float16, torch.bfloat16)
    array: np.ndarray = (tensor.float() if half else tensor).numpy()
    return array


def check_fit(base: BaseModel, name: str, task: str) -> None:
    """ModelError unless peft merges the adapter into such a model; reads no weights.

    The base model without its values takes the adapter without its, as its file's header has them.
    """
    from safetensors import SafetensorError, safe_open

    folder = adapter_folder(name)
    settings = adapter_settings(name, folder)
    state = {}
    try:
        with safe_open(folder / "adapter_model.safetensors", "pt") as file:
            for key in file.keys():  # noqa: SIM118 (not a mapping)
                shape = file.get_slice(key).get_shape()
                state[key] = torch.empty(shape, dtype=torch.float32, device="meta")
    except (OSError, SafetensorError) as error:
        raise ModelError(f"The adapter {name} cannot be read: {error}.") from None
    _merge(_hollow(base.model), settings, state, task, None)


def _hollow(model: Any) -> Any:
    """A copy of a model with the shapes and ties of its tensors, and none of their values."""
    shells: dict[int, Any] = {}
    for tensor in tensors_of(model).values():
        shell = torch.empty_like(tensor, device="meta")
        if isinstance(tensor, torch.nn.Parameter):
            shell = torch.nn.Parameter(shell, requires_grad=False)
        shells[id(tensor)] = shell
    return copy.deepcopy(model, shells)


def has_own_head(base: BaseModel, adapter: Adapter) -> bool:
    """Whether an adapter may change the output layer, so that its logits need its own."""
    model = base.model
    head, embedding = model.get_output_embeddings(), model.get_input_embeddings()
    parts = [head, embedding] if head.weight is embedding.weight else [head]
    names = {
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if any(module is part for part in parts)
    }
    return any(not names.isdisjoint(key.split(".")) for key in adapter.weights)


def wrap(base: BaseModel, config: Mapping[str, Any]) -> Any:
    """The base model with fresh adapter layers in place; ModelError where they do not fit."""
    return _wrapped(base.model, config)


def _wrapped(model: Any, config: Mapping[str, Any], empty: bool = False) -> Any:
    from peft import get_peft_model

    try:
        return get_peft_model(model, peft_config(config), low_cpu_mem_usage=empty)
    except (ValueError, TypeError, AttributeError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"The adapter does not fit the base model: {reason}") from None


@contextmanager
def applied(base: BaseModel, adapter: Adapter, name: str) -> Iterator[None]:
    """Within the block the resident base model is the single-task model ``name``, merged.

    Merging scores at the bare body's speed. peft merges into copies of the weights that it
    touches; afterwards the base model's own are in their places, and all of its tensors are
    checked. MeasurementError where one has other bits than before.
    """
    borrower = f"The adapter of task '{name}'"
    with base.lent(borrower) as loan:
        state = {k: torch.from_numpy(np.array(v)) for k, v in adapter.weights.items()}
        _merge(base.model, adapter.config, state, name, loan)
        loan.check(borrower)
        yield


def _merge(
    model: Any,
    config: Mapping[str, Any],
    state: dict[str, torch.Tensor],
    name: str,
    loan: Loan | None,
) -> None:
    """Do what peft does to load and merge an adapter; without a loan in a model without values."""
    settings = {**config, "inference_mode": True}
    plain = {**settings, "init_lora_weights": True} if changes_base(config) else settings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft's on tied weights, which are copied apart here
        if loan and plain is not settings:
            touched = _touched(_wrapped(model, plain, empty=True), state)
            loan.put_back()
            loan.copy(touched)
        wrapped = _wrapped(model, settings if loan else plain, empty=loan is None)
        if loan and plain is settings:
            loan.copy(_touched(wrapped, state))
        _load(wrapped, state, name)
        try:
            wrapped.eval().merge_and_unload()
        except (RuntimeError, ValueError, NotImplementedError, AttributeError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ModelError(
                f"The adapter of task '{name}' cannot be measured, since peft does not merge it: "
                f"{reason}"
            ) from None


def _touched(
    wrapped: Any, state: Mapping[str, torch.Tensor]
) -> dict[tuple[torch.nn.Module, str], None]:
    """Where the base model's parameters are that merging writes to, or that the adapter brings."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    modules = dict(wrapped.named_modules())
    places: dict[tuple[torch.nn.Module, str], None] = {}
    for module in modules.values():
        if isinstance(module, BaseTunerLayer):
            layer = module.get_base_layer()
            places |= {
                (layer, name): None for name, p in layer._parameters.items() if p is not None
            }
    for key in state:
        owner, _, name = key.rpartition(".")
        if owner in modules and modules[owner]._parameters.get(name) is not None:
            places[modules[owner], name] = None
    return places


def _load(wrapped: Any, state: dict[str, torch.Tensor], name: str) -> None:
    """Give the adapter layers their values; ModelError where they are for another base model."""
    from peft import set_peft_model_state_dict
    from peft.mapping import PEFT_TYPE_TO_PREFIX_MAPPING

    other = f"The adapter of task '{name}' was trained for another base model: "
    hollow = any(tensor.is_meta for tensor in state.values())
    try:
        outcome: Any = set_peft_model_state_dict(wrapped, state, low_cpu_mem_usage=hollow)
    except KeyError as error:
        raise ModelError(f"{other}it holds no {error}.") from None
    except RuntimeError as error:
        found = re.search(
            r"size mismatch for (\S+): .*?Size\((\S.*?)\) from checkpoint.*?Size\((.*?)\)",
            str(error),
        )
        what = f"'{found[1]}' is {found[2]}, not {found[3]}" if found else "its shapes do not fit"
        raise ModelError(f"{other}{what}.") from None
    prefix = PEFT_TYPE_TO_PREFIX_MAPPING[wrapped.peft_config["default"].peft_type]
    missing = [k for k in outcome.missing_keys if prefix in k and "default" in k]
    stray = [*outcome.unexpected_keys, *missing]
    if stray:
        raise ModelError(f"{other}'{stray[0]}' has no counterpart.")
    wrapped.base_model._cast_adapter_dtype(adapter_name="default", autocast_adapter_dtype=True)
