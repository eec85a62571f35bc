"""Which folder is the cache, and in what order a study is looked for."""

import shutil
from pathlib import Path

import pytest

from taskpgm_core import store
from taskpgm_core.errors import StoreError
from taskpgm_core.store import manifest, studies, writer
from tests.support.synthetic_study import write_study


@pytest.fixture
def bundled(tmp_path, monkeypatch) -> Path:
    """A study called ``synthetic`` as if it had come with the package."""
    root = tmp_path / "bundled"
    for module in (manifest, studies, writer):
        monkeypatch.setattr(module, "BUNDLED", root)
    return Path(write_study(root).folder)


def test_the_cache_is_the_named_one_then_the_one_here_then_the_users(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("TASKPGM_CACHE", raising=False)
    users = store.cache_root()
    assert users.is_absolute()
    assert not users.is_relative_to(Path(store.__file__).parents[2])
    (tmp_path / "cache").mkdir()
    assert store.cache_root() == tmp_path / "cache"
    monkeypatch.setenv("TASKPGM_CACHE", str(tmp_path / "named"))
    assert store.cache_root() == tmp_path / "named"


def test_a_study_of_the_cache_goes_before_a_bundled_one(bundled, cache):
    assert store.find_folder("synthetic") == bundled
    assert [study.folder for study in store.list_studies()[0]] == [str(bundled)]
    own = cache / f"synthetic-{'0' * 12}"
    shutil.copytree(bundled, own)
    assert store.find_folder("synthetic") == own
    assert store.find_folder(bundled.name) == bundled
    assert [study.folder for study in store.list_studies()[0]] == [str(own)]


def test_a_name_that_neither_has_is_refused_with_the_nearest(bundled, cache):
    with pytest.raises(StoreError, match="did you mean 'synthetic'"):
        store.find_folder("syntetic")


def test_a_bundled_study_is_finished(bundled, cache):
    study = store.open_study("synthetic")
    assert store.finished(cache, study.slug, study.digest) == study


def test_a_copy_is_made_once_and_the_original_stays(bundled, cache):
    study = store.open_study("synthetic")
    copy = store.own_copy(study)
    assert Path(copy.folder).parent == cache
    assert copy.content == study.content
    assert store.own_copy(study) == copy
    assert store.own_copy(copy) is copy
    assert not list(cache.glob(".copying-*"))
    with pytest.raises(StoreError, match="not deleted"):
        store.delete(study)
    assert store.verify(bundled) == store.verify(copy.folder)


def test_a_copy_that_cannot_be_written_is_one_sentence(bundled, cache, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copytree", full)
    with pytest.raises(StoreError, match="No space left on device"):
        store.own_copy(store.open_study("synthetic"))
    assert not list(cache.glob("*-*"))
