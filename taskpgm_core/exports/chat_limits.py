"""What trainers cannot do with chats, as warnings. With chats in a recipe all rows are messages."""

from collections.abc import Sequence

from taskpgm_core.exports.recipe import Recipe
from taskpgm_core.exports.trainer_files import quoted


def last_only(recipe: Recipe) -> bool:
    """Whether the last answer of each chat alone is to be learnt."""
    return "last" in recipe.chat and "several" not in recipe.chat


def supervision(recipe: Recipe, trainer: str, *, switch: bool) -> list[str]:
    """Warnings on which answers are learnt; ``switch``: the trainer can learn the last one alone,
    for all tasks at once."""
    last, several = _named(recipe, "last"), _named(recipe, "several")
    if last and not switch:
        return [
            f"{trainer} learns every answer of a chat and has no switch for the last one alone, as "
            f"{last} asks."
        ]
    if last and several:
        return [
            f"{trainer} learns every answer or the last one alone, of all tasks alike, but {last} "
            f"asks for the last one and {several} for every one."
        ]
    return []


def tools(recipe: Recipe, sentence: str) -> list[str]:
    """``sentence`` with the first task that has tools in the place of {task}, if any has."""
    named = _named(recipe, "tools")
    return [sentence.replace("{task}", named)] if named else []


def unlike(recipe: Recipe, trainer: str) -> list[str]:
    """A warning where some tasks have tools and others none: their files have other columns."""
    without = [p.task for p in recipe.portions if "tools" not in p.chat]
    return (
        tools(
            recipe,
            f"{trainer} joins files of the same columns only, but {{task}} has calls of tools and "
            f"task {quoted(without[0])} has none; materialise the mixture as one file instead.",
        )
        if without
        else []
    )


def turns(recipe: Recipe, sentence: str, wanted: Sequence[str]) -> list[str]:
    """``sentence`` for the first task that has any of the traits ``wanted``."""
    for trait in wanted:
        if named := _named(recipe, trait):
            return [sentence.replace("{task}", named)]
    return []


def flat(recipe: Recipe, sentence: str) -> list[str]:
    """``sentence`` where any task is chats: of a trainer that reads no chats."""
    return [sentence] if recipe.chat else []


def _named(recipe: Recipe, trait: str) -> str:
    """The first task with a trait, as messages name it; empty where none has it."""
    found = next((p.task for p in recipe.portions if trait in p.chat), None)
    return "" if found is None else f"task {quoted(found)}"
