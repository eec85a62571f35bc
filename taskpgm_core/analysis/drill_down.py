"""What drives the similarity of two tasks: which probe examples, and which tokens in them."""

from dataclasses import dataclass

import numpy as np

from taskpgm_core import store
from taskpgm_core.errors import NotKeptError, StoreError
from taskpgm_core.records import Array, Example, Study, read_only
from taskpgm_core.store.gold_distance import seed_roots
from taskpgm_core.store.reader import pair_index

SHOWN = 5


@dataclass(frozen=True, eq=False)
class PairDrillDown:
    """The similarity of the tasks i and j, taken apart by probe example and by token.

    ``value``: (E,) what each example says: for ``jsd`` the mean divergence of the two models on
    it, for ``gold`` their mean squared distance; for ``pmi`` how much more the example's own
    task's model gives it than the other's, nats (0 for examples of other tasks). ``share``: (E,)
    what it adds to the total; the shares sum to the divergence, for ``pmi`` to -S_ij. ``token``:
    (positions,) the same at every completion token, None where that is not held (``jsd`` above 32
    tasks). All are means over the replicates of the two tasks. ``task``, ``row``, ``first``,
    ``tokens``: as in ``ProbePool``.
    """

    pair: tuple[int, int]
    measure: str
    task: Array
    row: Array
    first: Array
    tokens: Array
    value: Array
    share: Array
    token: Array | None

    @property
    def order(self) -> list[int]:
        """Examples from the one that adds most to the one that adds least."""
        return [int(e) for e in np.argsort(-self.share, kind="stable")]

    def by_task(self, n: int) -> Array:
        """(n,) what the examples of each task add together."""
        return read_only(np.bincount(self.task.astype(int), self.share, minlength=n))


@dataclass(frozen=True)
class Position:
    """One token of an example's completion. ``value``: what it says, None where that is not held;
    ``said``: {model: its likeliest next tokens with their probabilities}, empty where none are
    held; ``gold``: {model:
    probability of the true token}. The models are those of the first seeds."""

    text: str
    value: float | None
    said: dict[str, tuple[tuple[str, float], ...]]
    gold: dict[str, float]


def drill_down(study: Study, measure: str, i: int, j: int) -> PairDrillDown:
    """Take the similarity of the tasks i and j apart; StoreError where nothing was kept for it."""
    if not study.scored:
        raise StoreError(
            f"{study.slug} {study.without_models}: it keeps no probe examples and no models to "
            f"look into. Build the study from a plan, with models, to see what drives a similarity."
        )
    if measure == "text":
        raise NotKeptError(
            f"The similarity by words alone of {study.slug} is of the tasks' rows: there are no "
            f"probe examples to look into. Choose another measure to see what drives it."
        )
    pool = store.probe_pool(study)
    per_task = np.bincount(pool.task, minlength=len(study.tasks))
    token: Array | None
    if measure == "jsd":
        value = store.pair_divergences(study).of(i, j).astype(np.float64)
        try:
            held = store.token_divergences(study)[pair_index(len(study.tasks), i, j)]
            token = held.astype(np.float64)
        except NotKeptError:
            token = None
        share = value / (len(study.tasks) * per_task[pool.task])
    elif measure == "gold":
        second = store.second_gold(study)
        first = store.gold_log_probabilities(study)
        mean, v = seed_roots(first, second.tasks, second.log_probability)
        token = root = (mean[i] - mean[j]) ** 2 + v[i] + v[j]
        value = np.add.reduceat(root, pool.first) / pool.tokens
        share = value / (len(study.tasks) * per_task[pool.task])
    else:
        second = store.second_gold(study)
        gold = store.gold_log_probabilities(study).astype(np.float64)
        gold[second.tasks] = (gold[second.tasks] + second.log_probability) / 2
        other = np.where(pool.task == i, j, i)
        own = np.isin(pool.task, (i, j))
        steps = np.repeat(np.arange(len(pool.task)), pool.tokens)
        place = np.arange(gold.shape[1])
        token = np.where(own[steps], gold[pool.task[steps], place] - gold[other[steps], place], 0.0)
        value = np.add.reduceat(token, pool.first)
        if measure == "pmi-token":
            value = value / pool.tokens
        share = value / (2 * per_task[pool.task])
    return PairDrillDown(
        (i, j),
        measure,
        read_only(pool.task),
        read_only(pool.row),
        read_only(pool.first),
        read_only(pool.tokens),
        read_only(value),
        read_only(share),
        None if token is None else read_only(token),
    )


def positions(study: Study, found: PairDrillDown, example: int) -> tuple[Position, ...]:
    """The tokens of one probe example, with what both models and the base would have said."""
    pool = store.probe_pool(study)
    likely = store.likely_tokens(study)
    gold, text = store.gold_log_probabilities(study), store.probe_text(study)
    i, j = found.pair
    models = {study.names[i]: i, study.names[j]: j, "base model": len(study.tasks)}
    first = int(pool.first[example])
    shown = []
    for k in range(first, first + int(pool.tokens[example])):
        start, end = (int(x) for x in pool.spans[k])
        written = "" if text is None else _written(text[example], start, end)
        said = (
            {}
            if likely is None
            else {
                name: tuple(
                    (likely.strings.get(int(t), "?"), float(np.exp(float(x))))
                    for t, x in zip(
                        likely.ids[m, k, :SHOWN], likely.log_probability[m, k, :SHOWN], strict=True
                    )
                )
                for name, m in models.items()
            }
        )
        chances = {name: float(np.exp(float(gold[m, k]))) for name, m in models.items()}
        value = None if found.token is None else float(found.token[k])
        shown.append(Position(written, value, said, chances))
    return tuple(shown)


def _written(example: Example, start: int, end: int) -> str:
    """What a token writes of the completion; a template's own tokens write nothing of it."""
    return example.completion[start:end] or ("(template)" if example.chat else "(end)")
