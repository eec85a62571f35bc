"""The same bytes from two processes as from this one; what goes wrong in one is a sentence here."""

import os
import signal
import sys
from pathlib import Path

import pytest

from taskpgm_core.builds import pipeline
from taskpgm_core.builds.pipeline import Placing
from taskpgm_core.cli.main import main
from taskpgm_core.errors import MeasurementError
from taskpgm_core.measure import Silence
from tests.support.tiny_model import tiny_plan

ONE, TWO = Placing(workers=1), Placing(workers=2)


class Watcher(Silence):
    """Counts what is finished, and does ``then`` at the third unit."""

    def __init__(self, then=lambda: None):
        self.finished, self.then = 0, then

    def finish(self, stage):
        self.finished += 1
        if self.finished == 3:
            self.then()


@pytest.fixture
def prepared(tiny_base, cache):
    return pipeline.prepare(tiny_plan(tiny_base), cache)


@pytest.mark.parametrize("kept", [None, 12], ids=["exact", "bounded"])
def test_two_processes_give_the_same_bytes_and_leave_nobody_behind(
    tiny_base, tmp_path, monkeypatch, capfd, kept
):
    probe = {**tiny_plan(tiny_base).probe.model_dump(), "kept": kept}
    prepared = pipeline.prepare(tiny_plan(tiny_base, probe=probe), tmp_path)
    script = tmp_path / "script.py"  # whose builds must not run it again in every process
    script.write_text("raise SystemExit('run twice')")
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(script), raising=False)
    here, away = tmp_path / "here", tmp_path / "away"
    expected = pipeline.study_files(prepared, pipeline.engine_for(prepared, here, Silence()).run())
    watcher = Watcher()
    engine = pipeline.engine_for(prepared, away, watcher, placing=TWO)
    assert pipeline.study_files(prepared, engine.run()) == expected
    assert watcher.finished == sum(engine.agenda.count().values())
    units = [{p.relative_to(root) for p in root.glob(".units/*/*/*")} for root in (here, away)]
    assert units[0] == units[1]
    for unit in units[0]:
        assert (here / unit).read_bytes() == (away / unit).read_bytes()
    assert len({p.process.pid for p in engine.processes}) == 2
    assert not any(p.process.poll() is None for p in engine.processes)
    assert capfd.readouterr().err == ""


def test_a_process_that_is_killed_ends_the_build_and_finished_units_stay(prepared, tmp_path):
    watcher = Watcher(lambda: os.kill(engine.processes[0].process.pid, signal.SIGKILL))
    engine = pipeline.engine_for(prepared, tmp_path, watcher, placing=ONE)
    with pytest.raises(MeasurementError, match=r"ended from outside.* fewer --workers"):
        engine.run()
    kept = len(list(tmp_path.glob(".units/*/*/*")))
    assert 0 < kept < sum(engine.agenda.count().values())
    again = pipeline.engine_for(prepared, tmp_path, Silence())
    alone = pipeline.engine_for(prepared, tmp_path / "alone", Silence())
    assert pipeline.study_files(prepared, again.run()) == pipeline.study_files(
        prepared, alone.run()
    )


def test_stopped_by_hand_it_waits_for_nobody(prepared, tmp_path):
    watcher = Watcher(lambda: os.kill(os.getpid(), signal.SIGINT))
    engine = pipeline.engine_for(prepared, tmp_path, watcher, placing=ONE)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever a library set
    try:
        with pytest.raises(KeyboardInterrupt):
            engine.run()
    finally:
        signal.signal(signal.SIGINT, before)
    assert watcher.finished < sum(engine.agenda.count().values())
    assert not any(p.process.poll() is None for p in engine.processes)


def test_what_a_process_raises_is_raised_here(tiny_base, cache):
    training = {"rank": 2, "alpha": 8, "steps": 6, "batch": 4, "learning_rate": 1e9}
    plan = tiny_plan(tiny_base, training=training)
    with pytest.raises(MeasurementError, match="diverged at step"):
        pipeline.build(plan, root=cache, progress=Silence(), placing=ONE)


def test_runs_are_shared_by_starting_twice(capsys):
    assert main(["validate", "skills-screening-starter", "--workers", "2"]) == 2
    assert "start the same command several times" in capsys.readouterr().err


def test_two_processes_choose_the_same_rounds_and_give_the_same_bytes(tiny_base, cache, tmp_path):
    rule = {"first": 2, "target_half_width": 1e-6, "balance": 0.4}
    probe = tiny_plan(tiny_base).probe.model_dump()
    plan = tiny_plan(tiny_base, probe={**probe, "examples_per_task": 4, "adaptive": rule})
    studies = [
        pipeline.build(
            plan, root=tmp_path / str(placing.workers), progress=Silence(), placing=placing
        )[0]
        for placing in (Placing(), TWO)
    ]
    own, theirs = (study.facts["rounds"] for study in studies)
    assert own == theirs
    assert len(own) > 2
    here, away = (
        {p.name: p.read_bytes() for p in Path(s.folder).iterdir() if "manifest" not in p.name}
        for s in studies
    )
    assert here == away
    assert {"matrices.npz", "pairs.npz"} <= set(here)


@pytest.mark.parametrize(
    ("placing", "threads"),
    [
        (Placing(), 6),
        (Placing(workers=2), 3),
        (Placing(workers=4), 1),
        (Placing(workers=9), 1),
        (Placing("ray", workers=2), 6),  # its workers may be on other machines
    ],
)
def test_processes_of_one_machine_share_the_plans_threads(tiny_base, placing, threads, monkeypatch):
    asked = []
    monkeypatch.setattr(pipeline, "prepare", lambda *given, threads: asked.append(threads) or 1 / 0)
    plan = tiny_plan(tiny_base).model_copy(update={"threads": 6})
    for given in (None, 5):
        with pytest.raises(ZeroDivisionError):
            pipeline.build(plan, progress=Silence(), placing=placing, threads=given)
    assert asked == [threads, 5]
