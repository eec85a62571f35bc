"""What a report says in its tables and lists: plain text, no markup."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from taskpgm_core.analysis.decision import Decision, TaskLine, WeightReason
from taskpgm_core.figures.numbers import count, counted, percent, scientific, signed
from taskpgm_core.findings.skills import resolution_text
from taskpgm_core.findings.why import split_finding
from taskpgm_core.similarity_measures import measure_words

NAMED = 40
"""Tasks without weight that are named; hundreds would fill pages."""
HEAVIEST, NEAREST = 40, 20
"""Tasks in sight: the heaviest, and of those left out the ones that least would bring in. The
others are folded, and print as a number."""
CLOSED_FORM = "closed-form-invalid"
"""The alarm that says how the mixture was found rather than what to beware of."""


@dataclass(frozen=True)
class Alarms:
    """``warnings``: what to beware of; ``remarks``: how the mixture was found."""

    warnings: tuple[str, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class MixtureRow:
    """One task's cells. ``bar``: its weight over the largest, in [0, 1]."""

    task: str
    family: str
    bar: str
    share: str
    anchor: str
    proportional: str
    count: str
    epochs: str


@dataclass(frozen=True)
class MixtureTable:
    """What each task gets, heaviest first.

    ``anchor``, ``unit``: titles of columns; without a budget ``unit`` is empty. ``left_out``: the
    sentence that names the tasks without weight, empty where there are none; ``more``: how many it
    does not name; ``others``: their names.
    """

    title: str
    anchor: str
    unit: str
    has_families: bool
    has_sizes: bool
    rows: tuple[MixtureRow, ...]
    left_out: str
    more: int
    others: str


@dataclass(frozen=True)
class FoldedTable:
    """A table of tasks: ``rows`` in sight and ``folded`` ones to unfold, cells of text.

    ``how``: how to read it; ``others``: what the folded rows are called.
    """

    title: str
    how: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    folded: tuple[tuple[str, ...], ...]
    others: str


def question_sentence(decision: Decision) -> str:
    """What was asked, of which study."""
    q = decision.question
    where = (
        "balance infinite (λ = 0)"
        if q["balance"] is None
        else f"balance {q['balance']:.4g} (β {q['beta']:.4g}, λ {q['lambda']:.4g})"
    )
    budget = f", a budget of {q['budget']:,} {q['unit']}" if q["budget"] else ""
    seen = resolution_text(
        q["resolution"],
        q["resolution_source"],
        q["measure"],
    )
    skills = "" if q["skills"] is None else f"; {q['skills']:.1f} distinct skills"
    judges = f", judged by {_judges(q)}" if q.get("judge_by") else ""
    made = f" Written on {decision.made}." if decision.made else ""
    return (
        f"Asked of the study {decision.study['slug']}, measure {measure_words(q['measure'])}: "
        f"{where}, anchor {q['anchor']}{judges}{budget}. Resolution: {seen}{skills}.{made}"
    )


def _judges(question: Mapping[str, Any]) -> str:
    """What one is judged by, each target with the word that no model was trained on it."""
    targets = question.get("targets", ())
    return ", ".join(
        f"{name} (a target, never trained on)" if name in targets else name
        for name in question["judge_by"]
    )


def alarms(decision: Decision) -> Alarms:
    return Alarms(
        tuple(a.sentence for a in decision.alarms if a.name != CLOSED_FORM),
        tuple(a.sentence for a in decision.alarms if a.name == CLOSED_FORM),
    )


def mixture_table(decision: Decision) -> MixtureTable:
    """Every task with weight, heaviest first, and the names of the others."""
    order = sorted(decision.tasks, key=lambda line: -line.weight)
    kept = [line for line in order if line.weight > 0]
    zeros = [line.task for line in order if line.weight <= 0]
    gets = f"{counted(len(zeros), 'task')} {'gets' if len(zeros) == 1 else 'get'} nothing here"
    more, named = max(0, len(zeros) - NAMED), ", ".join(zeros[:NAMED])
    rest = f" and {more} more; the decision record has them all" if more else ""
    return MixtureTable(
        title=f"The mixture: {len(kept)} of {len(order)} tasks",
        anchor=str(decision.question["anchor"]),
        unit=decision.question["unit"] or "",
        has_families=any(line.family for line in kept),
        has_sizes=kept[0].proportional is not None,
        rows=tuple(_mixture_row(line, kept[0].weight) for line in kept),
        left_out=f"{gets}: {named}{rest}." if zeros else "",
        more=more,
        others=", ".join(zeros[NAMED:]) + ".",
    )


def _mixture_row(line: TaskLine, largest: float) -> MixtureRow:
    return MixtureRow(
        task=line.task,
        family=line.family,
        bar=f"{line.weight / largest:.4f}",
        share=percent(line.weight),
        anchor=percent(line.anchor),
        proportional="" if line.proportional is None else percent(line.proportional),
        count=count(line.count or 0),
        epochs="unknown" if line.epochs is None else f"{line.epochs:.2f}",
    )


def reasons_table(decision: Decision) -> FoldedTable | None:
    """Why each weight is what it is, and how sure that is; None where neither is known."""
    lines, sure = decision.tasks, decision.uncertainty
    reasons = [line.reason for line in lines if line.reason]
    asks = "anchor" if decision.question["unary"] == "representativeness" else "gain"
    if decision.question.get("judge_by"):
        asks = "judgement"
    head, how = ["task", "share"], []
    if not sure["missing"]:
        head.append(_interval_title(decision))
        how.append(
            f"{_interval_title(decision)}: where the share falls {sure['covers']}, in "
            f"{sure['draws']} bootstrap draws, each solved exactly; on average "
            f"{sure['stability']:.0%} of the budget stays where it is."
        )
    if reasons:
        head += [f"{asks} asks", "diversity asks"]
        how.append(f"What the {asks} asks and what diversity asks add up to the share.")
    if not how:
        return None
    title = "How sure the shares are"
    if reasons:
        anchor, diversity = np.array([[r.anchor, r.diversity] for r in reasons]).T
        title = split_finding([line.task for line in lines], anchor, diversity)
    kept = sorted((line for line in lines if line.weight > 0), key=lambda line: -line.weight)
    rows = tuple(_reasons_row(line) for line in kept)
    return FoldedTable(
        title, " ".join(how), tuple(head), rows[:HEAVIEST], rows[HEAVIEST:], "other tasks"
    )


def left_out_table(decision: Decision) -> FoldedTable | None:
    """What would bring in the tasks that get nothing, those that least would first."""
    zeros = [(line, line.reason) for line in decision.tasks if line.weight <= 0 and line.reason]
    if not zeros:
        return None
    far = float("inf")
    zeros.sort(key=lambda pair: far if (cost := pair[1].reduced_cost) is None else cost)
    q = decision.question
    nats = decision.study["kind"] == "measured" and q["measure"] in ("jsd", "pmi", "pmi-token")
    unit = "units of K" if q["resolution"] is not None else "nats" if nats else "units of S"
    interval = () if decision.uncertainty["missing"] else (_interval_title(decision),)
    first, out = zeros[0][0].task, f"the {len(zeros)} tasks left out"
    title = f"Of {out}, {first} is nearest to coming in"
    if len(zeros) == 1:
        title = f"{first} is left out"
    elif zeros[0][1].reduced_cost is None:
        title = f"Your limits rule out {out}"
    how = (
        "A task left out enters at the balance named, or where its pull (β/λ)·u rises by its "
        f"reduced cost, in {unit}."
    )
    head = ("task", *interval, "enters at", "reduced cost")
    rows = tuple(_left_out_row(line, reason) for line, reason in zeros)
    others = "tasks farther from coming in"
    return FoldedTable(title, how, head, rows[:NEAREST], rows[NEAREST:], others)


def _interval_title(decision: Decision) -> str:
    return f"{decision.uncertainty['level']:.0%} interval"


def _interval(line: TaskLine) -> tuple[str, ...]:
    """One cell, or none where there is no interval."""
    if not line.interval:
        return ()
    ends = (percent(line.interval.low), percent(line.interval.high))
    return (" to ".join(dict.fromkeys(ends)),)


def _reasons_row(line: TaskLine) -> tuple[str, ...]:
    cells = (line.task, percent(line.weight), *_interval(line))
    if not line.reason:
        return cells
    return (*cells, signed(line.reason.anchor), signed(line.reason.diversity))


def _left_out_row(line: TaskLine, reason: WeightReason) -> tuple[str, ...]:
    enters = "never" if reason.enters_at is None else f"{reason.enters_at:.3g}"
    cost = "not allowed" if reason.reduced_cost is None else f"{reason.reduced_cost:.3g}"
    return (line.task, *_interval(line), enters, cost)


def certificate_facts(decision: Decision) -> dict[str, str]:
    """What the solver guarantees, by name."""
    c = decision.certificate
    none = {f"floor:{line.task}" for line in decision.tasks if not line.floor}
    binding = [name for name in c["multipliers"] if name != "simplex" and name not in none]
    useful = decision.question["unary"] != "representativeness" or decision.question.get("judge_by")
    return {
        "status": c["status"],
        "gap": f"{scientific(c['gap'])} (relative {scientific(c['gap_relative'])})",
        "only minimiser": "yes" if c["unique"] else "no: the one nearest to the anchor is shown",
        "closed form": "the same mixture" if c["closed_form_valid"] else "is not this mixture",
        "shift of the diagonal": f"{c['shift']:.4g}" if c["shift"] else "none needed",
        "energy": f"{c['energy']:+.4f}",
        f"for {'usefulness' if useful else 'representativeness'}": f"{c['unary_energy']:+.4f}",
        "for redundancy": f"{c['pairwise_energy']:+.4f}",
        "effective number": f"{c['effective_tasks']:.1f} tasks",
        "distance from the anchor": f"{percent(c['anchor_distance'] / 2)} of the budget",
        "bounds that bind": ", ".join(binding) or "none but zero",
    }


def study_facts(decision: Decision) -> dict[str, str]:
    """Where the numbers come from, by name; what is unknown is left out."""
    study = decision.study
    machine = study["facts"]
    facts: dict[str, Any] = {
        "study": study["slug"],
        "kind": study["kind"],
        "tasks": study["tasks"],
        "made from": study.get("origin"),
        "base model": "none"
        if study["kind"] == "text"
        else study["base"] or study["file"] or "unknown",
        "device": machine.get("device_name") or machine.get("device"),
        "dtype": machine.get("dtype"),
    }
    return {name: str(value) for name, value in facts.items() if value}


def digests(decision: Decision) -> dict[str, str]:
    return {
        "study digest": decision.study["digest"],
        "content digest": decision.study["content"],
        "digest of this decision": decision.digest,
    }
