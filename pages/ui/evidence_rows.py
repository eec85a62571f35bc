"""What a gain is worth in rows, what it is on more rows, and how it grows with copies: each where
its runs exist."""

import streamlit as st

from pages.ui.chart import chart
from pages.ui.layout import Scene
from taskpgm_core import store
from taskpgm_core.evidence.confirmation import dose_curve
from taskpgm_core.evidence.paired_test import PairedDifference
from taskpgm_core.evidence.rows_saved import DosePoint
from taskpgm_core.evidence.verdict import SkillRuns
from taskpgm_core.figures.rows_saved import CurveMark, Estimate, estimates_figure, rows_saved_figure
from taskpgm_core.findings.evidence import dose_finding, larger_finding, rows_finding
from taskpgm_core.findings.recommendation import rows_words

FEWEST_DOSES = 2


def rows_saved_chart(found: SkillRuns, scene: Scene) -> None:
    """Where on uniform's curve over rows each mixture stands."""
    judged, first = found.judged, found.first
    if not judged.rows_saved or first is None:
        return
    marks = [
        CurveMark(
            found.titles[r.arm],
            judged.means[r.arm]["kept"] or 0.0,
            r.times,
            r.low,
            r.high,
            rows_words(r.times, r.beyond, r.low, r.high),
        )
        for r in judged.rows_saved
    ]
    curve = [(times, judged.means[arm]["kept"] or 0.0) for arm, times in judged.curve.items()]
    shown = next((r for r in judged.rows_saved if r.arm == first.arm), judged.rows_saved[0])
    title = found.titles[shown.arm]
    chart(
        rows_saved_figure(curve, marks, shown=title, budget=judged.budget, palette=scene.palette),
        rows_finding(title, rows_words(shown.times, shown.beyond, shown.low, shown.high)),
        "The line: uniform on more and fewer rows. A diamond: where on it a mixture stands that "
        "keeps as much; the line through one is its 95% interval over seeds, within the budgets "
        "tried.",
        key="rows-saved",
    )


def larger_budget_chart(found: SkillRuns, scene: Scene) -> None:
    """Gains over uniform where both had as many rows, on every budget."""
    judged, first = found.judged, found.first
    arms = list(dict.fromkeys(gain.arm for gain in judged.budget_gains))
    if not arms or first is None:
        return
    arms.sort(key=lambda arm: arm != first.arm)
    shown = arms[0]
    lines = [
        [
            _estimate(found.titles[arm], gain.rows, gain.test)
            for gain in judged.budget_gains
            if gain.arm == arm
        ]
        for arm in arms
    ]
    gains = {g.rows: g.test.difference or 0.0 for g in judged.budget_gains if g.arm == shown}
    chart(
        estimates_figure(lines, axis="rows of both", palette=scene.palette),
        larger_finding(found.titles[shown], gains),
        "Above zero it keeps more than uniform on as many rows. Lines: 95% intervals over seeds.",
        key="larger-budget",
    )


def _estimate(name: str, x: float, d: PairedDifference) -> Estimate:
    low, high = (None if end is None else 100 * end for end in (d.low, d.high))
    return Estimate(name, x, 100 * (d.difference or 0.0), low, high, d.seeds)


@st.cache_resource(max_entries=8, show_spinner=False)
def _doses(versions: tuple[str, ...]) -> tuple[DosePoint, ...]:
    return dose_curve()


def dose_chart(scene: Scene) -> None:
    """The gain over uniform by the part of a uniform budget that goes into copies."""
    points = _doses(tuple(map(store.evidence_version, scene.studies.values())))
    if len({point.room for point in points}) < FEWEST_DOSES:
        return
    line = [
        Estimate(
            f"{p.study}, {p.skills} skills in {p.files} files",
            p.room,
            100 * p.gain,
            None if p.low is None else 100 * p.low,
            None if p.high is None else 100 * p.high,
            p.seeds,
        )
        for p in points
    ]
    chart(
        estimates_figure(
            [line],
            axis="of uniform's budget goes into repetition (1 − skills/files)",
            percent=True,
            palette=scene.palette,
        ),
        dose_finding({p.room: p.gain for p in points}),
        f"The same skills with ever more copies of one: {len(points)} studies. Lines: 95% "
        "intervals over seeds.",
        key="dose",
    )
