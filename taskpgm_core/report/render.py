"""The report: one HTML file with everything inside, alive where it matters, that asks no network.

Every word that a person wrote goes in as text. The two scripts are named by their sha256 in the
page's content security policy, so nothing else in it can run, and nothing in it can be fetched.
"""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from taskpgm_core.analysis.decision import Decision
from taskpgm_core.analysis.graph_layout import TaskGraph
from taskpgm_core.figures.numbers import percent, scientific
from taskpgm_core.findings import mixture as findings
from taskpgm_core.mixture import Problem, SolutionPath
from taskpgm_core.report.charts import plates
from taskpgm_core.report.markup import Markup, element, trusted, wide
from taskpgm_core.report.mixture_table import mixture_table
from taskpgm_core.report.reasons import reasons
from taskpgm_core.widgets.balance_dial import SCRIPT, STYLE, dial_data, interval_data, path_data

LOOK = Path(__file__).with_name("report.css")
GLUE = Path(__file__).with_name("report.js")
REMARK = "closed-form-invalid"
"""The alarm that says how the mixture was found rather than what to beware of."""
REACHED = 1e-7
"""How near the path at balance 1 must come to the anchor for the dial to mark its middle."""


def report_page(
    decision: Decision, problem: Problem, path: SolutionPath, graph: TaskGraph | None = None
) -> str:
    """The whole file's text; ``graph`` of the problem's similarity, where it is known already."""
    names = [line.task for line in decision.tasks]
    p = decision.weights
    script = SCRIPT.read_text(encoding="utf-8") + GLUE.read_text(encoding="utf-8")
    body = [
        element(
            "header",
            element("p", "TaskPGM, a decision on a fine-tuning mixture", class_="made"),
            element("h1", decision.title),
            element("p", findings.mixture_finding(names, p) + ".", class_="lead"),
            element("p", findings.zero_finding(p)),
            element("p", _asked(decision), class_="how"),
        ),
        _alarms(decision),
        [element("h2", "Notes"), element("div", decision.notes, class_="notes")]
        if decision.notes
        else "",
        _live(),
        mixture_table(decision),
        reasons(decision),
        [
            element(
                "section",
                element("h3", plate.finding),
                element("p", plate.how, class_="how"),
                element("figure", wide(plate.finding, trusted(plate.drawing))),
                class_="plate",
            )
            for plate in plates(decision, problem, path, graph)
        ],
        _certificate(decision),
        _provenance(decision),
        _data("dial-data", _dial(decision, problem, path)),
        _data("decision", decision.to_json()),
        Markup(f'<script type="module">{_inert(script)}</script>'),
    ]
    head = [
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(_inert(script))),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="generator", content="TaskPGM"),
        element("title", decision.title),
        Markup(
            f"<style>{STYLE.read_text(encoding='utf-8')}{LOOK.read_text(encoding='utf-8')}</style>"
        ),
    ]
    page = element("html", element("head", *head), element("body", *body), lang="en")
    return "<!doctype html>\n" + page + "\n"


def _policy(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _inert(script: str) -> str:
    """Our own script, which must not hold the one thing that would end its element."""
    if "</script" in script.lower() or "<!--" in script:
        raise ValueError("A script of the report holds '</script' or '<!--'; write it otherwise.")
    return script


def _data(name: str, value: Any) -> Markup:
    """A block of JSON that no browser runs; ``<`` and ``&`` are written as JSON escapes."""
    text = value if isinstance(value, str) else json.dumps(value, allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(f'<script type="application/json" id="{name}">{text}</script>')


def _dial(decision: Decision, problem: Problem, path: SolutionPath) -> dict[str, Any]:
    sizes = [line.proportional for line in decision.tasks]
    reached = np.abs(path.at(1.0) - problem.anchor).max() < REACHED
    families = [line.family for line in decision.tasks]
    return path_data(decision.digest, families, path.sparse()) | dial_data(
        decision.digest,
        balance=decision.balance_on(path),
        lam=float(decision.question["lambda"]) or 1.0,
        anchor=problem.anchor,
        anchor_name=problem.anchor_name,
        overlays={} if None in sizes else {"size-proportional": np.array(sizes, dtype=np.float64)},
        no_middle="" if reached else "balance 1 is not the anchor under these constraints",
        intervals=_intervals(decision, decision.balance_on(path)),
    )


def _intervals(decision: Decision, balance: float) -> dict[str, Any] | None:
    known = [line.interval for line in decision.tasks if line.interval]
    if not known:
        return None
    low, high = np.array([[k.low, k.high] for k in known]).T
    name = f"{decision.uncertainty['level']:.0%} interval"
    return interval_data(decision.digest, name, balance, low, high)


def _asked(decision: Decision) -> str:
    q = decision.question
    where = (
        "balance infinite (λ = 0)"
        if q["balance"] is None
        else f"balance {q['balance']:.4g} (β {q['beta']:.4g}, λ {q['lambda']:.4g})"
    )
    budget = f", a budget of {q['budget']:,} {q['unit']}" if q["budget"] else ""
    made = f" Written on {decision.made}." if decision.made else ""
    return (
        f"Asked of the study {decision.study['slug']}, measure {q['measure']}: {where}, "
        f"anchor {q['anchor']}{budget}.{made}"
    )


def _alarms(decision: Decision) -> list[Markup]:
    told = [a.sentence for a in decision.alarms if a.name == REMARK]
    listed = [element("li", a.sentence) for a in decision.alarms if a.name != REMARK]
    remarks = [element("p", sentence, class_="how") for sentence in told]
    if not listed:
        return [element("p", "No alarm was raised."), *remarks]
    plural = "s" if len(listed) > 1 else ""
    title = f"{len(listed)} alarm{plural} to read before acting on it"
    return [element("h2", title), element("ul", *listed, class_="alarms"), *remarks]


def _live() -> Markup:
    return element(
        "section",
        element("h2", "Move the balance and the exact mixture follows"),
        element(
            "p",
            "Towards the left more diverse, towards the right more representative; works with "
            "mouse, finger and arrow keys, and without a network.",
            class_="how screen",
        ),
        element("div", id="dial"),
        element(
            "div",
            element("span", "", id="moved-text"),
            element("button", "Back to the decision", id="back", type="button"),
            id="moved",
            class_="moved",
            hidden="",
        ),
        element("noscript", element("p", "The dial needs JavaScript; the table below does not.")),
        class_="live",
    )


def _facts(facts: dict[str, Any], look: str = "facts") -> Markup:
    return element(
        "dl",
        [element("div", element("dt", k), element("dd", v)) for k, v in facts.items()],
        class_=look,
    )


def _certificate(decision: Decision) -> list[Markup]:
    c = decision.certificate
    binding = [k for k in c["multipliers"] if k != "simplex" and not k.startswith("floor:")]
    facts = {
        "status": c["status"],
        "gap": f"{scientific(c['gap'])} (relative {scientific(c['gap_relative'])})",
        "only minimiser": "yes" if c["unique"] else "no: the one nearest to the anchor is shown",
        "closed form": "the same mixture" if c["closed_form_valid"] else "is no mixture here",
        "shift of the diagonal": f"{c['shift']:.4g}" if c["shift"] else "none needed",
        "energy": f"{c['energy']:+.4f}",
        "for representativeness": f"{c['unary_energy']:+.4f}",
        "for redundancy": f"{c['pairwise_energy']:+.4f}",
        "effective number": f"{c['effective_tasks']:.1f} tasks",
        "distance from the anchor": f"{percent(c['anchor_distance'] / 2)} of the budget",
        "bounds that bind": ", ".join(binding) or "none but zero",
    }
    return [
        element("h2", "This is the exact optimum"),
        element(
            "p",
            "No other mixture has a lower energy E(p) = −β u′p + λ/2 p′Sp by more than the gap.",
            class_="how",
        ),
        _facts(facts),
    ]


def _provenance(decision: Decision) -> list[Markup]:
    study = decision.study
    told = study["facts"]
    facts: dict[str, Any] = {
        "study": study["slug"],
        "kind": study["kind"],
        "tasks": study["tasks"],
        "made from": study.get("origin"),
        "base model": study["base"] or study["file"] or "unknown",
        "device": told.get("device_name") or told.get("device"),
        "dtype": told.get("dtype"),
    }
    digests = {
        "study digest": element("code", study["digest"]),
        "content digest": element("code", study["content"]),
        "digest of this decision": element("code", decision.digest),
    }
    return [
        element("h2", "Where the numbers come from"),
        element(
            "p",
            "The study digest names what was measured, the content digest every byte that it was "
            "read from, and the decision's digest all that stands in this report but its date.",
            class_="how",
        ),
        _facts({name: value for name, value in facts.items() if value}),
        _facts(digests, "facts long"),
        element(
            "button",
            "Save the decision record (JSON)",
            id="save",
            type="button",
            data_name=f"decision-{study['slug']}-{decision.digest[:12]}.json",
        ),
    ]
