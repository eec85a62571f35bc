"""The card that is measured: its name, its data sheet, and what cannot be measured without one."""

import contextlib
import platform
import re
from dataclasses import dataclass
from importlib import metadata

import torch

from taskpgm_core.builds.cost_model import DEVICES


class NotMeasuredError(Exception):
    """A part that this machine cannot measure; says why."""


@dataclass(frozen=True)
class Card:
    """``name``: as the driver says it, or "cpu"; ``sheet``: its key in ``DEVICES``, None where no
    data sheet is known; ``memory``: bytes."""

    name: str
    sheet: str | None
    memory: int

    @property
    def peak(self) -> float | None:
        """Dense bfloat16 operations a second, by the data sheet."""
        return DEVICES[self.sheet][0] if self.sheet else None

    @property
    def bandwidth(self) -> float | None:
        """Bytes a second of its memory, by the data sheet."""
        return DEVICES[self.sheet][2] if self.sheet else None


def sheet_of(name: str, memory: int) -> str | None:
    """The data sheet of a card: of its model, and of the memory nearest to its own."""
    words = set(re.split("[ -]", name))
    if words & {"PCIe", "PCIE", "NVL"}:
        return None  # slower than their namesakes; no data sheet of theirs is known here
    alike = [key for key in DEVICES if key.partition("-")[0] in words]
    near = [key for key in alike if abs(DEVICES[key][1] - memory) < 0.15 * DEVICES[key][1]]
    return min(near, key=lambda key: abs(DEVICES[key][1] - memory)) if near else None


def this_card() -> Card:
    if not torch.cuda.is_available():
        return Card("cpu", None, 0)
    facts = torch.cuda.get_device_properties(0)
    return Card(facts.name, sheet_of(facts.name, facts.total_memory), facts.total_memory)


def device() -> str:
    return "cuda" if torch.cuda.is_available() else "cpu"


def needs_cuda() -> None:
    if device() != "cuda":
        raise NotMeasuredError("no CUDA device")


def versions() -> dict[str, str]:
    """What the numbers rest on, beside the card."""
    found = {"python": platform.python_version(), "cuda": torch.version.cuda or "none"}
    for name in ("torch", "triton", "transformers", "peft", "liger-kernel"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
