"""A build that is killed at random moments goes on, and ends with the same bytes.

TASKPGM_KILLS sets how often (5 by default); ``make endure`` raises it.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from tiny_model import tiny_plan

from taskpgm_core import pipeline, store
from taskpgm_core.errors import StoreError
from taskpgm_core.measure import Silence
from taskpgm_core.store import locked

ROOT = Path(__file__).parents[1]
KILLS = int(os.environ.get("TASKPGM_KILLS", "5"))
PROBE = {"examples_per_task": 4, "max_completion_tokens": 6, "batch": 2, "top": 3}


def child(*arguments: str, cache: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "taskpgm_core", *arguments],
        cwd=ROOT,
        env={**os.environ, "TASKPGM_CACHE": str(cache), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished_units(cache: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of every finished unit."""
    found = {}
    for path in (cache / ".units").rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            stat = path.stat()
            found[path.name] = (stat.st_ino, stat.st_mtime_ns)
    return found


def files_of(study) -> dict[str, bytes]:
    listed = json.loads((Path(study.folder) / "manifest.json").read_text())["files"]
    return {name: (Path(study.folder) / name).read_bytes() for name in listed}


def test_kill_dash_nine_loses_no_finished_unit_and_changes_no_byte(tiny_base, cache, tmp_path):
    plan = tiny_plan(tiny_base, probe=PROBE)
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan.model_dump(mode="json")))
    whole, _ = pipeline.build(plan, progress=Silence(), root=tmp_path / "whole")
    total = len(finished_units(tmp_path / "whole"))
    assert total > 60
    moments = random.Random(KILLS)
    for target in sorted(moments.randrange(total) for _ in range(KILLS)):
        before = finished_units(cache)
        process = child("build", str(tmp_path / "plan.yaml"), cache=cache)
        while len(finished_units(cache)) < target and process.poll() is None:
            time.sleep(0.001)
        time.sleep(moments.random() * (0.02 if target else 3.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        after = finished_units(cache)
        assert {name: after[name] for name in before} == before  # nothing finished was done again
    assert len(finished_units(cache)) <= total
    before = finished_units(cache)
    process = child("build", str(tmp_path / "plan.yaml"), "--json", cache=cache)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert json.loads(out)["slug"] == "tiny"
    after = finished_units(cache)
    assert {name: after[name] for name in before} == before
    assert len(after) == total
    study = store.open_study("tiny")
    assert files_of(study) == files_of(whole)
    assert study.content == whole.content
    assert [p.name for p in cache.iterdir() if p.name.startswith((".making", ".old"))] == []


def test_a_stopped_build_says_that_it_can_go_on(tiny_base, cache, tmp_path):
    plan = tiny_plan(tiny_base, probe=PROBE)
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan.model_dump(mode="json")))
    progress = tmp_path / "progress.json"
    process = child(
        "build", str(tmp_path / "plan.yaml"), "--json-progress", str(progress), cache=cache
    )
    while not finished_units(cache) and process.poll() is None:
        time.sleep(0.001)
    process.terminate()
    _, err = process.communicate()
    assert process.returncode == 2
    assert "goes on from there" in err
    assert "Traceback" not in err
    told = json.loads(progress.read_text())
    assert told["state"] == "stopped"
    assert told["pid"] == process.pid


# One builder a study

HOLD = """
import sys, time
from pathlib import Path
from taskpgm_core.store.lock import locked
with locked(Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(cache):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(cache), "name"], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_builder_is_told_who_the_first_is(cache, holder):
    with pytest.raises(StoreError, match=f"name is being built by process {holder.pid} on "):
        locked(cache, "name").__enter__()
    with locked(cache, "another"):
        pass


def test_the_lock_of_a_killed_builder_is_taken_over(cache, holder):
    holder.kill()
    holder.wait()
    with locked(cache, "name"), pytest.raises(StoreError, match=f"process {os.getpid()} on "):
        locked(cache, "name").__enter__()


def test_a_lock_with_an_unreadable_owner_still_locks(cache):
    with locked(cache, "name"):
        (cache / ".locks" / "name.lock").write_text("{broken")
        with pytest.raises(StoreError, match="built by another process"):
            locked(cache, "name").__enter__()


def test_two_builders_of_one_study(tiny_base, cache):
    plan = tiny_plan(tiny_base)
    digest = pipeline.prepare(plan, cache).digest
    with locked(cache, f"tiny-{digest[:12]}"), pytest.raises(StoreError, match="is being built by"):
        pipeline.build(plan, progress=Silence())
    assert pipeline.build(plan, progress=Silence())[1]


def test_what_a_killed_assembly_left_is_put_right(tiny_study, cache):
    place = Path(tiny_study.folder)
    old = cache / f".old-{place.name}-x"
    old.mkdir()
    place.rename(old / place.name)
    (cache / f".making-{place.name}-y").mkdir()
    store.recover(cache, "tiny", tiny_study.digest)
    assert store.open_study("tiny").content == tiny_study.content
    assert not list(cache.glob(".making-*")) + list(cache.glob(".old-*"))


def test_a_clock_that_goes_backwards_changes_nothing(tiny_base, cache, tmp_path, monkeypatch):
    from taskpgm_core.commands.watching import Watch

    now = iter(range(10**9, 0, -3600))
    monkeypatch.setattr(time, "time", lambda: float(next(now)))
    file = tmp_path / "progress.json"
    with Watch(file) as watch:
        study, _ = pipeline.build(tiny_plan(tiny_base), progress=watch)
        watch.finished({})
    assert study.facts["seconds"] >= 0
    told = json.loads(file.read_text())
    assert told["state"] == "finished"
    assert told["seconds"] > 0
    assert told["tokens_per_second"] > 0
