"""axolotl: the first N rows of each dataset, by a slice of its split."""

from taskpgm_core.exports import chat_limits
from taskpgm_core.exports.recipe import Recipe, realised_shares, rows_available, rows_to_draw
from taskpgm_core.exports.trainer_files import Exporter, Rendered, Versions, quoted, yaml_text

TYPE = {
    "field_instruction": "prompt",
    "field_output": "completion",
    "format": "{instruction}",
    "no_input_format": "{instruction}",
}

CHAT = {
    "type": "chat_template",
    "field_messages": "messages",
    "field_tools": "tools",
    "roles_to_train": ["assistant"],
    "train_on_eos": "turn",
}


def render(recipe: Recipe) -> Rendered:
    entries, warnings = [], chat_limits.supervision(recipe, "axolotl", switch=False)
    wanted = rows_to_draw(recipe)
    kept = [min(n, rows) for n, rows in zip(wanted, rows_available(recipe), strict=True)]
    for portion, want, keep in zip(recipe.portions, wanted, kept, strict=True):
        source = portion.source
        if want > keep:
            warnings.append(
                f"axolotl repeats no row, but task {quoted(portion.task)} has {keep:,} of the "
                f"{want:,} rows asked."
            )
        if source.sliced:
            warnings.append(
                f"The split of task {quoted(portion.task)} is a slice already, and cannot be cut."
            )
        if keep:
            how = CHAT if recipe.chat else {"type": TYPE}
            entry = {"path": source.path, **how, "split": f"{source.split}[:{keep}]"}
            entry |= {"ds_type": source.builder} if source.builder else {}
            entry |= {"name": source.config} if source.config else {}
            entries.append(entry)
    text = yaml_text({"datasets": entries, "shuffle_merged_datasets": True, "seed": recipe.seed})
    return Rendered({"axolotl.yaml": text}, MEANING, realised_shares(recipe, kept), tuple(warnings))


MEANING = (
    "split: train[:N] keeps the FIRST N rows of a source, so shuffle sources beforehand "
    "(materialised ones are shuffled); there is no weight field, and axolotl 0.19 would drop one "
    "in silence"
)
EXPORTER = Exporter(
    "axolotl",
    "axolotl",
    # https://github.com/axolotl-ai-cloud/axolotl/pull/3627; utils/data/shared.py of 0.13.0,
    # 0.16.1 and 0.17.0.
    Versions(
        "axolotl 0.19.0 (run)",
        "0.17.0",
        "0.13.0 to 0.16.1 read every row of a local JSON file, whatever its split says, and "
        "so may train on other shares.",
    ),
    render,
)
