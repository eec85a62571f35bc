"""Tasks that this project writes itself: no download, no licence, any number of rows."""

from taskpgm_core.errors import SourceError, nearest
from taskpgm_core.records import Example
from taskpgm_core.tasks.generated import (
    arithmetic,
    code,
    conversion,
    dates,
    language,
    logic,
    lookup,
    ordering,
    text,
    tracking,
)
from taskpgm_core.tasks.generated.generator import Generator

GENERATORS: dict[str, Generator] = {
    generator.name: generator
    for family in (
        arithmetic,
        dates,
        ordering,
        logic,
        tracking,
        text,
        conversion,
        lookup,
        language,
        code,
    )
    for generator in family.GENERATORS
}

NEAR_COPIES: tuple[tuple[str, str], ...] = (
    ("add-2-digit", "add-3-digit"),
    ("weekday-after", "weekday-before"),
    ("sort-animals", "sort-foods"),
    ("brackets-square", "brackets-curly"),
    ("sentiment-movies", "sentiment-restaurants"),
)
"""Pairs that ask the same thing in the same form: redundancy that a mixture should find."""


def generate(name: str, rows: int, seed: int) -> list[Example]:
    """``rows`` examples of the generator ``name``, all prompts different, the same for one seed.

    Raises SourceError for an unknown name, or more rows than the task has different prompts.
    """
    if name not in GENERATORS:
        raise SourceError(
            f"There is no generated task '{name}'{nearest(name, GENERATORS)}; "
            f"known are: {', '.join(GENERATORS)}."
        )
    return GENERATORS[name].examples(rows, seed)
