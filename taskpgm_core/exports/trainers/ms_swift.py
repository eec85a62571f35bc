"""ms-swift: exact row counts after ``#``."""

from taskpgm_core.exports import chat_limits
from taskpgm_core.exports.recipe import Recipe, realised_shares, rows_to_draw
from taskpgm_core.exports.trainer_files import Exporter, Rendered, Versions, quoted, yaml_text


def render(recipe: Recipe) -> Rendered:
    rows = rows_to_draw(recipe)
    names, warnings = [], chat_limits.supervision(recipe, "ms-swift", switch=True)
    for portion, n in zip(recipe.portions, rows, strict=True):
        source = portion.source
        if n:
            names.append(f"{source.path}{f':{source.config}' if source.config else ''}#{n}")
        if n and source.split != "train":
            warnings.append(
                f"ms-swift reads the split train of a source, but the rows of task "
                f"{quoted(portion.task)} are {quoted(source.split)}."
            )
    settings = {
        "dataset": names,
        "dataset_shuffle": True,
        "data_seed": recipe.seed,
        "split_dataset_ratio": 0.0,
        "streaming": False,
    }
    if recipe.chat:
        settings["loss_scale"] = "last_round" if chat_limits.last_only(recipe) else "default"
    return Rendered(
        files={"ms_swift.yaml": yaml_text(settings)},
        meaning=MEANING,
        realised=realised_shares(recipe, rows),
        warnings=(
            *warnings,
            *chat_limits.tools(
                recipe,
                "ms-swift documents a call of tools as a turn of the role tool_call, but the rows "
                "of {task} hold tool_calls; rewrite those turns first.",
            ),
        ),
    )


MEANING = (
    "the number after # is the exact number of rows drawn from a source (past its end: whole "
    "passes, then a random remainder); a local file must be there, or its name is taken for a hub "
    "dataset's"
)
EXPORTER = Exporter(
    "ms-swift",
    "ms-swift",
    # argument/base_args/data_args.py of 3.2.0 and 3.3.0.
    Versions(
        "ms-swift 4.6.0 (run)",
        "3.3.0",
        "Older ones have no dataset_shuffle.",
    ),
    render,
)
