"""What a build tells those who watch it: work done and left, in units and in forward tokens."""

from collections.abc import Mapping
from typing import Protocol


class Progress(Protocol):
    """Hears of a build's work. Work is counted in tokens of the model's forward pass."""

    def plan(self, work: Mapping[str, float]) -> None:
        """All work of the build, by stage."""

    def advance(self, stage: str, work: float, *, reused: bool = False) -> None:
        """``work`` of a stage is done (``reused``: it was found finished)."""

    def say(self, sentence: str) -> None:
        """Something a person should read."""


class Silence:
    """A progress that nobody watches."""

    def plan(self, work: Mapping[str, float]) -> None:
        pass

    def advance(self, stage: str, work: float, *, reused: bool = False) -> None:
        pass

    def say(self, sentence: str) -> None:
        pass
