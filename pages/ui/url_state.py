"""What the address bar says: the study, the question, and what is selected and shown beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from taskpgm_core.analysis.mixture_reference import check_reference
from taskpgm_core.analysis.question import Question
from taskpgm_core.analysis.question_words import WORDS, from_words, is_old, modern, to_words
from taskpgm_core.analysis.saved_mixtures import ID
from taskpgm_core.errors import TaskPGMError
from taskpgm_core.mixture.baselines import BASELINES
from taskpgm_core.records import Study

BUDGET = 10_000
"""What pages count with where the address names no budget."""
LARGEST_BUDGET = 10**12
LARGEST_BALANCE = 1e9
QUESTION = {f.name for f in fields(Question)}


@dataclass(frozen=True)
class View:
    """One position in the dashboard. Equal views show equal pages.

    ``question`` always has a measure and a budget. ``tasks``: the selected ones. ``k``: how many
    tasks to select, 0 for as many as are enough. ``draft``: the id under which this position is
    kept on its own. ``baseline``, ``beside``: baselines' names, or ids of the pinned scenario and
    of those laid beside it.
    """

    study: str
    question: Question = field(default_factory=lambda: Question(budget=BUDGET))
    tasks: tuple[str, ...] = ()
    k: int = 0
    draft: str = ""
    baseline: str = ""
    beside: tuple[str, ...] = ()

    @property
    def query(self) -> dict[str, str | list[str]]:
        """The parameters of the address; what is at its default is left out."""
        words = to_words(self.question)
        if self.question.budget == BUDGET:
            del words["budget"]
        query: dict[str, str | list[str]] = {"study": self.study}
        many = ("floor", "cap", "pin", "group")
        query |= {word: texts if word in many else texts[-1] for word, texts in words.items()}
        query |= {"k": str(self.k)} if self.k else {}
        query |= {name: x for name in ("draft", "baseline") if (x := getattr(self, name))}
        query |= {"task": list(self.tasks)} if self.tasks else {}
        return query | ({"scenario": list(self.beside)} if self.beside else {})

    def moved(self, **changes: Any) -> "View":
        """The view with other values; those of its question are named as the question does."""
        asked = {name: changes.pop(name) for name in list(changes) if name in QUESTION}
        return replace(self, question=replace(self.question, **asked), **changes)


def usable(reference: str, study: Study) -> bool:
    """Whether a reference names a mixture over this study's tasks alone."""
    try:
        check_reference(reference, study.names, study.tasks)
    except TaskPGMError:
        return False
    return True


def names(studies: Sequence[Study]) -> dict[str, Study]:
    """What each study is called in the address: its slug, with its digest where two share one."""
    slugs = [study.slug for study in studies]
    return {s.slug if slugs.count(s.slug) == 1 else f"{s.slug}-{s.digest[:12]}": s for s in studies}


def read_view(
    query: Mapping[str, Sequence[str]], studies: Mapping[str, Study]
) -> tuple[View, list[str]]:
    """The view that an address asks for, and a sentence for each thing in it that was ignored."""
    ignored: list[str] = []
    study = _last(query, "study") or next(iter(studies))
    if study not in studies:
        ignored.append(f"There is no study “{study}” here; showing {next(iter(studies))}.")
        study = next(iter(studies))
    card = studies[study]
    view = View(study, _question(query, card, ignored))
    selected = [task for task in query.get("task", ()) if task in card.names]
    strangers = [task for task in query.get("task", ()) if task not in card.names]
    if strangers:
        ignored.append(f"{study} has no task “{strangers[0]}”; it is left out of the selection.")
    k = _last(query, "k")
    if k is not None and not (k.isascii() and k.isdigit() and int(k) <= len(card.tasks)):
        ignored.append(f"“{k}” is no k; showing as many tasks as are enough.")
        k = None
    return replace(
        view, tasks=tuple(dict.fromkeys(selected)), k=int(k or 0), **_mixtures(query, ignored)
    ), ignored


def _last(query: Mapping[str, Sequence[str]], name: str) -> str | None:
    values = query.get(name) or ()
    return values[-1] if values else None


def _question(query: Mapping[str, Sequence[str]], card: Study, ignored: list[str]) -> Question:
    words = {word: texts for word, texts in modern(query).items() if word in WORDS}
    if is_old(query):
        ignored.append(
            "An earlier version wrote this address, which knew no resolution; it is shown as it "
            "was meant, with S as measured (resolution inf)."
        )
    default = Question(measure=card.measures[0], budget=BUDGET)
    asked = from_words(words, card, default=default, ignored=ignored)
    if asked.balance > LARGEST_BALANCE or asked.lam == 0:
        ignored.append("Lambda 0 is the end of every path; showing the balance at its end.")
        asked = replace(asked, balance=LARGEST_BALANCE, lam=1.0)
    if (asked.budget or 0) > LARGEST_BUDGET:
        ignored.append(f"A budget is at most {LARGEST_BUDGET:,} here; showing {BUDGET:,}.")
        asked = replace(asked, budget=BUDGET)
    return asked


def _mixtures(query: Mapping[str, Sequence[str]], ignored: list[str]) -> dict[str, Any]:
    """Ids of the draft, of the pinned mixture and of those beside it, by their form alone."""
    found: dict[str, Any] = {}
    for name in ("draft", "baseline", "scenario"):
        known = [
            text
            for text in query.get(name, ())
            if ID.fullmatch(text) or (name != "draft" and text in BASELINES)
        ]
        if len(known) < len(query.get(name, ())):
            ignored.append(f"The address names a {name} that cannot exist; it is left out.")
        if known:
            found |= {"beside": tuple(known)} if name == "scenario" else {name: known[-1]}
    return found
