"""Findings of the Evidence page: who beats whom, and how well forecasts did."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from taskpgm_core.figures.numbers import counted, percent, shorten
from taskpgm_core.findings.recommendation import bare, nats_apart, p_words

LONGEST = 40
"""Characters of a mixture's title."""
FEWEST_ARMS = 5
"""Mixtures that can tell whether forecasts rank: of four even the right order has p .08."""


@dataclass(frozen=True)
class Count:
    """One way to count what runs judged by skill have come to.

    ``unit``: of its differences; ``is_share``: of 1, read in percent and points, else nats a token;
    more of a share is better, and less of a loss.
    """

    title: str
    meaning: str
    is_share: bool = True

    @property
    def unit(self) -> str:
        return "points" if self.is_share else "nats a token"

    @property
    def axis(self) -> str:
        return f"{self.title}, {self.unit}"

    def value(self, x: float) -> str:
        return percent(x) if self.is_share and x >= 0 else bare(x) if self.is_share else f"{x:.3f}"

    def difference(self, x: float) -> str:
        return bare(x) if self.is_share else f"{x:+.3f}".replace("-", "−")


COUNTS = {
    "kept": Count("share kept", "of what single-task models gain, mean over skills"),
    "worst": Count("worst skill", "share kept in the skill that keeps least"),
    "loss": Count("loss", "nats a token, mean over skills", False),
    "exact": Count("exact match", "rows answered exactly, mean over skills"),
    "kept_files": Count("share kept by files", "mean over files, whatever their skill"),
    "loss_files": Count("loss by files", "mean over files, whatever their skill", False),
    "siblings": Count("held-out files", "loss on files in no mixture, of trained skills", False),
    "outside": Count("held-out parents", "loss on files of skills in no mixture", False),
}
"""By the names of ``evidence.kept_share.MEASURES``; the first decides."""


@dataclass(frozen=True)
class EvidenceTable:
    """What was trained and how it did: cells of text, and ``said`` sentences below them."""

    title: str
    how: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    said: tuple[str, ...]


@dataclass(frozen=True)
class Hypothesis:
    """One hypothesis as people read it. ``reached``: whether all before it hold; ``holds``: None
    while that is not decided; ``difference``: of the share kept, with interval and p."""

    order: int
    study: str
    arm: str
    against: str
    seeds: int
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    holds: bool | None
    reached: bool

    @property
    def claim(self) -> str:
        return f"{self.arm} keeps more than {self.against}"

    @property
    def verdict(self) -> str:
        if self.holds is None:
            return "not decided yet"
        if self.holds:
            return "holds"
        return "does not hold, the order stops here" if self.reached else "not tested"

    @property
    def sentence(self) -> str:
        said = f"Hypothesis {self.order}, on {self.study}: {self.claim}"
        return f"{said} ({self.numbers}): {self.verdict}."

    @property
    def numbers(self) -> str:
        if self.difference is None:
            return "no runs in common yet"
        interval = ""
        if self.low is not None and self.high is not None:
            interval = f", 95% interval {bare(self.low)} to {bare(self.high)}"
        chance = "" if self.p is None else f", {p_words(self.p)}"
        return f"{bare(self.difference)} points{interval}{chance}, {counted(self.seeds, 'seed')}"


def order_finding(tests: tuple[Hypothesis, ...]) -> str:
    """How far the hypotheses, tested in their order, have held."""
    held = sum(t.holds is True for t in tests)
    stop = next((t.order for t in tests if t.holds is False), None)
    if stop is not None:
        before = f"{counted(held, 'hypothesis').replace('hypothesiss', 'hypotheses')} held; "
        return f"{before if held else ''}the order stopped at hypothesis {stop}"
    if held == len(tests):
        return f"All {len(tests)} hypotheses hold" if held > 1 else "The hypothesis holds"
    after = f" after {held} that held" if held else ""
    return f"The order of hypotheses is not decided yet{after}"


def most_kept(kept: Mapping[str, float], reference: str) -> str:
    """Which mixture keeps the largest share, by title, and how much the reference keeps."""
    best = max(kept, key=kept.__getitem__)
    own = percent(kept[reference])
    others = {name: x for name, x in kept.items() if name != reference}
    if best != reference:
        said = f"{best} keeps most, {percent(kept[best])} ({reference} {own})"
    elif others:
        second = max(others, key=others.__getitem__)
        said = f"{reference} keeps most, {own}; next is {second} with {percent(others[second])}"
    else:
        said = f"{reference} keeps {own}"
    return said[:1].upper() + said[1:]


def count_finding(count: Count, means: Mapping[str, float], reference: str) -> str:
    """Which mixture, by title, comes first by a count of ``means``, and where the reference is."""
    best = (max if count.is_share else min)(means, key=means.__getitem__)
    beside = f" ({reference} {count.value(means[reference])})" if best != reference else ""
    return f"By {count.title}, {best} comes first with {count.value(means[best])}{beside}"


def rows_finding(title: str, words: str) -> str:
    """What a mixture's gain is worth in rows of uniform."""
    return f"{title} keeps {words}"


def larger_finding(title: str, gains: Mapping[int, float]) -> str:
    """How a mixture's gain over uniform changes with the rows of both, {rows: difference}."""
    said = [f"{bare(gain)} points at {rows:,} rows" for rows, gain in sorted(gains.items())]
    return f"{title} against uniform: {', '.join(said[:-1])} and {said[-1]}"


def dose_finding(room: Mapping[float, float]) -> str:
    """How the gain differs between the fewest and the most copies, {room: gain}."""
    few, most = min(room), max(room)
    way = "more" if room[most] > room[few] else "less"
    return (
        f"With {percent(most, 0)} of uniform's budget in repetition TaskPGM gains {way} "
        f"({bare(room[most])} points) than with {percent(few, 0)} ({bare(room[few])} points)"
    )


def arms_finding(
    better: Mapping[str, float],
    worse: Mapping[str, float],
    reference: str,
    *,
    by: Callable[[float], str] = nats_apart,
    waiting: Mapping[str, float] | None = None,
) -> str:
    """Who is surely better or worse than the reference, and ``by`` how much on average.

    ``waiting``: who is better by the hypothesis of a protocol whose turn has not come.
    """
    name = shorten(reference, LONGEST)
    losers = f"{_listed(worse, by)} {'loses' if len(worse) == 1 else 'lose'} to it"
    if waiting:
        verb = "is" if len(waiting) == 1 else "are"
        ahead = f"{_listed(waiting, by)} {verb} ahead of {name}"
        ahead += ", which counts if an earlier hypothesis holds"
        return f"{ahead}; {losers}" if worse else ahead
    if better:
        winners = f"{_listed(better, by)} {'beats' if len(better) == 1 else 'beat'} {name}"
        return f"{winners}; {losers}" if worse else winners
    if worse:
        return f"No mixture surely beats {name}; {losers}"
    return f"No mixture is surely better or worse than {name}"


def foresight_finding(
    arms: int, correlation: float, p: float, *, reliable: bool, finished: bool
) -> str:
    """Whether forecasts rank mixtures, from how they ranked ``arms`` of them."""
    how = _how(correlation, p)
    if arms < FEWEST_ARMS:
        return f"{arms} mixtures are too few to tell whether the forecast ranks ({how})"
    if not finished:
        return f"The forecast is judged when all runs are there (so far {how})"
    return f"The forecast {'ranks' if reliable else 'does not rank'} the {arms} mixtures ({how})"


def foresight_reading(predicted: npt.ArrayLike, realised: npt.ArrayLike, measure: str) -> str:
    """How far apart the forecasts lay, and what came; ``measure`` of ``COUNTS``."""
    count = COUNTS[measure]
    told, came = (
        " to ".join(count.value(float(end(x))) for end in (np.min, np.max))
        for x in (predicted, realised)
    )
    return f"{count.title.capitalize()}: predicted {told}, measured {came}."


def advice_finding(
    difference: float, rows: int, arms: int, correlation: float, p: float, off: float
) -> str:
    """What a mixture is expected to keep against uniform, and how such forecasts did.

    ``difference``: of the share kept; ``arms``: how many were ranked with ``correlation`` and
    ``p``; ``off``: by how much their forecast differences to uniform were wrong, on average.
    """
    way = "more" if difference > 0 else "less"
    apart = f"{abs(100 * difference):.1f} points {way} than uniform"
    if round(100 * difference, 1) == 0:
        apart = "as much as uniform, to 0.1 points,"
    return (
        "Forecast from the study alone: of the single-task models' gain this mixture keeps "
        f"{apart} after {rows:,} rows. Forecasts of the {arms} trained mixtures ranked them "
        f"({_how(correlation, p)}), and their differences to uniform were off by "
        f"{100 * off:.1f} points on average."
    )


def _how(correlation: float, p: float) -> str:
    said = f"{correlation:.2f}".replace("-", "−")
    return f"rank correlation {said}, {p_words(p)}"


def best_finding(
    arm: str, difference: float, low: float | None, high: float | None, reference: str
) -> str:
    """How the arm of the lowest loss did, whether or not that is sure."""
    interval = ""
    if low is not None and high is not None:
        interval = f" (95% interval {nats_apart(low)} to {nats_apart(high)})"
    return (
        f"Of the others, {arm} had the lowest mean loss: {nats_apart(difference)} nats a token "
        f"against {reference}{interval}."
    )


def _listed(differences: Mapping[str, float], by: Callable[[float], str]) -> str:
    said = [f"{shorten(name, LONGEST)} ({by(x)})" for name, x in differences.items()]
    return ", ".join(said) if len(said) < 2 else f"{', '.join(said[:-1])} and {said[-1]}"
