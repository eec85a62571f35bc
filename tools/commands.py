"""Write docs/commands.md from the commands themselves: ``python -m tools.commands``."""

from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path
from typing import Any

import click

from taskpgm_core.cli.examples import EXAMPLES
from taskpgm_core.cli.main import cli
from taskpgm_core.cli.options import question_options

PAGE = Path(__file__).parents[1] / "docs" / "commands.md"
# Where a verb stands on the page, by its file in taskpgm_core/cli; any other file is under MORE.
SECTIONS = {
    "Measure": ("build", "sketch", "edit_study", "experiments"),
    "Studies": ("studies",),
    "Mixtures": ("mixture", "mixture_analysis", "skills"),
    "Hand over": ("export",),
    "Look": ("dashboard",),
}
MORE = "More"
SHARED = "What poses a mixture"
LINK = f"[{SHARED.lower()}](#{SHARED.lower().replace(' ', '-')})"
EVERYWHERE = {"--json", "--help"}

HEAD = """\
<!-- Made by `python -m tools.commands` from the commands themselves. Do not edit. -->
# Commands

The command is `taskpgm VERB`. `python -m taskpgm_core VERB` is the same, and it works in a checkout
without installation.

- STUDY is a slug, the beginning of a digest, or a folder.
- Every verb takes `--help`.
- Every verb with `--json` prints one object on stdout and nothing else.
- An error is one sentence on stderr, and the exit code is 2.
"""


@click.command()
@question_options
def _shared(**_: Any) -> None:
    """The options that all questions about a mixture share.

    [input-files.md](input-files.md) says which files with a mixture are read.
    """


def page() -> str:
    """The page as Markdown."""
    parts = [HEAD]
    for title, verbs in sections().items():
        parts += [f"## {title}\n", *(part for verb in verbs for part in about(cli.commands[verb]))]
    parts += [f"## {SHARED}\n", f"{cleandoc(_shared.help or '')}\n", table(_shared, set())]
    return "\n".join(parts)


def sections() -> dict[str, list[str]]:
    """{title: verbs}, in the order in which verbs were added; no title without verbs."""
    found: dict[str, list[str]] = {title: [] for title in (*SECTIONS, MORE)}
    for name, command in cli.commands.items():
        file = getattr(command.callback, "__module__", "").rpartition(".")[2]
        title = next((title for title, files in SECTIONS.items() if file in files), MORE)
        found[title].append(name)
    return {title: verbs for title, verbs in found.items() if verbs}


def about(command: click.Command) -> Iterator[str]:
    """What the page says of one verb."""
    context = context_of(command)
    words = [p.make_metavar(context) for p in command.params if isinstance(p, click.Argument)]
    yield f"### `{' '.join([command.name or '', *words])}`\n"
    yield f"{cleandoc(command.help or '')}\n"
    if command.name in EXAMPLES:
        yield f"```\n{EXAMPLES[command.name]}\n```\n"
    shared = names(_shared)
    asked = shared if shared <= names(command) else set()
    own = table(command, asked)
    if own:
        yield own
    if asked:
        yield f"It also takes the options of {LINK}.\n"


def context_of(command: click.Command) -> click.Context:
    return click.Context(command, info_name=command.name, parent=click.Context(cli))


def names(command: click.Command) -> set[str]:
    return {p.name or "" for p in command.params if isinstance(p, click.Option)}


def table(command: click.Command, without: set[str]) -> str:
    """Options as ``--help`` shows them, but for those named; empty where none are left."""
    context = context_of(command)
    lines = []
    for option in command.params:
        if not isinstance(option, click.Option) or option.name in without:
            continue
        if EVERYWHERE & set(option.opts):
            continue
        words, told = option.get_help_record(context) or ("", "")
        told = told.replace("  [", " [") + " Repeatable." * option.multiple
        lines.append("| " + " | ".join(x.replace("|", "\\|") for x in (f"`{words}`", told)) + " |")
    return "\n".join(["| Option | What it does |", "|---|---|", *lines, ""]) if lines else ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"Wrote {PAGE}")
