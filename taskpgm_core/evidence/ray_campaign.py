"""The same runs on Ray: one actor a device, one run a call, repeated elsewhere if it is lost."""

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from taskpgm_core.evidence.protocol import Protocol
from taskpgm_core.evidence.run import Run, RunContext, run

if TYPE_CHECKING:
    from taskpgm_core.measure.worker import WorkerConfig


class Runner:
    """Trains and judges in a process of its own, on a device of its own."""

    def __init__(self, shared: tuple[Protocol, RunContext], config: "WorkerConfig") -> None:
        self._protocol, self._shared = shared
        self._config = config

    @cached_property
    def _context(self) -> RunContext:
        return replace(self._shared, base=self._config.load())

    def about(self) -> tuple[str, int]:
        """The kind of device and the process id."""
        return self._context.base.device.type, os.getpid()

    def run(self, what: Run) -> pd.DataFrame:
        return run(self._protocol, what, self._context)


def run_on_ray(
    protocol: Protocol,
    todo: Sequence[Run],
    on: RunContext,
    claimed: Callable[[Run], AbstractContextManager[bool]],
    keep: Callable[[Run, pd.DataFrame], None],
    *,
    base: str,
    models: Path,
    threads: int,
    address: str | None,
    workers: int | None,
) -> None:
    """Every run of ``todo`` on a Ray cluster; ``keep`` hears one finished run at a time, here.

    ``claimed``: whether a run is still to be made, and by this process alone within the block.
    ``base``: the base model's name, which every machine must find the same weights under.
    """
    from taskpgm_core.measure.ray_actors import RayWorkers, answer, cluster

    with cluster(address, workers):
        serving = RayWorkers(
            Runner,
            (protocol, replace(on, base=None)),  # type: ignore[arg-type]
            on.base,
            base,
            models=models,
            threads=threads,
            workers=workers,
        )
        lock = threading.Lock()

        def serve(worker: Any, what: Run) -> None:
            with claimed(what) as mine:
                if mine:
                    frame = answer(worker.run.remote(what))
                    with lock:
                        keep(what, frame)

        serving.share(todo, serve)
