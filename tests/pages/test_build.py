"""The Build page: a template that can be built here, and all that is wrong with a plan."""

from streamlit.testing.v1 import AppTest

from taskpgm_core.plans.plan import load_plan, self_contained
from tests.support.app import open_page


def test_it_opens_on_a_plan_that_needs_nothing_from_elsewhere(cache, monkeypatch):
    monkeypatch.setattr("taskpgm_core.plans.plan.find_spec", lambda name: name)
    at = open_page("build")
    picked = at.selectbox(key="plan-name")
    assert self_contained(load_plan(picked.value))
    assert any(f"{picked.value}\\: " in m.value for m in at.markdown)
    assert not at.error


def test_all_that_is_wrong_with_a_plan_is_one_box():
    def page():
        from pages.ui.plan_editor import verdict

        verdict("slug: A\nbase: b\nseed: -1\ntasks: [generated:swaps, {id: <b>}]\n")

    at = AppTest.from_function(page).run()
    assert not at.exception
    (box,) = at.error
    lines = box.value.splitlines()
    assert [line[:9] for line in lines] == ["- Line 1\\", "- Line 3\\", "- Line 4\\"]
    assert "<b>" not in box.value.replace("\\<", "")
