"""The report as a file in a real Chromium without a network: alive, legible, and whole on paper."""

import json
from collections import Counter
from math import inf

import pytest
from playwright.sync_api import expect

from taskpgm_core.analysis.graph_layout import task_graph
from taskpgm_core.analysis.question import Question, pose_question
from taskpgm_core.analysis.replicates import replicates
from taskpgm_core.findings.story import story
from taskpgm_core.mixture import solve, trace
from taskpgm_core.mixture.explanation import explain
from taskpgm_core.mixture.uncertainty import uncertainty
from taskpgm_core.report import decide, report_page
from taskpgm_core.store import open_study
from tests.support.browser import DIALED, PATIENCE, SHOWN, dial_of, drawn, faults, says
from tests.support.synthetic_study import write_study

pytestmark = pytest.mark.browser
OWN = ("file:", "data:", "blob:")
SHARE = """() => Object.fromEntries([...document.querySelectorAll('td.share')]
  .map(cell => [cell.parentElement.cells[0].textContent, cell.textContent]))"""
WORDS = """() => { const words = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode, holder = node.parentElement, range = document.createRange();
    range.selectNode(node);
    if (node.textContent.trim() && range.getClientRects().length &&
        getComputedStyle(holder).visibility === 'visible') words.push(node.textContent.trim());
  }
  return words; }"""

END = """node => { const all = document.createRange();
  all.selectNodeContents(node);
  return Math.max(...[...all.getClientRects()].map(line => line.right)); }"""
"""Where an element's words end at the right."""


@pytest.fixture(scope="module")
def starter():
    return open_study("starter")


@pytest.fixture(scope="module")
def posed(starter):
    return pose_question(starter, Question("jsd", 0.5, inf))


@pytest.fixture(scope="module")
def problem(posed):
    return posed.problem


def decided(study, posed, **words):
    problem, solution = posed.problem, posed.solution()
    sure = uncertainty(problem, 0.5, replicates(study, "jsd", draws=20))
    why = explain(problem, solution, trace(problem))
    return decide(study, posed, solution, explanation=why, sure=sure, **words)


@pytest.fixture(scope="module")
def decision(starter, posed):
    return decided(starter, posed, notes="Because of the review.")


@pytest.fixture(scope="module")
def file(tmp_path_factory, decision, posed):
    file = tmp_path_factory.mktemp("report") / "report.html"
    file.write_text(report_page(decision, posed, posed.path), encoding="utf-8")
    return file


@pytest.fixture
def opened(chromium):
    """``opened(file, **options)``: the file's page, offline; its context fails on any request or
    word in the console when the test ends."""
    contexts, heard = [], []

    def fetched(route):
        if not route.request.url.startswith(OWN):
            heard.append(route.request.url)
            route.abort()
        else:
            route.continue_()

    def start(file, **options):
        context = chromium.new_context(**({"viewport": {"width": 1280, "height": 720}} | options))
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        context.set_offline(True)
        context.route("**/*", fetched)
        page = context.new_page()
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("requestfailed", lambda request: heard.append(request.url))
        page.goto(file.as_uri())
        dial_of(page)
        return page

    yield start
    for context in contexts:
        context.close()
    assert not heard


def test_keys_and_pointer_show_the_solvers_mixture(opened, file, starter, problem):
    page = opened(file)
    dial, last = dial_of(page), trace(problem).last
    says(dial.evaluate(SHOWN), starter.names, solve(problem, 0.5).p)
    whiskers = page.locator(".dial .row .whisker:visible")
    assert whiskers.count() > 10
    balances = []
    dial.focus()
    for key in ("ArrowRight", "ArrowLeft", "Home", "End", "PageDown", "PageDown", "ArrowDown"):
        page.keyboard.press(key)
        balances.append(dial.evaluate(DIALED))
        says(dial.evaluate(SHOWN), starter.names, solve(problem, balances[-1]).p)
    assert whiskers.count() == 0
    assert balances[0] > 0.5 == balances[1]
    assert balances[2] == 0
    assert balances[3] == pytest.approx(last, rel=1e-3)
    assert balances[3] > balances[4] > balances[5] > balances[6] > 1
    dial.scroll_into_view_if_needed()
    box = dial.bounding_box()
    y = box["y"] + 50
    page.mouse.move(box["x"] + box["width"] / 2, y)
    page.mouse.down()
    for part in (0.45, 0.31, 0.17, 0.05, 0.62, 0.86):
        page.mouse.move(box["x"] + box["width"] * part, y, steps=3)
        drawn(page)
        balances.append(dial.evaluate(DIALED))
        says(dial.evaluate(SHOWN), starter.names, solve(problem, balances[-1]).p)
    page.mouse.up()
    says(dial.evaluate(SHOWN), starter.names, solve(problem, balances[-1]).p)
    assert len(set(balances)) == len(balances)
    page.get_by_text("the decision is at 0.5").wait_for()
    page.get_by_role("button", name="Back to the decision").click()
    assert dial.evaluate(DIALED) == 0.5
    assert not page.get_by_text("You moved the balance").is_visible()


def test_a_thumb_moves_the_dial(opened, file, starter, problem):
    page = opened(file, viewport={"width": 390, "height": 844}, has_touch=True)
    dial = dial_of(page)
    dial.scroll_into_view_if_needed()
    box = dial.bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] * 0.1, box["y"] + 50)
    page.get_by_text("You moved the balance").wait_for()
    balance = dial.evaluate(DIALED)
    assert balance == pytest.approx(0.2, abs=0.01)
    says(dial.evaluate(SHOWN), starter.names, solve(problem, balance).p)
    assert not page.get_by_role("button", name="Task graph").is_visible()  # it has none to turn to
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_names_and_notes_with_markup_are_text(opened, cache, tmp_path):
    names = ("<img src=x onerror=window.hit=1>", "</script><script>window.hit=1</script>", "a&b")
    study = write_study(cache, tasks=names)
    posed = pose_question(study, Question("jsd", 0.5, inf))
    words = "".join(names)
    record = decided(study, posed, notes=words, title=words)
    file = tmp_path / "hostile.html"
    file.write_text(report_page(record, posed, posed.path), encoding="utf-8")
    page = opened(file)
    assert page.locator("img").count() == 0
    assert page.evaluate("window.hit") is None
    assert page.title() == words
    assert page.locator(".notes").inner_text() == words
    told = page.locator("table td:first-child").all_inner_texts()
    assert set(told) == set(names)
    assert page.evaluate("document.querySelectorAll('.dial .row').length") == len(names)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_story_is_told_offline_under_the_arrow_keys(
    opened, tmp_path, starter, posed, problem, decision, scheme
):
    solution, graph = posed.solution(), task_graph(posed.similarity)
    steps = story(posed, solution, explain(problem, solution, trace(problem)), graph)
    files = {}
    for present in (False, True):
        files[present] = tmp_path / f"{present}.html"
        page = report_page(decision, posed, posed.path, graph, steps=steps, present=present)
        files[present].write_text(page, encoding="utf-8")
    page = opened(files[False], color_scheme=scheme)
    told = page.locator(".presenter .told")
    assert page.locator(".step").count() == len(steps) >= 3
    assert told.count() == 0
    page.get_by_role("button", name="Present").click()
    said = page.locator(".presenter .foot span")
    for k, step in enumerate(steps):
        expect(said.last).to_have_text(f"{k + 1} / {len(steps)}")
        expect(said.first).to_have_text(step.title)
        if step.name != "mixture":  # the dial's own sentence follows the hand
            expect(told).to_have_text(step.sentence)
        page.keyboard.press("ArrowRight")
    expect(said.last).to_have_text(f"{len(steps)} / {len(steps)}")
    page.keyboard.press("Home")
    page.keyboard.press(" ")
    dial = page.locator(".presenter").get_by_role("slider", name="Balance between")
    dial.focus()
    page.keyboard.press("Home")  # the dial's key while it is held
    assert dial.evaluate(DIALED) == 0
    exact = dict(zip(starter.names, solve(problem, 0.0).p, strict=True))
    shown = dial.evaluate(SHOWN)
    assert all(exact[task] >= 0.0005 for task in list(shown)[:3])
    assert not faults(page)
    page.keyboard.press("Escape")
    expect(said.last).to_have_text(f"2 / {len(steps)}")
    page.keyboard.press("Escape")
    expect(page.locator(".presenter")).to_have_count(0)
    assert dial_of(page).evaluate(DIALED) == 0.5  # the report is where it was
    page = opened(files[True], color_scheme=scheme)
    expect(page.locator(".presenter .told")).to_have_text(steps[0].sentence)
    page.keyboard.press("Escape")
    expect(page.locator(".presenter")).to_have_count(0)
    page.set_viewport_size({"width": 390, "height": 844})
    button = page.get_by_role("button", name="Present").bounding_box()
    assert 0 < page.locator("header > :first-child").evaluate(END) <= button["x"]


def test_the_record_is_saved_from_the_page(opened, file, decision, tmp_path):
    page = opened(file)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save the decision record").click()
    waiting.value.save_as(tmp_path / "record.json")
    saved = json.loads((tmp_path / "record.json").read_text(encoding="utf-8"))
    assert saved == json.loads(decision.to_json())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_is_accessible_in_both_themes(opened, file, scheme, width):
    page = opened(file, color_scheme=scheme, viewport={"width": width, "height": 844})
    page.keyboard.press("Tab")
    expect(page.get_by_label("balance", exact=True)).to_be_focused()
    page.keyboard.press("Tab")
    expect(dial_of(page)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.get_by_text("You moved the balance").wait_for()
    assert not faults(page)


def test_paper_holds_all_that_the_screen_does_and_the_decision(opened, file, starter, decision):
    page = opened(file, color_scheme="dark")
    on_screen = page.evaluate(WORDS)
    dial = dial_of(page)
    dial.press("Home")
    page.get_by_text("You moved the balance to 0").wait_for()
    page.pdf()
    assert dial.evaluate(DIALED) == 0.5
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 688, "height": 972})  # A4 within its margins
    on_paper = page.evaluate(WORDS)
    lost = Counter(on_screen) - Counter(on_paper)
    assert sorted(w[:16] for w in lost.elements()) == ["Save the decisio", "Towards the left"]
    # The dial is laid out anew a frame after the window has another width.
    page.wait_for_function("document.documentElement.scrollWidth <= 688")
    assert not page.get_by_text("You moved the balance").is_visible()
    for line in decision.tasks:
        assert any(line.task in words for words in on_paper)
    assert decision.digest in on_paper
    says(dial.evaluate(SHOWN), starter.names, decision.weights)
    assert set(page.evaluate(SHARE)) == {line.task for line in decision.tasks if line.weight > 0}
    paper, ink = (
        page.evaluate(f"getComputedStyle(document.body).{name}")
        for name in ("backgroundColor", "color")
    )
    assert paper == "rgb(255, 255, 255)"
    assert ink == "rgb(28, 27, 25)"
