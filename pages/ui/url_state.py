"""What the address bar says: study, measure, balance, budget and selected tasks of every page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from pages.ui.bounds import NONE, Bounds, number_within, read_bounds
from taskpgm_core.analysis.saved_mixtures import ID, open_scenario
from taskpgm_core.errors import TaskPGMError
from taskpgm_core.mixture.baselines import BASELINES
from taskpgm_core.records import Study

UNITS = ("rows", "tokens")
REFERENCES = tuple(BASELINES)
"""Mixtures that stand beside scenarios without being kept."""
TARGETS = "tasks"
"""The anchor that stands on chosen target tasks alone."""
ANCHORS = ("uniform", "proportional", TARGETS)
BUDGET = 10_000
LARGEST_BUDGET = 10**12
WHOLE = ("budget", "k")


@dataclass(frozen=True)
class View:
    """One position in the dashboard. Equal views show equal pages.

    ``draft``: the id under which this position is kept on its own. ``baseline``, ``beside``: ids
    of the pinned scenario and of those laid beside it. ``k``: how many tasks to select, 0 for as
    many as are enough. ``anchor``: one of ``ANCHORS`` (``targets`` are its tasks), another
    baseline, or the id of a kept scenario.
    """

    study: str
    measure: str
    balance: float = 1.0
    lam: float = 1.0
    anchor: str = "uniform"
    targets: tuple[str, ...] = ()
    bounds: Bounds = NONE
    budget: int = BUDGET
    unit: str = "rows"
    tasks: tuple[str, ...] = ()
    k: int = 0
    draft: str = ""
    baseline: str = ""
    beside: tuple[str, ...] = ()

    @property
    def query(self) -> dict[str, str | list[str]]:
        """The parameters of the address; what is at its default is left out."""
        default = View(self.study, "")
        query: dict[str, str | list[str]] = {"study": self.study, "measure": self.measure}
        for name, written in (
            ("balance", f"{self.balance:.10g}"),
            ("lam", f"{self.lam:.10g}"),
            ("anchor", self.anchor),
            ("budget", str(self.budget)),
            ("unit", self.unit),
            ("k", str(self.k)),
            ("draft", self.draft),
            ("baseline", self.baseline),
        ):
            if getattr(self, name) != getattr(default, name):
                query["lambda" if name == "lam" else name] = written
        if self.targets:
            query["target"] = list(self.targets)
        query |= self.bounds.query
        if self.tasks:
            query["task"] = list(self.tasks)
        if self.beside:
            query["scenario"] = list(self.beside)
        return query

    @property
    def question(self) -> str:
        """All of the address that the problem depends on: the key of what is computed from it."""
        asked = {"measure": self.measure, "anchor": self.anchor, "target": self.targets}
        if self.bounds.epochs is not None:
            asked |= {"budget": str(self.budget), "unit": self.unit}
        return urlencode(asked | self.bounds.query, doseq=True)

    @property
    def posed(self) -> "View":
        """Nothing but what the problem depends on: study, measure, anchor and bounds."""
        return View(
            self.study,
            self.measure,
            anchor=self.anchor,
            targets=self.targets,
            bounds=self.bounds,
            budget=self.budget,
            unit=self.unit,
        )


def usable(identifier: str, study: Study) -> bool:
    """Whether an id is that of a mixture over this study's tasks alone."""
    if identifier in BASELINES:
        return not BASELINES[identifier].needs_rows or study.rows is not None
    if not ID.fullmatch(identifier):
        return False
    try:
        scenario = open_scenario(identifier)
    except TaskPGMError:
        return False
    return set(scenario.tasks) == set(study.names)


def names(studies: Sequence[Study]) -> dict[str, Study]:
    """What each study is called in the address: its slug, with its digest where two share one."""
    slugs = [study.slug for study in studies]
    return {s.slug if slugs.count(s.slug) == 1 else f"{s.slug}-{s.digest[:12]}": s for s in studies}


def read_view(
    query: Mapping[str, Sequence[str]], studies: Mapping[str, Study]
) -> tuple[View, list[str]]:
    """The view that an address asks for, and a sentence for each thing in it that was ignored."""
    ignored: list[str] = []

    def last(name: str) -> str | None:
        values = query.get(name) or ()
        return values[-1] if values else None

    wanted = last("study")
    if wanted is not None and wanted not in studies:
        ignored.append(f"There is no study “{wanted}” here; showing {next(iter(studies))}.")
        wanted = None
    study = wanted or next(iter(studies))
    card = studies[study]
    measure = last("measure")
    if measure is not None and measure not in card.measures:
        ignored.append(f"{study} has no measure “{measure}”; showing {card.measures[0]}.")
        measure = None
    changes: dict[str, Any] = {}
    for name, field, least, most in (
        ("balance", "balance", 0.0, 1e9),
        ("lambda", "lam", 1e-9, 1e9),
        ("budget", "budget", 1, LARGEST_BUDGET),
        ("k", "k", 0, len(card.tasks)),
    ):
        text = last(name)
        if text is None:
            continue
        value = number_within(text, least, most)
        if value is None or (name in WHOLE and value != int(value)):
            ignored.append(f"“{text}” is no {name}; showing {getattr(View, field):g}.")
        else:
            changes[field] = int(value) if name in WHOLE else value
    for name in ("unit", "anchor"):
        text = last(name)
        known = text in (UNITS if name == "unit" else ANCHORS)
        if known or (name == "anchor" and text is not None and usable(text, card)):
            changes[name] = text
        elif text is not None:
            ignored.append(f"“{text}” is no {name} here; showing {getattr(View, name)}.")
    targets = [task for task in query.get("target", ()) if task in card.names]
    if changes.get("anchor") == TARGETS and not targets:
        ignored.append("No target task is named that this study has; anchored at uniform.")
        del changes["anchor"]
    elif changes.get("anchor") == TARGETS:
        changes["targets"] = tuple(dict.fromkeys(targets))
    selected = [task for task in query.get("task", ()) if task in card.names]
    strangers = [task for task in query.get("task", ()) if task not in card.names]
    if strangers:
        ignored.append(f"{study} has no task “{strangers[0]}”; it is left out of the selection.")
    if changes.get("anchor") == "proportional" and card.rows is None:
        ignored.append(f"{study} does not know how many rows its tasks have; anchored at uniform.")
        del changes["anchor"]
    if changes.get("unit") == "tokens" and any(t.mean_tokens is None for t in card.tasks):
        ignored.append(f"{study} does not know its tasks' lengths; the budget is in rows.")
        del changes["unit"]
    changes["bounds"], left_out = read_bounds(query, card, lambda name: usable(name, card))
    ignored += left_out
    for name in ("draft", "baseline", "scenario"):
        known = [
            text
            for text in query.get(name, ())
            if ID.fullmatch(text) or (name != "draft" and text in REFERENCES)
        ]
        if len(known) < len(query.get(name, ())):
            ignored.append(f"The address names a {name} that cannot exist; it is left out.")
        if known:
            changes |= {"beside": tuple(known)} if name == "scenario" else {name: known[-1]}
    view = View(study, measure or card.measures[0], tasks=tuple(dict.fromkeys(selected)))
    return replace(view, **changes), ignored
