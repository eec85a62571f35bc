"""What every room's tests may use: a cache of their own, a tiny model, a tiny measured study."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

SLOW = (
    "builds/",
    "measure/",
    "pages/",
    "report/",
    "evidence/test_campaign.py",
    "evidence/test_tuning.py",
    "store/test_logprob_import.py",
    "store/test_task_subset.py",
)
"""Rooms and files that train models or draw whole pages; `make test-fast` leaves them out."""
settings.register_profile("fast", max_examples=25)  # where a test does not say how many


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(Path(__file__).parent).as_posix().startswith(SLOW):
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache that the store and the command line take for theirs."""
    root = tmp_path / "cache"
    root.mkdir()
    monkeypatch.setenv("TASKPGM_CACHE", str(root))
    return root


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory) -> Path:
    """The folder of a tiny random base model."""
    from tests.support.tiny_model import save_tiny

    return save_tiny(tmp_path_factory.mktemp("tiny-base"))


@pytest.fixture(scope="session")
def tiny_cache(tmp_path_factory, tiny_base) -> Path:
    """A cache with one study, ``tiny``, really trained and measured; read it, never write to it."""
    from taskpgm_core.builds.pipeline import build
    from taskpgm_core.measure import Silence
    from tests.support.tiny_model import tiny_plan

    root = tmp_path_factory.mktemp("tiny-cache")
    build(tiny_plan(tiny_base), progress=Silence(), root=root)
    return root


@pytest.fixture
def tiny_study(tiny_cache, cache):
    """A copy of the tiny study in the test's own cache, to do anything with."""
    from taskpgm_core.store import open_study

    shutil.copytree(tiny_cache, cache, dirs_exist_ok=True)
    return open_study("tiny", cache)


@pytest.fixture(scope="session")
def chromium() -> Iterator:
    """One Chromium for all browser tests."""
    from playwright.sync_api import sync_playwright

    from tests.support.browser import chromium_path

    path = chromium_path()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def serve(tmp_path_factory) -> Iterator[Callable]:
    """``serve(cache, **environment)``: a running server over that cache, one for each of them.

    Nothing may be written to the committed studies' cache: it is copied where none is given.
    """
    from tests.support.browser import ROOT, Server, chromium_path

    chromium_path()
    servers: dict = {}

    def start(cache: Path | None = None, **environment: str) -> Server:
        key = (str(cache or ""), *sorted(environment.items()))
        if key not in servers:
            if cache is None:
                cache = tmp_path_factory.mktemp("committed") / "cache"
                shutil.copytree(ROOT / "cache", cache, ignore=shutil.ignore_patterns(".*"))
                shutil.rmtree(cache / "scenarios", ignore_errors=True)
            log = tmp_path_factory.mktemp("server") / "log.txt"
            servers[key] = Server(cache, log, **environment)
        return servers[key]

    yield start
    for server in servers.values():
        server.stop()


@pytest.fixture(scope="session")
def contexts(chromium) -> Iterator[Callable]:
    """``contexts(**options)``: one browser context for each set of options, so that its pages share
    what is cached; a new one for each page would fetch and compile all scripts anew."""
    opened: dict = {}

    def context(**options):
        key = repr(sorted(options.items()))
        if key not in opened:
            opened[key] = chromium.new_context(**options)
        return opened[key]

    yield context
    for each in opened.values():
        each.close()


@pytest.fixture
def tab(contexts) -> Iterator[Callable]:
    """``tab(url, width=1280, height=720, dark=False)``: a page of its own session, settled."""
    from tests.support.browser import PATIENCE, settled

    pages: list = []

    def opened(url: str, *, width: int = 1280, height: int = 720, dark: bool = False, **options):
        page = contexts(color_scheme="dark" if dark else "light", **options).new_page()
        pages.append(page)
        page.set_default_timeout(PATIENCE)
        page.set_viewport_size({"width": width, "height": height})
        page.goto(url)
        settled(page)
        return page

    yield opened
    for page in (page for page in pages if not page.is_closed()):
        page.evaluate("localStorage.clear()")
        page.close()
