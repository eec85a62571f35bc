"""The same units on Ray: one actor a device, results through the same store, failures retried."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from taskpgm_core.measure.parallel_executor import DistantWorker, Parallel
from taskpgm_core.measure.ray_actors import RayWorkers, answer, cluster
from taskpgm_core.measure.result import Measurement
from taskpgm_core.measure.work_plan import Agenda
from taskpgm_core.measure.worker import Arrays, Event, ModelJob, Worker, WorkerConfig


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


class _Asked(DistantWorker):
    """An actor, asked as the worker in it would be."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def do(self, job: ModelJob) -> Iterator[Event]:
        for reference in self._actor.do.options(num_returns="streaming").remote(job):
            yield answer(reference)

    def _ask(self, name: str, *arguments: Any) -> Any:
        return answer(getattr(self._actor, name).remote(*arguments))


class OnRay(Parallel):
    """Runs a plan's units on ``workers`` actors of a Ray cluster, each with the base model.

    ``address``: of a running cluster (every machine with this checkout and the same weights); by
    default a cluster of this machine alone, for this build only.
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
        """Start one actor a device, and take the kind of device that they have for our own."""
        self._actors = RayWorkers(
            RayWorker,
            replace(self.agenda, base=None),  # type: ignore[arg-type]
            self.base,
            self.plan.base,
            models=self.models_folder,
            threads=torch.get_num_threads(),  # as many as here: --threads goes before the plan
            workers=self.workers,
        )
        if self._actors.device != self.base.device.type:
            self.base = replace(self.base, device=torch.device(self._actors.device))
            self.agenda = replace(self.agenda, base=self.base)

    def pids(self) -> list[int]:
        """The workers' process ids."""
        return self._actors.pids()

    def _count(self) -> int:
        return len(self._actors.actors)

    def _share(self, pieces: Sequence[Any], serve: Callable[[DistantWorker, Any], None]) -> None:
        self._actors.share(pieces, lambda actor, piece: serve(_Asked(actor), piece))
