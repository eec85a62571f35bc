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
    last = chat_limits.last_only(recipe)
    settings = {"streams": streams, "shuffle": True, "shuffle_seed": recipe.seed}
    return Rendered(
        files={"mosaicml_streaming.yaml": yaml_text(settings)},
        meaning=MEANING + (CHATS.format("last" if last else "all") if recipe.chat else ""),
        realised=realised_shares(recipe, rows),
        warnings=(*chat_limits.supervision(recipe, "LLM Foundry", switch=True), *_refused(recipe)),
    )


def _refused(recipe: Recipe) -> list[str]:
    """Chats at which LLM Foundry stops (llmfoundry/data/finetuning/tasks.py)."""
    return [
        *chat_limits.tools(
            recipe,
            "LLM Foundry stops at a message with more than a role and a content, as {task} has "
            "with its calls of tools.",
        ),
        *chat_limits.turns(
            recipe,
            "LLM Foundry stops at a chat that ends without an answer, as {task} has.",
            ["open"],
        ),
        *chat_limits.turns(
            recipe,
            "LLM Foundry stops at two turns of one role in a row, which {task} may have: its turns "
            "are not by a user and the assistant in turn.",
            ["uneven"],
        ),
    ]


MEANING = (
    "choose is the exact number of samples of a stream in an epoch (past its end they repeat), and "
    "an epoch is the budget: set no epoch_size; local is a folder of MDS shards made of the source"
)
CHATS = (
    "; write the column messages alone into the shards, each message with a role and a content "
    "alone, as LLM Foundry reads chats, and set its target_responses to {} (without it the last "
    "answer alone is learnt)"
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
