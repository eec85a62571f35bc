"""What every room's tests may use: a cache of their own, a tiny model, a tiny measured study."""

import shutil
from pathlib import Path

import pytest


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
    from tiny_model import save_tiny

    return save_tiny(tmp_path_factory.mktemp("tiny-base"))


@pytest.fixture(scope="session")
def tiny_cache(tmp_path_factory, tiny_base) -> Path:
    """A cache with one study, ``tiny``, really trained and measured; read it, never write to it."""
    from tiny_model import tiny_plan

    from taskpgm_core.measure import Silence
    from taskpgm_core.pipeline import build

    root = tmp_path_factory.mktemp("tiny-cache")
    build(tiny_plan(tiny_base), progress=Silence(), root=root)
    return root


@pytest.fixture
def tiny_study(tiny_cache, cache):
    """A copy of the tiny study in the test's own cache, to do anything with."""
    from taskpgm_core.store import open_study

    shutil.copytree(tiny_cache, cache, dirs_exist_ok=True)
    return open_study("tiny", cache)
