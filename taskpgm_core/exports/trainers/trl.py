"""TRL: shares of the final mixture in a YAML list of datasets."""

from math import ceil
from typing import Any

from taskpgm_core.exports import chat_limits
from taskpgm_core.exports.recipe import Recipe, realised_shares, row_shares, rows_to_draw
from taskpgm_core.exports.trainer_files import Exporter, Rendered, Versions, quoted, yaml_text
from taskpgm_core.exports.trainers.datasets import load_arguments


def columns(recipe: Recipe) -> list[str]:
    """What TRL learns from: a prompt and a completion, or the assistant's turns of messages."""
    if not recipe.chat:
        return ["prompt", "completion"]
    return ["messages", "tools"] if "tools" in recipe.chat else ["messages"]


def render(recipe: Recipe) -> Rendered:
    shares = row_shares(recipe)
    total = sum(rows_to_draw(recipe))
    entries, lengths = [], []
    warnings = [
        *chat_limits.supervision(recipe, "TRL", switch=False),
        *chat_limits.unlike(recipe, "TRL"),
    ]
    said = len(warnings)
    for portion, share in zip(recipe.portions, shares, strict=True):
        # Rounded up: TRL's total is the least of length / share, and must reach the budget;
        # a share of whole rows may lie a rounding above them. datasets stops at an empty slice.
        wanted = max(1, ceil(share * total - 1e-6))
        length = wanted if portion.rows is None else min(wanted, portion.rows)
        source: dict[str, Any] = {**load_arguments(portion.source), "columns": columns(recipe)}
        if portion.rows is None:
            warnings.append(
                f"The rows of task {quoted(portion.task)} are unknown; TRL repeats none, and takes "
                f"as many rows as the shares allow."
            )
        elif not portion.source.sliced:
            source["split"] += f"[:{length}]"
        if length < wanted:
            warnings.append(
                f"TRL repeats no row, but task {quoted(portion.task)} has {length:,} of the "
                f"{wanted:,} rows asked; the whole mixture shrinks to keep its shares."
            )
        entries.append({**source, "fraction": share})
        lengths.append(length)
    size = min(length / share for length, share in zip(lengths, shares, strict=True))
    kept = [round(share * size) for share in shares]
    if len(warnings) > said and sum(kept) < total:
        warnings.append(f"TRL will read {sum(kept):,} rows, not {total:,}.")
    return Rendered(
        files={"trl.yaml": yaml_text({"datasets": entries} | (CHAT if recipe.chat else {}))},
        meaning=MEANING,
        realised=realised_shares(recipe, kept),
        warnings=tuple(warnings),
    )


CHAT = {"assistant_only_loss": True}
MEANING = (
    "fraction is a task's share of the rows of the final mixture; TRL keeps the FIRST rows of each "
    "source, so shuffle sources beforehand (materialised ones are shuffled); not for streaming"
)
EXPORTER = Exporter(
    "trl",
    "TRL",
    # https://github.com/huggingface/trl/pull/6199; scripts/utils.py of 1.7.0 and 1.8.0.
    Versions(
        "trl 1.16.0 (run)",
        "1.8.0",
        "Older ones stop at the unknown key fraction.",
    ),
    render,
)
