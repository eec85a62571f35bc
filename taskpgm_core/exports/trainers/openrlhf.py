"""OpenRLHF: the chance of each source at every draw."""

import shlex

from taskpgm_core.exports import chat_limits
from taskpgm_core.exports.interleave_counts import interleaved_counts
from taskpgm_core.exports.recipe import Recipe, realised_shares, row_shares, rows_to_draw
from taskpgm_core.exports.trainer_files import Exporter, Rendered, Versions, quoted


def render(recipe: Recipe) -> Rendered:
    probabilities = row_shares(recipe)
    total = sum(rows_to_draw(recipe))
    warnings = []
    lengths = []
    for portion in recipe.portions:
        lengths.append(min(total, total if portion.rows is None else portion.rows))
        if portion.rows is None:
            warnings.append(
                f"The rows of task {quoted(portion.task)} are unknown; the mixture may end before "
                f"its budget."
            )
        if portion.source.config or set(portion.source.path) & set(",@"):
            warnings.append(
                f"OpenRLHF takes no configuration and splits names at ',' and '@': it cannot name "
                f"the source of task {quoted(portion.task)}, {quoted(portion.source.path)}."
            )
        if portion.source.sliced:
            warnings.append(
                f"OpenRLHF reads splits whole, but the rows of task {quoted(portion.task)} are "
                f"{quoted(portion.source.split)}."
            )
    drawn = interleaved_counts(
        probabilities, total, seed=recipe.seed, lengths=lengths, strategy="all_exhausted"
    )
    if sum(drawn) < total:
        warnings.append(
            f"OpenRLHF ends once every source was read through, after {sum(drawn):,} of the "
            f"{total:,} rows asked."
        )
    splits = {portion.source.split for portion in recipe.portions}
    if len(splits) > 1:
        warnings.append(f"OpenRLHF reads one split of all sources, but there are {len(splits)}.")
    warnings += [
        *chat_limits.supervision(recipe, "OpenRLHF", switch=True),
        *chat_limits.tools(
            recipe,
            "OpenRLHF hands no definitions of tools to the chat template, so those of {task} are "
            "not read.",
        ),
    ]
    every = bool(recipe.chat) and not chat_limits.last_only(recipe)
    if recipe.chat and not every:
        warnings += chat_limits.turns(
            recipe,
            "OpenRLHF learns the last turn whoever speaks, but some chats of {task} do not end on "
            "the assistant's.",
            ("open",),
        )
    keys = {"--data.input_key": "prompt", "--data.output_key": "completion"}
    flags = ["--data.apply_chat_template", *(["--data.multiturn"] if every else [])]
    arguments = {
        "--data.dataset": ",".join(portion.source.path for portion in recipe.portions),
        "--data.dataset_probs": ",".join(repr(p) for p in probabilities),
        "--data.dataset_split": recipe.portions[0].source.split,
        "--data.max_samples": str(total),
        **({"--data.input_key": "messages"} if recipe.chat else keys),
        "--train.seed": str(recipe.seed),
    }
    lines = [f"  {name} {shlex.quote(value)}\n" for name, value in arguments.items()]
    if recipe.chat:
        lines += [f"  {flag}\n" for flag in flags]
    text = "DATA=(\n" + "".join(lines) + ')\n# pass them on as "${DATA[@]}"\n'
    realised = realised_shares(recipe, drawn)
    return Rendered({"openrlhf.sh": text}, MEANING, realised, tuple(warnings))


MEANING = (
    "dataset_probs are the chance of each source at every draw of a row; sources start over until "
    "all were read through; max_samples cuts the mixture at the budget (and each source)"
)
EXPORTER = Exporter(
    "openrlhf",
    "OpenRLHF",
    # cli/train_sft.py of 0.9.10, 0.10.1 and 0.10.2.
    Versions(
        "openrlhf 0.11.2 (run)",
        "0.10.2",
        "Older ones spell --data.dataset as --dataset, and stop at the unknown argument.",
    ),
    render,
)
