"""Tasks that this project writes itself: no download, no licence, any number of rows."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

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


OPTIONS = ("shard", "shards")


def generate(
    name: str, rows: int, seed: int, options: Mapping[str, Any] = MappingProxyType({})
) -> list[Example]:
    """``rows`` examples of the generator ``name``, all prompts different, the same for one seed.

    ``options`` ``shards`` and ``shard`` (from 0) cut the generator's examples into so many tasks
    that share no prompt: shard k has every ``shards``-th example from the k-th. Without them a
    task has them all, so it shares its prompts with every shard.

    Raises SourceError for an unknown name, a shard that is none, or more rows than the task has
    different prompts.
    """
    if name not in GENERATORS:
        raise SourceError(
            f"There is no generated task '{name}'{nearest(name, GENERATORS)}; "
            f"known are: {', '.join(GENERATORS)}."
        )
    shards, shard = options.get("shards", 1), options.get("shard", 0)
    if type(shards) is not int or type(shard) is not int or not 0 <= shard < shards:
        raise SourceError(
            f"generated:{name}: shards must be a whole number and shard one from 0 below it."
        )
    return GENERATORS[name].examples(rows * shards, seed)[shard::shards]
