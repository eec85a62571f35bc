"""The same bytes from two Ray workers as from this process, though one is killed in mid-build."""

import os
import signal

import pytest

from taskpgm_core.builds import pipeline
from taskpgm_core.builds.pipeline import Placing
from taskpgm_core.errors import MeasurementError
from taskpgm_core.measure import Silence
from taskpgm_core.measure.ray_executor import RayWorker
from taskpgm_core.measure.worker import WorkerConfig
from tests.support.tiny_model import tiny_plan

pytest.importorskip("ray")
pytestmark = pytest.mark.ray


class Killer(Silence):
    """Kills a worker when the third scoring unit arrives, and counts what comes."""

    engine = None
    finished = 0
    killed = None

    def finish(self, stage):
        self.finished += 1
        if self.finished == 3 and self.killed is None:
            self.killed = self.engine.pids()[0]
            os.kill(self.killed, signal.SIGKILL)


def test_two_workers_give_the_same_bytes_though_one_is_killed(tiny_base, cache, tmp_path):
    plan = tiny_plan(tiny_base)
    here, away = tmp_path / "here", tmp_path / "away"
    prepared = pipeline.prepare(plan, away)
    expected = pipeline.study_files(prepared, pipeline.engine_for(prepared, here, Silence()).run())
    killer = Killer()
    engine = pipeline.engine_for(prepared, away, killer, placing=Placing("ray", workers=2))
    killer.engine = engine
    measured = engine.run()
    assert killer.killed
    assert killer.finished == sum(engine.agenda.count().values())
    assert pipeline.study_files(prepared, measured) == expected
    units = [{p.relative_to(root) for p in root.glob(".units/*/*/*")} for root in (here, away)]
    assert units[0] == units[1]
    for unit in units[0]:
        assert (here / unit).read_bytes() == (away / unit).read_bytes()
    again = pipeline.engine_for(prepared, away, Silence()).run()  # nothing left for this process
    assert pipeline.study_files(prepared, again) == expected


def test_a_worker_with_other_weights_is_refused(tiny_base, cache):
    prepared = pipeline.prepare(tiny_plan(tiny_base), cache)
    agenda = pipeline.engine_for(prepared, cache, Silence()).agenda
    home = WorkerConfig(str(tiny_base), "float32", "another digest", str(cache / ".models"), 1)
    station = RayWorker(agenda, home)
    with pytest.raises(MeasurementError, match="other weights under"):
        station.about()
