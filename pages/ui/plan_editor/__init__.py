"""Pick a plan or write one, and see at once whether it can be built."""

from pathlib import Path

import streamlit as st

from pages.ui.chart import escape, heading
from taskpgm_core.figures.numbers import counted
from taskpgm_core.findings.glossary import GLOSSARY
from taskpgm_core.plans.plan import PLANS, Plan, load_plan, parse_plan, self_contained
from taskpgm_core.plans.plan_faults import plan_faults

OWN = "a plan of my own"
START = """\
slug: mine
base: HuggingFaceTB/SmolLM2-135M-Instruct
tasks:
  - {id: faq, source: "jsonl:data/faq.jsonl", family: support}
  - {id: sql, source: "jsonl:data/sql.jsonl", family: code}
"""
SCRIPT, STYLE = (Path(__file__).with_name(f"editor.{kind}") for kind in ("js", "css"))


def write_plan() -> str:
    """The plan's text as it stands in the editor."""
    committed = {path.stem: path for path in sorted(PLANS.glob("*.yaml"))}
    name = st.selectbox(
        "Template",
        [*sorted(committed, key=lambda n: (not self_contained(load_plan(n)), n)), OWN],
        key="plan-name",
        width=260,
        help=f"{GLOSSARY['template']} Those that need no data from elsewhere come first.",
    )
    first = committed[name].read_text(encoding="utf-8") if name in committed else START
    edited = st.components.v2.component(
        "taskpgm_editor",
        js=SCRIPT.read_text(encoding="utf-8"),
        css=STYLE.read_text(encoding="utf-8"),
    )(
        key=f"editor-{name}",
        data={"key": name, "label": "The plan (YAML)", "text": first},
        on_text_change=lambda: None,
    )
    return first if edited.text is None else str(edited.text)


def verdict(text: str) -> Plan | None:
    """The plan, with what it asks for in a sentence; None where it is wrong, with all faults."""
    faults = plan_faults(text)
    if faults:
        heading("This plan cannot be built yet")
        told = [f.sentence if f.line is None else f"Line {f.line}: {f.sentence}" for f in faults]
        st.error("\n".join(f"- {escape(sentence)}" for sentence in told))
        return None
    plan = parse_plan(text)
    brought = sum(task.brought for task in plan.tasks)
    heading(f"{plan.slug}: {len(plan.tasks)} tasks, one model each")
    again = len(plan.second_seeds)
    examples = plan.probe.examples_per_task * len(plan.tasks)
    most = "at most " if plan.probe.adaptive else ""
    st.markdown(
        escape(
            f"{len(plan.tasks) - brought + again} models to train on {plan.base}"
            + (f", {again} of them a second time from another seed" if again else "")
            + (f", {brought} brought along" if brought else "")
            + f"; every model is scored on {most}{examples:,} probe examples"
            + (f" and on {counted(len(plan.targets), 'target')}" if plan.targets else "")
            + "."
        )
    )
    return plan
