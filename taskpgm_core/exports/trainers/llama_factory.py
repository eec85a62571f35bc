"""LLaMA-Factory: exact row counts in ``dataset_info.json``."""

from typing import Any

from taskpgm_core.exports.recipe import Recipe, file_name, realised_shares, rows_to_draw
from taskpgm_core.exports.trainer_files import Exporter, Rendered, Versions, json_text, yaml_text


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
            "columns": {"prompt": "prompt", "response": "completion"},
        }
    settings = {"dataset": ",".join(info), "mix_strategy": "concat", "streaming": False}
    return Rendered(
        files={"dataset_info.json": json_text(info), "llama_factory.yaml": yaml_text(settings)},
        meaning=MEANING,
        realised=realised_shares(recipe, rows),
    )


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
