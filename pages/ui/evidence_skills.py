"""Runs judged by skill: who keeps how much, by every count, and the hypotheses in order."""

from collections.abc import Sequence

import streamlit as st

from pages.ui.chart import chart, escape, heading
from pages.ui.evidence import MARKS, download, known_columns
from pages.ui.evidence_rows import dose_chart, larger_budget_chart, rows_saved_chart
from pages.ui.evidence_runs import FinishedRuns
from pages.ui.layout import Scene
from taskpgm_core.evidence.judgement import REFERENCE
from taskpgm_core.evidence.paired_test import PairedDifference, paired_differences
from taskpgm_core.evidence.statistics import epochs
from taskpgm_core.evidence.verdict import SkillRuns, hypotheses, sure_finding
from taskpgm_core.figures.evidence import arms_figure
from taskpgm_core.figures.numbers import count as counting
from taskpgm_core.figures.numbers import counted
from taskpgm_core.findings.evidence import COUNTS, Count, count_finding, order_finding
from taskpgm_core.findings.glossary import GLOSSARY


def by_skill(trained: FinishedRuns, found: SkillRuns, scene: Scene) -> None:
    """What runs judged by skill have come to."""
    incomplete(found)
    picture, numbers = st.columns([5, 4], gap="large")
    with picture:
        skills_chart(trained, found, scene)
    with numbers:
        every_count(trained, found, scene)
    order_of_hypotheses(found)
    skills_table(trained, found, scene)
    rows, more = st.columns(2, gap="large")
    with rows:
        rows_saved_chart(found, scene)
        dose_chart(scene)
    with more:
        larger_budget_chart(found, scene)


def incomplete(found: SkillRuns) -> None:
    """How many runs are there while some are missing; the chart says it of a confirmation."""
    judged = found.judged
    if not judged.complete and judged.stage != "confirmation":
        st.info(
            f"{counting(judged.finished)} of {counted(judged.planned, 'run')} of this "
            f"{judged.stage} are there. Nothing is concluded before all are."
        )


def skills_chart(trained: FinishedRuns, found: SkillRuns, scene: Scene) -> None:
    """Every mixture's difference to the reference by the chosen count."""
    count, reference = COUNTS[trained.count], trained.reference
    shown = _differences(found, trained.count, reference)
    if not shown:
        heading("No other mixture has a seed in common with it yet")
        return
    decides = trained.count == "kept" and reference == REFERENCE
    means = _means(found, trained.count)
    chart(
        arms_figure(
            [found.titles[d.arm] for d in shown],
            [_read(count, d.difference) or 0.0 for d in shown],
            [_read(count, d.low) for d in shown],
            [_read(count, d.high) for d in shown],
            [decides and found.sure(d.arm) for d in shown],
            reference=found.titles[reference],
            what=count.axis,
            better="right" if count.is_share else "left",
            palette=scene.palette,
        ),
        sure_finding(found) if decides else count_finding(count, means, found.titles[reference]),
        f"To the {'right' if count.is_share else 'left'} is better. Lines: 95% intervals, if the "
        f"training seeds were drawn again. {MARKS}",
        key="arms",
    )


def every_count(trained: FinishedRuns, found: SkillRuns, scene: Scene) -> None:
    """The mixture that decides, or another, against the reference by every count."""
    arms = [arm for arm in found.full if arm != trained.reference]
    first = found.first
    if not arms or first is None:
        return
    arm = st.selectbox(
        "By every count",
        arms,
        arms.index(first.arm) if first.arm in arms else 0,
        format_func=found.titles.__getitem__,
        key="evidence-mixture",
        width=330,
        help="The mixture that is counted against the reference in every way.",
    )
    title = found.titles[trained.reference]
    rows: dict[str, list[str]] = {"count": [], "mixture": [], title: [], "difference": []}
    for name, count in COUNTS.items():
        [d] = [d for d in _all(found, name, trained.reference) if d.arm == arm]
        if d.difference is None:
            continue
        for column, who in (("mixture", arm), (title, trained.reference)):
            x = found.judged.means[who][name]
            rows[column].append("" if x is None else count.value(x))
        rows["count"].append(count.title)
        rows["difference"].append(_interval(count, d))
    looks = {
        "count": st.column_config.TextColumn(width=135),
        "mixture": st.column_config.TextColumn(width=70),
        title: st.column_config.TextColumn(width=75),
        "difference": st.column_config.TextColumn("difference, 95% interval", width=185),
    }
    known_columns(looks, rows)
    st.caption(
        "Shares and exact match: %, differences in points. Losses and the rest: nats a token."
    )


def skills_table(trained: FinishedRuns, found: SkillRuns, scene: Scene) -> None:
    """Every mixture of full budget, the one that keeps most first."""
    judged, reference = found.judged, trained.reference
    order = sorted(found.full, key=lambda a: -(judged.means[a]["kept"] or 0.0))
    kept = {d.arm: d for d in _all(found, "kept", reference)}
    saved = {r.arm: r.words for r in judged.rows_saved}
    number = st.column_config.NumberColumn
    interval = f"points to {found.titles[reference]}, 95% interval"
    looks = {
        "mixture": st.column_config.TextColumn(width=270),
        "share kept": number(
            format="%.1f%%", width=85, help=f"{GLOSSARY['share kept']} Mean over skills."
        ),
        interval: st.column_config.TextColumn(width=230),
        "p": number(format="%.3f", width=60, help="two-sided, with Holm's correction"),
        "worst skill": number(format="%.1f%%", width=85, help=COUNTS["worst"].meaning),
        "loss": number(format="%.3f", width=60, help=COUNTS["loss"].meaning),
        "exact match": number(format="%.1f%%", width=95, help=COUNTS["exact"].meaning),
        "rows of uniform": st.column_config.TextColumn(
            width=110, help="how many times these rows uniform needs to keep as much"
        ),
    }
    means = {m: [judged.means[a][m] for a in order] for m in ("kept", "worst", "loss", "exact")}
    holm = judged.others if reference == REFERENCE else {}
    known_columns(
        looks,
        {
            "mixture": [found.titles[a] for a in order],
            "share kept": [None if x is None else 100 * x for x in means["kept"]],
            interval: [_interval(COUNTS["kept"], kept.get(a)) for a in order],
            "p": [holm.get(a) for a in order],
            "worst skill": [None if x is None else 100 * x for x in means["worst"]],
            "loss": means["loss"],
            "exact match": [None if x is None else 100 * x for x in means["exact"]],
            "rows of uniform": [saved.get(a) for a in order],
        },
    )
    if judged.left_out:
        st.caption(
            escape(
                f"No share is counted of {', '.join(judged.left_out)}, whose single-task models "
                f"gain too little."
            )
        )
    _folded(trained, found, scene)


def _folded(trained: FinishedRuns, found: SkillRuns, scene: Scene) -> None:
    runs, study = trained.runs, scene.study
    rows = {} if study.rows is None else dict(zip(study.names, study.rows, strict=True))
    often = epochs(runs, rows)
    tokens = runs.groupby(["arm", "seed"])["n_tokens"].sum(min_count=1).groupby("arm").mean()
    seeds = runs.groupby("arm")["seed"].nunique()
    arms = sorted(found.judged.means)
    with st.expander("Seeds, tokens and epochs"):
        known_columns(
            {
                "tokens": st.column_config.NumberColumn(
                    format="localized", step=1, help=GLOSSARY["tokens trained on"]
                ),
                "epochs": st.column_config.NumberColumn(
                    format="%.2f",
                    help=f"Of the task whose rows were repeated most. {GLOSSARY['epochs']}",
                ),
            },
            {
                "mixture": [found.titles[a] for a in arms],
                "seeds": [int(seeds[a]) for a in arms],
                "tokens": [float(tokens[a]) for a in arms],
                "epochs": [often.get(a) for a in arms],
            },
        )
        download(trained)


def order_of_hypotheses(found: SkillRuns) -> None:
    """The hypotheses in the order named; nothing where there are none."""
    tests = hypotheses(found)
    if not tests:
        return
    heading(
        order_finding(tests),
        "Tested in this order, each at 5%; the first that does not hold ends it. Differences are "
        "of the share kept, in points.",
    )
    known_columns(
        {
            "": st.column_config.NumberColumn(width=35),
            "study": st.column_config.TextColumn(width=75),
            "hypothesis": st.column_config.TextColumn(width=460),
            "points, 95% interval": st.column_config.TextColumn(width=165),
            "p": st.column_config.NumberColumn(format="%.3f", width=55),
            "seeds": st.column_config.NumberColumn(width=50),
            "verdict": st.column_config.TextColumn(width=250),
        },
        {
            "": [t.order for t in tests],
            "study": [t.study for t in tests],
            "hypothesis": [t.claim for t in tests],
            "points, 95% interval": [
                _ends(COUNTS["kept"], t.difference, t.low, t.high) for t in tests
            ],
            "p": [t.p for t in tests],
            "seeds": [t.seeds for t in tests],
            "verdict": [t.verdict for t in tests],
        },
    )


def _all(found: SkillRuns, measure: str, reference: str) -> tuple[PairedDifference, ...]:
    return paired_differences(found.judged.table, measure, reference)


def _differences(found: SkillRuns, measure: str, reference: str) -> Sequence[PairedDifference]:
    """Of the arms of full budget, the best first."""
    known = [
        d
        for d in _all(found, measure, reference)
        if d.difference is not None and d.arm in found.full
    ]
    sign = -1 if COUNTS[measure].is_share else 1
    return sorted(known, key=lambda d: sign * (d.difference or 0.0))


def _means(found: SkillRuns, measure: str) -> dict[str, float]:
    means = found.judged.means
    return {found.titles[a]: x for a in found.full if (x := means[a][measure]) is not None}


def _read(count: Count, x: float | None) -> float | None:
    return x if x is None or not count.is_share else 100 * x


def _interval(count: Count, d: PairedDifference | None) -> str:
    return "" if d is None else _ends(count, d.difference, d.low, d.high)


def _ends(count: Count, by: float | None, low: float | None, high: float | None) -> str:
    if by is None:
        return ""
    if low is None or high is None:
        return count.difference(by)
    return f"{count.difference(by)} ({count.difference(low)} to {count.difference(high)})"
