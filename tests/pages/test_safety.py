"""Nothing that an address, a file or a broken study can do gets past a page."""

import http.client
import re
from pathlib import Path, PurePosixPath

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from pages.ui.layout import PAGES
from pages.ui.report import handover
from pages.ui.url_state import View
from taskpgm_core.analysis.question import Question
from taskpgm_core.store import open_study
from tests.support.app import open_page
from tests.support.browser import address
from tests.support.synthetic_study import write_study

SHOWN = [page for page in PAGES if page not in ("app.py", "pages/build.py")]
PUT = """async ([url, token, size]) => { const body = new FormData();
  body.append('file', new Blob([new Uint8Array(size)]), 'large.json');
  return (await fetch(url, {method: 'PUT', body, headers: {'X-Xsrftoken': token}})).status; }"""
SECRET = "what lies outside the cache"


def page(name: str, **query) -> AppTest:
    st.cache_resource.clear()
    return open_page("" if name == "app.py" else PurePosixPath(name).stem, **query)


def told(found) -> str:
    return " ".join(element.value for element in found).replace("\\", "")


@pytest.mark.parametrize("name", PAGES)
def test_a_broken_study_is_a_sentence_and_the_others_stay_usable(cache, name):
    write_study(cache)
    for k, (slug, file) in enumerate([("torn", "manifest.json"), ("worn", "matrices.npz")]):
        study = write_study(cache, slug=slug, digest=f"{k}" * 64, seed=k + 1)
        (Path(study.folder) / file).write_bytes(b"{")
    about_all = name == "app.py"
    if name != "pages/build.py":
        at = page(name, study="torn")
        assert "torn-000000000000 cannot be shown" in told(at.error)
        assert about_all or not [e for e in at.error if "torn" not in e.value]
        worn = page(name, study="worn")
        assert "matrices.npz" in told(worn.error)
    whole = page(name, study="synthetic")
    assert about_all or not whole.error
    assert whole.title


@pytest.mark.parametrize("name", SHOWN)
@pytest.mark.parametrize("outside", ["relative", "absolute"])
def test_an_address_opens_nothing_outside_the_cache(cache, tmp_path, name, outside):
    write_study(cache)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    stray = write_study(elsewhere, slug="stray", digest="d" * 64)
    kept = elsewhere / f"{'a' * 24}.json"
    kept.write_text(SECRET, encoding="utf-8")
    away = {"relative": "../elsewhere", "absolute": str(elsewhere)}[outside]
    at = page(name, study=f"{away}/{Path(stray.folder).name}", scenario=f"{away}/{kept.stem}")
    notices = told(at.warning)
    assert "There is no study" in notices
    assert "names a scenario that cannot exist" in notices
    words = " ".join(str(e.value) for kind in (at.markdown, at.title, at.caption) for e in kind)
    assert SECRET not in words
    assert open_study("synthetic").slug in {s.value for s in at.selectbox}


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("anchor", "is no anchor here"),
        ("pull", "pull"),
        ("draft", "names a draft that cannot exist"),
        ("baseline", "names a baseline that cannot exist"),
    ],
)
@pytest.mark.parametrize("text", ["../../etc/passwd", "/etc/passwd"])
def test_every_name_in_the_address_stays_inside(cache, name, sentence, text):
    write_study(cache)
    at = page("pages/mixture.py", study="synthetic", **{name: text})
    assert sentence in told(at.warning)
    assert not at.error


def test_a_report_is_named_by_its_study_and_digest_alone(cache):
    study = write_study(cache)
    made = handover(
        study, View("synthetic", Question("jsd", budget=50)), "../../etc/passwd", "/etc/passwd"
    )
    assert re.fullmatch(r"decision-synthetic-[0-9a-f]{12}", made.name)
    assert "root:" not in made.page


def test_uploads_are_small_and_of_a_named_kind(cache):
    """What the server takes at all, and what each place to bring a file takes."""
    assert st.get_option("server.maxUploadSize") == 50  # of files of examples on Home
    assert not st.get_option("server.enableStaticServing")
    write_study(cache)
    places = [
        place.proto
        for name in SHOWN
        for place in page(name, study="synthetic").get("file_uploader")
    ]
    mixtures = (".json", ".csv", ".tsv", ".yaml", ".yml", ".sh")
    assert {tuple(place.type) for place in places} == {mixtures, (".csv", ".tsv", ".json")}
    assert {place.max_upload_size_mb for place in places} == {1, 2}


@pytest.mark.browser
class TestServer:
    """What a real server hands out, and what a real browser may send it."""

    @pytest.fixture
    def server(self, serve, cache):
        write_study(cache)
        (cache.parent / "secret.txt").write_text(SECRET, encoding="utf-8")
        return serve(cache)

    def test_files_are_not_served(self, server):
        """Neither the cache nor what lies beside it, however the way there is written."""
        steps = ("..", "%2e%2e", "..%2f..", "%252e%252e", ".%2e")
        roots = ("", "app/static/", "media/", "component/", "bidi-components/taskpgm_dial/")
        asked = [
            f"/{root}{f'{step}/' * up}secret.txt"
            for root in roots
            for step in steps
            for up in (1, 6)
        ]
        asked += ["/cache/secret.txt", "/app/static/secret.txt", "//secret.txt", "/pyproject.toml"]
        for path in asked:
            line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
            line.request("GET", path)
            answer = line.getresponse().read()
            assert SECRET.encode() not in answer, path
            assert b"[project]" not in answer, path
            line.close()

    def test_a_file_that_is_too_large_is_one_sentence(self, server, tab, tmp_path):
        file = tmp_path / "large.json"
        file.write_bytes(b" " * 1_020_000)
        page = tab(server.url("compare", study="synthetic"))
        page.locator("input[type=file]").set_input_files(file)
        page.get_by_text("File must be 1.0MB or smaller").wait_for()
        page.get_by_role("button", name="Import").click()
        page.get_by_text("Choose a file first.").wait_for()
        assert "scenario=" not in address(page)

    def test_a_file_of_another_kind_is_one_sentence(self, server, tab, tmp_path):
        file = tmp_path / "weights.exe"
        file.write_bytes(b"MZ")
        page = tab(server.url("compare", study="synthetic"))
        page.locator("input[type=file]").set_input_files(file)
        page.get_by_text("files are not allowed").wait_for()
        page.get_by_role("button", name="Import").click()
        page.get_by_text("Choose a file first.").wait_for()
        assert "scenario=" not in address(page)

    def test_the_server_itself_takes_no_larger_file(self, server, tab, tmp_path):
        """Whatever the browser's own check says: the same request, only larger, is refused."""
        file = tmp_path / "small.json"
        file.write_text("{}", encoding="utf-8")
        page = tab(server.url("compare", study="synthetic"))
        with page.expect_request(lambda r: "upload_file" in r.url and r.method == "PUT") as sent:
            page.locator("input[type=file]").set_input_files(file)
        token = sent.value.headers.get("x-xsrftoken", "")
        answers = [page.evaluate(PUT, [sent.value.url, token, size]) for size in (9, 53_000_000)]
        assert answers == [204, 413]
