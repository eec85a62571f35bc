"""MosaicML streaming: exact sample counts a stream."""

from taskpgm_core.exports import chat_limits
from taskpgm_core.exports.recipe import Recipe, file_name, realised_shares, rows_to_draw
from taskpgm_core.exports.trainer_files import Exporter, Rendered, Versions, yaml_text


def render(recipe: Recipe) -> Rendered:
    rows = rows_to_draw(recipe)
    streams = {}
    for portion, n in zip(recipe.portions, rows, strict=True):
        source = portion.source
        if n:
            local = f"{source.path.rpartition('.')[0]}-mds" if source.builder else source.path
            streams[file_name(portion.task)] = {"local": local, "choose": n}
    settings = {"streams": streams, "shuffle": True, "shuffle_seed": recipe.seed}
    return Rendered(
        files={"mosaicml_streaming.yaml": yaml_text(settings)},
        meaning=MEANING + (CHATS if recipe.chat else ""),
        realised=realised_shares(recipe, rows),
        warnings=tuple(chat_limits.supervision(recipe, "LLM Foundry", switch=True)),
    )


MEANING = (
    "choose is the exact number of samples of a stream in an epoch (past its end they repeat), and "
    "an epoch is the budget: set no epoch_size; local is a folder of MDS shards made of the source"
)
CHATS = (
    "; write the messages of each row into the shards, as LLM Foundry's chat format has them, and "
    "set its target_responses to all or to last"
)
EXPORTER = Exporter(
    "mosaicml-streaming",
    "MosaicML streaming",
    # https://github.com/mosaicml/streaming/pull/243; base/stream.py of 0.4.1 and 0.5.0.
    Versions(
        "mosaicml-streaming 0.13.0 (run)",
        "0.5.0",
        "Older ones call choose samples, and stop at the unknown argument.",
    ),
    render,
)
