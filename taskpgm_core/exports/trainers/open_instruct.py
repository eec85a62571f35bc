"""open-instruct: exact row counts in ``--dataset_mixer_list``."""

from taskpgm_core.exports import chat_limits
from taskpgm_core.exports.recipe import Recipe, realised_shares, rows_to_draw
from taskpgm_core.exports.trainer_files import Exporter, Rendered, Versions, bash_array, quoted


def render(recipe: Recipe) -> Rendered:
    rows = rows_to_draw(recipe)
    used = [(p, n) for p, n in zip(recipe.portions, rows, strict=True) if n]
    words = [word for portion, n in used for word in (portion.source.path, str(n))]
    splits = [portion.source.split for portion, _ in used]
    splits = splits[:1] if len(set(splits)) == 1 else splits
    warnings = [
        f"open-instruct takes no dataset configuration, but task {quoted(portion.task)} needs "
        f"{quoted(portion.source.config)}."
        for portion, _ in used
        if portion.source.config
    ]
    warnings += [
        f"open-instruct takes a .json file for a data set's name; write the rows of task "
        f"{quoted(portion.task)} as JSON Lines or Parquet."
        for portion, _ in used
        if portion.source.path.lower().endswith(".json")
    ]
    warnings += [
        f"open-instruct reads files whole, but the rows of task {quoted(portion.task)} are "
        f"{quoted(portion.source.split)}."
        for portion, _ in used
        if portion.source.builder and portion.source.sliced
    ]
    warnings += [
        *chat_limits.supervision(recipe, "open-instruct", switch=True),
        *chat_limits.tools(
            recipe,
            "open-instruct hands no definitions of tools to the chat template, so those of {task} "
            "are not read.",
        ),
    ]
    learnt = ""
    if chat_limits.last_only(recipe):
        learnt = f" --dataset_transform_fn {LAST} sft_tulu_filter_v1"
        warnings += chat_limits.turns(
            recipe,
            "open-instruct learns the last turn whoever speaks, but some chats of {task} do not "
            "end on the assistant's.",
            ("open",),
        )
    text = (
        bash_array("DATASET_MIXER_LIST", words)
        + bash_array("DATASET_MIXER_LIST_SPLITS", splits)
        + '# --dataset_mixer_list "${DATASET_MIXER_LIST[@]}" '
        + '--dataset_mixer_list_splits "${DATASET_MIXER_LIST_SPLITS[@]}" '
        + f"--dataset_config_seed {recipe.seed}{learnt}\n"
    )
    realised = realised_shares(recipe, rows)
    return Rendered({"open_instruct.sh": text}, MEANING, realised, tuple(warnings))


LAST = "last_turn_tulu_tokenize_and_truncate_v1"
MEANING = (
    "an integer is the exact number of rows drawn from a source (past its end: whole passes, then "
    "a random remainder); never write a decimal point, which would make it a fraction"
)
EXPORTER = Exporter(
    "open-instruct",
    "open-instruct",
    # Pull requests 1494, 1035 and 765 of github.com/allenai/open-instruct, in its
    # open_instruct/dataset_transformation.py.
    Versions(
        "its main branch of 2026-08-20",
        "that of 2026-04-08",
        "Older ones refuse a list of several splits; before 2025-09-24 there is no "
        "--dataset_config_seed, and before 2025-07-21 asking for more rows than there are "
        "stops the run.",
    ),
    render,
)
