"""YAML that people bring is read as they mean it, or refused in one clause."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from taskpgm_core.files.yaml_text import fault, loaded

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
)


@given(value=PLAIN)
def test_what_was_written_is_read(value):
    assert loaded(yaml.safe_dump(value)) == value


@given(text=st.text())
def test_json_is_read_as_json_reads_it(text):
    assert loaded(json.dumps({text: f"{text} 😀"})) == {text: f"{text} 😀"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("seed: 010", {"seed": "010"}),
        ("at: 1:30", {"at": "1:30"}),
        ("rows: 1_0", {"rows": "1_0"}),
        ("rows: 10", {"rows": 10}),
        ("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}", {"a": {"x": 1, "y": 2}, "b": {"x": 3, "y": 2}}),
    ],
)
def test_numbers_are_those_of_people_and_own_names_go_before_merged_ones(text, value):
    assert loaded(text) == value


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2", "not valid YAML on line 3: 'c' stands in it twice"),
        ("{1: a, 1: b}", "not valid YAML on line 1: '1' stands in it twice"),
        ("a: [", "not valid YAML on line 1: "),
        ("? [a]\n: b", "not valid YAML on line 1: "),
        ("a: 2020-13-45", "not valid YAML: it holds a number or a date that is none"),
        (r'a: "\ud83d"', "not valid YAML on line 1: it holds half a character"),
        ("[" * 5000, "not valid YAML: it is nested too deeply"),
    ],
)
def test_what_cannot_be_read_is_one_clause(text, clause):
    with pytest.raises(yaml.YAMLError) as raised:
        loaded(text)
    assert fault(raised.value).startswith(clause)
    assert "\n" not in fault(raised.value)
