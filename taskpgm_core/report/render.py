"""The report: one HTML file with everything inside, alive where it matters, that asks no network.

Every word that a person wrote goes in as text. The script is named by its sha256 in the page's
content security policy, so nothing else in it can run, and nothing in it can be fetched.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from taskpgm_core.analysis.decision import Decision
from taskpgm_core.analysis.graph_layout import TaskGraph, task_graph
from taskpgm_core.analysis.question import Posed
from taskpgm_core.findings.evidence import EvidenceTable
from taskpgm_core.findings.mixture import mixture_finding, no_middle, rewarded, zero_finding
from taskpgm_core.findings.story import Step
from taskpgm_core.mixture import Problem, SolutionPath
from taskpgm_core.report import sections
from taskpgm_core.report.charts import report_charts, story_steps
from taskpgm_core.report.summary import summary
from taskpgm_core.widgets.balance_dial import (
    dial_data,
    graph_data,
    interval_data,
    path_data,
    script,
    style,
)

ROOM = Path(__file__).parent
ENVIRONMENT = Environment(
    loader=FileSystemLoader(ROOM),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
TEMPLATE = "template.html.j2"


def report_page(
    decision: Decision,
    posed: Posed,
    path: SolutionPath,
    graph: TaskGraph | None = None,
    *,
    trained: Sequence[str] = (),
    recommended: str = "",
    evidence: EvidenceTable | None = None,
    steps: Sequence[Step] = (),
    present: bool = False,
) -> str:
    """The whole file's text; ``graph`` of the measure, where it is known already.

    ``trained``: what training on mixtures of this study has come to, in sentences;
    ``recommended``: the one sentence of what is recommended, why and how sure, or that this
    decision explores something else; ``evidence``: what every trained mixture came to; ``steps``:
    the story of ``findings.story``, told on the page and under the arrow keys; ``present``: whether
    the file opens with it.
    """
    p, graph = decision.weights, graph or task_graph(posed.similarity)
    alive = _one_element(script(story=True) + _read(ROOM / "report.js"))
    dial = _dial(decision, posed.problem, path)
    if steps:
        dial["layout"] = graph_data(decision.digest, graph.position, graph.edges, graph.strength)
    return ENVIRONMENT.get_template(TEMPLATE).render(
        title=decision.title,
        policy=_policy(alive),
        style=style() + _read(ROOM / "report.css"),
        rewarded=rewarded(posed.problem),
        finding=mixture_finding([line.task for line in decision.tasks], p),
        zero_finding=zero_finding(p),
        question=sections.question_sentence(decision),
        summary=summary(decision, trained),
        recommended=recommended,
        evidence=evidence,
        alarms=sections.alarms(decision),
        notes=decision.notes,
        mixture=sections.mixture_table(decision),
        reasons=sections.reasons_table(decision),
        no_intervals=decision.uncertainty["missing"] or "",
        left_out=sections.left_out_table(decision),
        steps=story_steps(steps),
        present=present,
        charts=report_charts(decision, posed, path, graph, told=bool(steps)),
        certificate=sections.certificate_facts(decision),
        study=sections.study_facts(decision),
        digests=sections.digests(decision),
        record_name=f"decision-{decision.study['slug']}-{decision.digest[:12]}.json",
        dial_json=inert_json(json.dumps(dial, allow_nan=False)),
        decision_json=inert_json(decision.to_json()),
        script=alive,
    )


def inert_json(text: str) -> str:
    """The same JSON with no sign that HTML or a script would read; those become JSON escapes."""
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def _policy(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _one_element(script: str) -> str:
    """Our own script, which must not hold the one thing that would end its element."""
    if "</script" in script.lower() or "<!--" in script:
        raise ValueError("A script of the report holds '</script' or '<!--'; write it otherwise.")
    return script


def _dial(decision: Decision, problem: Problem, path: SolutionPath) -> dict[str, Any]:
    sizes = [line.proportional for line in decision.tasks]
    families = [line.family for line in decision.tasks]
    return path_data(decision.digest, families, path.sparse()) | dial_data(
        decision.digest,
        balance=decision.balance_on(path),
        lam=float(decision.question["lambda"]) or 1.0,
        anchor=problem.anchor,
        anchor_name=problem.anchor_name,
        overlays={} if None in sizes else {"size-proportional": np.array(sizes, dtype=np.float64)},
        groups=decision.question["groups_of_skills"],
        no_middle=no_middle(problem, path),
        rewarded=rewarded(problem),
        intervals=_intervals(decision, decision.balance_on(path)),
    )


def _intervals(decision: Decision, balance: float) -> dict[str, Any] | None:
    known = [line.interval for line in decision.tasks if line.interval]
    if not known:
        return None
    low, high = np.array([[k.low, k.high] for k in known]).T
    name = f"{decision.uncertainty['level']:.0%} interval"
    return interval_data(decision.digest, name, balance, low, high)
