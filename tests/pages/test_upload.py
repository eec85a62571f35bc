"""Files dropped on Home: a study through the store, its limits, and its deletion."""

import json
from dataclasses import dataclass

import pytest
from streamlit.testing.v1 import AppTest

from pages.ui import upload
from taskpgm_core import store
from taskpgm_core.errors import TaskPGMError
from tests.support.app import HOME, open_page
from tests.support.synthetic_study import write_study


@dataclass
class File:
    name: str
    data: bytes = b""
    huge: int = 0

    @property
    def size(self) -> int:
        return self.huge or len(self.data)

    def getvalue(self) -> bytes:
        return self.data


def rows(word: str) -> bytes:
    found = [{"prompt": f"Say {word} {k}", "completion": word} for k in range(30)]
    return "\n".join(map(json.dumps, found)).encode()


TASKS = [File("fish.jsonl", rows("fish")), File("birds.jsonl", rows("bird"))]
MATRIX = File("near me.csv", b"a,b,c\n0,1,2\n1,0,3\n2,3,0\n")


def test_dropped_tasks_are_a_study_that_forgets_where_they_lay(cache):
    said = upload.study_of(TASKS, "", "My tasks")
    assert said[0] == "fish.jsonl: prompt and completion, 30 rows."
    assert "taskpgm build upload-my-tasks" in said[-1]
    study = store.open_study("upload-my-tasks")
    assert (study.kind, study.names) == ("text", ("fish", "birds"))
    assert [t.source for t in study.tasks] == ["file:fish.jsonl", "file:birds.jsonl"]
    assert study.plan is not None
    assert study.plan["folders"] == {}
    assert "taskpgm-" not in json.dumps([study.plan, study.facts, *said])
    upload.study_of([TASKS[0], File("birds.jsonl", rows("wren"))], "", "My tasks")
    assert store.open_study("upload-my-tasks-2").names == study.names


def test_a_dropped_matrix_is_an_imported_study(cache):
    upload.study_of([MATRIX], "divergence", "")
    study = store.open_study("upload-near-me")
    assert (study.kind, study.names) == ("imported", ("a", "b", "c"))


@pytest.mark.parametrize(
    ("files", "kind", "sentence"),
    [
        ([], "", "Choose a file first."),
        ([File("a.jsonl", huge=51_000_000)], "", "51 MB together, but at most 50"),
        ([File(f"{k}.jsonl", b"{}") for k in range(2001)], "", "At most 2,000 tasks"),
        (TASKS, "similarity", "A matrix is one file, but 2 were dropped"),
        (TASKS[:1], "", "at least 2 tasks"),
        ([*TASKS, File("../../fish.jsonl", b"{}")], "", "Two files are called 'fish.jsonl'"),
        ([*TASKS, File("bad.jsonl", b"{")], "", "bad.jsonl, line 1: this is not valid JSON"),
        ([File("m.csv", b"1,2\n")], "similarity", "m.csv holds 1 task"),
    ],
)
def test_what_cannot_be_read_is_a_sentence_and_leaves_nothing(cache, files, kind, sentence):
    with pytest.raises(TaskPGMError) as error:
        upload.study_of(files, kind, "x")
    assert sentence in str(error.value)
    assert "/tmp" not in str(error.value)
    assert store.list_studies()[0] == [s for s in store.list_studies()[0] if s.slug == "starter"]


def test_a_matrix_of_too_many_tasks_is_not_kept(cache, monkeypatch):
    monkeypatch.setattr(upload, "TASKS", 2)
    with pytest.raises(TaskPGMError, match="At most 2 tasks are taken here, but the matrix has 3"):
        upload.study_of([MATRIX], "divergence", "")
    assert not list(cache.glob("upload-*"))


def test_a_study_made_here_is_deleted_here_and_no_other(cache):
    write_study(cache)
    upload.study_of(TASKS, "", "mine")
    at = open_page()
    [chosen] = [s for s in at.selectbox if s.label == "Studies made here"]
    assert chosen.options == ["upload-mine"]
    at.button(key="delete-upload").click().run()
    assert not at.exception
    assert [s.value for s in at.success] == ["upload-mine is deleted."]
    assert not [s for s in at.selectbox if s.label == "Studies made here"]
    assert not list(cache.glob("upload-*"))
    assert list(cache.glob("synthetic-*"))


def test_it_is_there_without_a_study_and_off_by_the_environment(cache, monkeypatch):
    for _ in range(2):
        at = AppTest.from_file(HOME, default_timeout=60).run()
        assert not at.exception
        assert [r.label for r in at.radio] == ["They hold"]
        write_study(cache)
    monkeypatch.setenv("TASKPGM_UPLOADS", "0")
    upload_off = AppTest.from_file(HOME, default_timeout=60).run()
    assert not upload_off.exception
    assert not upload_off.radio
