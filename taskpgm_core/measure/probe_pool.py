"""The common probe pool as tokens, with the one batch plan that every model is scored under."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from taskpgm_core.errors import MeasurementError
from taskpgm_core.measure.tokenization import RenderedExample


@dataclass(frozen=True)
class Batch:
    """Examples scored together, padded on the right.

    ``ids``: (examples, length); ``rows``, ``columns``: (positions,) where the next token is a
    completion token; ``gold``: (positions,) that token; ``places``: (positions,) its index among
    all positions of the pool. ``of_target``: its examples are a target's, and nothing but their
    gold log-probabilities is kept.
    """

    ids: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int64]
    gold: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]
    of_target: bool = False


@dataclass(frozen=True)
class ProbeTokens:
    """All probe examples, task by task. ``task``, ``row``: (E,) as in the study's probe pool.

    ``round``: (E,) in which round of measuring each was added; None where all come at once.
    """

    examples: tuple[RenderedExample, ...]
    task: npt.NDArray[np.int64]
    row: npt.NDArray[np.int64]
    round: npt.NDArray[np.int64] | None = None

    def part(
        self, chosen: npt.NDArray[np.int64], brought: npt.NDArray[np.int64] | None = None
    ) -> "ProbeTokens":
        """The examples ``chosen`` alone, ``brought`` by these rounds."""
        kept = tuple(self.examples[k] for k in chosen)
        return ProbeTokens(kept, self.task[chosen], self.row[chosen], brought)

    @property
    def tokens(self) -> npt.NDArray[np.int64]:
        """(E,) completion tokens of each example."""
        return np.array([len(e.completion) for e in self.examples], dtype=np.int64)

    @property
    def first(self) -> npt.NDArray[np.int64]:
        """(E,) index of each example's first position."""
        return np.concatenate([[0], np.cumsum(self.tokens)[:-1]])

    @property
    def positions(self) -> int:
        return int(self.tokens.sum())

    @property
    def weights(self) -> npt.NDArray[np.float64]:
        """(positions,) sums to 1: tasks equal, examples equal in a task, tokens in an example."""
        tasks = int(self.task.max()) + 1
        per_task = np.bincount(self.task, minlength=tasks)
        return np.repeat(1.0 / (tasks * per_task[self.task] * self.tokens), self.tokens)

    def planned(self, chosen: npt.NDArray[np.int64], size: int) -> list[Batch]:
        """The batch plan of the examples ``chosen`` alone, places counted in the whole pool."""
        first = self.first
        places = np.concatenate([np.arange(int(self.tokens[k])) + first[k] for k in chosen])
        return [replace(b, places=places[b.places]) for b in self.part(chosen).batches(size)]

    def batches(self, size: int) -> list[Batch]:
        """The fixed batch plan: sorted by length (ties in pool order), ``size`` at a time."""
        order = np.argsort([-e.length for e in self.examples], kind="stable")
        return [self._batch(order[k : k + size]) for k in range(0, len(order), size)]

    def _batch(self, chosen: npt.NDArray[np.int64]) -> Batch:
        examples = [self.examples[k] for k in chosen]
        ids = pad(examples)
        first = self.first
        return Batch(
            ids=ids,
            rows=np.repeat(np.arange(len(chosen)), [len(e.completion) for e in examples]),
            columns=np.concatenate([e.places - 1 for e in examples]),
            gold=np.concatenate([np.array(e.completion) for e in examples]),
            places=np.concatenate(
                [
                    np.arange(len(e.completion)) + first[k]
                    for k, e in zip(chosen, examples, strict=True)
                ]
            ),
        )


def pad(examples: Sequence[RenderedExample]) -> npt.NDArray[np.int64]:
    """(examples, longest) ids, zeros on the right (never attended to, never supervised)."""
    ids = np.zeros((len(examples), max(e.length for e in examples)), dtype=np.int64)
    for row, example in enumerate(examples):
        ids[row, : example.length] = example.ids
    return ids


def probe_tokens(
    tasks: Sequence[str],
    rendered: Sequence[Sequence[RenderedExample]],
    rows: Sequence[Sequence[int]],
    *,
    most: int,
    context: int,
    what: str = "task",
) -> ProbeTokens:
    """The pool from each task's held-out examples; MeasurementError if one exceeds the context.

    ``what`` the examples are of, as errors call it.
    """
    examples: list[RenderedExample] = []
    for name, group, indices in zip(tasks, rendered, rows, strict=True):
        for index, example in zip(indices, group, strict=True):
            kept = example.cut(most)
            if kept.length > context:
                raise MeasurementError(
                    f"Probe example {index} of {what} '{name}' has {kept.length} tokens, more than "
                    f"the model's context of {context}; shorten or remove it."
                )
            if not example.prompt:
                raise MeasurementError(f"Example {index} of {what} '{name}' has an empty prompt.")
            examples.append(kept)
    return ProbeTokens(
        tuple(examples),
        np.repeat(np.arange(len(tasks)), [len(r) for r in rows]),
        np.array([index for group in rows for index in group], dtype=np.int64),
    )
