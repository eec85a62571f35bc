"""Warnings that say the same of many tasks, told once: a reader needs the consequence first."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from taskpgm_core.figures.numbers import counted

QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
NUMBER = re.compile(r"\d[\d,.]*\d|\d")
NO_ROWS = re.compile(r'The rows of task "" are unknown')


@dataclass(frozen=True)
class AlikeWarnings:
    """``headline``: what they come to, in one or two sentences; ``each``: the warnings as given."""

    headline: str
    each: tuple[str, ...]


def alike_warnings(sentences: Sequence[str]) -> tuple[AlikeWarnings, ...]:
    """Sentences that differ only in a quoted name and in numbers, put together in their order."""
    groups: dict[str, list[str]] = {}
    for sentence in sentences:
        kind = NUMBER.sub("0", QUOTED.sub('""', sentence))
        groups.setdefault(kind, []).append(sentence)
    return tuple(AlikeWarnings(_headline(kind, g), tuple(g)) for kind, g in groups.items())


def _headline(kind: str, sentences: Sequence[str]) -> str:
    first, others = sentences[0], len(sentences) - 1
    if not others:
        return first
    if NO_ROWS.match(kind):
        return (
            "Training may end before the budget does: "
            f"{counted(len(sentences), 'task')} have no row count."
        )
    return f"{first} The same is true of {counted(others, 'other task')}, with their own numbers."
