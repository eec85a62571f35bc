"""alignment-handbook and open-r1: the fraction of each source to keep."""

from math import nextafter
from typing import Any

from taskpgm_core.exports import chat_limits
from taskpgm_core.exports.recipe import (
    Recipe,
    Source,
    realised_shares,
    rows_available,
    rows_to_draw,
)
from taskpgm_core.exports.trainer_files import Exporter, Rendered, Versions, quoted, yaml_text
from taskpgm_core.exports.trainers.trl import columns


def render(recipe: Recipe) -> Rendered:
    available = rows_available(recipe)
    wanted = rows_to_draw(recipe)
    kept = [min(n, rows) for n, rows in zip(wanted, available, strict=True)]
    entries: list[dict[str, Any]] = []
    warnings = [
        *chat_limits.supervision(recipe, "alignment-handbook", switch=False),
        *chat_limits.unlike(recipe, "alignment-handbook"),
    ]
    for portion, want, keep, rows in zip(recipe.portions, wanted, kept, available, strict=True):
        if want > keep:
            warnings.append(
                f"alignment-handbook repeats no row, but task {quoted(portion.task)} has {keep:,} "
                f"of the {want:,} rows asked."
            )
        if not keep:
            continue
        source = portion.source
        place = dataset_id(source)
        if place is None:
            warnings.append(
                f"alignment-handbook loads folders and hub datasets; put {quoted(source.path)} "
                f"into a folder of its own as train.{source.path.rpartition('.')[2]}."
            )
        entries.append(
            {
                "id": place or source.path,
                **({"config": source.config} if source.config else {}),
                "split": source.split,
                "columns": columns(recipe),
                "weight": fraction(keep, rows),
            }
        )
    settings: dict[str, Any] = {"dataset_mixture": {"datasets": entries, "seed": recipe.seed}}
    text = yaml_text(settings | ({"assistant_only_loss": True} if recipe.chat else {}))
    return Rendered(
        files={"alignment_handbook.yaml": text},
        meaning=MEANING,
        realised=realised_shares(recipe, kept),
        warnings=tuple(warnings),
    )


def fraction(keep: int, rows: int) -> float:
    """The fraction whose product with ``rows``, cut to a whole number, is ``keep``."""
    weight = keep / rows
    return weight if int(rows * weight) == keep else nextafter(weight, 2)


def dataset_id(source: Source) -> str | None:
    """What ``load_dataset`` takes as a bare name: a file's folder if it is named for its split."""
    if not source.builder:
        return source.path
    folder, _, name = source.path.rpartition("/")
    return folder if folder and name.rpartition(".")[0] == source.split else None


MEANING = (
    "weight is the fraction of a source's rows to keep, at most 1; it is not the source's share of "
    "the mixture"
)
EXPORTER = Exporter(
    "alignment-handbook",
    "alignment-handbook and open-r1",
    # https://github.com/huggingface/alignment-handbook/pull/221; src/alignment/configs.py of 0.3.0.
    Versions(
        "alignment-handbook's main branch of 2025-07-29 (run)",
        "that of 2025-07-24",
        "Older ones, up to release 0.3.0, know dataset_mixer only, and no dataset_mixture.",
    ),
    render,
)
