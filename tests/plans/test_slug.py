"""Slugs: whatever the text, what comes out is one, and saying it again changes nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskpgm_core.errors import PlanError
from taskpgm_core.plans.slug import ARM, SLUG, arm_of, checked_slug, slug_of

texts = st.text() | st.text("aZ09.-_ é", max_size=60)


@given(texts, st.integers(1, 48))
def test_a_slug_is_one(text, longest):
    slug = slug_of(text, longest)
    assert len(slug) <= longest
    assert not slug or checked_slug(slug) == slug
    assert slug_of(slug, longest) == slug


@given(texts)
def test_an_arms_name_is_one_and_as_runs_on_disk_have_it(text):
    # the name is part of a run's file: another one would count the run twice
    kept = "".join(c if c.isascii() and (c.isalnum() or c in ".-") else "-" for c in text.lower())
    assert arm_of(text) == (kept.strip("-.")[:48] or "arm")
    assert ARM.fullmatch(arm_of(text))


def test_what_is_kept_of_a_text():
    assert slug_of("Sums of  two_digits!") == "sums-of-two-digits"
    assert slug_of("東京") == ""
    assert arm_of("TaskPGM 0.5") == "taskpgm-0.5"
    assert not SLUG.fullmatch("a.b")


@pytest.mark.parametrize("text", ["", "-a", "A", "a/b", "a" * 49])
def test_what_is_no_slug_is_refused(text):
    with pytest.raises(PlanError, match="is no slug: use 1 to 48"):
        checked_slug(text)
