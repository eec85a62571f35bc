"""Someone opens the app for the first time, moves the balance, and sees the mixture follow."""

import re

import pytest

from taskpgm_core.analysis.question import Question, pose_question
from taskpgm_core.store import open_study
from tests.support.browser import address, settled

pytestmark = pytest.mark.browser


def test_a_newcomer_opens_a_study_moves_the_balance_and_sees_bars_change(serve, tab):
    page = tab(serve().url())
    page.get_by_role("link", name="1. See it").first.click()
    page.wait_for_url(re.compile("/mixture"))
    dial = page.get_by_role("slider", name="Balance")
    dial.wait_for()
    settled(page)
    before = dial.get_attribute("aria-valuetext")
    box = dial.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.1, box["y"] + 40)
    page.wait_for_function("location.search.includes('balance=0.2')")
    settled(page)
    assert dial.get_attribute("aria-valuetext") != before
    assert "balance=0.2" in address(page)
    balance = float(re.search(r"balance=([\d.]+)", address(page)).group(1))
    study = open_study(re.search(r"study=([\w-]+)", address(page)).group(1))
    exact = pose_question(study, Question(balance=balance)).solution()
    shown = dial.evaluate(
        "node => Object.fromEntries([...node.closest('.dial').querySelectorAll('.row')]"
        ".map(row => [row.title.split(' (')[0], row.querySelector('.share').textContent]))"
    )
    for task, p in zip(study.names, exact.p, strict=True):
        if p > 1e-3:
            assert shown[task] == f"{100 * p:.1f}%"


def test_the_code_of_charts_is_there_before_the_first_chart_is_asked_for(serve, tab):
    page = tab(serve().url())
    settled(page)
    loads = (
        "performance.getEntriesByType('resource').filter(r => /PlotlyChart/.test(r.name)).length"
    )
    page.wait_for_function(f"() => {loads} === 1")
    assert page.locator(".js-plotly-plot").count() == 0
    page.get_by_role("link", name="Task graph").click()
    page.locator(".js-plotly-plot").first.wait_for()
    assert page.evaluate(loads) == 1  # from the same address, so not loaded again
