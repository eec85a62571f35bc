"""Megatron-Bridge: passes over each source."""

from math import ceil, nextafter
from typing import Any

from taskpgm_core.exports import chat_limits
from taskpgm_core.exports.recipe import Recipe, realised_shares, rows_available, rows_to_draw
from taskpgm_core.exports.trainer_files import Exporter, Rendered, Versions, yaml_text
from taskpgm_core.exports.trainers.datasets import load_arguments


def render(recipe: Recipe) -> Rendered:
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
        epochs.append(passes(n, available))
    dataset = {"source": sources, "source_weights": epochs, "blend_seed": recipe.seed}
    if recipe.chat:
        loss = "last_turn" if chat_limits.last_only(recipe) else "assistant"
        dataset["preprocessing"] = {"loss_mode": loss}
    settings = {"dataset": dataset}
    return Rendered(
        files={"megatron_bridge.yaml": yaml_text(settings)},
        meaning=MEANING,
        realised=realised_shares(recipe, rows),
        warnings=(
            *chat_limits.supervision(recipe, "Megatron-Bridge", switch=True),
            *chat_limits.unlike(recipe, "Megatron-Bridge"),
        ),
    )


def passes(wanted: int, rows: int) -> float:
    """The weight of which Bridge draws ``wanted`` of ``rows`` rows: it rounds a part of a pass up
    to a whole row, so that a weight a rounding too large would draw one more."""
    weight = wanted / rows
    while int(weight) * rows + ceil(rows * (weight - int(weight))) > wanted:
        weight = nextafter(weight, 0)
    return weight


MEANING = (
    "source_weights are passes over a source (2.5 is every row twice and half of them again); they "
    "are neither shares nor relative; several sources want a validation_source and a test_source, "
    "or do_validation and do_test set to false"
)
EXPORTER = Exporter(
    "megatron-bridge",
    "Megatron-Bridge",
    # https://github.com/NVIDIA-NeMo/Megatron-Bridge/pull/5438; data/builders/direct_hf_sft.py.
    Versions(
        "its main branch of 2026-08-22 (run)",
        "that of 2026-08-12",
        "Releases up to 0.6.0 take one source and know no source_weights.",
    ),
    render,
)
