"""Warnings alike are told once, with every one of them at hand."""

from hypothesis import given
from hypothesis import strategies as st

from taskpgm_core.exports.trainer_files import quoted
from taskpgm_core.findings.alike_warnings import alike_warnings


def unknown(task: str) -> str:
    return f"The rows of task {quoted(task)} are unknown; the mixture may end before its budget."


def short(task: str, kept: int) -> str:
    return f"axolotl repeats no row, but task {quoted(task)} has {kept:,} of the 9,000 rows asked."


def test_tasks_without_rows_are_one_sentence_that_begins_with_what_comes_of_it():
    sentences = [unknown(f'a "{k}" \\') for k in range(316)]
    (group,) = alike_warnings(sentences)
    assert group.headline == (
        "Training may end before the budget does: 316 tasks have no row count."
    )
    assert group.each == tuple(sentences)


def test_others_alike_are_told_by_the_first_and_one_alone_as_it_is():
    few, alone, none = alike_warnings([short("a", 10), short("b", 1200), "x 1.", unknown("c")])
    assert few.headline == short("a", 10) + (
        " The same is true of 1 other task, with their own numbers."
    )
    assert (alone.headline, none.headline) == ("x 1.", unknown("c"))


@given(st.lists(st.tuples(st.text(max_size=9), st.integers(0, 10**6), st.booleans())))
def test_no_warning_is_lost_and_kinds_never_mix(drawn):
    sentences = [short(task, n) if b else unknown(task) for task, n, b in drawn]
    groups = alike_warnings(sentences)
    assert sorted(s for group in groups for s in group.each) == sorted(sentences)
    assert len(groups) == len({b for *_, b in drawn})
