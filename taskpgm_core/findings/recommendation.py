"""The one answer: what is recommended, why, and how sure that is."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from taskpgm_core.analysis.question import DEFAULT
from taskpgm_core.figures.numbers import count, counted
from taskpgm_core.records import Array

SAME = 1e-6
"""Share of the budget below which two mixtures are one."""
LITTLE = 1.1
"""Times its rows that the task with most to win can get; at fewer there is little to gain."""

State = Literal["screening", "incomplete", "waits", "stopped", "wins", "loses", "undecided"]


@dataclass(frozen=True)
class ArmResult:
    """A trained mixture: its mean loss less uniform's, nats a token, and the interval of that."""

    title: str
    difference: float
    low: float | None
    high: float | None

    @property
    def words(self) -> str:
        """As in "−0.012 nats a token, 95% interval −0.051 to +0.027"."""
        said = f"{nats_apart(self.difference)} nats a token"
        if self.low is not None and self.high is not None:
            said += f", 95% interval {nats_apart(self.low)} to {nats_apart(self.high)}"
        return said


@dataclass(frozen=True)
class Judged:
    """What finished runs say of a study's mixtures by their loss, judged against uniform.

    ``few``: whether tasks or seeds are too few to be sure of anything; ``winner``: the best of
    those that surely beat uniform; ``best``: the best of all others, sure or not.
    """

    stage: str
    mixtures: int
    seeds: int
    few: bool
    winner: ArmResult | None
    best: ArmResult | None


@dataclass(frozen=True)
class JudgedBySkill:
    """What finished runs say of the mixture ``title`` in a ``study``, by the share of the
    single-task models' gain that is kept, less uniform's.

    ``state``: what may be concluded. ``waits``: the runs of an earlier hypothesis are missing;
    ``stopped``: an earlier one did not hold; ``undecided``: tested, and it is not surely better.
    ``seeds``: in common with uniform; ``budget``: rows of a run; ``p``: of the test; ``rows``: what
    the gain is worth in rows of uniform, in words, empty where nothing says it.
    """

    study: str
    state: State
    title: str
    finished: int
    planned: int
    seeds: int
    budget: int
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    rows: str = ""

    @property
    def winner(self) -> str:
        return self.title if self.state == "wins" else ""

    @property
    def numbers(self) -> str:
        """As in "+0.7 points, 95% interval −1.4 to +2.8, p 0.412; 5 seeds, 512 rows"."""
        runs = f"{counted(self.seeds, 'seed')}, {count(self.budget)} rows"
        if self.difference is None:
            return runs
        said = points(self.difference)
        if self.low is not None and self.high is not None:
            said += f", 95% interval {bare(self.low)} to {bare(self.high)}"
        if self.p is not None:
            said += f", {p_words(self.p)}"
        return f"{said}; {runs}"


def bare(share: float) -> str:
    """A difference of shares in points, without the word."""
    return f"{round(100 * share, 1) + 0.0:+.1f}".replace("-", "−")


def nats_apart(difference: float) -> str:
    """A difference of losses, nats a token, without the unit."""
    return f"{round(difference, 3) + 0.0:+.3f}".replace("-", "−")


def points(share: float) -> str:
    return f"{bare(share)} points"


def p_words(p: float) -> str:
    return "p below 0.001" if p < 0.001 else f"p {p:.3f}"


def rows_words(times: float, beyond: str, low: float, high: float) -> str:
    """What a mixture keeps, in rows of uniform: as in "as much as uniform does of 1.4 times the
    rows (95% interval 1.1 to 1.8)"."""
    if beyond == ">":
        return f"more than uniform does of {times:.3g} times the rows"
    if beyond == "<":
        return f"less than uniform does of {times:.3g} times the rows"
    ends = f"{low:.2g} to {high:.2g}"
    return f"as much as uniform does of {times:.2g} times the rows (95% interval {ends})"


def default_words(tasks: int) -> str:
    """What the question that nobody changed asks for, of so many tasks."""
    balance, _ = DEFAULT
    if balance == 1:
        return uniform_words(tasks)
    if balance == 0:
        return f"the skills of all {counted(tasks, 'task')} as evenly as can be (balance 0)"
    return f"the mixture of balance {balance:g}"


def uniform_words(tasks: int) -> str:
    return f"all {counted(tasks, 'task')} equally (uniform)"


def recommended_words(tasks: int, judged: Judged | JudgedBySkill | None) -> str:
    """What is recommended, to stand after "train on": what surely won, else the default, but not
    where that surely lost."""
    if isinstance(judged, JudgedBySkill):
        if judged.state == "loses":
            return uniform_words(tasks)
        return f"the mixture “{judged.winner}”" if judged.winner else default_words(tasks)
    if judged is not None and judged.winner is not None:
        return f"the mixture “{judged.winner.title}”"
    return default_words(tasks)


def little_to_gain(tasks: int, skills: float | None) -> str:
    """That skills are close to the tasks in number, as a clause; empty where they are not.

    The mixture of balance 0 solves min p'Kp over shares p, so with K >= 0 no p_i is above
    (Kp)_i = 1/skills: no task gets more than tasks/skills times its uniform rows. ``LITTLE`` is a
    tenth more, less than the smallest step between the budgets that the confirmation tries.
    """
    if skills is None or tasks / skills >= LITTLE:
        return ""
    times = f"{tasks / skills:.2f}"
    most = (
        "no task would get more rows"
        if times == "1.00"
        else (f"no task would get more than {times} times its rows")
    )
    return (
        f"there is little to gain before any training: {counted(tasks, 'task')} hold {skills:.1f} "
        f"distinct skills, so {most}"
    )


def exploration(sentence: str, words: str, recommended: Array | None, p: Array) -> str:
    """The recommendation's ``sentence`` where the mixture ``p`` (n,) is what it recommends, else
    that ``p`` is an exploration. ``words``: what is recommended; ``recommended``: its mixture, None
    where only its name is known."""
    if recommended is not None and float(np.abs(p - recommended).sum()) / 2 <= SAME:
        return sentence
    return f"This is an exploration; recommended is {words}."


def recommendation(
    tasks: int,
    judged: Judged | JudgedBySkill | None,
    trouble: str = "",
    *,
    skills: float | None = None,
    tuned: bool = False,
) -> str:
    """One sentence for a study of so many tasks: where, by how much, how sure, in rows if known.

    ``judged``: None where no finished runs judge mixtures of it; ``trouble``: why runs that are
    there cannot be read, a sentence; ``skills``: how many distinct ones there are, where known;
    ``tuned``: whether tunings trained mixtures, and nothing else did.
    """
    opening = f"Train on {recommended_words(tasks, judged)}"
    if trouble:
        return f"{opening}; what training gave is not known: {trouble}"
    little = little_to_gain(tasks, skills)
    beside = f"; {little}" if little else ""
    if judged is None and tuned:
        return f"{opening}: {TUNED}{beside}."
    if judged is None:
        yet = "no mixture of this study was trained and judged against uniform yet"
        if DEFAULT[0] == 1:
            return f"{opening}: {yet}, so nothing shows that another one would do better{beside}."
        return (
            f"{opening}: it is the default since it won where it was confirmed, and {yet}{beside}."
        )
    if isinstance(judged, JudgedBySkill):
        decided = judged.state in ("wins", "loses", "undecided")
        return f"{opening}: {_by_skill(judged)}{'' if decided else beside}."
    trained = f"{counted(judged.mixtures, 'mixture')} trained with {counted(judged.seeds, 'seed')}"
    kind = ", in a screening" if judged.stage == "screening" else ""
    if judged.winner is not None:
        return (
            f"{opening}: of {trained}{kind}, it surely has a lower loss than uniform "
            f"({judged.winner.words})."
        )
    if judged.few:
        return (
            f"{opening}: {trained}{kind} are too few runs to be sure that another is better"
            f"{beside}."
        )
    best = judged.best
    nearest = f" (the best of the others, {best.title}: {best.words})" if best else ""
    return f"{opening}: of {trained}{kind}, none surely beats uniform{nearest}."


TUNED = (
    "mixtures of this study were trained in tunings alone, and what that gave stands with the "
    "mixtures that these saved"
)
KEPT = "of what single-task models gain"


def _by_skill(judged: JudgedBySkill) -> str:
    where, numbers = f"on {judged.study}", judged.numbers
    kept = numbers.replace(" points", " points of the gain kept", 1)
    against = f"{judged.title} against uniform: {kept}"
    rows = f"; it keeps {judged.rows}" if judged.rows else ""
    default = ", so equal shares stay the default" if DEFAULT[0] == 1 else ""
    match judged.state:
        case "screening":
            return (
                f"{where} nothing is proven yet, only a first trial was trained, a screening"
                f"{default} ({against})"
            )
        case "incomplete":
            return (
                f"{where} the test of other mixtures against uniform has {count(judged.finished)} "
                f"of {counted(judged.planned, 'run')} so far; until it is finished nothing is "
                f"concluded from it{default}"
            )
        case "waits":
            return (
                f"{where} nothing better is proven yet, since a test that comes first is "
                f"not finished (so far {against})"
            )
        case "stopped":
            return (
                f"{where} nothing is claimed, since a test that came first found no sure gain "
                f"({against})"
            )
        case "wins":
            return f"{where} it keeps more {KEPT} than uniform ({numbers}){rows}"
        case "loses":
            return f"{where} {judged.title} keeps less {KEPT} than uniform ({numbers}){rows}"
    return f"{where} {judged.title} does not surely keep more {KEPT} than uniform ({numbers}){rows}"
