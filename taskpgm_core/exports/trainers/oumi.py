"""oumi: exact row counts in ``data.train.datasets``."""

from typing import Any

from taskpgm_core.exports import chat_limits
from taskpgm_core.exports.recipe import Recipe, realised_shares, rows_to_draw
from taskpgm_core.exports.trainer_files import Exporter, Rendered, Versions, quoted, yaml_text


def render(recipe: Recipe) -> Rendered:
    rows = rows_to_draw(recipe)
    entries: list[dict[str, Any]] = []
    warnings = chat_limits.supervision(recipe, "oumi", switch=True)
    for portion, n in zip(recipe.portions, rows, strict=True):
        source = portion.source
        if not n:
            continue
        if source.builder == "parquet":
            warnings.append(
                f"oumi's text_sft_jsonl reads JSON lines, but the rows of task "
                f"{quoted(portion.task)} are in Parquet; materialise them as jsonl."
            )
        if source.builder and source.sliced:
            warnings.append(
                f"oumi's text_sft_jsonl reads files whole, but the rows of task "
                f"{quoted(portion.task)} are {quoted(source.split)}."
            )
        place = (
            {"dataset_name": "text_sft_jsonl", "dataset_path": source.path}
            if source.builder
            else {"dataset_name": source.path}
        )
        entries.append(
            {
                **place,
                **({"subset": source.config} if source.config else {}),
                "split": source.split,
                "sample_count": n,
                "shuffle": True,
                "seed": recipe.seed,
            }
        )
    train: dict[str, Any] = {"datasets": entries, "seed": recipe.seed}
    if recipe.chat:
        last = chat_limits.last_only(recipe)
        train["collator_name"] = "text_completions_only_with_padding"
        train["train_target"] = "final_assistant_turn" if last else "all_assistant_turns"
    settings = {"data": {"train": train}}
    return Rendered(
        files={"oumi.yaml": yaml_text(settings)},
        meaning=MEANING,
        realised=realised_shares(recipe, rows),
        warnings=tuple(warnings),
    )


MEANING = (
    "sample_count is the exact number of rows drawn from a source (past its end: whole passes, "
    "then a remainder); without mixture_proportion the sources are concatenated"
)
EXPORTER = Exporter(
    "oumi",
    "oumi",
    # builders/data.py and datasets/sft/sft_jsonlines.py of 0.1.3 and 0.9.
    Versions(
        "oumi 0.9",
        "0.1.3",
        "No older release is on PyPI.",
    ),
    render,
)
