"""Whether two tokenizers read the same text as the same tokens."""

import json
from pathlib import Path
from typing import Any

from taskpgm_core.errors import ModelError
from taskpgm_core.measure.base_model import BaseModel


def compare_tokenizers(base: BaseModel, folder: Path, gguf: str | None, what: str) -> str | None:
    """What is in doubt about the tokenizer in ``folder``, as the end of a sentence, or None.

    ModelError, its subject ``what``, where a token id stands for other text than in the base model
    (a special token that was only named otherwise is in doubt, not refused).
    """
    from transformers import AutoTokenizer

    packed = {"gguf_file": gguf} if gguf else {}
    try:
        theirs: Any = AutoTokenizer.from_pretrained(
            folder, trust_remote_code=False, local_files_only=True, **packed
        )
        vocabulary = {i: token for token, i in theirs.get_vocab().items()}
    except Exception as error:  # whatever a foreign file makes the library raise
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        return f"have tokenizer files that cannot be read ({reason})"
    mine = base.tokenizer
    own = {i: token for token, i in mine.get_vocab().items()}
    other = sorted(i for i in own.keys() & vocabulary.keys() if own[i] != vocabulary[i])
    special = set(mine.added_tokens_decoder) & set(theirs.added_tokens_decoder)
    for i in other:
        if i not in special:
            raise ModelError(
                f"{what} reads other tokens: its tokenizer calls token {i} {vocabulary[i]!r}, the "
                f"base model's {own[i]!r}, so their probabilities cannot be compared."
            )
    if other:
        return f"name special tokens otherwise than the base model ({vocabulary[other[0]]!r})"
    if added := sorted(vocabulary.keys() - own.keys()):
        return f"have a tokenizer with tokens that the base model lacks ({vocabulary[added[0]]!r})"
    if lacking := sorted(own.keys() - vocabulary.keys()):
        return f"have a tokenizer that lacks tokens of the base model ({own[lacking[0]]!r})"
    if _splitting(mine) != _splitting(theirs):
        return "split text into the base model's tokens by other rules than it does"
    return None


def _splitting(tokenizer: Any) -> Any:
    """How a fast tokenizer splits text, its vocabulary included; None where it does not say."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return None
    rules = json.loads(backend.to_str())
    return [rules.get(part) for part in ("model", "normalizer", "pre_tokenizer")]
