"""The same units on Ray: one actor a device, results through the same store, failures retried."""

import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from taskpgm_core.measure.adapters import Adapter
from taskpgm_core.measure.base_model import Weights
from taskpgm_core.measure.executor import Engine
from taskpgm_core.measure.probe_pool import Batch
from taskpgm_core.measure.ray_actors import RayWorkers, WorkerConfig, answer, cluster
from taskpgm_core.measure.result import Measurement
from taskpgm_core.measure.work_plan import Agenda, Joining
from taskpgm_core.measure.worker import Arrays, Event, ModelJob, Worker


class RayWorker:
    """A worker in a process of its own, on a device of its own: loads the base model there."""

    def __init__(self, agenda: Agenda, home: WorkerConfig) -> None:
        self._agenda, self._home = agenda, home

    @cached_property
    def _worker(self) -> Worker:
        return Worker(replace(self._agenda, base=self._home.load()), Path(self._home.models))

    def about(self) -> tuple[str, int]:
        """The kind of device and the process id."""
        return self._worker.base.device.type, os.getpid()

    def do(self, job: ModelJob) -> Iterator[Event]:
        yield from self._worker.do(job)

    def compare(self, *arguments: Any) -> npt.NDArray[np.float64]:
        return self._worker.compare(*arguments)

    def divergences(self, *arguments: Any) -> Arrays:
        return self._worker.divergences(*arguments)

    def drift(self, batch: int, hidden: npt.NDArray[np.float32]) -> float:
        return self._worker.drift(batch, hidden)


class OnRay(Engine):
    """Runs a plan's units on ``workers`` actors of a Ray cluster, each with the base model.

    ``address``: of a running cluster (every machine with this checkout and the same weights); by
    default a cluster of this machine alone, for this build only. Units are stored by this process
    as they arrive, so a lost worker costs at most the unit it was at.
    """

    address: str | None = None
    workers: int | None = None

    def run(self) -> Measurement:
        with cluster(self.address, self.workers):
            return super().run()

    def _run(self) -> Measurement:
        self._open()
        return super()._run()

    def _open(self) -> None:
        """Start one station a device, and take the kind of device that they have for our own."""
        self._stations = RayWorkers(
            RayWorker,
            replace(self.agenda, base=None),  # type: ignore[arg-type]
            self.base,
            self.plan.base,
            models=self.models_folder,
            threads=torch.get_num_threads(),  # as many as here: --threads goes before the plan
            workers=self.workers,
        )
        if self._stations.device != self.base.device.type:
            self.base = replace(self.base, device=torch.device(self._stations.device))
            self.agenda = replace(self.agenda, base=self.base)

    def pids(self) -> list[int]:
        """The workers' process ids."""
        return self._stations.pids()

    def _measure(self) -> None:
        lock = threading.Lock()
        seen: set[int] = set()

        def serve(station: Any, index: int) -> None:
            with lock:
                job = self._job(index)
                if index not in seen:
                    self._accept(job)
                    seen.add(index)
            if job.missing or (job.model is None and job.spec.task):
                for reference in station.do.options(num_returns="streaming").remote(job):
                    event = answer(reference)
                    with lock:
                        self._hear(job, event)

        self._stations.share(range(len(self.agenda.models)), serve)

    def _divergences(self, wanted: Sequence[tuple[Batch, Joining]]) -> None:
        lock = threading.Lock()

        def serve(station: Any, piece: tuple[Batch, Joining]) -> None:
            with lock:
                asked = self._comparison(*piece)
            arrays = answer(station.divergences.remote(*asked))
            with lock:
                self._compared(*piece, arrays)

        self._stations.share(wanted, serve)

    def _worker(self) -> "_Everyone":
        return _Everyone(self._stations)


class _Everyone:
    """Small questions: a comparison, or the drift, of whichever stations are free."""

    def __init__(self, stations: RayWorkers) -> None:
        self._stations = stations

    def compare(
        self,
        hidden: Sequence[npt.NDArray[np.float32]],
        own_heads: Sequence[Adapter | Weights | None],
        pairs: Sequence[tuple[int, int]],
    ) -> npt.NDArray[np.float64]:
        answers: list[npt.NDArray[np.float64]] = []

        def serve(station: Any, piece: int) -> None:
            answers.append(answer(station.compare.remote(hidden, own_heads, pairs)))

        self._stations.share([0], serve)
        return answers[0]

    def drift(self, batch: int, hidden: npt.NDArray[np.float32]) -> float:
        answers: list[float] = []

        def serve(station: Any, piece: int) -> None:
            answers.append(answer(station.drift.remote(batch, hidden)))

        self._stations.share(range(len(self._stations.actors)), serve)
        return max(answers)
