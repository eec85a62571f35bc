"""LLaMA-Factory: exact row counts in ``dataset_info.json``."""

from typing import Any

from taskpgm_core.exports import chat_limits
from taskpgm_core.exports.recipe import Portion, Recipe, file_name, realised_shares, rows_to_draw
from taskpgm_core.exports.trainer_files import Exporter, Rendered, Versions, json_text, yaml_text

PAIR = {"columns": {"prompt": "prompt", "response": "completion"}}
TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "observation_tag": "tool",
    "function_tag": "function",
    "system_tag": "system",
}


def render(recipe: Recipe) -> Rendered:
    rows = rows_to_draw(recipe)
    info: dict[str, Any] = {}
    for portion, n in zip(recipe.portions, rows, strict=True):
        if not n:
            continue
        source = portion.source
        place = {"file_name": source.path} if source.builder else {"hf_hub_url": source.path}
        info[file_name(portion.task)] = {
            **place,
            **({"subset": source.config} if source.config else {}),
            "split": source.split,
            "num_samples": n,
            **(_chat(portion) if recipe.chat else PAIR),
        }
    settings: dict[str, Any] = {
        "dataset": ",".join(info),
        "mix_strategy": "concat",
        "streaming": False,
    }
    if chat_limits.last_only(recipe):
        settings["mask_history"] = True
    return Rendered(
        files={"dataset_info.json": json_text(info), "llama_factory.yaml": yaml_text(settings)},
        meaning=MEANING,
        realised=realised_shares(recipe, rows),
        warnings=(
            *chat_limits.supervision(recipe, "LLaMA-Factory", switch=True),
            *chat_limits.turns(
                recipe,
                "LLaMA-Factory leaves out a chat in which user and assistant do not take turns, or "
                "which does not end on the assistant's, as some of {task} do.",
                ("open", "uneven"),
            ),
        ),
    )


def _chat(portion: Portion) -> dict[str, Any]:
    """Messages; ``openai`` reads calls of tools too."""
    tools = "tools" in portion.chat
    return {
        "formatting": "openai" if tools else "sharegpt",
        "columns": {"messages": "messages", **({"tools": "tools"} if tools else {})},
        "tags": TAGS,
    }


MEANING = (
    "num_samples is the exact number of rows drawn from a source (past its end: every row once, "
    "then rows at random with replacement); ignored when streaming; set dataset_dir to the folder "
    "of dataset_info.json, to which file_name is relative"
)
EXPORTER = Exporter(
    "llama-factory",
    "LLaMA-Factory",
    # data/parser.py and data/loader.py of 0.7.1 and 0.8.0.
    Versions(
        "llamafactory 0.9.5 (run)",
        "0.8.0",
        "0.7.1 ignores num_samples and reads every row of every source.",
    ),
    render,
)
