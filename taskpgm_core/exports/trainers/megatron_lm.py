"""Megatron-LM: relative weights of tokens, in turn with the sources' prefixes."""

from taskpgm_core.errors import ExportError
from taskpgm_core.exports import chat_limits
from taskpgm_core.exports.recipe import Portion, Recipe, token_shares
from taskpgm_core.exports.trainer_files import Exporter, Rendered, Versions, bash_array


def prefix(portion: Portion) -> str:
    """The .bin/.idx pair of a source, as preprocess_data.py names it for the JSON key ``text``."""
    path = portion.source.path
    return f"{path.rpartition('.')[0] if portion.source.builder else path}_text_document"


def blend(recipe: Recipe) -> tuple[list[str], dict[str, float | None], tuple[str, ...]]:
    """Weights and prefixes in turn, realised shares, warnings."""
    warnings: tuple[str, ...] = ()
    realised: dict[str, float | None] = dict(zip(recipe.tasks, recipe.weights, strict=True))
    try:
        shares = token_shares(recipe)
    except ExportError as error:
        shares, realised = list(recipe.weights), dict.fromkeys(recipe.tasks)
        warnings = (f"Shares of rows are written where shares of tokens belong. {error}",)
    words = [
        word
        for portion, share in zip(recipe.portions, shares, strict=True)
        for word in (repr(share), prefix(portion))
    ]
    return words, realised, (*warnings, *chat_limits.flat(recipe, FLAT))


def render(recipe: Recipe) -> Rendered:
    words, realised, warnings = blend(recipe)
    text = bash_array("DATA_PATH", words) + '# --data-path "${DATA_PATH[@]}" --split 100,0,0\n'
    return Rendered({"megatron_lm.sh": text}, MEANING, realised, warnings)


FLAT = (
    "preprocess_data.py reads one text a row and every token of it is learnt, the user's turns "
    "too; write each chat through the model's chat template into the key text first."
)
MEANING = (
    "weights are relative and count packed sequences, that is tokens of prompt and completion; "
    "they are the mixture's shares of supervised tokens; a prefix names the .bin/.idx pair that "
    "preprocess_data.py made of a source, without suffix"
)
# get_blend_from_list in megatron/core/datasets/utils.py of 0.7.0 and 0.16.1.
VERSIONS = Versions("megatron-core 0.16.1", "0.7.0", "Older ones were not looked into.")
EXPORTER = Exporter("megatron-lm", "Megatron-LM", VERSIONS, render)
