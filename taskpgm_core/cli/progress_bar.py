"""What a person sees while a build runs: stages, units, speed, time left; or a file of it."""

import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from taskpgm_core.cli.output import plain, warn
from taskpgm_core.errors import TaskPGMError
from taskpgm_core.files.atomic import write_atomic
from taskpgm_core.files.encoding import json_bytes

TITLES = {"train": "Training", "score": "Scoring", "compare": "Comparing"}
LINE_EVERY = 15.0  # seconds between plain lines
FILE_EVERY = 0.5  # seconds between rewrites of the progress file


class Watch:
    """A build's progress: a live bar on a terminal, otherwise a plain line now and then.

    ``file`` is rewritten whole (by atomic rename) with one JSON object, see ``snapshot``.
    """

    def __init__(self, file: str | Path | None = None) -> None:
        self.work: dict[str, float] = {}
        self.done: dict[str, float] = {}
        self.units: dict[str, int] = {}
        self.units_done: dict[str, int] = {}
        self.measured = self.forward = self.scoring = 0.0
        self.messages: list[str] = []
        self.stage: str | None = None
        self.started = time.monotonic()
        self._measuring = self.started
        self._file = Path(file) if file else None
        self._line_at = self._file_at = -float("inf")
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
        self._before = signal.signal(signal.SIGTERM, _stop)
        self._bar.start()
        self._write("running")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: Any) -> None:
        self._bar.stop()
        signal.signal(signal.SIGTERM, self._before)
        if isinstance(error, KeyboardInterrupt | click.Abort):
            self._write("stopped")
        elif error is not None and self._file is not None:
            self._last_words(error)

    def plan(self, work: Mapping[str, float], units: Mapping[str, int]) -> None:
        self.work, self.units = dict(work), dict(units)
        self.done, self.units_done = dict.fromkeys(work, 0.0), dict.fromkeys(units, 0)
        self._measuring, self.measured = time.monotonic(), 0.0
        for row in self._rows.values():
            self._bar.remove_task(row)
        for stage in work:
            self._rows[stage] = self._bar.add_task(
                TITLES[stage], total=max(work[stage], 1e-9), note=""
            )

    def advance(self, stage: str, work: float, *, reused: bool = False) -> None:
        self.stage = stage
        self.done[stage] += work
        self.measured += 0.0 if reused else work
        self._bar.update(self._rows[stage], advance=work, note=self._note())
        now = time.monotonic()
        if not self._live and now - self._line_at > LINE_EVERY:
            self._line_at = now
            shares = ", ".join(
                f"{TITLES[s].lower()} {self.done[s] / max(w, 1e-9):.0%}"
                for s, w in self.work.items()
            )
            sys.stderr.write(f"{shares}; {self._note() or 'time left not known yet'}\n")
            sys.stderr.flush()
        if now - self._file_at > FILE_EVERY:
            self._write("running")

    def finish(self, stage: str) -> None:
        self.units_done[stage] += 1

    def timed(self, forward: float, total: float) -> None:
        self.forward += forward
        self.scoring += total

    def say(self, sentence: str) -> None:
        self.messages.append(sentence)
        warn(sentence)

    def finished(self, study: Mapping[str, Any]) -> None:
        """The last word of a build that came to its end: ``study`` is its card."""
        self._write("finished", study=study)

    @property
    def speed(self) -> float | None:
        """Forward tokens a second, over what was really measured so far."""
        if self.measured <= 0:
            return None
        return self.measured / max(time.monotonic() - self._measuring, 1e-9)

    @property
    def seconds_left(self) -> float | None:
        """The time left, at the speed of what was really measured so far."""
        if self.speed is None:
            return None
        return max(sum(self.work.values()) - sum(self.done.values()), 0.0) / self.speed

    @property
    def forward_share(self) -> float | None:
        """Share of the scoring time that passed in the model's own forward pass."""
        return self.forward / self.scoring if self.scoring > 0 else None

    def snapshot(self, state: str) -> dict[str, Any]:
        """The progress file: state (running, finished, failed, stopped), work, units, speed."""
        total = sum(self.work.values())
        return {
            "state": state,
            "pid": os.getpid(),
            "updated": time.time(),
            "seconds": time.monotonic() - self.started,
            "stage": self.stage,
            "done": sum(self.done.values()),
            "total": total,
            "share": 1.0
            if state == "finished"
            else min(sum(self.done.values()) / max(total, 1.0), 1.0),
            "stages": {
                s: {
                    "title": TITLES[s],
                    "done": self.done[s],
                    "total": self.work[s],
                    "units_done": self.units_done[s],
                    "units": self.units[s],
                }
                for s in self.work
            },
            "tokens_per_second": self.speed,
            "seconds_left": self.seconds_left,
            "forward_share": self.forward_share,
            "messages": self.messages,
            "error": None,
            "study": None,
        }

    def _write(self, state: str, **more: Any) -> None:
        if self._file is not None:
            self._file_at = time.monotonic()
            write_atomic(self._file, json_bytes(plain({**self.snapshot(state), **more})))

    def _last_words(self, error: BaseException) -> None:
        sentence = str(error) if isinstance(error, TaskPGMError) else f"{error!r}"
        try:
            self._write("failed", error=sentence)
        except TaskPGMError as second:
            warn(f"The progress file could not be brought up to date: {second}")

    def _note(self) -> str:
        left = self.seconds_left
        if left is None or self.speed is None:
            return ""
        units = f"{sum(self.units_done.values())}/{sum(self.units.values())} units"
        time_left = f"about {left / 60:.0f} min left" if left >= 90 else f"about {left:.0f} s left"
        share = f", {self.forward_share:.0%} of scoring in the model" if self.forward_share else ""
        return f"{units}, {self.speed:.0f} tokens/s, {time_left}{share}"


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
