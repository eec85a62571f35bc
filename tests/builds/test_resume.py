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

from taskpgm_core import store
from taskpgm_core.builds import pipeline
from taskpgm_core.errors import StoreError
from taskpgm_core.measure import Silence
from taskpgm_core.store import locked
from tests.support.tiny_model import tiny_plan

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("TASKPGM_KILLS", "5"))
PROBE = {"examples_per_task": 4, "max_completion_tokens": 6, "batch": 2, "top": 3}


# Importing torch takes seconds: one process imports it and forks every build from there.
NURSERY = """
import os, sys, warnings
warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*")
from taskpgm_core import measure, pipeline
from taskpgm_core.cli.main import main
import peft, transformers.models.llama.modeling_llama
for line in sys.stdin:
    os.environ["TASKPGM_CACHE"], out, *arguments = line.rstrip("\\n").split("\\t")
    pid = os.fork()
    if pid == 0:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        code = main(arguments)
        sys.stdout.flush()
        os._exit(code)
    print(pid, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def nursery():
    process = subprocess.Popen(
        [sys.executable, "-c", NURSERY],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    yield process
    process.stdin.close()
    process.wait()
    process.stdout.close()


@pytest.fixture
def start(cache, tmp_path, nursery):
    """Starts the command line in a process of its own: ``pid, ended() -> (code, output)``."""
    out = tmp_path / "output"

    def begin(*arguments: str):
        nursery.stdin.write("\t".join([str(cache), str(out), *arguments]) + "\n")
        nursery.stdin.flush()
        pid = int(nursery.stdout.readline())
        return pid, lambda: (int(nursery.stdout.readline()), out.read_text())

    return begin


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


def test_kill_dash_nine_loses_no_finished_unit_and_changes_no_byte(
    tiny_base, cache, tmp_path, start
):
    plan = tiny_plan(tiny_base, probe=PROBE)
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan.model_dump(mode="json")))
    whole, _ = pipeline.build(plan, progress=Silence(), root=tmp_path / "whole")
    total = len(finished_units(tmp_path / "whole"))
    assert total > 60
    moments = random.Random(KILLS)
    for target in sorted(moments.randrange(total) for _ in range(KILLS)):
        before = finished_units(cache)
        pid, ended = start("build", str(tmp_path / "plan.yaml"))
        deadline = time.monotonic() + moments.random() * 0.5
        while len(finished_units(cache)) < target or time.monotonic() < deadline:
            time.sleep(0.001)
            if target and len(finished_units(cache)) >= target:
                break
        time.sleep(moments.random() * 0.02)
        os.kill(pid, signal.SIGKILL)
        assert ended()[0] == -signal.SIGKILL
        after = finished_units(cache)
        assert {name: after[name] for name in before} == before  # nothing finished was done again
    assert len(finished_units(cache)) <= total
    before = finished_units(cache)
    command = [sys.executable, "-m", "taskpgm_core", "build", str(tmp_path / "plan.yaml"), "--json"]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    assert json.loads(process.stdout)["slug"] == "tiny"
    after = finished_units(cache)
    assert {name: after[name] for name in before} == before
    assert len(after) == total
    study = store.open_study("tiny")
    assert files_of(study) == files_of(whole)
    assert study.content == whole.content
    assert [p.name for p in cache.iterdir() if p.name.startswith((".making", ".old"))] == []


def test_a_stopped_build_says_that_it_can_go_on(tiny_base, cache, tmp_path, start):
    plan = tiny_plan(tiny_base, probe=PROBE)
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan.model_dump(mode="json")))
    progress = tmp_path / "progress.json"
    pid, ended = start("build", str(tmp_path / "plan.yaml"), "--json-progress", str(progress))
    while not finished_units(cache):
        time.sleep(0.001)
    os.kill(pid, signal.SIGTERM)
    code, output = ended()
    assert code == 2
    assert "goes on from there" in output
    assert "Traceback" not in output
    told = json.loads(progress.read_text())
    assert told["state"] == "stopped"
    assert told["pid"] == pid


# One builder a study

HOLD = """
import sys, time
from pathlib import Path
from taskpgm_core.files.locking import locked
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
    from taskpgm_core.cli.progress_bar import Watch

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
