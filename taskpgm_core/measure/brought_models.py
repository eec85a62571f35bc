"""Models that were trained elsewhere: looked at before anything is trained, and read."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from taskpgm_core.errors import ModelError
from taskpgm_core.measure.adapters import adapter_folder, adapter_settings, check_fit, read_adapter
from taskpgm_core.measure.base_model import HUB_ID, BaseModel, Weights, find_weights
from taskpgm_core.measure.vocabulary import compare_tokenizers
from taskpgm_core.plans.plan import Plan


@dataclass(frozen=True)
class Brought:
    """What is known of a plan's brought models before they are measured.

    ``digests``: of each task the (adapter's, checkpoint's) content, None where there is none;
    ``warnings``: sentences on what could not be checked, to be kept with the study.
    """

    digests: tuple[tuple[str | None, str | None], ...]
    warnings: tuple[str, ...]


def look_at(plan: Plan, base: BaseModel) -> Brought:
    """Check every brought model of a plan against the base model.

    ModelError with the model's name and the reason where one cannot be measured, or where it is
    known to come from another base model or to read other tokens.
    """
    digests: list[tuple[str | None, str | None]] = []
    bases = _NamedBases(plan.base, base)
    doubts: dict[str, list[str]] = {}
    for entry in plan.tasks:
        found: str | None = None
        said: list[str | None] = []
        if entry.adapter:
            check_fit(base, entry.adapter, entry.id)
            folder = adapter_folder(entry.adapter)
            settings = adapter_settings(entry.adapter, folder)
            named, revision = settings.get("base_model_name_or_path"), settings.get("revision")
            what = f"The adapter {entry.adapter} of task '{entry.id}'"
            said.append(bases.compare(named, revision, what))
            if _has_tokenizer(folder):
                said.append(compare_tokenizers(base, folder, None, what))
            found = read_adapter(entry.adapter).digest
        weights = read_checkpoint(entry.checkpoint, base) if entry.checkpoint else None
        if weights:
            what = f"The checkpoint {entry.checkpoint} of task '{entry.id}'"
            if weights.gguf or _has_tokenizer(weights.folder):
                said.append(compare_tokenizers(base, weights.folder, weights.gguf, what))
            else:
                said.append(
                    "have no tokenizer files, so that they read text as the base model does is "
                    "taken for granted"
                )
        for doubt in filter(None, said):
            doubts.setdefault(doubt, []).append(entry.id)
        digests.append((found, weights.digest if weights else None))
    sentences = (f"The brought models of {_listed(tasks)} {d}." for d, tasks in doubts.items())
    return Brought(tuple(digests), tuple(sentences))


def _listed(tasks: Sequence[str]) -> str:
    names = ", ".join(tasks[:3]) + (f" and {len(tasks) - 3} more" if len(tasks) > 3 else "")
    return f"{'task' if len(tasks) == 1 else 'tasks'} {names}"


def _has_tokenizer(folder: Path) -> bool:
    names = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json")
    return any((folder / name).is_file() for name in names)


class _NamedBases:
    """The base models that adapters name, each compared once with the one of the plan."""

    def __init__(self, plan_base: str, base: BaseModel) -> None:
        self._plan_base, self._base = plan_base, base
        self._known: dict[tuple[str, str | None], str | None] = {}

    def compare(self, named: str | None, revision: str | None, what: str) -> str | None:
        """What could not be known, as the end of a sentence; ModelError on other weights."""
        if not named:
            return "name no base model; that it is this study's was not checked"
        if named == self._plan_base and revision in (None, "main"):
            return None
        key = (named, revision)
        if key not in self._known:
            folder = _at_hand(named, revision)
            self._known[key] = "" if folder is None else first_difference(self._base, folder)
        different = self._known[key]
        if different:
            raise ModelError(
                f"{what} was trained for {named}, whose '{different}' is not that of the base "
                f"model {self._plan_base}."
            )
        if different is None:
            return None
        at = f" at revision {revision}" if revision else ""
        return (
            f"name the base model {named}{at}, and this study's is {self._plan_base}; that they "
            f"have the same weights could not be checked here"
        )


def _at_hand(named: str, revision: str | None) -> Path | None:
    """The folder of a model that is on this machine already; nothing is downloaded."""
    folder = Path(named)
    if not folder.is_dir() and HUB_ID.fullmatch(named):
        from huggingface_hub import snapshot_download

        try:
            folder = Path(snapshot_download(named, revision=revision, local_files_only=True))
        except Exception:  # not among the files that were downloaded before
            return None
    return folder if any(folder.glob("*.safetensors")) else None


def first_difference(base: BaseModel, folder: Path) -> str | None:
    """The first tensor of the model in ``folder`` that is not the base model's, None if all are.

    Values are compared in the dtype that the base model runs in. An empty name: the files hold no
    tensor that goes by a name of the base model's, so nothing could be compared.
    """
    from safetensors import SafetensorError, safe_open

    own: dict[str, torch.Tensor] = base.model.state_dict()
    compared = False
    try:
        for path in sorted(folder.glob("*.safetensors")):
            with safe_open(path, "pt") as file:
                for key in file.keys():  # noqa: SIM118 (not a mapping)
                    if key not in own:
                        continue
                    mine = own[key]
                    theirs = file.get_tensor(key).to(mine.device, mine.dtype)
                    if not torch.equal(theirs, mine):
                        return str(key)
                    compared = True
    except (OSError, SafetensorError):
        return ""
    return None if compared else ""


def read_checkpoint(name: str, base: BaseModel) -> Weights:
    """A full fine-tuned model; ModelError if its files or its vocabulary do not fit."""
    weights = find_weights(name)
    if (weights.folder / "adapter_config.json").is_file() and not weights.gguf:
        raise ModelError(f"{name} holds an adapter; write `adapter: {name}` instead of checkpoint.")
    index = weights.folder / "model.safetensors.index.json"
    if index.is_file() and not weights.gguf:
        named = set(json.loads(index.read_text()).get("weight_map", {}).values())
        absent = sorted(file for file in named if not (weights.folder / file).is_file())
        if absent:
            raise ModelError(f"The checkpoint {name} lacks {absent[0]}, which its index names.")
    size = _config(name, weights).vocab_size
    if size != base.model.config.vocab_size:
        raise ModelError(
            f"The checkpoint {name} has a vocabulary of {size} tokens, the "
            f"base model {base.model.config.vocab_size}; they cannot be compared."
        )
    return weights


def _config(name: str, weights: Weights) -> Any:
    from transformers import AutoConfig

    packed = {"gguf_file": weights.gguf} if weights.gguf else {}
    try:
        found = AutoConfig.from_pretrained(
            weights.folder, trust_remote_code=False, local_files_only=True, **packed
        )
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ModelError(f"The checkpoint {name} cannot be read: {reason}") from None
    if not hasattr(found, "vocab_size"):
        raise ModelError(f"The checkpoint {name} is no language model with a vocabulary.")
    return found
