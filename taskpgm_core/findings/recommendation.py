"""The one answer: what is recommended, why, and how sure that is."""

from dataclasses import dataclass

import numpy as np

from taskpgm_core.analysis.question import DEFAULT
from taskpgm_core.figures.numbers import counted
from taskpgm_core.records import Array

SAME = 1e-6
"""Share of the budget below which two mixtures are one."""


@dataclass(frozen=True)
class ArmResult:
    """A trained mixture: its mean loss less uniform's, nats a token, and the interval of that."""

    title: str
    difference: float
    low: float | None
    high: float | None

    @property
    def words(self) -> str:
        """As in "−0.01 nats a token, 95% interval −0.05 to +0.03"."""
        said = f"{self.difference:+.2f} nats a token"
        if self.low is not None and self.high is not None:
            said += f", 95% interval {self.low:+.2f} to {self.high:+.2f}"
        return said.replace("-", "−")


@dataclass(frozen=True)
class Judged:
    """What finished runs say of a study's mixtures, judged against uniform.

    ``few``: whether tasks or seeds are too few to be sure of anything; ``winner``: the best of
    those that surely beat uniform; ``best``: the best of all others, sure or not.
    """

    stage: str
    mixtures: int
    seeds: int
    few: bool
    winner: ArmResult | None
    best: ArmResult | None


def default_words(tasks: int) -> str:
    """What the question that nobody changed asks for, of so many tasks."""
    balance, _ = DEFAULT
    if balance == 1:
        return f"all {counted(tasks, 'task')} alike (uniform)"
    if balance == 0:
        return f"the skills of all {counted(tasks, 'task')} as evenly as can be (balance 0)"
    return f"the mixture of balance {balance:g}"


def recommended_words(tasks: int, judged: Judged | None) -> str:
    """What is recommended, to stand after "train on": what surely won, else the default."""
    if judged is not None and judged.winner is not None:
        return f"the mixture “{judged.winner.title}”"
    return default_words(tasks)


def exploration(sentence: str, words: str, recommended: Array | None, p: Array) -> str:
    """The recommendation's ``sentence`` where the mixture ``p`` (n,) is what it recommends, else
    that ``p`` is an exploration. ``words``: what is recommended; ``recommended``: its mixture, None
    where only its name is known."""
    if recommended is not None and float(np.abs(p - recommended).sum()) / 2 <= SAME:
        return sentence
    return f"This is an exploration; recommended is {words}."


def recommendation(tasks: int, judged: Judged | None, trouble: str = "") -> str:
    """One sentence for a study of so many tasks.

    ``judged``: None where no finished runs judge mixtures of it; ``trouble``: why runs that are
    there cannot be read, a sentence.
    """
    opening = f"Train on {recommended_words(tasks, judged)}"
    if trouble:
        return f"{opening}; what training gave is not known: {trouble}"
    if judged is None:
        return (
            f"{opening}: no mixture of this study was trained and judged against uniform yet, so "
            "nothing shows that another one would do better."
        )
    trained = f"{counted(judged.mixtures, 'mixture')} trained with {counted(judged.seeds, 'seed')}"
    kind = ", in a screening" if judged.stage == "screening" else ""
    if judged.winner is not None:
        return (
            f"{opening}: of {trained}{kind}, it surely has a lower loss than uniform "
            f"({judged.winner.words})."
        )
    if judged.few:
        return f"{opening}: {trained}{kind} are too few runs to be sure that another is better."
    best = judged.best
    nearest = f" (the best of the others, {best.title}: {best.words})" if best else ""
    return f"{opening}: of {trained}{kind}, none surely beats uniform{nearest}."
