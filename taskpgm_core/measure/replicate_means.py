"""Finished comparisons of models, folded one by one into the means over replicates of each task."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from taskpgm_core.errors import MeasurementError
from taskpgm_core.measure.jsd import LN2
from taskpgm_core.measure.probe_pool import Batch
from taskpgm_core.measure.work_plan import Agenda, Joining
from taskpgm_core.records import Array

SAME = 1e-12  # nats; the rounding of a JSD between two equal distributions is below it
SLOTS = 4  # a task has at most two replicates, so a pair of tasks has at most four pairs of them
WITHIN, BASE, OWN = range(3)


class ReplicateMeans:
    """What all comparisons of an agenda say of its tasks, of its R second seeds and of the base.

    ``divergence``, ``upper``: (pairs, positions) means over the 1, 2 or 4 pairs of replicates that
    two tasks have, nats (``upper`` None where divergences are exact); ``base``: (n, positions) of a
    task's models from the base model; ``noise``: (R, positions) between the two models of a task,
    upper bounds where there are some, so that it is not understated. ``by_task``: (pairs, 4, n) of
    each pair of replicates the mean over each task's probe examples, at 2 r + s that of replicate r
    of the pair's first task and s of its second, NaN where one of them is not there; None where it
    is not asked for. Only these are held, whatever the number of replicates.
    """

    def __init__(self, agenda: Agenda, *, by_task: bool) -> None:
        n, positions = len(agenda.names), agenda.pool.positions
        place = {name: k for k, name in enumerate(agenda.names)}
        task = np.array([n if m.task is None else place[m.task] for m in agenda.models])
        replicate = np.array([m.replicate for m in agenda.models])
        a, b = np.array(agenda.pairs).T
        low, high = np.minimum(task[a], task[b]), np.maximum(task[a], task[b])
        first = np.where(task[a] == low, a, b)
        second = a + b - first
        self._kind = np.where(high == n, BASE, np.where(low == high, OWN, WITHIN))
        at = {WITHIN: low * n - low * (low + 1) // 2 + high - low - 1, BASE: low, OWN: b - n - 1}
        self._row = np.choose(self._kind, [at[kind] for kind in (WITHIN, BASE, OWN)])
        slot = {WITHIN: 2 * replicate[first] + replicate[second], BASE: replicate[first], OWN: 0}
        self._slot = np.choose(self._kind, [slot[kind] for kind in (WITHIN, BASE, OWN)])
        self._models = [(agenda.models[i], agenda.models[j]) for i, j in agenda.pairs]
        self._most = np.zeros(len(a))

        pairs, bounded = n * (n - 1) // 2, agenda.plan.probe.kept is not None
        self.divergence: Array = np.zeros((pairs, positions))
        self.upper: Array | None = np.zeros((pairs, positions)) if bounded else None
        self.base: Array = np.zeros((n, positions))
        self.noise: Array = np.zeros((len(agenda.models) - n - 1, positions))
        self.by_task: Array | None = np.zeros((pairs, SLOTS, n)) if by_task else None
        self._share = np.zeros((positions, n if by_task else 0))
        if by_task:
            owner = np.repeat(agenda.pool.task, agenda.pool.tokens)
            self._share[np.arange(positions), owner] = agenda.pool.weights * n

    def add(
        self, batch: Batch, joining: Joining, found: Mapping[str, npt.NDArray[np.floating]]
    ) -> None:
        """Fold one finished comparison in: ``jsd`` and, where there are bounds, ``upper``."""
        rows, places = np.array(joining.rows), batch.places
        lower, upper = found["jsd"], found.get("upper", found["jsd"])
        for values in (lower, upper):
            self._most[rows] = np.maximum(self._most[rows], values.max(axis=1, initial=0.0))
        ends = [
            (self.divergence, lower, WITHIN),
            (self.base, lower, BASE),
            (self.noise, upper, OWN),
        ]
        if self.upper is not None:
            ends.append((self.upper, upper, WITHIN))
        for slot in range(SLOTS):
            for total, values, kind in ends:
                own = np.flatnonzero((self._kind[rows] == kind) & (self._slot[rows] == slot))
                total[np.ix_(self._row[rows[own]], places)] += values[own]
                if total is self.divergence and self.by_task is not None:
                    self.by_task[self._row[rows[own]], slot] += lower[own] @ self._share[places]

    def finish(self) -> None:
        """Make means of what was added; MeasurementError where a divergence cannot be, or a model
        is the base."""
        self._check()
        pairs = np.bincount(self._row[self._kind == WITHIN])[:, None]
        self.divergence /= pairs
        if self.upper is not None:
            self.upper /= pairs
        self.base /= np.bincount(self._row[self._kind == BASE])[:, None]
        if self.by_task is not None:
            there = np.zeros(self.by_task.shape[:2], dtype=bool)
            within = self._kind == WITHIN
            there[self._row[within], self._slot[within]] = True
            self.by_task[~there] = np.nan

    def _check(self) -> None:
        possible = self._most <= LN2 + 1e-6  # false for what is no number, too
        if not possible.all():
            worst = int(np.where(np.isnan(self._most), np.inf, self._most).argmax())
            i, j = self._models[worst]
            raise MeasurementError(
                f"The divergence of {i} and {j} is {self._most[worst]:.6g}, outside [0, ln 2]; "
                f"nothing was stored."
            )
        for (i, j), kind, most in zip(self._models, self._kind, self._most, strict=True):
            if kind == BASE and most <= SAME:
                name = i.task or j.task
                raise MeasurementError(
                    f"The model of task '{name}' answers exactly like the base model: its adapter "
                    f"changes nothing; check that it was trained and saved."
                )
