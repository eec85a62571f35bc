"""Every verb and every option of the command line is in its documentation."""

import shlex

import click
import pytest

from taskpgm_core.cli.examples import EXAMPLES
from taskpgm_core.cli.main import cli
from tools.commands import PAGE, page

TEXT = PAGE.read_text(encoding="utf-8")


def test_the_page_is_what_the_commands_say():
    assert page() == TEXT, "docs/commands.md is out of date; run: python -m tools.commands"


@pytest.mark.parametrize("verb", sorted(cli.commands))
def test_the_verb_and_its_options_are_documented(verb):
    command = cli.commands[verb]
    assert f"### `{verb}" in TEXT
    assert command.help, f"{verb} says nothing of itself"
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{verb} {parameter.opts[0]} has no help"
            assert any(f"`{option}" in TEXT or option == "--json" for option in parameter.opts)


@pytest.mark.parametrize("verb", sorted(set(EXAMPLES) & set(cli.commands)))
def test_the_example_can_be_typed(verb):
    program, name, *words = shlex.split(EXAMPLES[verb])
    assert (program, name) == ("taskpgm", verb)
    cli.commands[verb].make_context(verb, words)
