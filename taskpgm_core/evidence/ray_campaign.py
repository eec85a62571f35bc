"""The same runs on Ray: one actor a device, one run a call, repeated elsewhere if it is lost."""

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from taskpgm_core.evidence.campaign import Ground, Run, run
from taskpgm_core.evidence.protocol import Protocol

if TYPE_CHECKING:
    from taskpgm_core.measure.stations import Home


class Runner:
    """Trains and judges in a process of its own, on a device of its own."""

    def __init__(self, shared: tuple[Protocol, Ground], home: "Home") -> None:
        self._protocol, self._shared = shared
        self._home = home

    @cached_property
    def _ground(self) -> Ground:
        return replace(self._shared, base=self._home.load())

    def about(self) -> tuple[str, int]:
        """The kind of device and the process id."""
        return self._ground.base.device.type, os.getpid()

    def run(self, what: Run) -> pd.DataFrame:
        return run(self._protocol, what, self._ground)


def run_on_ray(
    protocol: Protocol,
    todo: Sequence[Run],
    on: Ground,
    keep: Callable[[Run, pd.DataFrame], None],
    *,
    base: str,
    models: Path,
    threads: int,
    address: str | None,
    workers: int | None,
) -> None:
    """Every run of ``todo`` on a Ray cluster; ``keep`` hears one finished run at a time, here.

    ``base``: the base model's name, which every machine must find the same weights under.
    """
    from taskpgm_core.measure.stations import Stations, answer, cluster

    with cluster(address, workers):
        stations = Stations(
            Runner,
            (protocol, replace(on, base=None)),  # type: ignore[arg-type]
            on.base,
            base,
            models=models,
            threads=threads,
            workers=workers,
        )
        lock = threading.Lock()

        def serve(station: Any, what: Run) -> None:
            frame = answer(station.run.remote(what))
            with lock:
                keep(what, frame)

        stations.share(todo, serve)
