"""What a tuning came to, in sentences: which seeds chose a mixture, and which confirmed it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from taskpgm_core.figures.numbers import count, counted
from taskpgm_core.findings.recommendation import KEPT, bare

Measure = Literal["kept", "loss"]
State = Literal["better", "worse", "unsure", "uniform"]
LEVEL = 0.05


@dataclass(frozen=True)
class TunedRound:
    """One round that was run: its new ``seeds``; over all seeds so far, the mean of every mixture
    that ran and of ``uniform``, in what they are judged by; who goes on (``kept``), and who was
    exactly as good as the last of them but stands later in the list (``tied``)."""

    seeds: tuple[int, ...]
    means: dict[str, float]
    uniform: float
    kept: tuple[str, ...]
    tied: tuple[str, ...]


@dataclass(frozen=True)
class TunedBy:
    """What judges: the share ``kept`` of so many ``skills``, or the mean ``loss`` on ``judges``."""

    measure: Measure
    skills: int
    judges: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        if self.measure == "loss":
            return f"the mean loss on held-out rows of {', '.join(self.judges)}, nats a token"
        one = f"each of {counted(self.skills, 'skill')} counted once"
        return f"the share they keep {KEPT}, {one if self.skills > 1 else 'of one skill'}"


@dataclass(frozen=True)
class TuningResult:
    """A finished tuning. ``budget``: what a run trained on, in words; ``candidates``: mixtures to
    choose from; ``last``: the one that the rounds left; ``fresh``: the seeds that confirmed it,
    none where it was no better than uniform in the rounds; ``difference`` of ``last`` to uniform on
    them, with its 95% interval and the p of a paired t test."""

    by: TunedBy
    budget: str
    candidates: int
    rounds: tuple[TunedRound, ...]
    last: str
    fresh: tuple[int, ...] = ()
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None

    @property
    def state(self) -> State:
        """Whether ``last`` is surely ``better`` or ``worse`` than uniform on the fresh seeds, or
        neither (``unsure``); ``uniform`` where the rounds left nothing to confirm."""
        if self.difference is None:
            return "uniform"
        if self.p is None or self.p >= LEVEL:
            return "unsure"
        gain = self.difference if self.by.measure == "kept" else -self.difference
        return "better" if gain > 0 else "worse"

    @property
    def chosen(self) -> str:
        """The mixture that is the result."""
        return "uniform" if self.state == "uniform" else self.last


def seeds_words(seeds: Sequence[int]) -> str:
    """As in ``seeds 0 to 3``; they stand in a row."""
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    return f"seeds {seeds[0]} {'and' if len(seeds) == 2 else 'to'} {seeds[-1]}"


def tuning_sentences(found: TuningResult) -> tuple[str, ...]:
    """How it was chosen, what the fresh seeds say of it, and what follows."""
    return (*_chosen(found), _confirmed(found))


def _chosen(found: TuningResult) -> list[str]:
    if not found.rounds:
        return [f"“{found.last}” was the only mixture to try, so there was nothing to choose."]
    used = [seed for r in found.rounds for seed in r.seeds]
    said = [
        f"{counted(found.candidates, 'mixture')} and uniform were trained on {found.budget} in "
        f"{counted(len(found.rounds), 'round')}, and judged by {found.by.words}; "
        f"{seeds_words(used)} left “{found.last}”."
    ]
    said += [
        f"In round {k} {' and '.join(f'“{name}”' for name in r.tied)} came out exactly equal to "
        f"one that went on; the first in the list went on."
        for k, r in enumerate(found.rounds, 1)
        if r.tied
    ]
    return said


def value_words(value: float, measure: Measure) -> str:
    return f"{100 * value:.1f}%" if measure == "kept" else f"{value:.4f} nats a token"


def _confirmed(found: TuningResult) -> str:
    measure = found.by.measure
    if found.difference is None:
        last = found.rounds[-1]
        mine, uniform = last.means[found.last], last.uniform
        beside = f"{value_words(mine, measure)} against {value_words(uniform, measure)}"
        how = "exactly as good as" if mine == uniform else "worse than"
        return (
            f"It was {how} uniform on these seeds ({beside}), so no fresh seeds were spent on it. "
            f"The result is uniform: no mixture of the list is shown to be better than it."
        )
    judged = f"On {counted(len(found.fresh), 'fresh seed')} ({seeds_words(found.fresh)})"
    return f"{judged} {_difference(found)}. {_verdict(found)}"


def _difference(found: TuningResult) -> str:
    assert found.difference is not None
    interval = ""
    if found.by.measure == "kept":
        if found.difference == 0:
            said = f"it kept exactly as much {KEPT} as uniform"
        else:
            way = "more" if found.difference > 0 else "less"
            by = abs(100 * found.difference)
            least = "less than 0.1" if by < 0.05 else f"{by:.1f}"
            said = f"it kept {least} points {way} {KEPT} than uniform"
        if found.low is not None and found.high is not None:
            interval = f" (95% interval {bare(found.low)} to {bare(found.high)} points)"
        return said + interval
    if found.difference == 0:
        said = "its mean loss was exactly uniform's"
    else:
        way = "lower" if found.difference < 0 else "higher"
        said = f"its mean loss was {abs(found.difference):.4f} nats a token {way} than uniform's"
    if found.low is not None and found.high is not None:
        ends = f"{found.low:+.4f} to {found.high:+.4f}".replace("-", "−")
        interval = f" (95% interval of the difference {ends})"
    return said + interval


def _verdict(found: TuningResult) -> str:
    on = f"on {found.budget} a run"
    match found.state:
        case "better":
            return f"It is surely better than uniform {on}."
        case "worse":
            return f"It is surely worse than uniform {on}, so train on uniform instead."
    return f"So it is not shown to be better than uniform {on}."


def plan_words(rounds: Sequence[tuple[int, int]], fresh: int) -> str:
    """What a tuning will do. ``rounds``: the mixtures and new seeds of each; ``fresh``: seeds."""
    halves = ", then ".join(
        f"{counted(mixtures, 'mixture')} on {counted(seeds, 'new seed')}"
        for mixtures, seeds in rounds
    )
    left = f"the one that is left on {counted(fresh, 'fresh seed')}"
    return f"{halves}, then {left}; uniform beside them" if halves else f"{left}, beside uniform"


def twin_sentence(title: str, other: str, budget: str) -> str:
    """That two names are one mixture for runs of this budget."""
    if other == "uniform":
        return f"“{title}” trains on the same {budget} as uniform, so it is not run beside it."
    return (
        f"“{title}” trains on the same {budget} as “{other}”, so it is run once, under that name."
    )


def runs_words(runs: int, kept: int, rows: int | None) -> str:
    """How many runs at most, how many of them are there, and the rows that the others train on."""
    said = f"{counted(runs, 'run')} at most, {count(kept)} of them kept already"
    return said if rows is None else f"{said}; the others train on {count(rows)} rows"
