"""The same runs from two Ray workers as from this process, though one dies at its first run."""

import os
import shutil
import signal
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from taskpgm_core import store
from taskpgm_core.builds.pipeline import Placing
from taskpgm_core.cli.main import main
from taskpgm_core.errors import MeasurementError
from taskpgm_core.evidence.campaign import campaign
from taskpgm_core.measure import ray_actors
from tests.support.protocols import protocol
from tests.support.tiny_model import tiny_plan

pytest.importorskip("ray")
pytestmark = pytest.mark.ray


def kept(study):
    """Every file of the study's evidence: its bytes by name."""
    root = Path(study.folder) / "evidence"
    files = [p for p in root.rglob("*") if p.is_file() and not p.name.startswith(".")]
    return {p.relative_to(root): p.read_bytes() for p in files}


def test_a_dead_workers_run_is_made_elsewhere_and_the_rows_are_the_same(
    tiny_study, tiny_base, monkeypatch
):
    plan = tiny_plan(tiny_base)
    assert campaign(protocol(), tiny_study, plan, threads=1) == 6
    expected = kept(tiny_study)
    assert len(expected) == 8  # six runs, the manifest and its checksum
    shutil.rmtree(Path(tiny_study.folder) / "evidence")
    begun, pids, heard = [], [], []

    class Halting(ray_actors.RayWorkers):
        """Two workers, of which the first stands still from its first run on."""

        def share(self, pieces, serve):
            pids.extend(self.pids())

            def watched(station, piece):
                begun.append(piece)
                if station is self.actors[0] and not heard:
                    os.kill(pids[0], signal.SIGSTOP)
                serve(station, piece)

            super().share(pieces, watched)

    def say(line):
        heard.append(line)
        if len(heard) == 2:
            os.kill(pids[0], signal.SIGKILL)

    monkeypatch.setattr(ray_actors, "RayWorkers", Halting)
    placing = Placing("ray", workers=2)
    assert campaign(protocol(), tiny_study, plan, threads=1, placing=placing, say=say) == 6
    assert len(heard) == 6
    assert len(set(pids)) == 2
    assert len(begun) == 7  # one was lost with its worker
    assert kept(tiny_study) == expected
    assert store.verify(tiny_study.folder)


class InProcess:
    """In place of a cluster: one worker, which is called here."""

    def __init__(self, kind, shared, base, *_, **__):
        home = SimpleNamespace(load=lambda: base)
        self.run = SimpleNamespace(remote=kind(shared, home).run)

    def share(self, pieces, serve):
        for piece in pieces:
            serve(self, piece)


def test_two_processes_share_the_runs_as_they_do_without_ray(tiny_study, tiny_base, monkeypatch):
    monkeypatch.setattr(ray_actors, "RayWorkers", InProcess)
    monkeypatch.setattr(ray_actors, "answer", lambda answered: answered)
    monkeypatch.setattr(ray_actors, "cluster", lambda *_: nullcontext())
    chosen, plan = protocol(seeds=[0]), tiny_plan(tiny_base)
    digest, arm = chosen.digest(tiny_study.digest), chosen.arms[0]

    def made():
        return campaign(chosen, tiny_study, plan, threads=1, placing=Placing("ray", workers=1))

    with store.claim_run(tiny_study, digest, f"{arm.name}-{arm.digest}-0") as mine:
        assert mine  # as another process does that makes this run
        assert made() == 2
        assert not store.has_run(tiny_study, digest, arm.name, arm.digest, 0)
    assert made() == 1


def test_what_a_run_raises_is_raised_here(tiny_study, tiny_base, monkeypatch):
    plan = tiny_plan(tiny_base)
    training = {"rank": 2, "alpha": 8, "learning_rate": 1e9, "batch": 4}
    with pytest.raises(MeasurementError, match="diverged at step"):
        campaign(
            protocol(training=training, seeds=[0]),
            tiny_study,
            plan,
            threads=1,
            placing=Placing("ray", workers=1),
        )
    assert not kept(tiny_study)


def test_a_cluster_that_is_not_asked_for_is_refused(capsys):
    assert main(["validate", "screening-bigbench", "--workers", "2"]) == 2
    assert "--engine ray" in capsys.readouterr().err
