"""The same units in several processes of this machine, each with a base model of its own."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

import torch

from taskpgm_core.errors import MeasurementError
from taskpgm_core.measure.parallel_executor import DistantWorker, Parallel
from taskpgm_core.measure.result import Measurement
from taskpgm_core.measure.work_plan import Agenda
from taskpgm_core.measure.worker import Event, ModelJob, Worker, WorkerConfig

DONE = object()
QUIET = ("-W", "ignore::FutureWarning")
"""What libraries announce is said by the process that asks, once."""


def work(handle: int) -> None:
    """Answer (method of ``Worker``, arguments) over a pipe until its other end is closed; first
    come the worker's agenda and where its base model is."""
    pipe = Connection(handle)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that asks stops this one
    agenda, home = pipe.recv()
    worker: Worker | None = None
    while True:
        try:
            name, arguments = pipe.recv()
        except EOFError:
            return
        try:
            worker = worker or Worker(replace(agenda, base=home.load()), Path(home.models))
            answer = getattr(worker, name)(*arguments)
            if name == "do":
                for event in answer:
                    pipe.send(("event", event))
                answer = None
            pipe.send(("answer", answer))
        except BrokenPipeError:
            return
        except Exception as error:
            pipe.send(("raised", error))


class WorkerProcess(DistantWorker):
    """A worker in a child process. MeasurementError where the process is gone.

    The child is started by a command: ``multiprocessing`` would run the caller's script in it.
    """

    def __init__(self, agenda: Agenda, home: WorkerConfig) -> None:
        self._pipe, theirs = Pipe()
        path = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
        self.process = subprocess.Popen(
            [sys.executable, *QUIET, "-c", f"from {__name__} import work; work({theirs.fileno()})"],
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONPATH": path},
        )
        theirs.close()
        with _present():
            self._pipe.send((agenda, home))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._pipe.close()

    def do(self, job: ModelJob) -> Iterator[Event]:
        self._send("do", job)
        while (received := self._receive())[0] == "event":
            yield received[1]

    def _ask(self, name: str, *arguments: Any) -> Any:
        self._send(name, *arguments)
        return self._receive()[1]

    def _send(self, name: str, *arguments: Any) -> None:
        with _present():
            self._pipe.send((name, arguments))

    def _receive(self) -> tuple[str, Any]:
        """("event", one) or ("answer", what); what the worker raised is raised here."""
        with _present():
            kind, value = self._pipe.recv()
        if kind == "raised":
            raise value
        return kind, value


@contextmanager
def _present() -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError):
        raise MeasurementError(
            "A worker process was ended from outside, as by a machine that is short of memory; "
            "take fewer --workers. Finished work is kept."
        ) from None


class OnProcesses(Parallel):
    """Runs a plan's units in ``workers`` processes, each with as many threads as this one has.

    On a CPU two processes of one thread do 1.4 times the work of one process of two threads.
    """

    workers = 2

    def run(self) -> Measurement:
        if self.base.device.type != "cpu":
            raise MeasurementError(
                "Several workers without Ray are for CPUs; on GPUs, add --engine ray."
            )
        home = WorkerConfig.of(
            self.base, self.plan.base, models=self.models_folder, threads=torch.get_num_threads()
        )
        shared = replace(self.agenda, base=None)  # type: ignore[arg-type]
        self.processes = [WorkerProcess(shared, home) for _ in range(self.workers)]
        try:
            return super().run()
        finally:
            self._end()

    def _end(self) -> None:
        for process in self.processes:
            process.close()

    def _count(self) -> int:
        return self.workers

    def _share(self, pieces: Sequence[Any], serve: Callable[[DistantWorker, Any], None]) -> None:
        todo, failures, lock = iter(pieces), list[BaseException](), threading.Lock()

        def attend(worker: WorkerProcess) -> None:
            while not failures:
                with lock:
                    piece = next(todo, DONE)
                if piece is DONE:
                    return
                try:
                    serve(worker, piece)
                except BaseException as error:
                    failures.append(error)

        with ThreadPoolExecutor(len(self.processes)) as pool:
            try:
                list(pool.map(attend, self.processes))
            except BaseException as error:  # Ctrl-C: nobody waits for what is under way
                failures.append(error)
                self._end()
        if failures:
            raise failures[0]
