"""OLMo-core: shares of tokens in a source mixture."""

from math import floor
from typing import Any

from taskpgm_core.errors import ExportError
from taskpgm_core.exports import chat_limits
from taskpgm_core.exports.recipe import Recipe, token_shares
from taskpgm_core.exports.trainer_files import Exporter, Rendered, Versions, yaml_text


def render(recipe: Recipe) -> Rendered:
    warnings: tuple[str, ...] = ()
    realised: dict[str, float | None] = dict(zip(recipe.tasks, recipe.weights, strict=True))
    try:
        shares = token_shares(recipe)
        tokens = _tokens(recipe)
    except ExportError as error:
        shares, tokens = list(recipe.weights), recipe.budget
        realised = dict.fromkeys(recipe.tasks)
        warnings = (f"Shares and a budget of rows are written where tokens belong. {error}",)
    sources: list[dict[str, Any]] = []
    for portion, share in zip(recipe.portions, shares, strict=True):
        source = portion.source
        path = f"{source.path.rpartition('.')[0]}.npy" if source.builder else f"{source.path}/*.npy"
        entry: dict[str, Any] = {
            "source_name": portion.task,
            "target_ratio": share,
            "paths": [path],
        }
        if portion.epochs is not None and portion.epochs > 1:
            entry["max_repetition_ratio"] = float(floor(portion.epochs) + 1)
        sources.append(entry)
    warned = (*warnings, *chat_limits.flat(recipe, FLAT))
    settings = {
        "source_list": {"sources": sources},
        "requested_tokens": tokens,
        "seed": recipe.seed,
    }
    return Rendered({"olmo_core.yaml": yaml_text(settings)}, MEANING, realised, warned)


def _tokens(recipe: Recipe) -> int:
    if recipe.unit == "tokens":
        return recipe.budget
    return round(sum(p.count * (p.mean_tokens or 0) for p in recipe.portions))


FLAT = (
    "OLMo-core reads tokens, and a mask of what is learnt only where label_mask_paths name one: "
    "write both from the messages of the chats first, as open-instruct's converter for it does."
)
MEANING = (
    "target_ratio is a source's share of the mixture's tokens, and requested_tokens their number; "
    "they are the mixture's supervised tokens, while OLMo-core counts every token of the .npy "
    "files (tokenise the sources into them, and raise requested_tokens by what the prompts add); "
    "add global_batch_size"
)
EXPORTER = Exporter(
    "olmo-core",
    "OLMo-core",
    # data/source_mixture.py of 2.2.0 and 2.3.0.
    Versions(
        "ai2-olmo-core 3.0.0",
        "2.3.0",
        "2.2.0 calls them source_configs and max_tokens, and knows no source_list.",
    ),
    render,
)
