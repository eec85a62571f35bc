"""In a real browser: asking why, choosing few tasks, and keeping and comparing mixtures."""

import json
import re
import shutil
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from playwright.sync_api import expect

from taskpgm_core.analysis.saved_mixtures import Scenario, list_scenarios, save
from taskpgm_core.mixture import pose, solve
from taskpgm_core.store import open_study, similarity
from tests.support.browser import ROOT, address, faults, settled

pytestmark = pytest.mark.browser
HOSTILE = '<img src=x onerror="window.hit=1"> **bold** :red[x]'
PAGES = ("selection", "why", "compare")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("questions") / "cache"
    root.mkdir()
    [study] = (ROOT / "cache").glob("starter-????????????")
    shutil.copytree(study, root / study.name)
    return root


@pytest.fixture(scope="module")
def study(root):
    return open_study("starter", root)


@pytest.fixture
def link(serve, root):
    """The address of a page about the starter study halfway between diversity and anchor."""
    return lambda page, **query: serve(root).url(
        page, **{"study": "starter", "measure": "jsd", "balance": "0.5"} | query
    )


def query(page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(address(page)).query)


def keep(study, root, **changes) -> Scenario:
    p = np.roll(np.arange(1.0, len(study.names) + 1), 3)
    facts = {"study": study.slug, "content": study.content, "measure": "jsd"} | changes
    return save(Scenario(tasks=study.names, p=p / p.sum(), **facts), root)


def test_a_click_asks_about_a_task_and_the_selection_goes_along(link, tab, study):
    page = tab(link("why"))
    exact = solve(pose(similarity(study, "jsd")), 0.5)
    third = study.names[int(np.argsort(-exact.p, kind="stable")[2])]
    page.locator(".st-key-split .barlayer .point path").nth(2).click(force=True)
    page.wait_for_function("location.search.includes('task=')")
    settled(page)
    assert query(page)["task"] == [third]
    share = f"{100 * exact.p[study.names.index(third)]:.1f}%"
    page.get_by_role("heading", name=re.compile(f"{third} gets {share}")).wait_for()
    page.get_by_role("link", name="Compare").click()
    page.wait_for_url(re.compile("/compare"))
    settled(page)
    assert query(page)["task"] == [third]
    page.go_back()
    page.wait_for_url(re.compile("/why"))
    settled(page)
    page.get_by_role("heading", name=re.compile(f"{third} gets {share}")).wait_for()


def test_the_what_if_slider_moves_by_keyboard_and_solves_anew(link, tab):
    page = tab(link("why", task="clock-add"))
    page.get_by_role("heading", name=re.compile("0.01 nats more alike")).wait_for()
    slider = page.get_by_role("slider", name="Divergence (nats)")
    slider.focus()
    slider.press("Home")
    solved = page.get_by_role(
        "heading", name=re.compile("of the budget would move; clock-add from")
    )
    expect(solved).to_be_visible()
    assert page.get_by_role("heading", name=re.compile("0.01 nats more alike")).count() == 0


def test_k_moves_by_keyboard_and_lives_in_the_address(link, tab):
    page = tab(link("selection", k=3))
    page.get_by_role("heading", name="These 3 tasks").wait_for()
    slider = page.get_by_role("slider", name="How many tasks (k)")
    slider.focus()
    slider.press("ArrowRight")
    page.get_by_role("heading", name="These 4 tasks").wait_for()
    assert query(page)["k"] == ["4"]


def test_what_was_noted_is_there_after_a_lost_connection(link, tab, root):
    page = tab(link("compare"))
    page.get_by_label("Notes", exact=True).fill("half a thought")
    page.get_by_label("Notes", exact=True).press("Control+Enter")
    page.wait_for_function("location.search.includes('draft=')")
    settled(page)
    left_at = address(page)
    page.close()
    again = tab(left_at)
    expect(again.get_by_label("Notes", exact=True)).to_have_value("half a thought")
    again.get_by_label("Name", exact=True).fill("kept by name")
    again.get_by_role("button", name="Save", exact=True).click()
    again.get_by_role("heading", name=re.compile("saved on this server")).wait_for()
    found = [s for s in list_scenarios(root)[0] if s.name == "kept by name"]
    assert [s.notes for s in found] == ["half a thought"]
    assert "scenario" not in query(again)


def test_a_mixture_from_a_file_stands_beside_this_one(link, tab, study, tmp_path):
    file = tmp_path / "production.json"
    file.write_text(json.dumps({study.names[0]: 3, study.names[1]: 1}))
    page = tab(link("compare"))
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_text("production.json").first.wait_for()
    page.get_by_role("button", name="Import").click()
    page.wait_for_function("location.search.includes('scenario=')")
    settled(page)
    beside = page.get_by_role(
        "heading", name=re.compile("production.json lies farthest from uniform", re.IGNORECASE)
    )
    expect(beside).to_be_visible()


def test_a_file_that_is_no_mixture_says_what_is_wrong(link, tab, tmp_path):
    file = tmp_path / "wrong.json"
    file.write_text('{"sort-food": 1}')
    page = tab(link("compare"))
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_text("wrong.json").first.wait_for()
    page.get_by_role("button", name="Import").click()
    expect(page.get_by_text("did you mean 'sort-foods'?")).to_be_visible()
    assert "scenario=" not in address(page)


def test_names_and_notes_with_markup_show_as_text(link, tab, study, root):
    kept = keep(study, root, name=HOSTILE, notes=HOSTILE)
    page = tab(link("compare", scenario=kept.id, baseline=kept.id))
    page.get_by_role("heading", name=re.compile(re.escape("<img src=x"))).first.wait_for()
    assert page.evaluate("window.hit") is None
    assert page.locator("img[src=x]").count() == 0


@pytest.mark.parametrize(
    ("dark", "width"), [(False, 1280), (True, 390)], ids=["light", "dark-phone"]
)
@pytest.mark.parametrize("name", PAGES)
def test_pages_are_accessible_in_both_themes_and_fit_a_phone(link, tab, name, dark, width):
    page = tab(link(name, task="swaps"), dark=dark, width=width, height=844)
    assert page.locator(".js-plotly-plot .main-svg").count()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not faults(page)
