"""NeMo 2: the blend that it hands on to Megatron, as a list for its data module."""

from taskpgm_core.exports.recipe import Recipe
from taskpgm_core.exports.trainer_files import Exporter, Rendered, Versions, json_text
from taskpgm_core.exports.trainers.megatron_lm import MEANING, VERSIONS, blend

LOADER = '''"""The blend in nemo_paths.json, beside this file: ``paths`` of a data module."""

import json
from pathlib import Path

PATHS = json.loads(Path(__file__).with_name("nemo_paths.json").read_text(encoding="utf-8"))
'''


def render(recipe: Recipe) -> Rendered:
    words, realised, warnings = blend(recipe)
    files = {"nemo_paths.json": json_text(words), "nemo_paths.py": LOADER}
    return Rendered(files, MEANING, realised, warnings)


EXPORTER = Exporter(
    "nemo",
    "NeMo 2",
    Versions(
        f"{VERSIONS.checked}, to which NeMo 2 hands the blend on",
        f"megatron-core {VERSIONS.at_least}",
        VERSIONS.older,
    ),
    render,
)
