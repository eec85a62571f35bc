"""What engines share that have several workers: who does which unit, and who hears of it."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from taskpgm_core.measure.executor import Engine
from taskpgm_core.measure.probe_pool import Batch
from taskpgm_core.measure.work_plan import Joining
from taskpgm_core.measure.worker import Arrays, Event, ModelJob


class DistantWorker(ABC):
    """A ``Worker`` in a process of its own."""

    @abstractmethod
    def do(self, job: ModelJob) -> Iterator[Event]:
        """The events of ``Worker.do``, as they come."""

    @abstractmethod
    def _ask(self, name: str, *arguments: Any) -> Any:
        """The answer of another method of the worker."""

    def compare(self, *arguments: Any) -> npt.NDArray[np.float64]:
        D: npt.NDArray[np.float64] = self._ask("compare", *arguments)
        return D

    def divergences(self, *arguments: Any) -> Arrays:
        unit: Arrays = self._ask("divergences", *arguments)
        return unit

    def drift(self, batch: int, hidden: npt.NDArray[np.float32]) -> float:
        return float(self._ask("drift", batch, hidden))


class Parallel(Engine):
    """Units go to whichever worker is free. They are stored by this process as they arrive, so a
    lost worker costs at most the unit it was at."""

    @abstractmethod
    def _share(self, pieces: Sequence[Any], serve: Callable[[DistantWorker, Any], None]) -> None:
        """Bring every piece to a free worker with ``serve(worker, piece)``."""

    @abstractmethod
    def _count(self) -> int:
        """How many workers there are."""

    def _measure(self) -> None:
        lock = threading.Lock()
        seen: set[int] = set()

        def serve(worker: DistantWorker, index: int) -> None:
            with lock:
                job = self._job(index)
                if index not in seen:
                    self._accept(job)
                    seen.add(index)
            if job.missing or (job.model is None and job.spec.task):
                for event in worker.do(job):
                    with lock:
                        self._hear(job, event)

        self._share(range(len(self.agenda.models)), serve)

    def _divergences(self, wanted: Sequence[tuple[Batch, Joining]]) -> None:
        lock = threading.Lock()

        def serve(worker: DistantWorker, piece: tuple[Batch, Joining]) -> None:
            with lock:
                asked = self._comparison(*piece)
            arrays = worker.divergences(*asked)
            with lock:
                self._compared(*piece, arrays)

        self._share(wanted, serve)

    def _worker(self) -> "_Everyone":
        return _Everyone(self._share, self._count())


class _Everyone:
    """Small questions: a comparison, or the drift, of whichever workers are free."""

    def __init__(self, share: Callable[..., None], count: int) -> None:
        self._share, self._count = share, count

    def compare(self, *arguments: Any) -> npt.NDArray[np.float64]:
        answers: list[npt.NDArray[np.float64]] = []

        def serve(worker: DistantWorker, piece: int) -> None:
            answers.append(worker.compare(*arguments))

        self._share([0], serve)
        return answers[0]

    def drift(self, batch: int, hidden: npt.NDArray[np.float32]) -> float:
        answers: list[float] = []

        def serve(worker: DistantWorker, piece: int) -> None:
            answers.append(worker.drift(batch, hidden))

        self._share(range(self._count), serve)
        return max(answers)
