"""What training on competing mixtures has come to: charts, tables and the protocol in words."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from pages.ui.chart import chart, escape
from pages.ui.evidence_runs import FinishedRuns, budget_words
from pages.ui.layout import Scene
from taskpgm_core.evidence.arms import arm_title, arm_words
from taskpgm_core.evidence.forecast import foresight, rank_correlation
from taskpgm_core.evidence.outcome import outcome_finding
from taskpgm_core.evidence.protocol import Arm
from taskpgm_core.evidence.statistics import epochs
from taskpgm_core.figures.evidence import (
    arms_figure,
    foresight_figure,
    task_gains_figure,
    tokens_figure,
)
from taskpgm_core.findings.evidence import foresight_reading
from taskpgm_core.findings.glossary import GLOSSARY

TOKENS_ALIKE = 1.1  # below this ratio of the largest to the smallest, tokens explain nothing

MARKS = (
    "A diamond is surely better, a square surely worse. An arrow points to a mixture far outside."
)


def finding(trained: FinishedRuns) -> str:
    """What the corrected intervals say, in a sentence."""
    return outcome_finding(
        trained.compared,
        len(trained.tasks),
        reference=trained.reference,
        column=trained.column,
        titles=trained.titles,
    )


def arms_chart(trained: FinishedRuns, scene: Scene) -> None:
    shown = [c for c in trained.compared if c.difference is not None]
    chart(
        arms_figure(
            [trained.titles[c.arm] for c in shown],
            [c.difference or 0.0 for c in shown],
            [c.low for c in shown],
            [c.high for c in shown],
            [c.sure for c in shown],
            reference=trained.titles[trained.reference],
            what=trained.what,
            better=trained.better,
            palette=scene.palette,
        ),
        finding(trained),
        f"To the {trained.better} is better. Lines: 95% intervals, if the tasks and training seeds "
        f"were drawn again. {MARKS}",
        key="arms",
    )


def arms_table(trained: FinishedRuns, scene: Scene) -> None:
    """Each mixture's loss and exact match; what else is known of its runs, folded."""
    number = st.column_config.NumberColumn
    looks = {
        "mixture": st.column_config.TextColumn(width=230),
        "loss": number(format="%.3f", help="nats a token", width=64),
        "exact": number(format="%.1f%%", help="rows answered exactly", width=66),
        "p": number(format="%.3f", help="two-sided, with Holm's correction", width=60),
        "tokens": number(format="localized", step=1, help=GLOSSARY["tokens trained on"]),
        "epochs": number(
            format="%.2f",
            help=f"Of the task whose rows were repeated most. {GLOSSARY['epochs']}",
        ),
    }
    names = [trained.titles[c.arm] for c in trained.compared]
    known_columns(
        looks,
        {
            "mixture": names,
            "loss": [c.loss for c in trained.compared],
            "exact": [100 * c.accuracy for c in trained.compared],
            "p": [c.p_holm for c in trained.compared],
        },
    )
    study = scene.study
    rows = {} if study.rows is None else dict(zip(study.names, study.rows, strict=True))
    often = epochs(trained.runs, rows)
    worst = f"its {trained.metric}"
    with st.expander("Worst tasks, tokens and epochs"):
        known_columns(
            looks | {worst: number(format="%.3f")},
            {
                "mixture": names,
                "worst task": [c.worst_task for c in trained.compared],
                worst: [c.worst for c in trained.compared],
                "tokens": [c.tokens for c in trained.compared],
                "seeds": [c.seeds for c in trained.compared],
                "epochs": [often.get(c.arm) for c in trained.compared],
            },
        )
    download(trained)


def download(trained: FinishedRuns) -> None:
    st.download_button(
        "All runs (CSV)",
        trained.runs.to_csv(index=False),
        "runs.csv",
        "text/csv",
        on_click="ignore",
    )


def known_columns(looks: dict[str, ColumnConfig], columns: Mapping[str, Sequence[object]]) -> None:
    """A table without the columns of which nothing is known."""
    frame = pd.DataFrame(columns).dropna(axis="columns", how="all")
    st.dataframe(frame, hide_index=True, placeholder="", column_config=looks)


def tokens_chart(trained: FinishedRuns, scene: Scene) -> None:
    """The same losses by the supervised tokens that they took; nothing where all took as many."""
    if trained.column != "loss":
        return
    tokens, loss = [c.tokens for c in trained.compared], [c.loss for c in trained.compared]
    unknown = any(math.isnan(t) for t in tokens)
    if unknown or len(set(loss)) < 3 or max(tokens) <= TOKENS_ALIKE * min(tokens):
        return
    chart(
        tokens_figure(
            [trained.titles[c.arm] for c in trained.compared], tokens, loss, palette=scene.palette
        ),
        f"Runs trained on {min(tokens):,.0f} to {max(tokens):,.0f} tokens",
        f"Equal rows are not equal tokens. Rank correlation of tokens and loss over the mixtures: "
        f"{rank_correlation(tokens, loss):.2f} (-1: the more tokens, the lower the loss). A "
        f"protocol with budget_tokens gives all mixtures as many.",
        key="tokens",
    )


def gains_chart(trained: FinishedRuns, scene: Scene) -> None:
    arms = [arm for arm in trained.arms if arm != trained.reference]
    if not arms:
        return
    first = trained.skills.first if trained.skills else None
    arm = st.selectbox(
        "Task by task",
        arms,
        arms.index(first.arm) if first and first.arm in arms else 0,
        format_func=trained.titles.__getitem__,
        key="evidence-arm",
        width=300,
        help="The mixture whose gains and losses are shown for every task.",
    )
    means = trained.runs.groupby(["arm", "task"])[trained.column].mean()
    table = pd.DataFrame({name: means[name] for name in (trained.reference, arm)})
    table = table.loc[list(trained.tasks)]
    change = table[arm] - table[trained.reference]
    gains = {str(task): float(gain) for task, gain in change.items()}
    better = sum(trained.is_better(g) for g in gains.values())
    chart(
        task_gains_figure(gains, what=trained.what, better=trained.better, palette=scene.palette),
        f"Better on {better} of {len(gains)} tasks: {trained.titles[arm]}",
        f"Change of each task's {trained.metric} against {trained.titles[trained.reference]}; "
        f"to the {trained.better} is better.",
        key="gains",
    )
    with st.expander("As a table"):
        table = table.rename(columns=trained.titles)
        st.dataframe(table.assign(change=change).rename_axis("task").round(4))


def foresight_chart(trained: FinishedRuns, scene: Scene) -> None:
    """How forecasts placed the mixtures against what came; nothing where none can be made."""
    found = None if trained.column != "loss" else foresight(scene.study, trained.card, trained.runs)
    if found is None:
        return
    chart(
        foresight_figure(
            [trained.titles[arm] for arm in found.arms],
            found.predicted.tolist(),
            found.realised.tolist(),
            share=found.measure == "kept",
            palette=scene.palette,
        ),
        found.finding,
        "From the single-task models' loss table and training curves. No run of a mixture is "
        f"fitted. {foresight_reading(found.predicted, found.realised, found.measure)}",
        key="foresight",
        word="predicted and measured",
    )


def protocol_words(trained: FinishedRuns) -> None:
    """How the runs were made and what each mixture is, folded; nothing of runs made elsewhere,
    which do not say."""
    protocol = trained.card.get("protocol")
    if not protocol:
        return
    budget = budget_words(trained.card, trained.runs)
    held = ", ".join(task["id"] for task in protocol["held_out"]) or "none"
    sure = "A difference is sure below 5% after Holm's correction for the number of mixtures."
    rows = f"{protocol['evaluation_rows']} held-out rows a task judge"
    if protocol.get("skills"):
        rows += f", at least {protocol['skill_rows'] or protocol['evaluation_rows']} a skill"
    if protocol.get("hypotheses"):
        sure = (
            "Hypotheses are tested in their order, each at 5%, and the first that fails ends it; "
            "other mixtures are exploration, with Holm's correction."
        )
    with st.expander("How it was measured, and what each mixture is"):
        st.caption(
            escape(
                f"Every mixture trains the same base model on {budget}, once over them, "
                f"{protocol['training']['batch']} rows a step; a seed redraws rows and "
                f"initialisation. {rows}, none of them in any training or in the probe pool. Tasks "
                f"in no mixture: {held}. {sure} {protocol['about'].strip()}"
            )
        )
        arms = [Arm.model_validate(arm) for arm in trained.card["arms"].values()]
        st.caption("\n".join(f"- {escape(f'{arm_title(arm)}: {arm_words(arm)}')}" for arm in arms))
