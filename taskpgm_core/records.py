"""Records that travel between rooms: frozen, checked once, arrays with their task names."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from taskpgm_core.errors import StoreError, nearest

Array = npt.NDArray[np.float64]

MEASURES = ("jsd", "pmi", "pmi-token", "gold", "given")

KERNEL = "kernel"
"""The ``measure`` of a Similarity that holds a kernel less one, K - 11', instead of a measure."""


def read_only(values: npt.ArrayLike) -> Array:
    """A float64 copy of ``values`` that nobody can write to."""
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array


@dataclass(frozen=True)
class Example:
    """One supervised example: a model reads ``prompt`` and learns to go on with ``completion``."""

    prompt: str
    completion: str


@dataclass(frozen=True)
class Task:
    """What a study knows of a task without its text.

    ``rows``: examples available for training (probe examples and over-long rows taken out).
    ``mean_tokens``: mean supervised completion tokens a row, or None where unknown (imports).
    """

    id: str
    family: str = ""
    source: str = ""
    rows: int | None = None
    mean_tokens: float | None = None
    rows_dropped: int = 0


@dataclass(frozen=True)
class Similarity:
    """A symmetric task-similarity matrix S (nats for measured ones); ``S[i, j]`` high means alike.

    ``measure`` is one of MEASURES, or KERNEL. For ``jsd``, S = -D with D the mean Jensen-Shannon
    divergence (method: arXiv 2507.12612; S + c11' and positive rescaling give the same mixtures).
    """

    tasks: tuple[str, ...]
    matrix: Array
    measure: str = "given"

    def __post_init__(self) -> None:
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

    @property
    def n(self) -> int:
        return len(self.tasks)

    @property
    def divergence(self) -> Array:
        """D = -S, read as nats for ``jsd``."""
        return 0.0 - self.matrix


@dataclass(frozen=True)
class Noise:
    """The noise floor: D between models that ought to be the same.

    ``divergence[k]`` (nats) lies between two models of ``tasks[k]`` that differ only in their
    seed; ``batch`` between the base model and itself under another batch plan (None where it was
    not measured). Real differences must stand above both. ``measure``: what D is.
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
        return np.diagonal(self.per_token[:-1]) < self.per_token[-1]


@dataclass(frozen=True)
class Study:
    """A complete study's card: everything but the arrays, which the store reads on demand.

    ``content`` is the digest over every file and the key of every cached computation on it.
    ``facts``: machine, device, dtype, threads, library versions, times (not part of the digest).
    ``absent``: optional parts that are not here (rebuild parts, text).
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

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(task.id for task in self.tasks)

    def place(self, task: str) -> int:
        """The index of a task; StoreError names the nearest one there is."""
        if task not in self.names:
            raise StoreError(f"{self.slug} has no task '{task}'{nearest(task, self.names)}.")
        return self.names.index(task)

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
        return made + (old if derived["old_pool"] else "")

    @property
    def rows(self) -> Array | None:
        """(n,) rows available a task, or None where any is unknown."""
        if any(task.rows is None for task in self.tasks):
            return None
        return read_only([float(task.rows or 0) for task in self.tasks])
