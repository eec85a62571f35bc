"""A question as words, the same on the command line and in an address: read, and written back."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from taskpgm_core.analysis.mixture_reference import (
    TASKS,
    check_reference,
    referred_tasks,
    tasks_reference,
)
from taskpgm_core.analysis.question import EVERY, UNARY, Question
from taskpgm_core.errors import MixtureError, TaskPGMError, nearest
from taskpgm_core.mixture.counts import MOST
from taskpgm_core.records import NEVER_TRAINED, Study, brief

WORDS = (
    "measure",
    "balance",
    "resolution",
    "lambda",
    "anchor",
    "anchor-name",
    "unary",
    "judge-by",
    "floor",
    "cap",
    "pin",
    "group",
    "max-epochs",
    "pull-to",
    "rho",
    "margin",
    "budget",
    "unit",
)
FIELDS = {"lambda": "lam", "floor": "floors", "cap": "caps", "pin": "pins", "group": "groups"}
FIELDS |= {
    "judge-by": "judge_by",
    "max-epochs": "max_epochs",
    "pull-to": "pull",
    "anchor-name": "anchor_name",
}
UNITS = ("rows", "tokens")
LARGEST_BALANCE = LARGEST_LAMBDA = LARGEST_RHO = LARGEST_EPOCHS = 1e9
LONGEST_NAME = 120


def written(value: float) -> str:
    """The shortest text that reads as this very number."""
    short = f"{value:.10g}"
    return short if float(short) == value else repr(value)


def to_words(question: Question) -> dict[str, list[str]]:
    """The words of a question: measure, balance and resolution always, the rest where it is no
    default."""
    default = Question()
    words = {"measure": [question.measure]} if question.measure else {}
    words["balance"] = [written(question.balance)]
    words["resolution"] = [_resolution_text(question.resolution)]
    for word in ("lambda", "anchor", "anchor-name", "unary", "max-epochs", "pull-to", "margin"):
        value = getattr(question, FIELDS.get(word, word))
        if value != getattr(default, FIELDS.get(word, word)):
            words[word] = [value if isinstance(value, str) else written(value)]
    if question.judge_by:
        words["judge-by"] = [tasks_reference(question.judge_by)]
    for word in ("floor", "cap", "pin"):
        pairs = getattr(question, FIELDS[word])
        if pairs:
            words[word] = [_pair_text(task, x) for task, x in pairs]
    if question.groups:
        words["group"] = [f"{name}:{written(lo)}:{written(hi)}" for name, lo, hi in question.groups]
    if question.pull:
        words["rho"] = [written(question.rho)]
    if question.budget is not None:
        words["budget"] = [str(question.budget)]
    if question.unit != default.unit:
        words["unit"] = [question.unit]
    return words


def _resolution_text(resolution: float | str) -> str:
    return resolution if isinstance(resolution, str) else written(resolution)


def _pair_text(task: str, share: float | None) -> str:
    if share is None:
        return task
    return written(share) if task == EVERY else f"{task}={written(share)}"


def from_words(
    words: Mapping[str, Sequence[str]],
    study: Study,
    *,
    default: Question | None = None,
    ignored: list[str] | None = None,
) -> Question:
    """The question that words ask of ``study``; a word that is not there is ``default``'s.

    A word that makes no sense raises MixtureError; with a list ``ignored`` it is left out, and
    the list gains a sentence that says so.
    """
    return _Reading(words, study, default or Question(), ignored).question()


def modern(words: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """The words of an address as they are written now; those of version 0.1 are translated.

    Then the anchor on chosen tasks was ``anchor=tasks`` with a ``target`` for each, the mixture
    that pulls was ``pull``, and there was no resolution: S was taken as measured.
    """
    now = dict(words)
    if is_old(words):
        now["resolution"] = ["inf"]
    targets = now.pop("target", ())
    if list(now.get("anchor", ()))[-1:] == ["tasks"]:
        now["anchor"] = [tasks_reference(tuple(dict.fromkeys(targets)))]
    if "pull" in now:
        now.setdefault("pull-to", now.pop("pull"))
        now.setdefault("rho", ["0"])
    elif "pull-to" not in now:
        now.pop("rho", None)
    return now


def is_old(words: Mapping[str, Sequence[str]]) -> bool:
    """Whether version 0.1 wrote this address: it always named a measure, never a resolution."""
    return "measure" in words and "resolution" not in words


class _Reading:
    """One reading of words: every field apart, so that one mistake spoils one word only."""

    def __init__(
        self,
        words: Mapping[str, Sequence[str]],
        study: Study,
        default: Question,
        ignored: list[str] | None,
    ) -> None:
        self.words, self.study, self.default, self.ignored = words, study, default, ignored
        self.found: dict[str, Any] = {}

    def question(self) -> Question:
        self._take("measure", self._measure)
        self._take("balance", lambda text: self._number(text, "balance", 0.0, LARGEST_BALANCE))
        self._take("resolution", self._resolution)
        self._take("lambda", lambda text: self._number(text, "lambda", 0.0, LARGEST_LAMBDA))
        self._take("budget", self._budget)
        self._take("unit", self._unit)
        self._take("anchor", self._reference)
        self._take("anchor-name", lambda text: text[:LONGEST_NAME])
        self._take("unary", self._unary)
        self._take("judge-by", self._judge_by)
        self._take_each("pin", self._pin)
        self._take_each("floor", lambda text: self._bound(text, "floor"))
        self._take_each("cap", lambda text: self._bound(text, "cap"))
        self._take_each("group", self._group)
        self._take("max-epochs", self._epochs)
        self._take("margin", lambda text: self._number(text, "margin", 0.0, math.inf))
        self._pull()
        self._attempt(self._one_aim)
        return replace(self.default, **self.found)

    def _one_aim(self) -> None:
        """Gains are in nats, utilities in units of a kernel: each has its own resolutions."""
        resolution = self.found.get("resolution", self.default.resolution)
        if self.found.get("unary") == "gain" and resolution != math.inf:
            del self.found["unary"]
            raise MixtureError("--unary gain is in nats, as S is at --resolution inf; add that.")
        if self.found.get("judge_by") and resolution == math.inf:
            del self.found["judge_by"]
            raise MixtureError("--judge-by needs a finite --resolution, or auto.")

    def _take(self, word: str, read: Callable[[str], Any]) -> None:
        """One word's field from the last time it stands there."""

        def one(text: str) -> None:
            self.found[FIELDS.get(word, word)] = read(text)

        for text in list(self.words.get(word, ()))[-1:]:
            self._attempt(partial(one, text))

    def _take_each(self, word: str, read: Callable[[str], tuple[Any, ...]]) -> None:
        """A word that may stand often; the last says what its task or family gets."""
        rows: dict[str, tuple[Any, ...]] = {}

        def one(text: str) -> None:
            row = read(text)
            rows[row[0]] = row

        for text in self.words.get(word, ()):
            self._attempt(partial(one, text))
        if rows:
            self.found[FIELDS[word]] = tuple(rows.values())

    def _attempt(self, act: Callable[[], None]) -> None:
        try:
            act()
        except TaskPGMError as error:
            if self.ignored is None:
                raise
            sentence = str(error).replace("--", "").removesuffix(".")  # an address has no dashes
            self.ignored.append(f"{sentence[:1].upper()}{sentence[1:]}; it is left out.")

    def _measure(self, text: str) -> str:
        return self._one_of(text, "measure", self.study.measures)

    def _one_of(self, text: str, word: str, known: Sequence[str]) -> str:
        if text not in known:
            raise MixtureError(
                f"--{word} '{text}' is none that {self.study.slug} has{nearest(text, known)}; "
                f"there: {', '.join(known)}."
            )
        return text

    def _number(self, text: str, word: str, least: float, most: float) -> float:
        """A finite number; an address may not go beyond ``most``, where pages cannot follow."""
        try:
            value = float(text)
        except ValueError:
            raise MixtureError(f"--{word}: '{text}' is no number.") from None
        endless = word == "balance" and value == math.inf and self._endless
        if not endless and not (math.isfinite(value) and value >= least):
            raise MixtureError(
                f"--{word} must be a finite number of at least {least:g}, not {text}."
            )
        if self.ignored is not None and value > most and not endless:
            raise MixtureError(f"--{word} must be at most {most:g} here, not {text}.")
        return value

    @property
    def _endless(self) -> bool:
        """Whether lambda is 0, which is the end of the path."""
        try:
            return [float(x) for x in list(self.words.get("lambda", ()))[-1:]] == [0.0]
        except ValueError:
            return False

    def _budget(self, text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = 0
        if not 1 <= value <= MOST:
            raise MixtureError(
                f"--budget must be a whole number of at least 1 and at most {MOST:,}, not "
                f"{brief(text)}."
            )
        return value

    def _unit(self, text: str) -> str:
        if text == "tokens" and any(task.mean_tokens is None for task in self.study.tasks):
            raise MixtureError(
                f"--unit tokens needs lengths, which {self.study.slug} does not know."
            )
        return self._one_of(text, "unit", UNITS)

    def _unary(self, text: str) -> str:
        if text not in UNARY:
            raise MixtureError(f"--unary must be {' or '.join(UNARY)}, not '{text}'.")
        if text == "gain" and not self.study.scored:
            raise MixtureError(f"--unary gain needs losses, which {self.study.slug} does not hold.")
        return text

    def _resolution(self, text: str) -> float | str:
        if text in ("auto", "inf"):
            return text if text == "auto" else math.inf
        sigma = self._number(text, "resolution", 0.0, math.inf)
        if not sigma > 0:
            raise MixtureError(f"--resolution must be auto, inf or a number above 0, not {text}.")
        return sigma

    def _judge_by(self, text: str) -> tuple[str, ...]:
        if not self.study.scored:
            raise MixtureError(f"--judge-by needs losses, which {self.study.slug} does not hold.")
        known = (*self.study.names, *self.study.target_names)
        chosen = referred_tasks(text, known) or referred_tasks(TASKS + text, known)
        for name in chosen:
            if name not in known:
                raise MixtureError(
                    f"--judge-by names '{name}', which is no task and no target of "
                    f"{self.study.slug}{nearest(name, known)}."
                )
        return tuple(dict.fromkeys(chosen))

    def _reference(self, text: str, word: str = "anchor") -> str:
        """A reference that this study can resolve."""
        names = self.study.names
        if text.startswith(TASKS) and not all(referred_tasks(text, names)):
            raise MixtureError(f"--{word} names no task; give task:ID,ID,....")
        try:
            check_reference(text, names, self.study.tasks, self.study.target_names)
        except TaskPGMError as error:
            raise MixtureError(f"--{word} '{text[:60]}' is no {word} here: {error}") from None
        return text

    def _task(self, name: str, word: str) -> str:
        if name in self.study.target_names:
            raise MixtureError(f"--{word} names '{name}', which is a target: it {NEVER_TRAINED}.")
        if name not in self.study.names:
            raise MixtureError(
                f"--{word} names '{name}', which is no task of {self.study.slug}"
                f"{nearest(name, self.study.names)}."
            )
        return name

    def _share(self, text: str, word: str) -> float:
        share = self._number(text, word, 0.0, math.inf)
        if share > 1.0:
            raise MixtureError(f"--{word} must lie between 0 and 1, not {text}.")
        return share

    def _bound(self, text: str, word: str) -> tuple[str, float]:
        name, equals, number = text.rpartition("=")
        return (self._task(name, word) if equals else EVERY), self._share(number, word)

    def _pin(self, text: str) -> tuple[str, float | None]:
        name, equals, number = text.rpartition("=")
        if text in self.study.names or not equals:
            return self._task(text, "pin"), None
        return self._task(name, "pin"), self._share(number, "pin")

    def _group(self, text: str) -> tuple[str, float, float]:
        parts = text.rsplit(":", 2)
        families = {task.family for task in self.study.tasks if task.family}
        if len(parts) != 3:
            raise MixtureError(f"--group wants FAMILY:LO:HI, not '{text}'.")
        if parts[0] not in families:
            raise MixtureError(
                f"--group names '{parts[0]}', which is no family{nearest(parts[0], families)}."
            )
        return parts[0], self._share(parts[1], "group"), self._share(parts[2], "group")

    def _epochs(self, text: str) -> float:
        epochs = self._number(text, "max-epochs", 0.0, LARGEST_EPOCHS)
        budget = self.found.get("budget", self.default.budget)
        if not epochs > 0 or budget is None:
            raise MixtureError(
                "--max-epochs wants a number above 0, and a --budget to apply it to."
            )
        unit = self.found.get("unit", self.default.unit)
        for task in self.study.tasks:
            if task.rows is None or (unit == "tokens" and task.mean_tokens is None):
                raise MixtureError(
                    f"--max-epochs needs the rows of '{task.id}', which are unknown."
                )
        return epochs

    def _pull(self) -> None:
        given = [bool(list(self.words.get(word, ()))) for word in ("pull-to", "rho")]
        if not any(given):
            return

        def read() -> None:
            if not all(given):
                raise MixtureError("--pull-to and --rho go together: what pulls, and how hard.")
            pull = self._reference(self.words["pull-to"][-1], "pull-to")
            rho = self._number(self.words["rho"][-1], "rho", 0.0, LARGEST_RHO)
            self.found |= {"pull": pull, "rho": rho}

        self._attempt(read)
