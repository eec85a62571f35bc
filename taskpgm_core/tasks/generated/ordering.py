"""Words put into alphabetical order."""

from collections.abc import Sequence
from random import Random

from taskpgm_core.tasks.generated.generator import Generator
from taskpgm_core.tasks.generated.words import ANIMALS, FOODS


def _sort(random: Random, words: Sequence[str]) -> tuple[str, str]:
    chosen = random.sample(words, 4)
    return f"Sort alphabetically: {', '.join(chosen)}", ", ".join(sorted(chosen))


GENERATORS = (
    Generator(
        "sort-animals",
        "sorting",
        "Put four animals into alphabetical order.",
        lambda random: _sort(random, ANIMALS),
    ),
    Generator(
        "sort-foods",
        "sorting",
        "Put four foods into alphabetical order.",
        lambda random: _sort(random, FOODS),
    ),
)
