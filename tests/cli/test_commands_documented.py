"""Every verb and every option of the command line is in its documentation."""

from pathlib import Path

import click
import pytest

from taskpgm_core.cli.main import cli

TEXT = (Path(__file__).parents[2] / "docs" / "COMMANDS.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("verb", sorted(cli.commands))
def test_the_verb_and_its_options_are_documented(verb):
    assert f"### `{verb}" in TEXT
    for parameter in cli.commands[verb].params:
        if isinstance(parameter, click.Option):
            assert any(f"`{option}`" in TEXT or option == "--json" for option in parameter.opts)
