"""Exports: from a mixture to the files that a trainer reads, and to the rows themselves."""

from collections.abc import Mapping
from dataclasses import replace

from taskpgm_core.errors import ExportError, nearest
from taskpgm_core.exports.recipe import (
    Portion,
    Recipe,
    Source,
    file_name,
    make_recipe,
    materialised,
    placed_sources,
)
from taskpgm_core.exports.trainer_files import Exporter, Rendered, Versions, head, printable
from taskpgm_core.exports.trainers import (
    alignment_handbook,
    axolotl,
    datasets,
    llama_factory,
    megatron_bridge,
    megatron_lm,
    mosaicml_streaming,
    ms_swift,
    nemo,
    olmo_core,
    open_instruct,
    openrlhf,
    oumi,
    trl,
)

__all__ = [
    "EXPORTERS",
    "Exporter",
    "Portion",
    "Recipe",
    "Rendered",
    "Source",
    "Versions",
    "export",
    "file_name",
    "make_recipe",
    "materialised",
    "placed_sources",
]

EXPORTERS: Mapping[str, Exporter] = {
    exporter.name: exporter
    for exporter in (
        datasets.EXPORTER,
        trl.EXPORTER,
        axolotl.EXPORTER,
        llama_factory.EXPORTER,
        open_instruct.EXPORTER,
        alignment_handbook.EXPORTER,
        ms_swift.EXPORTER,
        oumi.EXPORTER,
        openrlhf.EXPORTER,
        megatron_lm.EXPORTER,
        megatron_bridge.EXPORTER,
        nemo.EXPORTER,
        olmo_core.EXPORTER,
        mosaicml_streaming.EXPORTER,
    )
}
COMMENTED = (".yaml", ".sh", ".py")


def export(recipe: Recipe, to: str, *, strict: bool = False) -> Rendered:
    """The recipe as the files of the trainer ``to`` (a name in ``EXPORTERS``).

    Files with comments begin with the trainer's versions, what their numbers mean, what they will
    come to and what was dropped. Warnings are the recipe's own and then the trainer's. Raises
    ExportError for an unknown trainer, where the recipe lacks what the format is made of (rows
    available, mean tokens), and under ``strict`` where there is any warning.
    """
    if to not in EXPORTERS:
        raise ExportError(
            f"There is no trainer '{to}'{nearest(to, EXPORTERS)}; "
            f"choose one of {', '.join(EXPORTERS)}."
        )
    exporter = EXPORTERS[to]
    rendered = exporter.render(recipe)
    if strict and rendered.warnings:
        raise ExportError(f"{exporter.title} cannot do what is asked: {rendered.warnings[0]}")
    if strict and recipe.warnings:
        raise ExportError(f"This recipe is not for training as it is: {recipe.warnings[0]}")
    own = tuple(printable(warning) for warning in recipe.warnings)
    rendered = replace(rendered, warnings=own + rendered.warnings)
    top = head(recipe, rendered, exporter)
    files = {
        name: top + text if name.endswith(COMMENTED) else text
        for name, text in rendered.files.items()
    }
    return replace(rendered, files=files)
