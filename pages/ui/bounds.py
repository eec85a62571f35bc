"""What a mixture must keep to, as the address says it: the same words as on the command line."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from taskpgm_core.mixture import Group
from taskpgm_core.records import Study

EVERY = ""
"""In floors and caps: every task that has no number of its own."""


@dataclass(frozen=True)
class Bounds:
    """``floors``, ``caps``, ``pins``: (task, share); ``groups``: (family, low, high), shares.

    ``epochs``: how often a row may be repeated at the budget, None without a limit.
    ``pull``: the id of a mixture that pulls, with strength ``rho`` in units of S.
    """

    floors: tuple[tuple[str, float], ...] = ()
    caps: tuple[tuple[str, float], ...] = ()
    pins: tuple[tuple[str, float], ...] = ()
    groups: tuple[tuple[str, float, float], ...] = ()
    epochs: float | None = None
    pull: str = ""
    rho: float = 0.0

    @property
    def count(self) -> int:
        """How many things are asked for."""
        lists = (self.floors, self.caps, self.pins, self.groups)
        return sum(map(len, lists)) + (self.epochs is not None) + bool(self.pull and self.rho)

    @property
    def query(self) -> dict[str, str | list[str]]:
        """The parameters of the address."""
        query: dict[str, str | list[str]] = {}
        for name in ("floor", "cap", "pin"):
            pairs = getattr(self, f"{name}s")
            if pairs:
                query[name] = [f"{task}={x:.10g}" if task else f"{x:.10g}" for task, x in pairs]
        if self.groups:
            query["group"] = [f"{name}:{lo:.10g}:{hi:.10g}" for name, lo, hi in self.groups]
        if self.epochs is not None:
            query["max-epochs"] = f"{self.epochs:.10g}"
        if self.pull:
            query |= {"pull": self.pull, "rho": f"{self.rho:.10g}"}
        return query


NONE = Bounds()


def by_task(
    pairs: Sequence[tuple[str, float]], bounds: Bounds, tasks: Sequence[str]
) -> dict[str, float] | None:
    """{task: share} of floors or caps, the number for every task that is not pinned spelt out."""
    known, pinned = dict(pairs), dict(bounds.pins)
    every = known.pop(EVERY, None)
    if every is None:
        return known
    return dict.fromkeys((task for task in tasks if task not in pinned), every) | known


def caps_with_epochs(
    bounds: Bounds, study: Study, budget: int, unit: str
) -> dict[str, float] | None:
    """The caps, with what ``epochs`` allows each task at a budget of rows or tokens."""
    caps = by_task(bounds.caps, bounds, study.names)
    if bounds.epochs is None:
        return caps
    caps = dict(caps or {})
    for task in study.tasks:
        length = 1.0 if unit == "rows" else float(task.mean_tokens or 0.0)
        most = bounds.epochs * float(task.rows or 0) * length / budget
        caps[task.id] = min(caps.get(task.id, 1.0), most)
    return caps


def groups_of(bounds: Bounds, study: Study) -> list[Group]:
    """The families with bounds, with their tasks."""
    return [
        Group(name, tuple(t.id for t in study.tasks if t.family == name), lo, hi)
        for name, lo, hi in bounds.groups
    ]


def read_bounds(
    query: Mapping[str, Sequence[str]], study: Study, usable: Callable[[str], bool]
) -> tuple[Bounds, list[str]]:
    """The bounds that an address asks for, and a sentence for each that was ignored.

    ``usable``: whether an id is that of a mixture that can pull.
    """
    ignored: list[str] = []
    found: dict[str, Any] = {}
    for name, every in (("floor", True), ("cap", True), ("pin", False)):
        pairs: dict[str, float] = {}
        for text in query.get(name, ()):
            task, equals, number = text.rpartition("=")
            x = number_within(number, 0.0, 1.0)
            known = task in study.names if equals else every
            if x is None or not known:
                ignored.append(f"“{text}” is no {name} for this study; it is left out.")
            else:
                pairs[task] = x
        found[f"{name}s"] = tuple(pairs.items())
    families = {task.family for task in study.tasks} - {""}
    groups: dict[str, tuple[float, float]] = {}
    for text in query.get("group", ()):
        parts = text.rsplit(":", 2)
        ends = [number_within(part, 0.0, 1.0) for part in parts[1:]]
        if len(parts) == 3 and parts[0] in families and None not in ends:
            groups[parts[0]] = (float(ends[0] or 0.0), float(ends[1] or 0.0))
        else:
            ignored.append(f"“{text}” bounds no family of this study; it is left out.")
    found["groups"] = tuple((name, *ends) for name, ends in groups.items())
    for text in query.get("max-epochs", ())[-1:]:
        epochs = number_within(text, 1e-6, 1e9)
        if epochs is None or study.rows is None:
            ignored.append(f"“{text}” cannot limit how often rows are repeated here.")
        else:
            found["epochs"] = epochs
    for text in query.get("pull", ())[-1:]:
        rho = number_within((query.get("rho") or ["0"])[-1], 0.0, 1e9)
        if rho is None or not usable(text):
            ignored.append("The mixture that should pull is not here; nothing pulls.")
        else:
            found |= {"pull": text, "rho": rho}
    return Bounds(**found), ignored


def number_within(text: str, least: float, most: float) -> float | None:
    """The finite number in a parameter of the address; None where it is none or out of range."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and least <= value <= most else None
