"""Hugging Face ``datasets``: probabilities for ``interleave_datasets``."""

from typing import Any

from taskpgm_core.exports import chat_limits
from taskpgm_core.exports.interleave_counts import interleaved_counts
from taskpgm_core.exports.recipe import Recipe, Source, realised_shares, row_shares, rows_to_draw
from taskpgm_core.exports.trainer_files import Exporter, Rendered, Versions, json_text, quoted

LOADER = '''"""Loads the mixture described by interleave.json, which lies beside this file."""

import json
from pathlib import Path

from datasets import Dataset, interleave_datasets, load_dataset


def load_mixture(folder: str | Path = Path(__file__).parent) -> Dataset:
    recipe = json.loads((Path(folder) / "interleave.json").read_text(encoding="utf-8"))
    sources = [
        load_dataset(**source["load_dataset"]).shuffle(seed=recipe["seed"]).repeat(source["passes"])
        for source in recipe["sources"]
    ]
    mixed = interleave_datasets(
        sources,
        probabilities=recipe["probabilities"],
        seed=recipe["seed"],
        stopping_strategy=recipe["stopping_strategy"],
    )
    return mixed.select(range(min(recipe["rows"], len(mixed))))


if __name__ == "__main__":
    print(load_mixture())
'''


def load_arguments(source: Source) -> dict[str, Any]:
    """The arguments of ``datasets.load_dataset`` for a source."""
    if source.builder:
        return {"path": source.builder, "data_files": source.path, "split": source.split}
    named = {"name": source.config} if source.config else {}
    return {"path": source.path, **named, "split": source.split}


def render(recipe: Recipe) -> Rendered:
    probabilities = row_shares(recipe)
    total = sum(rows_to_draw(recipe))
    drawn = interleaved_counts(probabilities, total, seed=recipe.seed)
    passes, warnings = [], chat_limits.unlike(recipe, "datasets")
    for portion, count in zip(recipe.portions, drawn, strict=True):
        if portion.rows is None:
            warnings.append(
                f"The rows of task {quoted(portion.task)} are unknown, so it is read once; if it "
                f"ends before the budget does, so does the mixture."
            )
        passes.append(1 if portion.rows is None else count // portion.rows + 1)
    value = {
        "meaning": MEANING,
        "provenance": dict(recipe.provenance),
        "rows": total,
        "seed": recipe.seed,
        "stopping_strategy": "first_exhausted",
        "probabilities": probabilities,
        "sources": [
            {
                "task": portion.task,
                "load_dataset": load_arguments(portion.source),
                "passes": n,
                "drawn": count,
            }
            for portion, n, count in zip(recipe.portions, passes, drawn, strict=True)
        ],
        "dropped": list(recipe.dropped),
        "warnings": [*recipe.warnings, *warnings],
    }
    return Rendered(
        files={"interleave.json": json_text(value), "load_mixture.py": LOADER},
        meaning=MEANING,
        realised=realised_shares(recipe, drawn),
        warnings=tuple(warnings),
    )


MEANING = (
    "probabilities are the chance of each task at every draw of a row; each source is repeated "
    "often enough to outlast the budget, and the mixture is cut at the budget's rows"
)
EXPORTER = Exporter(
    "datasets",
    "Hugging Face datasets",
    # Dataset.repeat: in the wheel of 3.3.0, not in that of 3.2.0.
    Versions(
        "datasets 5.2.0 (run)",
        "3.3.0",
        "Older ones have no Dataset.repeat, so load_mixture.py stops.",
    ),
    render,
)
