"""Skills that are known because they were planted: each comes as several noisy copies."""

from dataclasses import dataclass

import numpy as np

from taskpgm_core.records import Array, Noise, Similarity
from tests.support.matrices import names


@dataclass(frozen=True, eq=False)
class Planted:
    """``skill``: (n,) which skill each task is a copy of; ``noise``: second seeds of all tasks."""

    similarity: Similarity
    noise: Noise
    skill: np.ndarray

    @property
    def count(self) -> int:
        return int(self.skill.max()) + 1

    def unevenness(self, p: Array) -> float:
        """L1 of what each skill gets from an even spread over skills."""
        return float(np.abs(np.bincount(self.skill, p) - 1.0 / self.count).sum())


def planted(
    rng: np.random.Generator,
    copies: list[int],
    noise: float,
    *,
    dimensions: int = 20,
    ambient: int = 400,
) -> Planted:
    """Points that stand for skills, each task a point plus noise of its own.

    ``noise``: the mean distance of two seeds of one task over the median distance of two skills;
    a task's own noise varies by about a third. Skills lie in ``dimensions`` of the ``ambient``
    ones, noise in all: two seeds of a model differ in more ways than tasks do.
    """
    skill = np.repeat(np.arange(len(copies)), copies)
    points = np.zeros((len(copies), ambient))
    points[:, :dimensions] = rng.normal(size=(len(copies), dimensions))
    d = ((points[:, None] - points) ** 2).sum(-1)
    usual = float(np.median(d[np.triu_indices(len(copies), 1)]))
    spread = np.sqrt(noise * usual / (2 * ambient) * rng.gamma(9.0, 1 / 9.0, len(skill)))
    first, second = (
        points[skill] + spread[:, None] * rng.normal(size=(len(skill), ambient)) for _ in range(2)
    )
    measured = ((first[:, None] - first) ** 2).sum(-1)
    tasks = names(len(skill))
    again = Noise(tasks, ((first - second) ** 2).sum(1), measure="given")
    return Planted(Similarity(tasks, -measured), again, skill)


SHAPES = {
    "12 skills": lambda rng: rng.integers(1, 9, 12).tolist(),
    "4 skills": lambda rng: rng.integers(1, 9, 4).tolist(),
    "30, 1, 1, 1": lambda rng: [30, 1, 1, 1],
}
"""How many copies of each skill there are."""
