"""What an exporter gives: files, what their numbers mean, and what they will come to."""

import json
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from taskpgm_core.exports.recipe import Recipe


@dataclass(frozen=True)
class Rendered:
    """A recipe in a trainer's own format.

    ``files``: name to text. ``meaning``: what the numbers in them mean to that trainer.
    ``realised``: each task's share, in the recipe's unit, of what the trainer will really read
    under its own rule; None where unknown. ``warnings``: what the trainer cannot do as asked.
    """

    files: dict[str, str]
    meaning: str
    realised: dict[str, float | None]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Versions:
    """Of a trainer: ``checked`` (whose code was read; "run" where its data part also read recipes),
    ``at_least`` (the first that reads it), and ``older``, a sentence on what older ones do."""

    checked: str
    at_least: str
    older: str

    @property
    def sentences(self) -> str:
        return f"Checked against {self.checked}; needs at least {self.at_least}. {self.older}"


@dataclass(frozen=True)
class Exporter:
    """One trainer: how a recipe becomes its files, and which ``versions`` of it read them."""

    name: str
    title: str
    versions: Versions
    render: Callable[[Recipe], Rendered]


def quoted(text: str) -> str:
    """``text`` as a JSON string on one line, every unprintable character escaped."""
    return printable(json.dumps(text, ensure_ascii=False))


def printable(text: str) -> str:
    """``text`` on one line, every unprintable character escaped."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def head(recipe: Recipe, rendered: Rendered, exporter: Exporter) -> str:
    """Comment lines for a file: meaning, provenance, warnings, asked against realised shares."""
    lines = [
        f"{exporter.title}: {len(recipe.portions)} tasks, {recipe.budget:,} {recipe.unit}, "
        f"seed {recipe.seed}",
        exporter.versions.sentences,
        f"Meaning: {rendered.meaning}",
    ]
    lines += [f"{quoted(key)}: {quoted(str(value))}" for key, value in recipe.provenance.items()]
    lines += [f"WARNING: {warning}" for warning in rendered.warnings]
    lines += [f"Share of {recipe.unit}, asked -> realised:"]
    for portion in recipe.portions:
        share = rendered.realised[portion.task]
        came = "unknown" if share is None else f"{share:.6f}"
        lines.append(f"  {portion.weight:.6f} -> {came}  {quoted(portion.task)}")
    if recipe.dropped:
        lines.append(f"Weight zero: {', '.join(quoted(task) for task in recipe.dropped)}")
    return "".join(f"# {part}\n" for line in lines for part in line.splitlines())


class _PlainDumper(yaml.SafeDumper):  # type: ignore[misc]
    """Writes a value as often as it occurs: people read no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def yaml_text(value: Any) -> str:
    options = {"sort_keys": False, "allow_unicode": True, "width": 2**20}
    return str(yaml.dump(value, Dumper=_PlainDumper, **options))


def json_text(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def bash_array(name: str, words: Sequence[str]) -> str:
    """A bash array of ``words``; every word is one argument, whatever it holds."""
    return f"{name}=(\n" + "".join(f"  {shlex.quote(word)}\n" for word in words) + ")\n"
