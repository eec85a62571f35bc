"""The table of resolutions: it names ties as ties, and drops a column that says nothing."""

import numpy as np
import pytest

from taskpgm_core.cli.main import main
from taskpgm_core.cli.skills import largest_weights


def test_where_the_mixture_is_the_same_at_every_resolution_a_sentence_says_so(capsys):
    assert main(["skills", "starter"]) == 0
    said = capsys.readouterr().out
    assert "largest weights are the same at every resolution: all 26 tasks at 0.038." in said
    assert said.count("0.038") == 1


def test_where_it_differs_the_largest_are_named(capsys):
    assert main(["skills", "starter", "--balance", "0"]) == 0
    said = capsys.readouterr().out
    assert "largest weights\n" in said
    assert "same at every resolution" not in said


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ([0.25] * 4, "all 4 tasks at 0.250"),
        ([0.2] * 4 + [0.1, 0.1], "4 tasks at 0.200"),
        ([0.1, 0.5, 0.3, 0.1], "b 0.500, c 0.300, a 0.100"),
        ([0.4, 0.4, 0.2], "a 0.400, b 0.400, c 0.200"),
        ([1.0], "a 1.000"),
    ],
)
def test_ties_are_named_as_ties(weights, said):
    assert largest_weights(dict(zip("abcdef", np.array(weights).tolist(), strict=False))) == said
