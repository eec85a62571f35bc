"""In a real browser: the task graph beside the dial, what training gave, and the story."""

import re
from math import inf
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskpgm_core.analysis.question import Question, pose_question
from taskpgm_core.evidence.balance_runs import balance_runs
from taskpgm_core.figures.numbers import shortened
from taskpgm_core.findings.mixture import mixture_finding
from taskpgm_core.findings.trained_mixtures import trained_finding
from taskpgm_core.mixture import solve
from taskpgm_core.store import open_study
from taskpgm_core.widgets.balance_dial import ROOM, script
from tests.support.browser import DIALED, SHOWN, address, dial_of, faults, says, settled

pytestmark = pytest.mark.browser
DRAWN = """canvas => { const { names, circles, radius, labels, at, accent } = canvas.drawn;
  return { names, circles, radius, at, accent, labels: labels.map(l => ({ ...l })) }; }"""
COLOUR = """(canvas, { x, y }) => { const scale = canvas.width / canvas.clientWidth;
  const pen = canvas.getContext('2d');
  return [...pen.getImageData(Math.round(x * scale), Math.round(y * scale), 1, 1).data]; }"""


@pytest.fixture(scope="module")
def starter():
    return open_study("starter")


@pytest.fixture
def mixture(serve, tab):
    """The Mixture page of the starter study, its graph drawn."""

    def opened(*, width=1280, height=900, dark=False, **query):
        url = serve().url("mixture", **{"study": "starter"} | query)
        page = tab(url, width=width, height=height, dark=dark)
        dial_of(page)
        return page

    return opened


def graph_of(page):
    canvas = page.locator(".dial .graph canvas")
    canvas.wait_for()
    return canvas


def agree(drawn, names, p) -> None:
    """Every circle's area is its weight's share of what all circles cover together."""
    weights = dict(zip(names, p, strict=True))
    assert drawn["names"] == list(names)
    for name, circle in zip(drawn["names"], drawn["circles"], strict=True):
        if weights[name] > 1e-6:
            area = (circle["r"] / drawn["radius"]) ** 2
            assert area == pytest.approx(max(weights[name], (1.2 / drawn["radius"]) ** 2), abs=1e-6)


def test_graph_and_bars_agree_with_the_solver_while_the_dial_is_dragged(mixture, starter):
    page = mixture()
    dial, canvas = dial_of(page), graph_of(page)
    problem = pose_question(starter, Question()).problem
    box = dial.bounding_box()
    y = box["y"] + 50
    page.mouse.move(box["x"] + box["width"] / 2, y)
    page.mouse.down()
    for part in (0.42, 0.13, 0.0, 0.71, 0.97):
        page.mouse.move(box["x"] + box["width"] * part, y, steps=3)
        page.wait_for_timeout(80)
        p = solve(problem, dial.evaluate(DIALED)).p
        drawn = canvas.evaluate(DRAWN)
        agree(drawn, starter.names, p)
        says(dial.evaluate(SHOWN), starter.names, p)
        sentence = page.locator(".dial .sentence").inner_text()
        assert sentence == f"{mixture_finding(starter.names, p)}."
        seen = canvas.evaluate(COLOUR, drawn["circles"][int(np.argmax(p))])
        accent = [int(drawn["accent"][k : k + 2], 16) for k in (1, 3, 5)]
        assert seen[:3] == pytest.approx(accent, abs=3)
    assert "balance=" not in address(page)
    page.mouse.up()


def test_the_second_track_moves_the_circles_too(mixture, starter):
    page = mixture(balance="0.3")
    page.locator(".resolution .track[aria-disabled=false]").wait_for()
    track = page.get_by_role("slider", name="How alike is the same?")
    before = graph_of(page).evaluate(DRAWN)
    box = track.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.1, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.45, box["y"] + 50, steps=4)
    page.wait_for_timeout(80)
    after = graph_of(page).evaluate(DRAWN)
    page.mouse.up()
    page.wait_for_function("location.search.includes('resolution=')")
    settled(page)
    asked = float(parse_qs(urlsplit(address(page)).query)["resolution"][0])
    exact = pose_question(starter, Question(balance=0.3, resolution=asked)).optimum()
    agree(after, starter.names, exact.p)
    assert before["circles"] != after["circles"]


@pytest.fixture(scope="module")
def labelled(chromium):
    """``labelled(seed, n)``: names placed around n random circles by the script itself."""
    page = chromium.new_page()
    page.set_content("<div></div>")
    page.evaluate(
        """async script => {
          const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
          window.place = (await import(url)).placeLabels; }""",
        script() + "\nexport { placeLabels };",
    )

    def placed(seed: int, n: int):
        generator = np.random.default_rng(seed)
        circles = [
            {"x": float(x), "y": float(y), "r": float(r)}
            for x, y, r in generator.uniform((40, 40, 2), (560, 360, 14), (n, 3))
        ]
        wanted = [{"i": i, "wide": float(generator.uniform(40, 130))} for i in range(20)]
        arguments = [wanted, circles, 18, {"wide": 600, "high": 400}, 10]
        first = page.evaluate("a => window.place(...a, [])", arguments)
        again = page.evaluate("([a, b]) => window.place(...a, b)", [arguments, first])
        return circles, first, again

    yield placed
    page.close()


def distance(box, circle) -> float:
    across = max(box["x"] - circle["x"], 0, circle["x"] - box["x"] - box["wide"])
    up = max(box["y"] - circle["y"], 0, circle["y"] - box["y"] - box["high"])
    return float(np.hypot(across, up)) - circle["r"]


@pytest.mark.parametrize(("seed", "n"), [(0, 22), (1, 26), (2, 60), (3, 120), (4, 316)])
def test_a_name_is_nearest_to_its_own_circle_or_joined_to_it(labelled, seed, n):
    circles, labels, again = labelled(seed, n)
    assert len(labels) >= 3
    for label in labels:
        box, own = label["box"], circles[label["i"]]
        others = [c for k, c in enumerate(circles) if k != label["i"]]
        assert min(distance(box, c) for c in others) > 0
        if label["line"] is None:
            assert distance(box, own) < min(distance(box, c) for c in others)
        else:
            (x, y), end = label["line"]
            assert np.hypot(x - own["x"], y - own["y"]) == pytest.approx(own["r"])
            assert box["x"] <= end[0] <= box["x"] + box["wide"]
            assert box["y"] <= end[1] <= box["y"] + box["high"]
        for other in labels:
            if other is not label:
                apart = other["box"]
                assert (
                    box["x"] + box["wide"] <= apart["x"]
                    or apart["x"] + apart["wide"] <= box["x"]
                    or box["y"] + box["high"] <= apart["y"]
                    or apart["y"] + apart["high"] <= box["y"]
                )
    assert again == labels  # nothing moved, so no name does


def test_bars_and_circles_point_at_each_other_and_a_click_chooses(mixture, starter):
    page = mixture(balance="0.3")
    canvas = graph_of(page)
    row = page.locator(".dial .row").nth(3)
    task = row.get_attribute("title").split(" (")[0]
    row.hover()
    assert canvas.evaluate("c => c.drawn.names[c.drawn.at]") == task
    assert task in page.locator(".dial .tip").inner_text()
    drawn = canvas.evaluate(DRAWN)
    other = starter.names.index("past-tense")
    box = canvas.bounding_box()
    at = {k: box[k] + drawn["circles"][other][k] for k in ("x", "y")}
    page.mouse.move(at["x"], at["y"])
    pointed = page.locator(".dial .row.pointed")
    assert pointed.count() == 1
    assert pointed.get_attribute("title").startswith("past-tense")
    page.mouse.click(at["x"], at["y"])
    page.wait_for_function("location.search.includes('task=past-tense')")
    settled(page)
    panel = page.get_by_role("region", name="The chosen task")
    panel.get_by_text(re.compile("past-tense gets")).wait_for()
    href = panel.get_by_role("link").get_attribute("href")
    assert parse_qs(urlsplit(href).query)["task"] == ["past-tense"]
    assert urlsplit(href).path == "why"
    panel.get_by_role("button").click()
    page.wait_for_function("!location.search.includes('task=')")


def test_the_panel_shows_what_is_shared_and_one_real_example(mixture):
    page = mixture(balance="0.3", task="sort-foods")
    panel = page.get_by_role("region", name="The chosen task")
    panel.get_by_text("sort-foods shares its skill with sort-animals").wait_for()
    panel.get_by_text(re.compile("of each other's gain")).wait_for()
    rows = panel.locator("tbody tr")
    assert rows.count() >= 2
    for k in range(rows.count()):
        _, a, b = rows.nth(k).locator("td").all_inner_texts()
        assert a.rsplit(" ", 1)[0] == b.rsplit(" ", 1)[0]
    dial_of(page).focus()
    page.keyboard.press("PageDown")
    assert "stale" in panel.get_attribute("class")


def test_keys_walk_over_the_circles_and_choose_one(mixture, starter):
    page = mixture(balance="0.3")
    graph = page.get_by_role("group", name=re.compile("Task graph"))
    graph_of(page)
    p = pose_question(starter, Question(balance=0.3)).optimum().p
    order = [starter.names[i] for i in np.argsort(-p, kind="stable")]
    graph.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    status = graph.get_by_role("status")
    assert status.inner_text().startswith(order[1])
    page.keyboard.press("Enter")
    page.wait_for_function(f"location.search.includes('task={order[1]}')")


def test_a_narrow_screen_shows_bars_or_graph(mixture):
    page = mixture(width=390, height=844)
    bars, graph = page.locator(".dial .bars"), page.locator(".dial .graph")
    assert (bars.is_visible(), graph.is_visible()) == (True, False)
    turn = page.get_by_role("button", name="Task graph", exact=True)
    turn.click()
    assert (bars.is_visible(), graph.is_visible()) == (False, True)
    assert turn.get_attribute("aria-pressed") == "true"
    drawn = graph_of(page).evaluate(DRAWN)
    assert all(c["x"] - c["r"] >= 0 and c["x"] + c["r"] <= 390 for c in drawn["circles"])


def test_balance_and_resolution_can_be_typed(mixture, starter):
    page = mixture()
    balance = page.get_by_role("spinbutton", name="balance")
    balance.fill("-1")
    balance.press("Enter")
    assert "balance=" not in address(page)
    balance.fill("0.3721")
    balance.press("Enter")
    page.wait_for_function("location.search.includes('balance=0.3721')")
    settled(page)
    resolution = page.get_by_role("spinbutton", name="Resolution: how alike is the same?")
    resolution.fill("0.0625")
    resolution.press("Enter")
    page.wait_for_function("location.search.includes('resolution=0.0625')")
    settled(page)
    exact = pose_question(starter, Question(balance=0.3721, resolution=0.0625)).optimum()
    says(dial_of(page).evaluate(SHOWN), starter.names, exact.p)
    agree(graph_of(page).evaluate(DRAWN), starter.names, exact.p)


NAMES = st.lists(st.text("ab-/", min_size=1, max_size=40), min_size=1, max_size=12, unique=True)


def test_long_names_are_shortened_as_the_charts_do_and_never_alike(chromium):
    page = chromium.new_page()
    own = (ROOM / "bars.js").read_text(encoding="utf-8")
    page.add_script_tag(content=own + "\nwindow.shortened = shortened;")

    @settings(max_examples=60, deadline=None, database=None)
    @given(NAMES, st.integers(10, 26))
    def agree_everywhere(names, width):
        drawn = page.evaluate("([names, width]) => shortened(names, width)", [names, width])
        assert drawn == shortened(names, width)
        assert len(set(drawn)) == len(names)

    agree_everywhere()
    page.close()


def test_what_a_limit_holds_carries_its_mark(mixture, starter):
    limits = {"cap": "0.042", "floor": "boolean=0.04", "pin": "swaps=0.03"}
    page = mixture(balance="0.2", **limits)
    page.locator(".dial .limit.capped").first.wait_for()
    held = page.locator(".dial .rows .row").evaluate_all(
        """rows => Object.fromEntries(rows.map(row => [row.title.split(' (')[0],
          row.querySelector('.limit').textContent]))"""
    )
    asked = Question(balance=0.2, caps=0.042, floors=(("boolean", 0.04),), pins=(("swaps", 0.03),))
    p = dict(zip(starter.names, pose_question(starter, asked).optimum().p, strict=True))
    assert held["swaps"] == "pinned"
    for task, weight in p.items():
        if task not in ("swaps", "boolean"):
            assert held[task] == ("capped" if weight > 0.042 - 1e-7 else ""), task
    assert page.locator(".dial .legend").get_by_text("capped").count() == 1


def test_equal_shares_stand_in_the_order_of_the_study(mixture, starter):
    page = mixture(balance="1", resolution="inf")
    names = page.locator(".dial .row").evaluate_all("rows => rows.map(r => r.title.split(' (')[0])")
    assert names == list(starter.names)
    assert page.get_by_text("Equal shares stand in the study's order.").count() == 1


def test_what_training_gave_stands_on_the_dials_own_axis(mixture, starter):
    page = mixture(balance="0.9", resolution="inf")
    page.locator(".dial .strip .run b").first.wait_for()
    every = balance_runs(starter, Question("jsd", resolution=inf)).mixtures
    runs = [run for run in every if run.balance is not None]
    dial = dial_of(page).bounding_box()
    drawn = page.locator(".dial .strip .run").evaluate_all(
        "runs => runs.map(run => [run.title, run.getBoundingClientRect().left])"
    )
    for run in runs:
        said = trained_finding(run, "uniform")
        [left] = [x for title, x in drawn if title == said]
        assert left == pytest.approx(dial["x"] + dial["width"] * run.balance / 2, abs=1.5)
    near = min(runs, key=lambda run: abs(run.balance - 0.9))
    assert page.locator(".dial .strip-said").inner_text() == trained_finding(near, "uniform")
    dial_of(page).press("Home")
    first = min(runs, key=lambda run: run.balance)
    assert page.locator(".dial .strip-said").inner_text() == trained_finding(first, "uniform")


def test_without_runs_on_the_axis_there_is_no_strip(mixture):
    page = mixture(measure="pmi")
    page.wait_for_timeout(500)
    assert not page.locator(".dial .strip").is_visible()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_story_is_told_under_the_arrow_keys(mixture, starter, dark):
    page = mixture(balance="0.3", dark=dark, height=720)
    page.get_by_role("button", name="Present").click()
    page.wait_for_function("location.search.includes('present=1')")
    story = page.locator(".presenter")
    story.wait_for()
    told = []
    for _ in range(6):
        told.append(story.locator(".foot span").first.inner_text())
        assert not faults(page)
        size = story.locator(".told, .dial .sentence").locator("visible=true").first
        assert float(size.evaluate("node => parseFloat(getComputedStyle(node).fontSize)")) >= 28
        page.keyboard.press("ArrowRight")
    assert told == [
        "The collection",
        "What to train on",
        "The weight that moved most",
        "What training gave",
        "What it saves",
        "Where to take it",
    ]
    page.keyboard.press("ArrowRight")
    assert story.locator(".foot span").last.inner_text() == "6 / 6"
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    dial = dial_of(page)
    box = dial.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.15, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 50, steps=4)
    page.wait_for_timeout(80)
    p = solve(pose_question(starter, Question()).problem, dial.evaluate(DIALED)).p
    agree(story.locator(".live canvas").evaluate(DRAWN), starter.names, p)
    page.mouse.up()
    page.wait_for_function("!location.search.includes('balance=0.3')")
    settled(page)
    assert "present=1" in address(page)
    page.keyboard.press("ArrowLeft")  # the hand has let go, so keys tell the story again
    assert story.locator(".foot span").first.inner_text() == "The collection"
    page.keyboard.press("Escape")
    page.wait_for_function("!location.search.includes('present')")
    dial_of(page)


def test_a_story_of_an_import_leaves_out_what_nobody_measured(serve, tab, tmp_path):
    from taskpgm_core.store import import_matrix

    root = tmp_path / "cache"
    root.mkdir()
    file = tmp_path / "two.csv"
    file.write_text(",a,b\na,1,0.5\nb,0.5,1\n")
    import_matrix(file, kind="similarity", name="two", root=root)
    page = tab(serve(root).url("mixture", study="two", present="1"))
    page.locator(".presenter .told").wait_for()
    told = set()
    for _ in range(4):
        told.add(page.locator(".presenter .foot span").first.inner_text())
        page.keyboard.press("PageDown")
    assert told == {"The collection", "What to train on", "Where to take it"}
