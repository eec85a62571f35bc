"""Colours: one accent, the Okabe-Ito set for families, one palette a theme."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

OKABE_ITO = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#F0E442",
    "#7F7F7F",
)
"""Colours that people with any colour vision tell apart (Okabe and Ito 2008), best first."""


@dataclass(frozen=True)
class Palette:
    """The colours of a theme. ``gain`` and ``loss`` are the ends of a blue-orange pair.

    None of them is a family's colour: a drawing's theme may change these, but not those.
    """

    name: str
    paper: str
    ink: str
    muted: str
    grid: str
    accent: str
    quiet: str
    gain: str
    loss: str

    @property
    def diverging(self) -> list[list[float | str]]:
        """A colour scale for gains (blue) and losses (orange) around a neutral zero."""
        return [[0.0, self.loss], [0.5, self.grid], [1.0, self.gain]]


LIGHT = Palette(
    "light", "#FBF9F4", "#1C1B19", "#5E5A52", "#E3DDCF", "#3B4BC4", "#C9CDEB", "#006CA8", "#C65500"
)
DARK = Palette(
    "dark", "#20222A", "#EDEAE3", "#B5B0A6", "#3D414D", "#A6B4FF", "#4A5080", "#56B4E9", "#F08A3C"
)
PALETTES: Mapping[str, Palette] = {"light": LIGHT, "dark": DARK}


def colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each distinct name in order of appearance; they repeat after eight."""
    distinct = list(dict.fromkeys(names))
    return {name: OKABE_ITO[i % len(OKABE_ITO)] for i, name in enumerate(distinct)}


def patterns(names: Iterable[str]) -> dict[str, str]:
    """A fill pattern for each distinct name, so that names that share a colour differ in it."""
    shapes = ("", "/", "x", ".", "-", "|", "\\", "+")
    distinct = list(dict.fromkeys(names))
    return {name: shapes[i // len(OKABE_ITO) % len(shapes)] for i, name in enumerate(distinct)}


def symbols(names: Iterable[str]) -> dict[str, str]:
    """A marker for each distinct name, so that names that share a colour differ in it."""
    shapes = ("circle", "diamond", "square", "triangle-up", "hexagon", "star", "cross", "x")
    distinct = list(dict.fromkeys(names))
    return {name: shapes[i // len(OKABE_ITO) % len(shapes)] for i, name in enumerate(distinct)}
