"""How fast the dashboard is: the real server, a real Chromium, and sessions without a browser.

    python -m benchmarks.dashboard [--quick] [--throttle 2]

One server over the committed studies and two imported ones of 24 and 316 tasks. Beside it an app
of two pages, each of one slider and one empty chart: what it takes in the same run is Streamlit's
and Plotly's own, and targets are also multiples of it. The server's part is what a visitor without
a browser waits for, less the same wait there. CPU time is the server's, in ticks of 10 ms: a busy
machine disturbs it less. ``--throttle``: Chromium's main thread is slowed down so many times.
"""

import argparse
import html
import os
import platform
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import streamlit
from playwright.sync_api import Browser, Page, sync_playwright
from streamlit.proto.WidgetStates_pb2 import WidgetState

from benchmarks.mixture import table
from pages.ui.layout import PAGES
from taskpgm_core.analysis.question import Question, pose_question
from taskpgm_core.mixture import solve
from taskpgm_core.mixture.problem import Problem
from taskpgm_core.store import import_matrix, open_study
from tests.support.browser import ROOT, Server, chromium_path, settled
from tests.support.matrices import similarity
from tests.support.visitor import Answer, Visitor

LARGE, SMALL = "of-316", "of-24"
RELEASED = (
    (SMALL, "24 tasks", 0.15),
    ("starter", "starter (26, measured)", 0.15),
    (LARGE, "316 tasks", 0.3),
)
"""Studies on which the dial is released, and the target in seconds."""
VISITORS, PAUSE = 20, 5.0
"""Sessions at once, and the seconds between two moves of one of them."""
EMPTY = """
import plotly.graph_objects as go
import streamlit as st

def page(name):
    st.title(name)
    st.write(st.slider("x", 0, 1000))
    st.plotly_chart(go.Figure(layout={"height": 400}))

def one(): page("one")
def two(): page("two")
pages = [st.Page(one, title="one", default=True), st.Page(two, title="two")]
with st.container(key="way-round"):
    for each in pages:
        st.page_link(each)
st.navigation(pages, position="hidden").run()
"""
"""An app as empty as one with a slider and a chart can be."""
PATHS = {("" if name == "app.py" else Path(name).stem): label for name, label in PAGES.items()}

SWITCH = """label => new Promise((done, fail) => {
  const app = document.querySelector('[data-testid=stApp]'), started = performance.now();
  const title = () => document.querySelector('h1')?.textContent, before = title();
  let last = started;
  const unseen = c => c.target.closest?.('[data-testid=stHeader]')
    || (c.type === 'childList' && c.target.closest?.('canvas'));
  const watch = new MutationObserver(changes => {
    if (!changes.every(unseen)) last = performance.now();
  });
  watch.observe(app, {subtree: true, childList: true, attributes: true, characterData: true});
  [...document.querySelectorAll('.st-key-way-round a')]
    .find(a => a.textContent.trim() === label).click();
  const look = () => {
    const now = performance.now();
    if (now - started > 120000) return fail(new Error(label + ' does not settle'));
    const there = title() && title() !== before && app.dataset.testScriptState === 'notRunning';
    if (!there || now - last < 500) return setTimeout(look, 20);
    watch.disconnect();
    done(last - started);
  };
  look();
})"""
"""Milliseconds from a click on a page's link to the last change that can be seen: not those in the
header, nor the words for screen readers that a table writes into its canvas 300 ms later."""

FRAMES = """() => {
  window.work = []; window.between = []; window.drag = true;
  let moved = false, before = 0, started = 0;
  const painted = new MessageChannel();
  painted.port1.onmessage = () => window.work.push(performance.now() - started);
  document.addEventListener('pointermove', () => { moved = true; }, true);
  const frame = now => {
    if (before) window.between.push(now - before);
    before = now;
    started = performance.now();
    if (moved) painted.port2.postMessage(0);
    moved = false;
    if (window.drag) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""
"""Per frame with a pointer event, the main thread's work (script, style, layout, paint); and the
milliseconds between frames."""


def make_cache(folder: Path) -> Path:
    """The committed studies, and imported ones of 24 and 316 tasks."""
    cache = folder / "cache"
    shutil.copytree(ROOT / "cache", cache, ignore=shutil.ignore_patterns(".*", "scenarios"))
    for name, n in ((SMALL, 24), (LARGE, 316)):
        np.save(folder / "matrix.npy", 0.0 - similarity("jsd", n, 0).matrix)
        lines = [f"task-of-some-length-{i},{100 + 37 * i % 9000},family {i % 12}" for i in range(n)]
        tasks = folder / "tasks.csv"
        tasks.write_text("\n".join(["task,rows,family", *lines]))
        import_matrix(folder / "matrix.npy", kind="divergence", tasks=tasks, name=name, root=cache)
    return cache


def seconds(value: float) -> str:
    return f"{value:.2f} s" if value >= 1 else f"{1e3 * value:.0f} ms"


def cpu(server: Server) -> float:
    """Seconds of CPU time that the server has used."""
    return sum(psutil.Process(server.process.pid).cpu_times()[:2])


def tab(browser: Browser, throttle: float) -> Page:
    """A page whose main thread is slowed down."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": throttle})
    return page


def cold_start(cache: Path, script: Path, page: Page, chart: str) -> tuple[Server, float]:
    """A server, and the seconds from starting it to the first chart on its first page."""
    started = time.perf_counter()
    server = Server(cache, cache.parent / "log.txt", script=str(script), OMP_NUM_THREADS="1")
    page.goto(server.url())
    page.locator(chart).first.wait_for(timeout=120_000)
    return server, time.perf_counter() - started


def switches(page: Page, labels: dict[str, str], rounds: int) -> dict[str, list[float]]:
    """Seconds of every opening of every page of the app that is open, in turns."""
    settled(page)
    taken: dict[str, list[float]] = {path: [] for path in labels}
    for _ in range(rounds + 1):
        for path, label in labels.items():
            taken[path].append(page.evaluate(SWITCH, label) / 1e3)
            assert page.locator("[data-testid=stException]").count() == 0, path
    return taken


def drag(page: Page, server: Server, moves: int) -> tuple[np.ndarray, np.ndarray]:
    """Milliseconds of work a frame, and between frames, while the dial is dragged over all rows and
    the whole task graph."""
    page.goto(server.url("mixture", study=LARGE))
    settled(page)
    page.get_by_role("button", name="Show all").click()
    dial = page.get_by_role("slider", name="Balance between")
    dial.scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    box = dial.bounding_box()
    middle, y = box["x"] + box["width"] / 2, box["y"] + 50
    page.mouse.move(middle, y)
    page.mouse.down()
    page.evaluate(FRAMES)
    for at in np.linspace(0, 2 * np.pi - 0.5, moves):
        page.mouse.move(middle + 0.45 * box["width"] * np.sin(at), y)
    work, between = page.evaluate("() => { window.drag = false; return [work, between]; }")
    assert dial.evaluate("node => node.getAttribute('aria-valuenow')") != "1"
    circles = page.locator(".dial .graph canvas").evaluate("canvas => canvas.drawn.circles.length")
    assert circles == int(LARGE.removeprefix("of-"))
    page.mouse.up()
    return np.array(work), np.array(between)


def opened(server: Server, path: str) -> tuple[float, int]:
    """CPU seconds of the server for one more opening of a page at 316 tasks, and the bytes of
    figures that it sends."""
    before = cpu(server)
    visitor = Visitor(server.port, path, study=LARGE)
    answer = visitor.run()
    visitor.close()
    size = sum(len(chart.spec.encode()) for chart in answer.of_type("plotly_chart"))
    return cpu(server) - before, size


def round_trip(server: Server, moves: int) -> list[float]:
    """Seconds from a move of the only slider of a page to its answer: Streamlit's own."""
    visitor = Visitor(server.port)
    slider, taken = visitor.run().of_type("slider")[0].id, []
    for k in range(moves + 3):
        state = WidgetState(id=slider)
        state.double_array_value.data.append(k + 1)
        taken.append(visitor.run(state).finished)
    visitor.close()
    return taken[3:]


def releases(server: Server, study: str, moves: int) -> tuple[list[float], float]:
    """Seconds from letting the dial go to the last panel, at balances never asked before, and the
    server's CPU seconds each."""
    visitor = Visitor(server.port, "mixture", study=study)
    answer, taken = visitor.run(), []
    balances = np.random.default_rng(1).uniform(0.05, 1.5, moves + 3)
    for k, balance in enumerate(balances):
        if k == 3:
            before = cpu(server)
        answer = visitor.release(answer, round(float(balance), 4))
        taken.append(answer.panels)
    visitor.close()
    return taken[3:], (cpu(server) - before) / moves


def own(answer: Answer, balance: float, problem: Problem) -> bool:
    """Whether address, dial and certificate are of this balance."""
    exact = solve(problem, balance)
    said = html.unescape(answer.of_type("html")[-1].body)
    return (
        answer.query["balance"] == [f"{balance:.10g}"]
        and f'"balance": {balance}' in answer.component("taskpgm_dial").json
        and f"<dd>{len(exact.support)} of {problem.n}</dd>" in said
        and f"<dd>{exact.effective_tasks:.1f}</dd>" in said
    )


def crowd(server: Server, moves: int, problem: Problem) -> tuple[list[float], int]:
    """Seconds of every answer to 20 sessions that each move the dial every 5 seconds, and how many
    answers were not of their own session's balance."""
    visitors = [Visitor(server.port, "mixture", study=LARGE) for _ in range(VISITORS)]
    first = [visitor.run() for visitor in visitors]
    started = time.perf_counter()

    def visit(k: int) -> tuple[list[float], int]:
        answer, taken, strange = first[k], [], 0
        for move, balance in enumerate(np.random.default_rng([2, k]).uniform(0.05, 1.5, moves)):
            due = started + PAUSE * (move + k / VISITORS)
            time.sleep(max(due - time.perf_counter(), 0.0))
            answer = visitors[k].release(answer, round(float(balance), 4))
            taken.append(answer.finished)
            strange += not own(answer, round(float(balance), 4), problem)
        return taken, strange

    with ThreadPoolExecutor(VISITORS) as pool:
        results = list(pool.map(visit, range(VISITORS)))
    for visitor in visitors:
        visitor.close()
    return [s for taken, _ in results for s in taken], sum(strange for _, strange in results)


def judged(what: str, measured: str, target: str, met: bool, times: str = "") -> list[str]:
    """A row of the table; ``times``: the multiple of the empty app's, and the target's."""
    return [what, measured, target, times, "met" if met else "not met"]


def timed(
    what: str, value: float, note: str, target: float, empty: float, most: float
) -> list[str]:
    """A row on seconds, with a target in seconds and one in multiples of the ``empty`` app's."""
    met = value <= target and value <= most * empty
    times = f"{value / empty:.1f}, target {most:g}"
    return judged(what, f"{seconds(value)}{note}", seconds(target), met, times)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--throttle", type=float, default=1.0, metavar="TIMES")
    asked = parser.parse_args()
    quick, throttle = asked.quick, asked.throttle
    rounds, moves, steps = (1, 5, 100) if quick else (5, 20, 400)
    busy = [f"{load:.1f}" for load in os.getloadavg()]
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder, servers = Path(name), []
        cache = make_cache(folder)
        problem = pose_question(open_study(LARGE, cache), Question()).problem
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        (folder / "empty.py").write_text(EMPTY)
        starts, bare_starts, bare = [], [], []
        try:
            for _ in range(1 if quick else 3):
                for server in servers:
                    server.stop()
                page = tab(browser, throttle)
                server, taken = cold_start(cache, folder / "empty.py", page, ".main-svg")
                servers = [server]
                bare_starts.append(taken)
                turns = switches(page, {"two": "two", "one": "one"}, 2)
                bare += [taken for opened in turns.values() for taken in opened[1:]]
                server.stop()
                page = tab(browser, throttle)
                server, taken = cold_start(cache, ROOT / "app.py", page, ".headline .plot i")
                servers = [server]
                starts.append(taken)
            page.goto(server.url("build", study=LARGE))
            switched = switches(page, PATHS, rounds)
            work, between = drag(page, server, steps)
            browser.close()
            pages = {path: opened(server, path) for path in PATHS}
            memory = psutil.Process(server.process.pid).memory_info().rss / 1e6
            empty = Server(cache, folder / "empty.txt", script=str(folder / "empty.py"))
            servers.append(empty)
            base = float(np.median(round_trip(empty, moves)))
            servers.pop().stop()
            released = [releases(server, study, moves) for study, *_ in RELEASED]
            waits, strange = crowd(server, 2 if quick else 12, problem)
            torch = "libtorch" in Path(f"/proc/{server.process.pid}/maps").read_text()
        finally:
            for server in servers:
                server.stop()
    again = {path: float(np.median(taken[1:])) for path, taken in switched.items()}
    slowest = max(again, key=lambda path: again[path])
    heaviest = max(pages, key=lambda path: pages[path][1])
    rows = [
        timed("cold start to the first chart", min(starts), "", 3.0, min(bare_starts), 1.5),
        timed(
            "page switch, 316 tasks, slowest page",
            again[slowest],
            f" ({PATHS[slowest]})",
            0.5,
            float(np.median(bare)),
            4,
        ),
        judged("server memory, every page seen", f"{memory:.0f} MB", "600 MB", memory <= 600),
        judged(
            "figure JSON, 316 tasks, largest page",
            f"{pages[heaviest][1] / 1e6:.2f} MB ({PATHS[heaviest]})",
            "2 MB",
            pages[heaviest][1] <= 2e6,
        ),
    ]
    # The clock of frames jitters by 0.1 ms; one that misses a refresh comes after 33.3 ms.
    for what, times, most in (("work a frame", work, 16.7), ("between frames", between, 25.0)):
        p95 = float(np.percentile(times, 95))
        rows.append(
            judged(
                f"dial dragged, bars and graph, {what}, 316 tasks",
                f"p50 {np.median(times):.1f} ms, p95 {p95:.1f} ms",
                "p95 16.7 ms" if what == "work a frame" else "p95 one refresh",
                p95 <= most,
            )
        )
    for (_, what, target), (taken, busy_for) in zip(RELEASED, released, strict=True):
        part = float(np.median(taken)) - base
        rows.append(
            judged(
                f"dial released to panels, {what}, server's part",
                f"{seconds(part)} (CPU {seconds(busy_for)})",
                seconds(target),
                part <= target,
            )
        )
    p95 = float(np.percentile(waits, 95)) - base
    rows += [
        judged(
            f"{VISITORS} sessions, a move every {PAUSE:.0f} s, 316 tasks, server's part",
            f"p50 {seconds(float(np.median(waits)) - base)}, p95 {seconds(p95)}",
            "p95 500 ms",
            p95 <= 0.5,
        ),
        judged("answers of another session", f"{strange} of {len(waits)}", "0", strange == 0),
        judged("torch in the server", "yes" if torch else "no", "no", not torch),
    ]
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {' '.join(busy)} before and "
        f"{' '.join(f'{load:.1f}' for load in os.getloadavg())} after; Streamlit "
        f"{streamlit.__version__}, its own round trip {seconds(base)}\n"
    )
    print(table(["what", "measured", "target", "of the empty app's", ""], rows), end="\n\n")
    detail = [
        [
            label,
            *map(seconds, (switched[path][0], again[path], pages[path][0])),
            f"{pages[path][1] / 1e3:.0f} kB",
        ]
        for path, label in PATHS.items()
    ]
    print(table(["page", "first opening", "again", "server's CPU", "figure JSON"], detail))


if __name__ == "__main__":
    main()
