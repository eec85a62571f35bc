"""The measures of similarity: their names, signs and units, and how people read their numbers."""

from dataclasses import dataclass
from math import log
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Values = TypeVar("Values", float, npt.NDArray[np.float64])

KERNEL = "kernel"
"""The ``measure`` of a Similarity that holds a kernel less one, K - 11', instead of a measure."""


@dataclass(frozen=True)
class Measure:
    """One way to compare two tasks, and how people read its numbers.

    ``quantity``: what an axis calls it; ``unit``: of what is read ("" for none).
    ``is_divergence``: people read D = -S, low for alike, else S. ``most``: S lies between
    minus this, the largest divergence there can be, and 0; None where it has no such end.
    ``noise``: what its noise is called, by where it comes from.
    """

    title: str
    quantity: str
    meaning: str
    unit: str = ""
    is_divergence: bool = False
    most: float | None = None
    noise: str = "seed noise"

    @property
    def label(self) -> str:
        """The head of a column of its numbers: their unit, else the matrix's letter."""
        return self.unit or ("D" if self.is_divergence else "S")

    @property
    def scaled(self) -> str:
        """Its unit behind a number, with the most that there can be where it has a unit."""
        return f"of {self.most:.2f} {self.unit}" if self.unit and self.most else self.unit

    @property
    def axis(self) -> str:
        return f"{self.quantity}, {self.unit}" if self.unit else self.quantity

    def shown(self, values: Values) -> Values:
        """Entries of S as people read them, or those back as entries of S."""
        return 0.0 - values if self.is_divergence else values

    def said(self, value: float) -> str:
        """A number as people read it, with its unit."""
        small = 0 < abs(value) < 5e-4
        return (
            f"{value:.2g} {self.unit}".rstrip()
            if small
            else f"{value + 0.0:.3f} {self.unit}".rstrip()
        )


PMI = "Minus the mean excess loss of each model on the other's examples; high is alike."
MEASURES = {
    "jsd": Measure(
        "JSD",
        "Mean Jensen-Shannon divergence",
        "Divergence: how differently the two models predict the next token, on all probe "
        "examples; 0 is alike, ln 2 = 0.693 is the most.",
        unit="nats",
        is_divergence=True,
        most=log(2.0),
    ),
    "pmi": Measure("PMI, per sequence", "Similarity S", PMI),
    "pmi-token": Measure("PMI, per token", "Similarity S", PMI),
    "gold": Measure(
        "gold tokens",
        "Mean squared distance of gold probabilities' roots",
        "Squared distance of the roots of what the two models give the true next token; 0 is "
        "alike, 1 is the most.",
        is_divergence=True,
        most=1.0,
    ),
    "text": Measure(
        "by words alone",
        "Distance by words alone",
        "Distance by words alone, without models: 1 minus the cosine of the tasks' mean TF-IDF "
        "vectors of characters and words; 0 is alike, 1 is no term in common.",
        is_divergence=True,
        most=1.0,
        noise="split-half noise",
    ),
    KERNEL: Measure(
        "kernel", "Kernel K less one", "1 for the same skill, 0 for no likeness.", most=1.0
    ),
    "given": Measure("as imported", "Similarity S", "As imported; high is alike."),
}
"""Every measure by the name that studies, options and addresses give it."""

BROUGHT_DIVERGENCE = Measure(
    "as imported",
    "Divergence",
    "As imported; 0 is alike.",
    is_divergence=True,
)
"""How the measure ``given`` is read where the matrix came as a divergence."""


def measure_title(name: str) -> str:
    """A measure as the pages call it; its name where it is none of ``MEASURES``."""
    return MEASURES[name].title if name in MEASURES else name


def measure_words(name: str) -> str:
    """A measure's name as a person reads it; that of ``text`` says what it stands for."""
    return f"{name} ({MEASURES[name].title})" if name == "text" else name
