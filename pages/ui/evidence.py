"""What training on competing mixtures has come to: charts, tables and the protocol in words."""

import math

import pandas as pd
import streamlit as st

from pages.ui.chart import chart, escape
from pages.ui.evidence_runs import FinishedRuns, budget_words
from pages.ui.layout import Scene
from taskpgm_core.evidence.arms import arm_words
from taskpgm_core.evidence.forecast import foresight, rank_correlation
from taskpgm_core.evidence.protocol import Arm
from taskpgm_core.evidence.statistics import FEWEST, epochs
from taskpgm_core.figures.evidence import (
    arms_figure,
    foresight_figure,
    task_gains_figure,
    tokens_figure,
)
from taskpgm_core.findings.evidence import arms_finding, foresight_finding, foresight_reading

TOKENS_ALIKE = 1.1  # below this ratio of the largest to the smallest, tokens explain nothing


def finding(trained: FinishedRuns) -> str:
    """What the corrected intervals say, in a sentence."""
    if len(trained.tasks) < FEWEST:
        return f"{len(trained.tasks)} tasks are too few to be sure of any difference"
    if all(c.p is None for c in trained.compared):
        return "The seeds in common are too few to be sure of any difference"
    sure = [c for c in trained.compared if c.sure]
    better = {c.arm: c.difference or 0.0 for c in sure if trained.is_better(c.difference or 0.0)}
    worse = {c.arm: c.difference or 0.0 for c in sure if c.arm not in better}
    return arms_finding(better, worse, trained.reference)


def arms_chart(trained: FinishedRuns, scene: Scene) -> None:
    shown = [c for c in trained.compared if c.difference is not None]
    chart(
        arms_figure(
            [c.arm for c in shown],
            [c.difference or 0.0 for c in shown],
            [c.low for c in shown],
            [c.high for c in shown],
            [c.sure for c in shown],
            reference=trained.reference,
            what=trained.what,
            better=trained.better,
            palette=scene.palette,
        ),
        finding(trained),
        f"To the {trained.better} is better. Lines: 95% intervals over seeds and tasks, paired. A "
        "diamond is surely better, a square surely worse: below 5% after Holm's correction for the "
        "number of arms. An arrow points to an arm far outside.",
        key="arms",
    )


def arms_table(trained: FinishedRuns, scene: Scene) -> None:
    worst = f"its {trained.metric}"
    study = scene.study
    rows = {} if study.rows is None else dict(zip(study.names, study.rows, strict=True))
    often = epochs(trained.runs, rows)
    frame = pd.DataFrame(
        {
            "arm": c.arm,
            "loss": c.loss,
            "exact": 100 * c.accuracy,
            "p (Holm)": c.p_holm,
            "worst task": c.worst_task,
            worst: c.worst,
            "tokens": c.tokens,
            "seeds": c.seeds,
            "epochs": often.get(c.arm),
        }
        for c in trained.compared
    ).dropna(axis="columns", how="all")
    st.dataframe(
        frame,
        hide_index=True,
        placeholder="",
        column_config={
            "tokens": st.column_config.NumberColumn(
                format="localized", step=1, help="supervised tokens a run trained on"
            ),
            "loss": st.column_config.NumberColumn(format="%.3f", help="nats a token"),
            "epochs": st.column_config.NumberColumn(
                format="%.2f", help="over the task whose rows were repeated most"
            ),
            "exact": st.column_config.NumberColumn(format="%.1f%%"),
            worst: st.column_config.NumberColumn(format="%.3f"),
            "p (Holm)": st.column_config.NumberColumn(format="%.3f"),
        },
    )
    st.download_button(
        "All runs (CSV)",
        trained.runs.to_csv(index=False),
        "runs.csv",
        "text/csv",
        on_click="ignore",
    )


def tokens_chart(trained: FinishedRuns, scene: Scene) -> None:
    """The same losses by the supervised tokens that they took; nothing where all took as many."""
    if trained.column != "loss":
        return
    tokens, loss = [c.tokens for c in trained.compared], [c.loss for c in trained.compared]
    unknown = any(math.isnan(t) for t in tokens)
    if unknown or len(set(loss)) < 3 or max(tokens) <= TOKENS_ALIKE * min(tokens):
        return
    chart(
        tokens_figure([c.arm for c in trained.compared], tokens, loss, palette=scene.palette),
        f"Runs trained on {min(tokens):,.0f} to {max(tokens):,.0f} supervised tokens",
        f"Equal rows are not equal tokens. Rank correlation of tokens and loss over the arms: "
        f"{rank_correlation(tokens, loss):.2f} (-1: the more tokens, the lower the loss). A "
        f"protocol with budget_tokens gives all arms as many.",
        key="tokens",
    )


def gains_chart(trained: FinishedRuns, scene: Scene) -> None:
    arms = [c.arm for c in trained.compared if c.arm != trained.reference]
    if not arms:
        return
    arm = st.selectbox(
        "Task by task",
        arms,
        key="evidence-arm",
        width=260,
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
        f"{arm} is better on {better} of {len(gains)} tasks",
        f"Change of each task's {trained.metric} against {trained.reference}; to the "
        f"{trained.better} is better.",
        key="gains",
    )
    with st.expander("As a table"):
        st.dataframe(table.assign(change=change).rename_axis("task").round(4))


def foresight_chart(trained: FinishedRuns, scene: Scene) -> None:
    """Forecasts of the arms' losses against those that came; nothing where none can be made."""
    if trained.column != "loss" or not set(scene.study.names) <= set(trained.tasks):
        return
    found = foresight(scene.study, trained.runs)
    if found is None:
        return
    chart(
        foresight_figure(
            found.arms,
            found.predicted.tolist(),
            found.realised.tolist(),
            palette=scene.palette,
        ),
        foresight_finding(found.reliable, found.correlation, found.p),
        "From the study's loss table alone, before any training: rows of a task are worth as much "
        "to another as its model gains there. Nothing is fitted. "
        + foresight_reading(found.predicted, found.realised),
        key="foresight",
    )


def protocol_words(trained: FinishedRuns) -> None:
    protocol = trained.card.get("protocol")
    if not protocol:
        return
    budget = budget_words(trained.card, trained.runs)
    held = ", ".join(task["id"] for task in protocol["held_out"]) or "none"
    st.caption(
        escape(
            f"Protocol: every arm trains the same base model on {budget}, once over "
            f"them, {protocol['training']['batch']} rows a step; a seed redraws rows and "
            f"initialisation. {protocol['evaluation_rows']} held-out rows a task judge, none of "
            f"them in any training or in the probe pool. Tasks in no mixture: {held}. "
            f"{protocol['about'].strip()}"
        )
    )


def arms_words(trained: FinishedRuns) -> None:
    """What each arm is; nothing of runs made elsewhere, which do not say."""
    if trained.card.get("protocol"):
        arms = [Arm.model_validate(arm) for arm in trained.card["arms"].values()]
        said = "; ".join(f"{arm.name}: {arm_words(arm)}" for arm in arms)
        st.caption(escape(f"Arms: {said}."))
