"""In a real Chromium: the dial, linked selection, back and forward, themes, access for everyone."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from pages.ui.balance_dial import AT_ONCE
from taskpgm_core.analysis.question import Question, pose_question
from taskpgm_core.mixture import pose, solve, trace
from taskpgm_core.mixture.resolution_axis import resolution_axis
from taskpgm_core.store import import_matrix, open_study, similarity
from taskpgm_core.widgets.balance_dial import dial_data, path_data, script
from tests.support.browser import DIALED, SHOWN, address, dial_of, drawn, faults, says, settled
from tests.support.matrices import similarity as sample

pytestmark = pytest.mark.browser
PAGES = ("", "mixture", "graph", "similarity", "tradeoff", "evidence", "build", "report")


@pytest.fixture(scope="module")
def starter():
    return open_study("starter")


def test_the_dial_shows_the_solvers_mixture_while_dragging_and_after_release(serve, tab, starter):
    page = tab(serve().url("mixture", study="starter"))
    dial, problem = dial_of(page), pose_question(starter, Question()).problem
    box = dial.bounding_box()
    y = box["y"] + 50
    page.mouse.move(box["x"] + box["width"] / 2, y)
    page.mouse.down()
    for part in (0.45, 0.31, 0.17, 0.62, 0.86):
        page.mouse.move(box["x"] + box["width"] * part, y, steps=3)
        drawn(page)
        says(dial.evaluate(SHOWN), starter.names, solve(problem, dial.evaluate(DIALED)).p)
    assert "balance=" not in address(page)
    page.mouse.up()
    page.wait_for_function("location.search.includes('balance=')")
    settled(page)
    balance = float(re.search(r"balance=([\d.]+)", address(page)).group(1))
    assert dial.evaluate(DIALED) == balance
    says(dial.evaluate(SHOWN), starter.names, solve(problem, balance).p)


def test_the_dial_listens_to_keys_and_to_a_thumb(serve, tab, starter):
    page = tab(serve().url("mixture", study="starter"), width=390, height=844, has_touch=True)
    dial, path = dial_of(page), pose_question(starter, Question()).path
    dial.focus()
    page.keyboard.press("Home")
    assert dial.evaluate(DIALED) == 0
    page.wait_for_function("location.search.includes('balance=0')")
    settled(page)
    page.keyboard.press("End")
    assert dial.evaluate(DIALED) == pytest.approx(path.last, rel=1e-3)
    page.keyboard.press("PageDown")
    assert 1 < dial.evaluate(DIALED) < path.last
    page.wait_for_function("location.search.includes('balance=')")
    settled(page)
    dial.scroll_into_view_if_needed()
    box = dial.bounding_box()
    page.touchscreen.tap(box["x"] + box["width"] * 0.25, box["y"] + 50)
    page.wait_for_function("location.search.includes('balance=0.5')")
    assert dial.evaluate(DIALED) == pytest.approx(0.5, abs=0.01)
    assert "tasks, most on" in dial.get_attribute("aria-valuetext")


def test_the_words_beside_the_resolution_are_whole(serve, tab):
    for study, height in (("starter", 720), ("bigbench", 720), ("bigbench", 1080)):
        page = tab(serve().url("mixture", study=study), width=1280, height=height)
        page.locator(".resolution .track[aria-disabled=false]").wait_for()
        words = page.locator(".resolution .readout .quiet")
        assert "(" in words.inner_text()
        assert words.evaluate("node => node.scrollWidth <= node.clientWidth")


def test_the_second_track_shows_the_solvers_mixture_at_every_resolution(serve, tab, starter):
    page = tab(serve().url("mixture", study="starter", balance="0.3"))
    posed = pose_question(starter, Question(balance=0.3))
    axis = resolution_axis(posed.problem, posed.kernel, 0.3)
    balance = dial_of(page)
    page.locator(".resolution .track[aria-disabled=false]").wait_for()
    track = page.get_by_role("slider", name="How alike is the same?")
    assert track.evaluate(DIALED) == axis.automatic
    names = page.locator(".dial .row").evaluate_all(
        "rows => rows.map(row => row.title.replace(/ \\([^)]*\\)$/, ''))"  # unshortened
    )
    parts = page.locator(".dial .row").evaluate_all(
        "rows => rows.map(row => row.querySelector('.bracket')?.className || '')"
    )
    for group in posed.kernel.groups:
        at = sorted(names.index(task) for task in group)
        assert at == list(range(at[0], at[-1] + 1))
        assert [parts[at[0]], parts[at[-1]]] == ["bracket first", "bracket last"]
    assert sum(map(bool, parts)) == sum(map(len, posed.kernel.groups))
    box = track.bounding_box()
    y = box["y"] + 50
    page.mouse.move(box["x"] + box["width"] * axis.automatic / 63, y)
    page.mouse.down()
    away = 0.41 if abs(axis.automatic - 26) > 3 else 0.72  # from where it stands by itself
    for part in (0.2, 0.55, 0.93, away):
        page.mouse.move(box["x"] + box["width"] * part, y, steps=3)
        drawn(page)
        k = int(track.evaluate(DIALED))
        assert abs(k - 63 * part) < 1
        says(track.evaluate(SHOWN), starter.names, axis.weights[k])
        assert f"{axis.skills[k]:.1f} distinct skill" in track.get_attribute("aria-valuetext")
    assert "resolution=" not in address(page)
    assert balance.evaluate(DIALED) == 0.3
    page.mouse.up()
    page.wait_for_function("location.search.includes('resolution=')")
    settled(page)
    released = float(re.search(r"resolution=([\de.+-]+)", address(page)).group(1))
    assert released == axis.resolutions[k]
    exact = pose_question(starter, Question(balance=0.3, resolution=released)).optimum()
    says(track.evaluate(SHOWN), starter.names, exact.p)
    assert track.evaluate(DIALED) == k
    page.locator(".resolution .choices").get_by_role("button", name="the paper's").click()
    page.wait_for_function("location.search.includes('resolution=inf')")
    settled(page)
    says(track.evaluate(SHOWN), starter.names, solve(pose(similarity(starter)), 0.3).p)
    track.press("ArrowRight")  # from where there is no place on the track, as from auto
    page.wait_for_function("!location.search.includes('resolution=inf')")
    settled(page)
    assert track.evaluate(DIALED) == axis.automatic + 1


def test_of_many_tasks_the_second_track_gets_its_points_once_the_hand_comes_near(
    serve, tab, tmp_path
):
    tasks = AT_ONCE + 1
    np.save(tmp_path / "matrix.npy", -sample("jsd", tasks, 0).matrix)
    import_matrix(tmp_path / "matrix.npy", kind="divergence", name="many", root=tmp_path)
    page = tab(serve(tmp_path).url("mixture", study="many"))
    track = page.get_by_role("slider", name="How alike is the same?")
    assert track.get_attribute("aria-disabled") == "true"
    note = page.locator(".resolution .note")
    expect(note).to_have_text("Point here to see the skills at every resolution")
    for balance in ("0.4", "0.7"):
        page.get_by_role("spinbutton", name="balance", exact=True).fill(balance)
        page.keyboard.press("Enter")
        page.wait_for_function(f"location.search.includes('balance={balance}')")
        settled(page)
        track.hover(force=True)
        page.locator(".resolution .track[aria-disabled=false]").wait_for()
        assert track.get_attribute("aria-valuemax") == "63"
        expect(note).to_have_text("")


def test_a_late_answer_does_not_pull_the_dial_back(chromium, starter):
    path = trace(pose(similarity(starter)))
    data = path_data("k", [""] * len(path.tasks), path.sparse()) | dial_data(
        "k", balance=1.0, lam=1.0, anchor=path.anchor, anchor_name="uniform", overlays={}
    )
    page = chromium.new_page()
    try:
        page.set_content("<div id=here></div>")
        page.evaluate(
            """async ([script, data]) => {
              const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
              const { default: dial } = await import(url);
              const parentElement = document.getElementById("here");
              window.told = [];
              const setStateValue = (name, balance) => window.told.push(balance);
              window.answer = (balance) =>
                dial({ data: { ...data, balance }, parentElement, setStateValue });
              window.answer(1);
            }""",
            [script(), data],
        )
        dial = page.get_by_role("slider")
        for k in range(1, 3):
            dial.press("PageDown")
            page.wait_for_function(f"window.told.length == {k}")
        first, last = page.evaluate("window.told")
        for answer, shown in ((1, last), (first, last), (last, last), (first, first), (1, 1)):
            page.evaluate("balance => window.answer(balance)", answer)
            assert dial.evaluate(DIALED) == shown
    finally:
        page.close()


def shows(page, balance: str) -> None:
    """The dial comes to stand at ``balance`` and stays there."""
    expect(dial_of(page)).to_have_attribute("aria-valuenow", balance)
    settled(page)
    assert dial_of(page).get_attribute("aria-valuenow") == balance


def test_back_and_forward_walk_through_what_was_shown(serve, tab):
    page = tab(serve().url("mixture", study="starter", balance="0.5"))
    dial_of(page)
    page.get_by_role("button", name="uniform", exact=True).click()
    page.wait_for_function("!location.search.includes('balance=0.5')")
    settled(page)
    page.get_by_role("link", name="Trade-off").click()
    page.wait_for_url(re.compile("/tradeoff"))
    settled(page)
    page.go_back()
    dial_of(page)
    page.go_back()
    page.wait_for_function("location.search.includes('balance=0.5')")
    settled(page)
    shows(page, "0.5")
    page.go_forward()
    page.wait_for_function("!location.search.includes('balance=0.5')")
    shows(page, "1")


def test_intervals_reach_the_bars(serve, tab):
    page = tab(serve().url("mixture", study="starter", balance="0.5", resolution="inf"))
    dial_of(page)
    page.locator(".dial .whisker:visible").first.wait_for()
    assert page.locator(".dial .legend").get_by_text("90% interval").count() == 1
    low, high = page.locator(".dial .row").first.evaluate(
        """row => { const lane = row.querySelector('.lane').getBoundingClientRect();
        const w = row.querySelector('.whisker').getBoundingClientRect();
        const bar = row.querySelector('.bar').getBoundingClientRect();
        return [(bar.right - w.left) / lane.width, (w.right - bar.right) / lane.width]; }"""
    )
    assert low > 0
    assert high > 0


def test_a_click_on_a_node_selects_the_task_on_every_page(serve, tab):
    page = tab(serve().url("graph", study="starter", balance="0.5"), height=1000)
    page.locator(".js-plotly-plot .points path.point").first.wait_for()
    point = page.evaluate(
        """() => { const plot = document.querySelector('.js-plotly-plot');
        const trace = plot.data.findIndex(t => t.customdata && t.customdata.length &&
          typeof t.customdata[0][1] === 'number');
        const {x, y} = plot.data[trace], box = plot.getBoundingClientRect(), l = plot._fullLayout;
        return {task: plot.data[trace].customdata[0][0],
          x: box.x + l.xaxis._offset + l.xaxis.l2p(x[0]),
          y: box.y + l.yaxis._offset + l.yaxis.l2p(y[0])}; }"""
    )
    page.mouse.click(point["x"], point["y"])
    page.wait_for_function("location.search.includes('task=')")
    settled(page)
    assert f"task={point['task']}" in address(page)
    page.get_by_role("link", name="Mixture", exact=True).click()
    dial_of(page)
    pressed = page.locator(".dial .row.selected .name")
    pressed.wait_for()
    assert pressed.get_attribute("aria-pressed") == "true"
    page.get_by_role("link", name="Similarity").click()
    page.wait_for_url(re.compile("/similarity"))
    settled(page)
    assert f"task={point['task']}" in address(page)


def test_a_click_on_a_cell_drills_down_to_the_next_token(serve, tab, starter):
    page = tab(serve().url("similarity", study="starter"), height=1000)
    page.locator(".js-plotly-plot").first.wait_for()
    cell = page.evaluate(
        """() => { const plot = document.querySelector('.js-plotly-plot');
        const t = plot.data.find(t => t.type === 'scatter'), k = t.x.length - 1;
        const box = plot.getBoundingClientRect(), l = plot._fullLayout;
        return {pair: t.customdata[k], x: box.x + l.xaxis._offset + l.xaxis.l2p(t.x[k]),
          y: box.y + l.yaxis._offset + l.yaxis.l2p(t.y[k])}; }"""
    )
    page.mouse.click(cell["x"], cell["y"])
    page.wait_for_function("location.search.includes('task=')")
    settled(page)
    for k in cell["pair"]:
        assert f"task={starter.names[k]}" in address(page)
    page.get_by_role("heading", name="What each model would have said").wait_for()
    i, j = cell["pair"]
    apart = -similarity(starter).matrix[i, j]
    assert page.get_by_text(re.compile(rf"{apart:.3f} nats")).count() >= 1


def test_limits_set_in_their_tables_reach_the_address_and_the_bars(serve, tab, starter):
    page = tab(serve().url("mixture", study="starter", balance="0.5"), height=1000)
    dial_of(page)
    page.get_by_role("button", name="No limits").click()
    cap = page.get_by_role("spinbutton", name="Every task at most (%)")
    cap.fill("4")
    cap.press("Enter")
    page.wait_for_function("location.search.includes('cap=0.04')")
    settled(page)
    floor = page.get_by_role("spinbutton", name="Every task at least (%)")
    floor.fill("10")  # the panel stays open, and says what clashes in numbers
    floor.press("Enter")
    panel = page.locator("[data-testid=stPopoverBody]")
    panel.get_by_text("above its cap 0.04").wait_for()
    settled(page)
    cap.fill("")
    cap.press("Enter")
    panel.get_by_text("26 x 10% is 260%; at most 3.8% each").wait_for()
    settled(page)
    floor.fill("")
    floor.press("Enter")
    page.wait_for_function("!location.search.includes('floor=')")
    settled(page)
    cap.fill("4")
    cap.press("Enter")
    page.wait_for_function("location.search.includes('cap=0.04')")
    settled(page)
    page.keyboard.press("Escape")
    exact = pose_question(starter, Question(balance=0.5, caps=0.04)).optimum()
    page.locator(".dial .row .share").first.filter(has_text="4.0%").wait_for()
    says(dial_of(page).evaluate(SHOWN), starter.names, exact.p)
    page.get_by_role("link", name="Trade-off").click()
    page.wait_for_url(re.compile("/tradeoff"))
    settled(page)
    assert "cap=0.04" in address(page)
    assert page.get_by_role("button", name="Limits: 1").count() == 1


def test_a_click_on_the_path_moves_the_balance(serve, tab, starter):
    page = tab(serve().url("tradeoff", study="starter", balance="1", resolution="auto"))
    settled(page)
    plot = page.locator(".st-key-path .nsewdrag").first.bounding_box()
    page.mouse.click(plot["x"] + plot["width"] / 4, plot["y"] + plot["height"] / 2)
    page.wait_for_function("location.search.includes('balance=0.5')")
    settled(page)
    p = pose_question(starter, Question(balance=0.5)).optimum().p
    given_up = 100 * (1 / 26 - p).clip(min=0).sum()
    page.get_by_text(f"Against uniform you give up {given_up:.1f} points").wait_for()
    assert "balance=0.5" in address(page)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_no_page_shuts_anyone_out(serve, tab, name, dark):
    """axe finds no fault: contrast AA, names, roles, keyboard."""
    query = {"study": "starter", "balance": "0.5", "task": "navigate", "cap": "0.1"}
    page = tab(serve().url(name, **query), dark=dark)
    assert not faults(page)
    paper = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    assert (np.mean([int(x) for x in re.findall(r"\d+", paper)[:3]]) < 128) == dark


def test_a_phone_shows_where_one_is_though_the_way_round_is_longer(serve, tab):
    page = tab(serve().url("evidence", study="starter"), width=390, height=844)
    box = page.get_by_role("link", name="Evidence").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390


@pytest.mark.parametrize("name", PAGES)
def test_at_the_width_of_a_phone_nothing_sticks_out(serve, tab, name):
    page = tab(serve().url(name, study="starter", balance="0.5"), width=390, height=844)
    wide = page.evaluate(
        """() => [...document.querySelectorAll('[data-testid=stMainBlockContainer] *')]
        .filter(e => e.getBoundingClientRect().right > innerWidth + 1 &&
          !e.closest(['.st-key-way-round', '.st-key-matrix', '.st-key-graph',
            '[data-testid=stDataFrame]', 'pre', 'svg'].join()))
        .map(e => e.className && e.className.toString().slice(0, 80))"""
    )
    assert not wide
    page.get_by_role("link", name="Trade-off").wait_for(state="attached")


@pytest.mark.parametrize("width", [390, 700])
@pytest.mark.parametrize("name", ["graph", "similarity"])
def test_pictures_that_would_be_a_smear_scroll_sideways(serve, tab, name, width):
    page = tab(serve().url(name, study="starter", balance="0.5"), width=width, height=844)
    for _ in range(3):
        picture = page.locator(".st-key-matrix .main-svg, .st-key-graph .main-svg").first
        assert picture.bounding_box()["width"] >= 600
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.reload()
        settled(page)
