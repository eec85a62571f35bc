"""A real server and a real browser, for tests marked ``browser``."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

ROOT = Path(__file__).parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
START = 90
"""Seconds that a server may take to start on a busy machine."""
PATIENCE = 90_000
"""Milliseconds that a page may take to show what is looked at on a busy machine."""
expect.set_options(timeout=PATIENCE)


def chromium_path() -> str:
    """Where Chromium is; skips the test without one, or fails it under TASKPGM_REQUIRE_BROWSER."""
    found = next((path for path in map(shutil.which, BROWSERS) if path), None)
    if found is None:
        reason = "No Chromium found; get it with: apt-get install chromium"
        if os.environ.get("TASKPGM_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


class Server:
    """``streamlit run`` on a free port of 127.0.0.1, over the studies in ``cache``.

    ``dashboard``: a folder where ``taskpgm dashboard`` is run instead, over what it finds there.
    """

    def __init__(
        self,
        cache: Path | None,
        log: Path,
        *,
        script: str = "app.py",
        dashboard: Path | None = None,
        **environment: str,
    ) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = log
        port = str(self.port)
        options = ("--server.port", port, "--browser.gatherUsageStats", "false")
        command = ["streamlit", "run", script, *options]
        if dashboard:
            command = ["taskpgm_core", "dashboard", "--port", port]
        places = {"TASKPGM_CACHE": str(cache)} if cache else {}
        with log.open("w") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=dashboard or ROOT,
                env={**os.environ, **places, **environment},
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        self._wait()

    def _wait(self) -> None:
        until = time.monotonic() + START
        while time.monotonic() < until and self.process.poll() is None:
            try:
                with urllib.request.urlopen(self.url("_stcore/health"), timeout=1):
                    return
            except OSError:
                time.sleep(0.1)
        self.stop()
        pytest.fail(f"The server did not start:\n{self.log.read_text()[-2000:]}")

    def url(self, page: str = "", **query: object) -> str:
        """The address of a page (``mixture``; empty for Home), lists as repeated parameters."""
        written = urlencode(query, doseq=True)
        return f"http://127.0.0.1:{self.port}/{page}" + (f"?{written}" if written else "")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)


QUIET = """quiet => { const app = document.querySelector('[data-testid=stApp]'), now = Date.now();
  const late = [...document.querySelectorAll('[data-testid=stPlotlyChart]')]
    .some(chart => chart.getClientRects().length && !chart.querySelector('.main-svg'));
  const busy = app?.dataset.testScriptState !== 'notRunning' || !document.querySelector('h1') ||
    late || document.querySelector('[data-testid=stSkeleton], [data-stale=true]');
  if (busy || !window.quietSince) window.quietSince = busy ? 0 : now;
  return !busy && now - window.quietSince > quiet; }"""


def settled(page, timeout: float = PATIENCE) -> None:
    """Wait until the app has run and drawn its charts, nothing of an earlier run is left and no
    further run is in sight; then fail on an error box of it."""
    page.evaluate("window.quietSince = 0")
    page.wait_for_function(QUIET, arg=300, polling=50, timeout=timeout)
    assert page.locator("[data-testid=stException]").count() == 0, page.inner_text("body")


def drawn(page) -> None:
    """Wait until what was moved is painted: the second frame from now."""
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def address(page) -> str:
    """What the address bar says (Playwright's ``page.url`` lags behind)."""
    return str(page.evaluate("location.href"))


SHOWN = """node => { const rows = node.closest('.dial').querySelector('.rows');
  const sight = rows.getBoundingClientRect();
  return Object.fromEntries([...rows.children]
    .filter(row => row.getBoundingClientRect().top < sight.bottom)
    .map(row => [row.title.split(' (')[0], row.querySelector('.share').textContent])); }"""
DIALED = "node => Number(node.getAttribute('aria-valuenow'))"


def written(share: float) -> str:
    """A share as the dial writes it."""
    return "0%" if share <= 0 else "<0.1%" if share < 1e-3 else f"{100 * share:.1f}%"


def says(shown: dict[str, str], tasks, p) -> None:
    """Every row in sight shows its weight; a last digit may differ at a rounding's edge."""
    weights = dict(zip(tasks, p, strict=True))
    assert len(shown) >= 20
    for task, text in shown.items():
        near = {written(max(weights[task] + e, 0.0)) for e in (-1e-7, 0.0, 1e-7)}
        assert text in near, task


def dial_of(page):
    """The balance dial, once it is there."""
    dial = page.get_by_role("slider", name="Balance between")
    dial.wait_for()
    return dial


def faults(page) -> list[tuple[str, list[str]]]:
    """What axe finds against WCAG A and AA: contrast, names, roles, keyboard; and where."""
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"]}).response["violations"]
    return [(v["id"], [n["html"][:160] for n in v["nodes"][:3]]) for v in found]
