"""Megatron-LM, Megatron-Bridge and NeMo: the first and last blend by tokens, Bridge by epochs."""

from typing import Any

from taskpgm_core.errors import ExportError
from taskpgm_core.exports.recipe import (
    Portion,
    Recipe,
    realised_shares,
    rows_available,
    rows_to_draw,
    token_shares,
)
from taskpgm_core.exports.trainer_files import Exporter, Rendered, bash_array, json_text, yaml_text
from taskpgm_core.exports.trainers.datasets import load_arguments


def prefix(portion: Portion) -> str:
    """The .bin/.idx pair of a source, as preprocess_data.py names it for the JSON key ``text``."""
    path = portion.source.path
    return f"{path.rpartition('.')[0] if portion.source.builder else path}_text_document"


def _blend(recipe: Recipe) -> tuple[list[str], dict[str, float | None], tuple[str, ...]]:
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
    return words, realised, warnings


def render_lm(recipe: Recipe) -> Rendered:
    words, realised, warnings = _blend(recipe)
    text = bash_array("DATA_PATH", words) + '# --data-path "${DATA_PATH[@]}" --split 100,0,0\n'
    return Rendered({"megatron_lm.sh": text}, LM_MEANING, realised, warnings)


def render_nemo(recipe: Recipe) -> Rendered:
    words, realised, warnings = _blend(recipe)
    return Rendered({"nemo_paths.json": json_text(words)}, LM_MEANING, realised, warnings)


def render_bridge(recipe: Recipe) -> Rendered:
    rows = rows_to_draw(recipe)
    sources: list[dict[str, Any]] = []
    epochs = []
    for portion, n, available in zip(recipe.portions, rows, rows_available(recipe), strict=True):
        if not n:
            continue
        arguments = load_arguments(portion.source)
        source = {"path_or_dataset": arguments["path"], "split": arguments["split"]}
        if portion.source.builder:
            source["load_kwargs"] = {"data_files": portion.source.path}
        elif portion.source.config:
            source["subset"] = portion.source.config
        sources.append(source)
        epochs.append(n / available)
    settings = {"dataset": {"source": sources, "source_weights": epochs, "blend_seed": recipe.seed}}
    return Rendered(
        files={"megatron_bridge.yaml": yaml_text(settings)},
        meaning=BRIDGE_MEANING,
        realised=realised_shares(recipe, rows),
    )


LM_MEANING = (
    "weights are relative and count packed sequences, that is tokens of prompt and completion; "
    "they are the mixture's shares of supervised tokens; a prefix names the .bin/.idx pair that "
    "preprocess_data.py made of a source, without suffix"
)
BRIDGE_MEANING = (
    "source_weights are passes over a source (2.5 is every row twice and half of them again); they "
    "are neither shares nor relative"
)
LM = Exporter("megatron-lm", "Megatron-LM", "megatron-core 0.16.1", render_lm)
BRIDGE = Exporter("megatron-bridge", "Megatron-Bridge", "its main branch, 2026", render_bridge)
NEMO = Exporter("nemo", "NeMo 2", "megatron-core 0.16.1, whose blend it hands on", render_nemo)
