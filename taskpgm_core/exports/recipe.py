"""Recipe: one mixture, ready for a trainer. Its JSON form is the canonical ``mixture.json``."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from math import fsum, isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from taskpgm_core.errors import ExportError
from taskpgm_core.exports.exact_shares import exact_shares
from taskpgm_core.files.hashing import sha256
from taskpgm_core.files.packed import ENDINGS as PACKED
from taskpgm_core.mixture.counts import Allocation, Unit
from taskpgm_core.mixture.repetition import AS_GOOD_AS_NEW, OPTION, repeated
from taskpgm_core.plans.slug import slug_of
from taskpgm_core.records import Study, Task

FORMAT = "taskpgm-mixture"
VERSION = 1


def file_name(task: str) -> str:
    """A file name for any task id: lower-case letters, digits and hyphens, unique by a digest."""
    digest = sha256(task.encode("utf-8", "surrogatepass"))
    return f"{slug_of(task, longest=40) or 'task'}-{digest[:8]}"


@dataclass(frozen=True)
class Source:
    """Where a trainer reads a task's rows: a file, a folder, or a dataset id on a hub."""

    path: str
    config: str | None = None
    split: str = "train"

    @property
    def builder(self) -> str | None:
        """The loader of ``datasets`` for a file (``json`` or ``parquet``); None for all else."""
        suffix = self.path.rpartition(".")[2].lower()
        return {"jsonl": "json", "json": "json", "parquet": "parquet"}.get(suffix)

    @property
    def sliced(self) -> bool:
        """Whether its split is a part of one, as ``train[:50%]``."""
        return "[" in self.split


def materialised(task: str, folder: str = "tasks", suffix: str = "jsonl") -> Source:
    """Where ``materialise(..., per_task=True)`` puts a task's rows inside ``folder``."""
    return Source(f"{folder}/{file_name(task)}/train.{suffix}")


def placed_sources(study: Study) -> tuple[dict[str, Source], tuple[str, ...]]:
    """The sources that an import's tasks name, and its tasks that name none.

    Both empty where the study has a plan: ``materialise`` writes its rows. A source is a file, a
    folder, or a hub's id, after which ``:config`` may stand; a plan's ``file:`` or ``hub:`` before
    it is left out.
    """
    if study.plan is not None:
        return {}, ()
    named = {task.id: _source(task) for task in study.tasks if task.source}
    return named, tuple(task.id for task in study.tasks if not task.source)


def _source(task: Task) -> Source:
    place = task.source.removeprefix("jsonl:").removeprefix("file:").removeprefix("hub:")
    path, _, config = place.rpartition(":")
    if len(path) < 2 or set(config) & set("/\\."):  # a drive, a URL or a file, no configuration
        path, config = place, ""
    return Source(path, config or None, task.split or "train")


@dataclass(frozen=True)
class Portion:
    """One task's part of a recipe.

    ``weight``: its share of the recipe's unit; ``count``: the same in whole numbers.
    ``rows``: rows available; ``rows_needed``: rows to draw; ``mean_tokens``: mean supervised
    tokens a row; each None where unknown. ``chat``: ``chats.TRAITS`` of its rows, empty where they
    are prompts and completions.
    """

    task: str
    weight: float
    count: int
    source: Source
    rows: int | None = None
    rows_needed: int | None = None
    mean_tokens: float | None = None
    chat: tuple[str, ...] = ()

    @property
    def card(self) -> dict[str, Any]:
        """The portion as ``mixture.json`` lists it."""
        card = {**asdict(self), "epochs": self.epochs}
        return {k: v for k, v in card.items() if v or k != "chat"}

    @property
    def epochs(self) -> float | None:
        """Passes over the rows available; None where they or the rows needed are unknown."""
        if self.rows is None or self.rows_needed is None:
            return None
        return self.rows_needed / self.rows


@dataclass(frozen=True)
class Recipe:
    """A mixture of tasks with positive weights that sum to 1, and whole numbers for a budget.

    ``unit``: what weights, counts and budget count (rows, or supervised tokens).
    ``dropped``: the tasks of weight zero. ``seed``: of every draw a trainer makes.
    ``provenance``: what made the mixture (study digest, measure, balance, anchor, status, gap).
    ``repetition``: the sentence of a repetition alarm, where one was raised with the problem at
    hand. ``unplaced``: tasks whose rows are nowhere yet, so that their paths are to be replaced.
    """

    portions: tuple[Portion, ...]
    unit: Unit
    budget: int
    seed: int = 0
    dropped: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    repetition: str = ""
    unplaced: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        names = [*self.tasks, *self.dropped]
        if not self.portions:
            raise ExportError("A recipe needs a task of positive weight.")
        if len(set(names)) != len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise ExportError(f"Task '{twice[0]}' stands more than once in the recipe; keep one.")
        if self.unit not in ("rows", "tokens"):
            raise ExportError(f"The recipe's unit is '{self.unit}'; it is rows or tokens.")
        for portion in self.portions:
            _check(portion)
        if abs(fsum(self.weights) - 1) > 1e-12:
            raise ExportError(f"The recipe's weights sum to {fsum(self.weights)!r}, not to 1.")
        if sum(self.counts) != self.budget:
            raise ExportError(
                f"The recipe's counts sum to {sum(self.counts):,}, but its budget is "
                f"{self.budget:,} {self.unit}."
            )

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(portion.task for portion in self.portions)

    @property
    def weights(self) -> tuple[float, ...]:
        return tuple(portion.weight for portion in self.portions)

    @property
    def counts(self) -> tuple[int, ...]:
        return tuple(portion.count for portion in self.portions)

    @property
    def chat(self) -> frozenset[str]:
        """``chats.TRAITS`` of any of its tasks; where there are any, all rows are messages."""
        return frozenset(trait for portion in self.portions for trait in portion.chat)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is wrong with the recipe itself, whatever trainer reads it: sentences."""
        found = repeated(self.tasks, [portion.epochs for portion in self.portions])
        told = []
        if found is not None:
            held = f"{found[2]} A limit of {AS_GOOD_AS_NEW} epochs holds it."
            told.append(f"{self.repetition or held} {OPTION}")
        nowhere = [portion for portion in self.portions if portion.task in self.unplaced]
        if nowhere:
            first = nowhere[0]
            more = f" and {len(nowhere) - 1} more" if len(nowhere) > 1 else ""
            told.append(
                f"Nothing says where the rows of task '{first.task}'{more} are: replace these "
                f"paths ({first.source.path}), or give each task its source in tasks.csv."
            )
        return (*told, *filter(None, map(_unfit, self.portions)))

    def to_json(self) -> str:
        """The text of ``mixture.json``; ``Recipe.from_json`` reads it back unchanged."""
        value = {
            "format": FORMAT,
            "version": VERSION,
            "unit": self.unit,
            "budget": self.budget,
            "seed": self.seed,
            "tasks": [portion.card for portion in self.portions],
            "dropped": list(self.dropped),
            "provenance": dict(self.provenance),
            **({"repetition": self.repetition} if self.repetition else {}),
            **({"unplaced": list(self.unplaced)} if self.unplaced else {}),
        }
        return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str = "mixture.json") -> "Recipe":
        """The recipe in ``text``; ExportError with one sentence where it is none."""
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            raise ExportError(f"{where} is not JSON: {error}.") from None
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            raise ExportError(f'{where} is no mixture: it lacks "format": "{FORMAT}".')
        if value.get("version") != VERSION:
            raise ExportError(
                f"{where} has version {value.get('version')}, but this program reads version "
                f"{VERSION}; export the mixture again."
            )
        try:
            portions = tuple(_portion(entry) for entry in value["tasks"])
            return cls(
                portions=portions,
                unit=value["unit"],
                budget=value["budget"],
                seed=value["seed"],
                dropped=tuple(value["dropped"]),
                provenance=value["provenance"],
                repetition=value.get("repetition", ""),
                unplaced=tuple(value.get("unplaced", ())),
            )
        except KeyError as error:
            raise ExportError(f"{where} lacks the key {error}; export the mixture again.") from None
        except TypeError as error:
            raise ExportError(f"{where} is malformed: {error}.") from None


def make_recipe(
    p: npt.ArrayLike,
    tasks: Sequence[Task],
    allocation: Allocation,
    *,
    seed: int = 0,
    sources: Mapping[str, Source] | None = None,
    provenance: Mapping[str, Any] | None = None,
    repetition: str = "",
    unplaced: Collection[str] = (),
) -> Recipe:
    """The recipe of the mixture ``p`` (n,) over ``tasks`` with its ``allocation``.

    Tasks of weight zero are dropped and listed; the other weights then sum to 1 exactly.
    ``sources`` maps a task id to where its rows are; a task without one is read from where
    ``materialise`` with ``per_task`` puts it, or ought to where it is among the ``unplaced``.
    ``repetition``: the sentence of the mixture's repetition alarm. Raises ExportError where the
    three do not match.
    """
    weights = np.asarray(p, dtype=np.float64)
    names = tuple(task.id for task in tasks)
    if weights.shape != (len(names),) or allocation.tasks != names:
        raise ExportError("The mixture, the tasks and the allocation must be of the same tasks.")
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise ExportError("Weights must be finite, not negative, and not all zero.")
    shares = exact_shares(weights)
    portions = tuple(
        Portion(
            task=task.id,
            weight=share,
            count=allocation.counts[i],
            source=(sources or {}).get(task.id) or materialised(task.id),
            rows=task.rows,
            rows_needed=allocation.rows_needed[i],
            mean_tokens=task.mean_tokens,
            chat=task.chat,
        )
        for i, (task, share) in enumerate(zip(tasks, shares, strict=True))
        if share > 0
    )
    return Recipe(
        portions=portions,
        unit=allocation.unit,
        budget=allocation.budget,
        seed=seed,
        dropped=tuple(name for name, share in zip(names, shares, strict=True) if share == 0),
        provenance=dict(provenance or {}),
        repetition=repetition,
        unplaced=tuple(task for task in names if task in unplaced),
    )


def row_shares(recipe: Recipe) -> list[float]:
    """Shares of rows, summing to 1: the weights, or token weights over mean length."""
    if recipe.unit == "rows":
        return list(recipe.weights)
    lengths = _lengths(recipe)
    return exact_shares([p.weight / n for p, n in zip(recipe.portions, lengths, strict=True)])


def token_shares(recipe: Recipe) -> list[float]:
    """Shares of supervised tokens, summing to 1: the weights, or row weights times mean length."""
    if recipe.unit == "tokens":
        return list(recipe.weights)
    lengths = _lengths(recipe)
    return exact_shares([p.weight * n for p, n in zip(recipe.portions, lengths, strict=True)])


def rows_to_draw(recipe: Recipe) -> list[int]:
    """Whole rows a task; ExportError where a token budget meets an unknown mean length."""
    return _known(recipe, "rows_needed", "a budget in tokens needs the mean tokens")


def rows_available(recipe: Recipe) -> list[int]:
    """Rows available a task; ExportError where one is unknown."""
    return _known(
        recipe, "rows", "this trainer takes a part of each task's rows: it needs the rows"
    )


def realised_shares(recipe: Recipe, rows: Sequence[float]) -> dict[str, float | None]:
    """What ``rows`` rows a task come to, as shares of the recipe's unit."""
    lengths = _lengths(recipe) if recipe.unit == "tokens" else [1.0] * len(rows)
    amounts = [row * length for row, length in zip(rows, lengths, strict=True)]
    total = fsum(amounts)
    return {t: a / total if total else None for t, a in zip(recipe.tasks, amounts, strict=True)}


def _unfit(portion: Portion) -> str:
    """Why a trainer cannot read a source as the recipe names it: a sentence, or empty."""
    source, task = portion.source, portion.task
    if source.builder and not source.split.startswith("train"):
        return (
            f"The rows of task '{task}' are one file, whose only split is train, not "
            f"'{source.split}'; mend its split in tasks.csv."
        )
    if source.path.lower().endswith((".csv", ".tsv", *PACKED)):
        return (
            f"The rows of task '{task}' are in {source.path}, which many trainers would take for a "
            f"data set's name; write them as JSON Lines or Parquet."
        )
    return ""


def _check(portion: Portion) -> None:
    if not isfinite(portion.weight) or portion.weight <= 0:
        raise ExportError(
            f"Task '{portion.task}' has weight {portion.weight}; list a task of weight zero as "
            f"dropped."
        )
    whole = {"count": portion.count, "rows": portion.rows, "rows_needed": portion.rows_needed}
    for name, value in whole.items():
        if value is not None and (not isinstance(value, int) or value < 0):
            raise ExportError(f"{name} of task '{portion.task}' is {value!r}, no whole number.")
    if portion.rows == 0:
        raise ExportError(f"Task '{portion.task}' has weight but no rows; drop it.")
    if portion.mean_tokens is not None and not 0 < portion.mean_tokens < float("inf"):
        raise ExportError(
            f"mean_tokens of task '{portion.task}' is {portion.mean_tokens}; it must be positive."
        )


def _portion(entry: Mapping[str, Any]) -> Portion:
    given = {**entry, "chat": tuple(entry.get("chat", ()))}
    values = {f.name: given[f.name] for f in fields(Portion) if f.name != "source"}
    return Portion(**values, source=Source(**entry["source"]))


def _lengths(recipe: Recipe) -> list[float]:
    return _known(recipe, "mean_tokens", "going from rows to tokens needs the mean tokens")


def _known(recipe: Recipe, name: str, reason: str) -> list[Any]:
    for portion in recipe.portions:
        if getattr(portion, name) is None:
            raise ExportError(
                f"{reason.capitalize()} of task '{portion.task}', which are unknown; add them to "
                f"the study's tasks."
            )
    return [getattr(portion, name) for portion in recipe.portions]
