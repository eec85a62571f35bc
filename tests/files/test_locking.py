"""Locks: the one that waits. The one that names its owner is tested with the builds."""

import threading

import pytest

from taskpgm_core.errors import StoreError
from taskpgm_core.files.locking import exclusive, locked


def test_a_second_holder_waits_for_the_first(tmp_path):
    path, order, trying = tmp_path / "a" / ".lock", [], threading.Event()

    def second():
        trying.set()
        with exclusive(path):
            order.append("second")

    thread = threading.Thread(target=second)
    with exclusive(path):
        thread.start()
        assert trying.wait(10)
        thread.join(0.2)
        assert thread.is_alive()
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"The folder .*file cannot be written \(.*\); free space"):
        exclusive(tmp_path / "file" / ".lock").__enter__()
    with pytest.raises(StoreError, match=r"The cache .*file cannot be written \(.*\); free space"):
        locked(tmp_path / "file", "study").__enter__()
