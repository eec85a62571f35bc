"""The kernel through which tasks are seen at a resolution, and the skills it tells apart."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from scipy.sparse.csgraph import connected_components

from taskpgm_core.errors import MixtureError, nearest
from taskpgm_core.mixture.problem import pose
from taskpgm_core.mixture.psd_correction import semidefinite
from taskpgm_core.mixture.resolution import Source, automatic_resolution
from taskpgm_core.mixture.solution import Solution
from taskpgm_core.mixture.solver import solve
from taskpgm_core.mixture.task_distances import TaskDistances, corrected, distances, task_distances
from taskpgm_core.records import Array, Noise, Similarity, read_only
from taskpgm_core.similarity_measures import KERNEL

NEAR = math.exp(-1.0)
"""The value of K at a distance of one resolution."""


@dataclass(frozen=True, eq=False)
class Kernel:
    """K_ij = exp(-d^_ij / sigma), K_ii = 1: tasks seen at the resolution sigma.

    ``measured``: the similarity it was made from. ``distances``: its distances, as measured and
    with the noise taken out (d^). ``resolution``: sigma in the measure's unit, infinite for the
    paper's S as measured: then there is no K, there are no skills and no groups, and noise is not
    corrected. ``source``: where sigma comes from. ``similarity``: what ``pose`` is to be given,
    K - 11' (the same energy as K up to a constant, without cancellation where K is nearly
    constant, so that a pull's rho and a utility are in units of K), or ``measured`` at an infinite
    resolution. ``change``: the largest change of an entry of K that made it positive
    semidefinite, 0 where it was. ``message``: why the automatic resolution is infinite; else
    empty.

    Source: method: arXiv 2507.12612 for the energy; K is positive semidefinite without noise
    correction by Schoenberg's theorem (1938).
    """

    measured: Similarity
    distances: TaskDistances
    resolution: float
    source: Source
    similarity: Similarity
    change: float
    message: str

    @property
    def tasks(self) -> tuple[str, ...]:
        return self.measured.tasks

    @property
    def finite(self) -> bool:
        return math.isfinite(self.resolution)

    @cached_property
    def matrix(self) -> Array | None:
        """(n, n) K; None at an infinite resolution."""
        return read_only(1.0 + self.similarity.matrix) if self.finite else None

    @cached_property
    def most_diverse(self) -> Solution | None:
        """q, the mixture of balance 0 without limits: as even over skills as can be.

        None at an infinite resolution.
        """
        return solve(pose(self.similarity), 0.0) if self.finite else None

    @property
    def skills(self) -> float | None:
        """1/(q'Kq), how many skills are told apart; None at an infinite resolution.

        From n where all tasks differ down to 1. Source: the maximum diversity of Leinster and
        Meckes, "Maximizing diversity in biology and beyond" (2016).
        """
        return None if self.most_diverse is None else self.skills_covered(self.most_diverse.p)

    def skills_covered(self, p: Array) -> float | None:
        """1/(p'Kp), how many skills the mixture p (n,) spreads over; None at inf."""
        if not self.finite:
            return None
        total = float(p.sum())
        return 1.0 / (total * total + float(p @ (self.similarity.matrix @ p)))

    @cached_property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Tasks joined by distances d^ of at most the resolution (single linkage), in task
        order; tasks that are joined to no other are left out."""
        if not self.finite:
            return ()
        near = self.distances.corrected <= self.resolution
        count, label = connected_components(near, directed=False)
        members: list[list[str]] = [[] for _ in range(count)]
        for task, k in zip(self.tasks, label, strict=True):
            members[k].append(task)
        return tuple(tuple(group) for group in members if len(group) > 1)

    @cached_property
    def not_told_apart(self) -> np.ndarray:
        """(n, n) whether the measured distance of two different tasks is within their noise
        (d <= (nu_i + nu_j)/2; without known noise: whether it is 0)."""
        within: np.ndarray = self.distances.corrected == 0.0
        np.fill_diagonal(within, False)
        return within

    def sharing(self, task: str, least: float = NEAR) -> tuple[tuple[str, float], ...]:
        """(other task, K) of the tasks that ``task`` shares its skill with, the nearest first.

        ``least``: from which K on, by default that of one resolution. Empty at inf. MixtureError
        for a task that is not here.
        """
        if task not in self.tasks:
            raise MixtureError(f"There is no task '{task}'{nearest(task, self.tasks)}.")
        if not self.finite:
            return ()
        i = self.tasks.index(task)
        row = 1.0 + self.similarity.matrix[i]
        order = np.argsort(-row, kind="stable")
        return tuple(
            (self.tasks[j], float(row[j])) for j in order.tolist() if j != i and row[j] >= least
        )

    def of(self, similarity: Similarity) -> "Kernel":
        """Another similarity of the same tasks (the other end of its bounds, say) seen at this
        resolution and with this noise. MixtureError for other tasks."""
        if similarity.tasks != self.tasks:
            raise MixtureError("A kernel can only be carried over to the same tasks.")
        if not self.finite:
            found = task_distances(similarity)
            return Kernel(similarity, found, math.inf, self.source, similarity, 0.0, self.message)
        nu = self.distances.noise
        d = distances(similarity.matrix)
        there = TaskDistances(
            self.tasks,
            similarity.measure,
            read_only(d),
            nu,
            self.distances.median_noise,
            read_only(corrected(d, nu)),
            "",
        )
        return _at(similarity, there, self.resolution, self.source)

    def upper_end(self, upper: Similarity) -> "Kernel":
        """The kernel of the divergences' upper bounds, where this one is of the lower ones.

        Entry by entry exp(-upper/sigma) <= K <= exp(-lower/sigma), noise taken out of both.
        MixtureError where either had to be made positive semidefinite: its entries then bound
        nothing.
        """
        end = self.of(upper)
        if self.change or end.change:
            raise MixtureError(
                "Noise correction left a kernel that is not positive semidefinite, and once that "
                "is mended its entries bound nothing; use resolution inf for what the bounds say."
            )
        return end

    def replicates(self, S: Array) -> Array:
        """(draws, n, n) what ``similarity`` would be by each replicate of the measured S.

        ``S`` (draws, n, n) replicates of ``measured``. Resolution and noise are held.
        """
        if not self.finite:
            return S
        drawn = np.empty_like(S)
        for k, replicate in enumerate(S):
            d = corrected(distances(replicate), self.distances.noise)
            drawn[k], _ = semidefinite(closeness(d, self.resolution))
        return read_only(drawn)

    def __repr__(self) -> str:
        at = f"resolution {self.resolution:.3g} ({self.source})"
        return f"Kernel of {len(self.tasks)} tasks, {self.measured.measure}, {at}"


def kernel(
    similarity: Similarity,
    resolution: float | Literal["auto"] = "auto",
    noise: Noise | None = None,
) -> Kernel:
    """The kernel of ``similarity`` at a resolution: ``auto``, a number > 0 or infinity.

    ``noise``: distances between models that differ only in their seed, by the same measure; of
    another measure it is not used. Raises MixtureError for a resolution that makes no sense, and
    for a number where the measure is no squared distance; ``auto`` is then infinity, with a
    ``message``.
    """
    found = task_distances(similarity, noise)
    source: Source = "set"
    if resolution == "auto":
        resolution, source = automatic_resolution(found)
    if isinstance(resolution, str) or not resolution > 0:
        raise MixtureError(f"The resolution must be auto, inf or a number above 0: {resolution}.")
    if math.isinf(resolution):
        message = "" if source == "set" else _no_resolution(found)
        return Kernel(similarity, found, math.inf, "paper", similarity, 0.0, message)
    if found.fault:
        raise MixtureError(
            f"A resolution of {resolution:g} needs squared distances, which {similarity.measure} "
            f"does not give here ({found.fault}); use resolution inf, or the measure gold of a "
            f"study with single-task models."
        )
    return _at(similarity, found, float(resolution), source)


def _no_resolution(found: TaskDistances) -> str:
    return (
        f"The measure {found.measure} gives no squared distances here ({found.fault}), so there is "
        f"no resolution and S is taken as measured; a study with single-task models also has the "
        f"measure gold, which does."
    )


def closeness(d: Array, resolution: float) -> Array:
    """(n, n) exp(-d/resolution) - 1."""
    with np.errstate(over="ignore"):
        ratio: Array = np.expm1(-(d / resolution))
    return ratio


def _at(similarity: Similarity, found: TaskDistances, resolution: float, source: Source) -> Kernel:
    S, change = semidefinite(closeness(found.corrected, resolution))
    seen = Similarity(similarity.tasks, S, KERNEL)
    return Kernel(similarity, found, resolution, source, seen, change, "")
