"""What a person sees while a build runs: stages, share done, time left."""

import sys
import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from taskpgm_core.commands.output import warn

TITLES = {"train": "Training", "score": "Scoring", "compare": "Comparing"}
LINE_EVERY = 15.0


class Watch:
    """A build's progress: a live bar on a terminal, otherwise a plain line now and then."""

    def __init__(self) -> None:
        self.work: dict[str, float] = {}
        self.done: dict[str, float] = {}
        self.measured = 0.0
        self.started = time.monotonic()
        self._last = 0.0
        self._live = sys.stderr.isatty()
        self._bar = Progress(
            TextColumn("{task.description:<10}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%  {task.fields[note]}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            disable=not self._live,
        )
        self._rows: dict[str, TaskID] = {}

    def __enter__(self) -> "Watch":
        self._bar.start()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._bar.stop()

    def plan(self, work: Mapping[str, float]) -> None:
        self.work = dict(work)
        self.done = dict.fromkeys(work, 0.0)
        for stage in work:
            self._rows[stage] = self._bar.add_task(
                TITLES[stage], total=max(work[stage], 1e-9), note=""
            )

    def advance(self, stage: str, work: float, *, reused: bool = False) -> None:
        self.done[stage] += work
        self.measured += 0.0 if reused else work
        self._bar.update(self._rows[stage], advance=work, note=self.left())
        now = time.monotonic()
        if not self._live and now - self._last > LINE_EVERY:
            self._last = now
            shares = ", ".join(
                f"{TITLES[s].lower()} {self.done[s] / max(w, 1e-9):.0%}"
                for s, w in self.work.items()
            )
            sys.stderr.write(f"{shares}; {self.left() or 'time left not known yet'}\n")
            sys.stderr.flush()

    def left(self) -> str:
        """The time left, at the speed of what was really measured so far."""
        if self.measured <= 0:
            return ""
        speed = self.measured / (time.monotonic() - self.started)
        rest = max(sum(self.work.values()) - sum(self.done.values()), 0.0) / speed
        return f"about {rest / 60:.0f} min left" if rest >= 90 else f"about {rest:.0f} s left"

    def say(self, sentence: str) -> None:
        warn(sentence)
