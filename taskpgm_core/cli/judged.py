"""What ``evidence`` says of runs that are judged by skill."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from taskpgm_core.cli.output import table
from taskpgm_core.evidence.kept_share import MEASURES
from taskpgm_core.evidence.paired_test import PairedDifference
from taskpgm_core.evidence.verdict import SkillRuns, hypotheses
from taskpgm_core.figures.numbers import count
from taskpgm_core.findings.recommendation import bare


def judged_card(found: SkillRuns) -> dict[str, Any]:
    """The part of ``evidence --json`` that is called ``skills``; what is not known is null."""
    judged = found.judged
    return {
        "skills": judged.skills,
        "files": judged.files,
        "finished": judged.finished,
        "planned": judged.planned,
        "measures": MEASURES,
        "means": judged.means,
        "differences": [asdict(d) for d in judged.differences],
        "hypotheses": [
            {"order": t.order, "study": t.study, "holds": t.holds, **asdict(t.test)}
            for t in found.tested or judged.hypotheses
        ],
        "others": dict(judged.others),
        "rows_saved": [asdict(r) for r in judged.rows_saved],
        "left_out": list(judged.left_out),
        "seeds_needed": judged.seeds_needed,
    }


def judged_lines(found: SkillRuns) -> Iterator[str]:
    """The same for people."""
    judged = found.judged
    if not judged.complete:
        yield (
            f"{count(judged.finished)} of {count(judged.planned)} runs are there; nothing is "
            f"concluded before all are."
        )
    yield (
        f"Judged by {judged.skills_counted} skills of {judged.files} files: the share of the "
        f"single-task models' gain that is kept; difference to uniform:"
    )
    saved = {r.arm: r.words for r in judged.rows_saved}
    rows = []
    for arm, means in sorted(judged.means.items(), key=lambda m: -(m[1]["kept"] or 0.0)):
        shown = [_number(means[m]) for m in ("kept", "worst", "loss", "exact")]
        p = judged.others.get(arm)
        holm = "-" if p is None else f"{p:.3f}"
        paired = _paired(found.kept(arm))
        rows.append([found.titles[arm], *shown, *paired, holm, saved.get(arm, "-")])
    head = ["mixture", "kept", "worst skill", "loss", "exact", "difference", "95% interval"]
    yield table([*head, "p (Holm)", "rows of uniform, times"], rows)
    for hypothesis in hypotheses(found):
        yield hypothesis.sentence
    for gain in judged.budget_gains:
        if gain.rows != judged.budget and gain.test.difference is not None:
            difference, interval = _paired(gain.test)
            yield (
                f"On {count(gain.rows)} rows, {found.titles[gain.arm]} less uniform: {difference} "
                f"({interval}), {bare(gain.test.difference)} points."
            )
    if judged.left_out:
        yield f"No share is counted of {', '.join(judged.left_out)}, whose models gain too little."
    if judged.seeds_needed is not None:
        yield f"By the spread over seeds a confirmation needs {judged.seeds_needed} seeds."


def _paired(d: PairedDifference | None) -> tuple[str, str]:
    if d is None or d.difference is None:
        return "-", "-"
    interval = "-" if d.low is None else f"{d.low:+.3f} to {d.high:+.3f}"
    return f"{d.difference:+.3f}", interval


def _number(x: float | None) -> str:
    return "-" if x is None else f"{x:.3f}"
