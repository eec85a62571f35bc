"""What a build tells those who watch it: work done and left, in units and in forward tokens."""

from collections.abc import Mapping
from typing import Protocol


class Progress(Protocol):
    """Hears of a build's work. Work is counted in tokens of the model's forward pass."""

    def plan(self, work: Mapping[str, float], units: Mapping[str, int]) -> None:
        """All work of the build and its units, by stage; said again where the plan changes."""

    def advance(self, stage: str, work: float, *, reused: bool = False) -> None:
        """``work`` of a stage is done (``reused``: it was found finished)."""

    def finish(self, stage: str) -> None:
        """One unit of a stage is finished, measured or found."""

    def timed(self, forward: float, total: float) -> None:
        """Of ``total`` seconds spent scoring, ``forward`` were in the model's own forward pass."""

    def say(self, sentence: str) -> None:
        """Something a person should read."""


class Silence:
    """A progress that nobody watches."""

    def plan(self, work: Mapping[str, float], units: Mapping[str, int]) -> None:
        pass

    def advance(self, stage: str, work: float, *, reused: bool = False) -> None:
        pass

    def finish(self, stage: str) -> None:
        pass

    def timed(self, forward: float, total: float) -> None:
        pass

    def say(self, sentence: str) -> None:
        pass
