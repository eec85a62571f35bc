"""Records that travel between rooms: frozen, checked once, arrays with their task names."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from taskpgm_core.chats import Chat
from taskpgm_core.errors import StoreError, nearest
from taskpgm_core.similarity_measures import BROUGHT_DIVERGENCE, MEASURES, Measure

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[np.float64]

PAIRS_OF_TASKS = 64
"""Tasks up to which a study holds values of every pair of tasks on every probe example."""
TOKENS_OF_TASKS = 32
"""Tasks up to which it holds values of every pair on every token: they grow with n^2, too."""


def read_only(values: npt.ArrayLike) -> Array:
    """A float64 copy of ``values`` that nobody can write to."""
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array


class Tabular(ABC):
    """A record that people also read as a table. Only ``to_pandas`` loads pandas."""

    @abstractmethod
    def table(self) -> tuple[str, Sequence[Any], Mapping[str, Any]]:
        """The index's name, the index, and {column: its values}; unknown numbers are NaN."""

    def to_pandas(self) -> "pd.DataFrame":
        """The record as a table."""
        import pandas as pd

        name, index, columns = self.table()
        return pd.DataFrame(dict(columns), index=pd.Index(index, name=name))


def or_nan(values: Sequence[Any]) -> Sequence[Any]:
    """``values`` as they are where all are known, else with NaN for the unknown ones."""
    return [np.nan if value is None else value for value in values]


def brief(name: str) -> str:
    """A name that leaves room for others on its line."""
    return name if len(name) <= 24 else f"{name[:23]}…"


def heaviest(tasks: Sequence[str], p: Array) -> str:
    """The three heaviest of ``tasks`` by weights ``p`` (n,) and how many more have weight."""
    order = np.argsort(-p, kind="stable")[:3]
    named = ", ".join(f"{brief(tasks[int(i)])} {p[i]:.3f}" for i in order if p[i] > 0)
    more = int((p > 0).sum()) - 3
    return f"{named} and {more} more" if more > 0 else named


@dataclass(frozen=True)
class Example:
    """One supervised example: a model reads ``prompt`` and learns to go on with ``completion``.

    Of a ``chat`` these two are for people to read: what was said before its first answer, and its
    answers, one a line. A model reads and learns the chat itself.
    """

    prompt: str
    completion: str
    chat: Chat | None = None

    @classmethod
    def of_chat(cls, chat: Chat) -> "Example":
        first, answers = chat.answers[0], [chat.turns[k].text for k in chat.answers]
        return cls(chat.lines(first), "\n".join(answers), chat)

    @property
    def words(self) -> str:
        """Its text alone, of a chat without the roles."""
        return self.chat.words if self.chat else f"{self.prompt}\n{self.completion}"

    @property
    def value(self) -> list[str] | dict[str, Any]:
        """The example as JSON: what digests and checksums are of, and what ``of_value`` reads."""
        return self.chat.value if self.chat else [self.prompt, self.completion]

    @classmethod
    def of_value(cls, value: Any) -> "Example":
        """The example that ``value`` was made of."""
        return cls(*value) if isinstance(value, list) else cls.of_chat(Chat.of_value(value))


@dataclass(frozen=True)
class Task:
    """What a study knows of a task without its text.

    ``rows``: examples available for training (probe examples and over-long rows taken out).
    ``mean_tokens``: mean supervised completion tokens a row, or None where unknown (imports).
    ``source``: the plan's, or what an import says a trainer reads, of which ``split`` ('' = train).
    ``rows_incomplete``: rows left out by ``incomplete: skip``. ``chat``: ``chats.TRAITS`` of its
    rows, empty where they are prompts and completions (or where nobody knows).
    """

    id: str
    family: str = ""
    source: str = ""
    rows: int | None = None
    mean_tokens: float | None = None
    rows_dropped: int = 0
    split: str = ""
    rows_incomplete: int = 0
    chat: tuple[str, ...] = ()

    @property
    def card(self) -> dict[str, Any]:
        """The task as a manifest lists it; what came later stands there only where it says
        something."""
        later = {"split": self.split, "rows_incomplete": self.rows_incomplete, "chat": self.chat}
        listed = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in later}
        return {**listed, **{k: v for k, v in later.items() if v}}

    @classmethod
    def of_card(cls, card: Mapping[str, Any]) -> "Task":
        """The task that a manifest lists."""
        return cls(**{**card, "chat": tuple(card.get("chat", ()))})


NEVER_TRAINED = "is scored and never trained on"
"""What sets a target apart from a task, as sentences have it."""


@dataclass(frozen=True)
class Target:
    """What a study knows of a target: every model is scored on it, and none is trained on it."""

    id: str
    family: str = ""
    source: str = ""


@dataclass(frozen=True)
class Similarity(Tabular):
    """A symmetric task-similarity matrix S (nats for measured ones); ``S[i, j]`` high means alike.

    ``measure`` is one of MEASURES, or KERNEL. For ``jsd``, S = -D with D the mean Jensen-Shannon
    divergence (method: arXiv 2507.12612; S + c11' and positive rescaling give the same mixtures).
    ``came_as_divergence``: whether a ``given`` matrix is minus a divergence that was brought, and
    is read as that.
    """

    tasks: tuple[str, ...]
    matrix: Array
    measure: str = "given"
    came_as_divergence: bool = False

    def __post_init__(self) -> None:
        if self.measure not in MEASURES:
            raise StoreError(
                f"There is no measure '{self.measure}'{nearest(self.measure, MEASURES)}; a matrix "
                "that was brought is 'given'."
            )
        S = read_only(self.matrix)
        n = len(self.tasks)
        if S.shape != (n, n):
            raise StoreError(f"The matrix is {S.shape} but there are {n} task names.")
        if len(set(self.tasks)) != n:
            twice = sorted({t for t in self.tasks if self.tasks.count(t) > 1})
            raise StoreError(f"Task ids must be unique, but '{twice[0]}' stands more than once.")
        if not np.isfinite(S).all():
            i, j = np.argwhere(~np.isfinite(S))[0]
            raise StoreError(
                f"The similarity of '{self.tasks[i]}' and '{self.tasks[j]}' is not a finite number."
            )
        worst = np.abs(S - S.T)
        if worst.max(initial=0.0) > 1e-9 * max(np.abs(S).max(initial=0.0), 1e-300):
            i, j = np.unravel_index(int(worst.argmax()), S.shape)
            raise StoreError(
                f"The matrix is not symmetric: '{self.tasks[i]}' and '{self.tasks[j]}' have "
                f"{S[i, j]:.6g} one way and {S[j, i]:.6g} the other."
            )
        object.__setattr__(self, "matrix", read_only((S + S.T) / 2))

    def __repr__(self) -> str:
        pairs = self.shown[np.triu_indices(self.n, 1)]
        letter, unit = "D" if self.is_divergence else "S", f" {self.unit}" if self.unit else ""
        spread = (
            f"; {letter} from {pairs.min():.3g} to {pairs.max():.3g}{unit}" if self.n > 1 else ""
        )
        return f"Similarity of {self.n} tasks, {self.measure}{spread}"

    def table(self) -> tuple[str, Sequence[Any], Mapping[str, Any]]:
        """S itself: a row and a column a task."""
        return "task", self.tasks, dict(zip(self.tasks, self.matrix.T, strict=True))

    @property
    def n(self) -> int:
        return len(self.tasks)

    @property
    def divergence(self) -> Array:
        """D = -S, read as nats for ``jsd``."""
        return 0.0 - self.matrix

    @property
    def reading(self) -> Measure:
        """How people read it."""
        return BROUGHT_DIVERGENCE if self.came_as_divergence else MEASURES[self.measure]

    @property
    def shown(self) -> Array:
        """The matrix as people read it: D for a divergence, else S."""
        return self.reading.shown(self.matrix)

    @property
    def is_divergence(self) -> bool:
        return self.reading.is_divergence

    @property
    def unit(self) -> str:
        """The unit of ``shown``; "" for none."""
        return self.reading.unit


@dataclass(frozen=True)
class Noise:
    """The noise floor: D between models that ought to be the same.

    ``divergence[k]`` lies between two models of ``tasks[k]`` that differ only in their seed, nats;
    by ``text`` it is half the distance of two halves of the task's rows. ``batch`` lies between the
    base model and itself under another batch plan (None where it was not measured). Real
    differences must stand above both. ``measure``: what D is.
    """

    tasks: tuple[str, ...]
    divergence: Array
    batch: float | None = None
    measure: str = "jsd"

    @property
    def floor(self) -> float:
        """The largest of them, nats; 0 where none was measured."""
        return max(float(self.divergence.max(initial=0.0)), self.batch or 0.0)


@dataclass(frozen=True)
class LossTable:
    """Mean completion loss of every model on every task's probe examples.

    ``per_sequence`` and ``per_token``: (n + 1, n) nats; row i is task i's model, the last row is
    the base model; column j is task j's probe examples.
    """

    tasks: tuple[str, ...]
    per_sequence: Array
    per_token: Array

    @property
    def gain(self) -> Array:
        """(n,) mean over tasks of what task i's model gains over the base model, nats a token."""
        return read_only((self.per_token[-1] - self.per_token[:-1]).mean(axis=1))

    @property
    def beats_base(self) -> npt.NDArray[np.bool_]:
        """(n,) whether each single-task model has a lower loss per token at home than the base."""
        better: npt.NDArray[np.bool_] = np.diagonal(self.per_token[:-1]) < self.per_token[-1]
        return better


@dataclass(frozen=True)
class TargetLosses:
    """Mean completion loss of every model on every target's examples.

    ``per_sequence`` and ``per_token``: (n + 1, targets) nats, rows as in ``LossTable``.
    """

    targets: tuple[str, ...]
    per_sequence: Array
    per_token: Array


@dataclass(frozen=True)
class Study:
    """A complete study's card: everything but the arrays, which the store reads on demand.

    ``content`` is the digest over every file. Studies of one matrix share it, whatever their tasks
    are called and however many rows these have: what is computed on a study goes by its ``key``.
    ``facts``: machine, device, dtype, threads, library versions, times (not part of the digest).
    ``absent``: optional parts that are not here (rebuild parts, text, likely tokens). ``kind``:
    ``measured``, ``text`` (built from a plan by words alone) or ``imported`` (a matrix) or
    ``served`` (log-probabilities of served models); the last two have no plan.
    ``targets``: what every model was scored on beside the tasks; they are in no similarity.
    """

    folder: str
    slug: str
    digest: str
    content: str
    kind: str
    measures: tuple[str, ...]
    tasks: tuple[Task, ...]
    plan: dict[str, Any] | None
    facts: dict[str, Any]
    absent: tuple[str, ...] = ()
    has_text: bool = False
    targets: tuple[Target, ...] = ()

    def __repr__(self) -> str:
        made = f"{self.kind}, {len(self.tasks)} tasks, {', '.join(self.measures)}"
        return f"Study {self.slug} ({self.digest[:12]}): {made}"

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(task.id for task in self.tasks)

    @property
    def key(self) -> str:
        """Under what a computation on it is cached; two studies that differ have two."""
        return f"{self.slug}-{self.digest}/{self.content}"

    @property
    def target_names(self) -> tuple[str, ...]:
        return tuple(target.id for target in self.targets)

    def place(self, task: str) -> int:
        """The index of a task; StoreError names the nearest one there is."""
        if task in self.target_names:
            raise StoreError(f"'{task}' is a target of {self.slug}: it {NEVER_TRAINED}.")
        if task not in self.names:
            raise StoreError(f"{self.slug} has no task '{task}'{nearest(task, self.names)}.")
        return self.names.index(task)

    @property
    def without_models(self) -> str:
        """How a study that is not ``measured`` was made, for a sentence on what it lacks."""
        if self.kind == "text":
            return "was built by words alone, without models"
        if self.kind == "served":
            return "was imported as log-probabilities, without models"
        return "was imported as a matrix"

    @property
    def scored(self) -> bool:
        """Whether models were scored on probe examples, so that it has losses and ``gold``."""
        return self.kind in ("measured", "served")

    @property
    def origin(self) -> str:
        """What remove-task made this study from, in words; empty for any other study."""
        derived = self.facts.get("derived")
        if not derived:
            return ""
        removed = derived["removed"]
        more = f" and {len(removed) - 6} more" if len(removed) > 6 else ""
        made = f"{derived['study']} ({derived['from'][:12]}) without {', '.join(removed[:6])}{more}"
        old = "; its noise was measured over the probe examples of all tasks"
        words = ", and its words are weighed as in the rows of all tasks"
        old += words if "text" in derived["old_pool"] else ""
        return made + (old if derived["old_pool"] else "")

    @property
    def rows(self) -> Array | None:
        """(n,) rows available a task, or None where any is unknown."""
        if any(task.rows is None for task in self.tasks):
            return None
        return read_only([float(task.rows or 0) for task in self.tasks])
