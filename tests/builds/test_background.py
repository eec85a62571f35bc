"""Builds as child processes: started, watched, stopped, never taken for somebody else's."""

import json
import os
import subprocess
import sys
import time
from itertools import count

import pytest
import yaml

from taskpgm_core.builds import background
from taskpgm_core.errors import JobError, PlanError
from taskpgm_core.store import open_study
from tests.support.app import open_page
from tests.support.tiny_model import tiny_plan

LONG = {"steps": 4000, "rank": 2, "alpha": 8, "batch": 4, "max_tokens": 128}


def plan_text(base, **changes):
    return yaml.safe_dump(tiny_plan(base, **changes).model_dump(mode="json"))


def until(slug, root, *states, kind="build", seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        job = background.watch(slug, kind, root)
        if job.state in states:
            return job
        time.sleep(0.1)
    raise AssertionError(f"{slug} is still {job.state}: {job.log}")


def started_training(slug, root):
    end = time.monotonic() + 120
    while time.monotonic() < end:
        job = background.watch(slug, "build", root)
        if job.state != "running" or job.progress.get("done", 0) > 0:
            return job
        time.sleep(0.1)
    raise AssertionError("it never began")


def test_a_build_runs_by_itself_and_leaves_a_study(tiny_base, cache):
    job = background.start(plan_text(tiny_base))
    assert (job.slug, job.kind, job.state) == ("tiny", "build", "running")
    done = until("tiny", cache, "done", "failed")
    assert done.state == "done", done.log
    assert done.answer["slug"] == "tiny"
    assert done.progress["state"] == "finished"
    assert len(open_study("tiny", cache).tasks) == 4
    assert [j.slug for j in background.jobs()] == ["tiny"]
    assert background.stop("tiny").state == "done"


def test_a_dry_run_answers_what_it_would_cost(tiny_base, cache):
    background.start(plan_text(tiny_base), "cost")
    done = until("tiny", cache, "done", "failed", kind="cost")
    assert done.state == "done", done.log
    assert done.answer["models"] == 6
    assert not list(cache.glob("tiny-*"))


def test_a_plans_paths_are_read_from_where_the_server_runs(tiny_base, cache, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        rows = [{"prompt": f"{name} {k}?", "completion": str(k)} for k in range(12)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    tasks = [{"source": "jsonl:a.jsonl"}, {"source": "jsonl:b.jsonl"}]
    training = {"rank": 2, "steps": 1, "batch": 2}
    background.start(plan_text(tiny_base, tasks=tasks, training=training), "cost")
    done = until("tiny", cache, "done", "failed", kind="cost")
    assert done.state == "done", done.log


def test_a_stopped_build_is_gone_and_goes_on_later(tiny_base, cache):
    text = plan_text(tiny_base, training=LONG)
    background.start(text)
    assert started_training("tiny", cache).state == "running"
    with pytest.raises(JobError, match="is being built already"):
        background.start(text)
    pid = json.loads((cache / ".jobs/build/tiny/job.json").read_text())["pid"]
    stopped = background.stop("tiny")
    assert stopped.state == "stopped"
    assert background.identity(pid) == ""
    again = background.start(text)
    assert again.state == "running"
    assert background.stop("tiny").state == "stopped"


def test_a_failed_build_says_its_sentence(tiny_base, cache):
    text = plan_text(tiny_base / "absent")
    background.start(text)
    failed = until("tiny", cache, "failed", "done")
    assert failed.state == "failed"
    assert "absent" in failed.error
    assert "Traceback" not in "\n".join(failed.log)


def test_a_recycled_process_number_is_nobodys_job(tiny_base, cache):
    folder = cache / ".jobs" / "build" / "mine"
    folder.mkdir(parents=True)
    (folder / "plan.yaml").write_text("slug: mine")
    who = {"kind": "build", "pid": os.getpid(), "group": os.getpgid(0), "started": time.time()}
    (folder / "job.json").write_text(json.dumps({**who, "identity": "another start and boot"}))
    assert background.watch("mine").state == "lost"
    assert background.stop("mine").state == "lost"  # and this very process lives on
    (folder / "job.json").write_text(
        json.dumps({**who, "identity": background.identity(os.getpid())})
    )
    assert background.watch("mine").state == "running"


@pytest.mark.parametrize("when", range(4))
def test_a_build_that_ends_while_it_is_looked_at_is_not_lost(cache, monkeypatch, when):
    folder = cache / ".jobs" / "build" / "mine"
    folder.mkdir(parents=True)
    (folder / "job.json").write_text(json.dumps({"pid": 1, "identity": "it", "started": 0.0}))
    ended, looks = folder / "exit", count()

    def ends(look):
        def after(*arguments):
            if next(looks) == when:
                ended.write_text("0\n")
            return look(*arguments)

        return after

    monkeypatch.setattr(background, "_read", ends(background._read))
    monkeypatch.setattr(background, "identity", ends(lambda pid: "" if ended.exists() else "it"))
    assert background.watch("mine").state in ("running", "done")
    assert next(looks) > when


def test_a_process_that_nobody_waited_for_counts_as_gone():
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    while background.identity(child.pid):
        time.sleep(0.01)
    child.wait()
    assert background.identity(child.pid) == ""


@pytest.mark.parametrize(
    ("address", "said", "allowed"),
    [
        ("127.0.0.1", "", True),
        ("::1", "", True),
        ("localhost", "", True),
        ("0.0.0.0", "", False),
        (None, "", False),
        ("example.org", "", False),
        ("0.0.0.0", "allow", True),
        ("127.0.0.1", "off", False),
        ("127.0.0.1", "yes", False),
    ],
)
def test_builds_start_only_where_they_may(address, said, allowed):
    assert (background.refusal(address, {background.SWITCH: said}) == "") == allowed


@pytest.mark.parametrize("slug", ["../escape", "", "a/b", "A", "."])
def test_a_name_cannot_leave_the_cache(slug, cache):
    with pytest.raises(JobError, match="no study's name"):
        background.watch(slug)
    with pytest.raises(JobError, match="no study's name"):
        background.stop(slug)


def test_what_is_no_plan_starts_nothing(cache):
    with pytest.raises(PlanError, match="unknown key"):
        background.start("slug: a\nbase: b/c\ntasks: [jsonl:x, jsonl:y]\nsedd: 1")
    with pytest.raises(JobError, match="characters"):
        background.start("#" * (background.LONGEST_PLAN + 1))
    assert background.jobs() == []


def test_the_page_needs_no_study_and_says_what_a_plan_asks_for(cache):
    at = open_page("build")
    assert any("26 tasks, one model each" in m.value for m in at.markdown)
    assert [b.label for b in at.button][:2] == ["What would it cost?", "Build starter"]
    at.selectbox(key="plan-name").set_value("a plan of my own").run()
    assert any(": 2 tasks, one model each" in m.value for m in at.markdown)


def test_the_page_starts_nothing_where_it_may_not(cache, monkeypatch):
    monkeypatch.setenv(background.SWITCH, "off")
    at = open_page("build")
    assert not at.button
    assert "switched off" in at.info[0].value


def test_the_page_says_what_is_missing(cache, monkeypatch):
    monkeypatch.setattr(background, "NEEDED", ("no_such_package",))
    at = open_page("build")
    assert not at.button
    assert at.info[0].value == (
        "Building needs no_such_package; add them with: pip install no_such_package"
    )


def test_the_page_tells_how_builds_ended(tiny_base, cache):
    background.start(plan_text(tiny_base / "absent"))
    until("tiny", cache, "failed")
    at = open_page("build")
    assert any("could not be built" in m.value for m in at.markdown)
    assert any("absent" in e.value for e in at.error)
    at.button(key="resume-tiny").click().run()
    assert background.watch("tiny").state in ("running", "failed")
    until("tiny", cache, "failed")


@pytest.mark.browser
def test_a_build_is_written_started_and_stopped_in_the_browser(serve, tab, tiny_base, tmp_path):
    root = tmp_path / "cache"
    root.mkdir()
    view = tab(serve(root).url("build"))
    misspelt = "slug: a\nbase: b/c\ntasks: [jsonl:x, jsonl:y]\nsedd: 1"
    view.get_by_label("The plan (YAML)").fill(misspelt)
    view.get_by_text("did you mean 'seed'?").wait_for()
    view.get_by_label("The plan (YAML)").fill(plan_text(tiny_base, training=LONG))
    view.get_by_role("button", name="Build tiny").click()
    view.get_by_role("button", name="Stop").wait_for(timeout=60_000)
    view.reload()
    view.get_by_role("button", name="Stop").click(timeout=60_000)
    view.get_by_text("was stopped").wait_for(timeout=60_000)
    assert until("tiny", root, "stopped").state == "stopped"
