"""What ``evidence`` says of runs that are judged by skill."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from taskpgm_core.cli.output import table
from taskpgm_core.evidence.judgement import HypothesisTest, Judgement
from taskpgm_core.evidence.kept_share import MEASURES
from taskpgm_core.evidence.paired_test import PairedDifference


def judged_card(judged: Judgement, tested: Sequence[HypothesisTest]) -> dict[str, Any]:
    """The part of ``evidence --json`` that is called ``skills``; what is not known is null."""
    stated = tested or judged.hypotheses
    return {
        "skills": judged.skills,
        "files": judged.files,
        "measures": MEASURES,
        "means": judged.means,
        "differences": [asdict(d) for d in judged.differences],
        "hypotheses": [
            {"order": t.order, "study": t.study, "holds": t.holds, **asdict(t.test)} for t in stated
        ],
        "others": dict(judged.others),
        "rows_saved": [asdict(r) for r in judged.rows_saved],
        "left_out": list(judged.left_out),
        "seeds_needed": judged.seeds_needed,
    }


def judged_lines(judged: Judgement, tested: Sequence[HypothesisTest]) -> Iterator[str]:
    """The same for people."""
    yield (
        f"Judged by {judged.skills} skills of {judged.files} files: the share of the single-task "
        f"models' gain that is kept; difference to uniform:"
    )
    by_arm = {d.arm: d for d in judged.differences if d.measure == "kept"}
    saved = {r.arm: r.words for r in judged.rows_saved}
    rows = []
    for arm, means in sorted(judged.means.items(), key=lambda m: -(m[1]["kept"] or 0.0)):
        d = by_arm.get(arm)
        shown = [_number(means[m]) for m in ("kept", "worst", "loss", "exact")]
        p = judged.others.get(arm)
        holm = "-" if p is None else f"{p:.3f}"
        rows.append([arm, *shown, *_paired(d), holm, saved.get(arm, "-")])
    head = ["arm", "kept", "worst skill", "loss", "exact", "difference", "95% interval"]
    yield table([*head, "p (Holm)", "rows of uniform, times"], rows)
    for t in tested:
        verdict = {True: "holds", False: "does not hold", None: "is not decided yet"}[t.holds]
        difference, interval = _paired(t.test)
        chance = "" if t.test.p is None else f", p {t.test.p:.3f}"
        yield (
            f"Hypothesis {t.order}, {t.study}: {t.test.arm} keeps more than {t.test.against} "
            f"({difference}, {interval}{chance}, {t.test.seeds} seeds): {verdict}."
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
