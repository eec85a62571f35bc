"""What training on competing mixtures has come to, read once a study and its evidence."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import streamlit as st

from pages.ui.chart import chart, escape, heading
from pages.ui.frame import Scene
from taskpgm_core import store
from taskpgm_core.errors import StoreError, TaskPGMError
from taskpgm_core.evidence.comparison import FEWEST, Column, Comparison, compare, epochs, judges
from taskpgm_core.evidence.forecast import foresight, rank_correlation
from taskpgm_core.evidence.mixtures import arm_words
from taskpgm_core.evidence.protocol import Arm, committed_protocols
from taskpgm_core.figures.arms import (
    Side,
    arms_figure,
    foresight_figure,
    task_gains_figure,
    tokens_figure,
)
from taskpgm_core.figures.arms_findings import arms_finding, foresight_finding, foresight_reading

LARGEST = 2_000_000
TOKENS_ALIKE = 1.1  # below this ratio of the largest to the smallest, tokens explain nothing
INSIDE, OUTSIDE, PUBLIC = "tasks of the study", "tasks in no mixture", "public suites"
PUBLIC_METRIC: tuple[Column, str] = ("accuracy", "score")
METRICS: dict[str, tuple[Column, str]] = {
    "loss": ("loss", "loss, nats a token"),
    "exact match": ("accuracy", "exact match, share of rows"),
}


@dataclass(frozen=True)
class Trained:
    """``runs``: rows as in ``store.evidence``; ``tasks``: those that judge, by ``column``, which
    charts call ``what``."""

    card: dict[str, Any]
    runs: pd.DataFrame
    tasks: tuple[str, ...]
    compared: tuple[Comparison, ...]
    reference: str
    column: Column
    what: str

    @property
    def metric(self) -> str:
        return self.what.partition(",")[0]

    @property
    def better(self) -> Side:
        return "left" if self.column == "loss" else "right"

    def is_better(self, difference: float) -> bool:
        """Whether an arm with this difference to the reference beats it."""
        return difference < 0 if self.better == "left" else difference > 0


def pick_evidence(scene: Scene) -> Trained | None:
    """The evidence folder, the tasks that judge and the reference arm; None where there is none."""
    try:
        known = store.evidence(scene.study)
    except StoreError as error:
        st.error(escape(str(error)))
        return None
    if not known:
        heading("No mixture of this study has been trained on yet")
        st.markdown("Train competing mixtures under one budget, one finished run after another:")
        fitting = [n for n, p in committed_protocols().items() if p.study == scene.study.slug]
        name = fitting[0] if fitting else "PROTOCOL.yaml"
        st.code(f"python -m taskpgm_core validate {name}", language=None)
        return None
    names = {_name(card, runs): (card, runs) for card, runs in known}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox("Protocol", list(names), key="evidence-folder", width=330)
        card, runs = names[chosen]
        outside, suites = judges(runs, scene.study.names)
        inside = [t for t in scene.study.names if t in set(runs["task"])]
        kinds = {
            kind: tuple(tasks)
            for kind, tasks in ((INSIDE, inside), (OUTSIDE, outside), (PUBLIC, suites))
            if tasks
        }
        kind = st.segmented_control(
            "Judged on", list(kinds), default=next(iter(kinds)), required=True, key="evidence-tasks"
        )
        if kind == PUBLIC:
            column, what = PUBLIC_METRIC
        else:
            by = st.segmented_control(
                "By", list(METRICS), default="loss", required=True, key="evidence-metric"
            )
            column, what = METRICS[by]
        arms = sorted(set(runs["arm"]))
        first = arms.index("uniform") if "uniform" in arms else 0
        reference = st.selectbox("Against", arms, first, key="evidence-reference", width=200)
    tasks = kinds[kind]
    try:
        compared = compare(runs, tasks, column=column, reference=reference)
        return Trained(card, runs, tasks, compared, reference, column, what)
    except TaskPGMError as error:
        st.error(escape(str(error)))
        return None


def _name(card: dict[str, Any], runs: pd.DataFrame) -> str:
    seeds = runs["seed"].nunique()
    what = f"{_budget(card, runs)}, {runs['arm'].nunique()} arms, {seeds} seeds"
    source = f"imported from {card['imported']}" if "imported" in card else card["stage"]
    return f"{source.capitalize()}: {what} ({card['folder']})"


def _budget(card: dict[str, Any], runs: pd.DataFrame) -> str:
    tokens = card.get("protocol", {}).get("budget_tokens")
    return f"{tokens:,} tokens" if tokens else f"{int(runs['budget'].iloc[0]):,} rows"


def finding(trained: Trained) -> str:
    """What the corrected intervals say, in a sentence."""
    if len(trained.tasks) < FEWEST:
        return f"{len(trained.tasks)} tasks are too few to be sure of any difference"
    sure = [c for c in trained.compared if c.p_holm is not None and c.p_holm < 0.05]
    better = [c.arm for c in sure if c.difference and trained.is_better(c.difference)]
    return arms_finding(better, [c.arm for c in sure if c.arm not in better], trained.reference)


def arms_chart(trained: Trained, scene: Scene) -> None:
    shown = [c for c in trained.compared if c.difference is not None]
    chart(
        arms_figure(
            [c.arm for c in shown],
            [c.difference or 0.0 for c in shown],
            [c.low for c in shown],
            [c.high for c in shown],
            reference=trained.reference,
            what=trained.what,
            better=trained.better,
            palette=scene.palette,
        ),
        finding(trained),
        f"To the {trained.better} is better. Lines: 95% intervals over seeds and tasks, paired; a "
        "diamond or a square has all of its interval on one side of 0. The heading corrects for "
        "the number of arms (Holm), the lines do not. An arrow points to an arm far outside.",
        key="arms",
    )


def arms_table(trained: Trained, scene: Scene) -> None:
    worst = f"its {trained.metric}"
    study = scene.study
    rows = {} if study.rows is None else dict(zip(study.names, study.rows, strict=True))
    often = epochs(trained.runs, rows)
    frame = pd.DataFrame(
        {
            "arm": c.arm,
            "seeds": c.seeds,
            "tokens": c.tokens,
            "loss": c.loss,
            "p (Holm)": c.p_holm,
            "exact": 100 * c.accuracy,
            "worst task": c.worst_task,
            worst: c.worst,
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


def tokens_chart(trained: Trained, scene: Scene) -> None:
    """The same losses by the supervised tokens that they took; nothing where all took as many."""
    if trained.column != "loss":
        return
    tokens, loss = [c.tokens for c in trained.compared], [c.loss for c in trained.compared]
    if len(set(loss)) < 3 or max(tokens) <= TOKENS_ALIKE * min(tokens):
        return
    chart(
        tokens_figure([c.arm for c in trained.compared], tokens, loss, palette=scene.palette),
        f"Runs trained on {min(tokens):,.0f} to {max(tokens):,.0f} supervised tokens",
        f"Equal rows are not equal tokens. Rank correlation of tokens and loss over the arms: "
        f"{rank_correlation(tokens, loss):.2f} (-1: the more tokens, the lower the loss). A "
        f"protocol with budget_tokens gives all arms as many.",
        key="tokens",
    )


def gains_chart(trained: Trained, scene: Scene) -> None:
    arms = [c.arm for c in trained.compared if c.arm != trained.reference]
    if not arms:
        return
    arm = st.selectbox("Task by task", arms, key="evidence-arm", width=260)
    means = trained.runs.groupby(["arm", "task"])[trained.column].mean()
    gains = {t: float(means[arm, t] - means[trained.reference, t]) for t in trained.tasks}
    better = sum(trained.is_better(g) for g in gains.values())
    chart(
        task_gains_figure(gains, what=trained.what, better=trained.better, palette=scene.palette),
        f"{arm} is better on {better} of {len(gains)} tasks",
        f"Change of each task's {trained.metric} against {trained.reference}; to the "
        f"{trained.better} is better.",
        key="gains",
    )


def foresight_chart(trained: Trained, scene: Scene) -> None:
    """Forecasts of the arms' losses against those that came; nothing where none can be made."""
    if trained.column != "loss" or not set(scene.study.names) <= set(trained.tasks):
        return
    found = foresight(scene.study, trained.runs)
    if found is None:
        return
    chart(
        foresight_figure(found.arms, found.predicted, found.realised, palette=scene.palette),
        foresight_finding(found.reliable, found.correlation, found.p),
        "From the study's loss table alone, before any training: rows of a task are worth as much "
        "to another as its model gains there. Nothing is fitted. "
        + foresight_reading(found.predicted, found.realised),
        key="foresight",
    )


def protocol_words(trained: Trained) -> None:
    protocol = trained.card.get("protocol")
    if not protocol:
        return
    budget = _budget(trained.card, trained.runs)
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


def arms_words(trained: Trained) -> None:
    """What each arm is; nothing of runs made elsewhere, which do not say."""
    if trained.card.get("protocol"):
        arms = [Arm.model_validate(arm) for arm in trained.card["arms"].values()]
        said = "; ".join(f"{arm.name}: {arm_words(arm)}" for arm in arms)
        st.caption(escape(f"Arms: {said}."))


def bring_runs(scene: Scene) -> None:
    """Keep the runs of a CSV, made elsewhere, under this study."""
    with st.expander("Bring the runs of your own training"):
        st.caption(escape(f"A CSV with the columns {', '.join(store.evidence_columns())}."))
        file = st.file_uploader("Runs", type="csv", key="runs-file", max_upload_size=2)
        if file is not None and st.button("Keep them with this study"):
            try:
                if file.size > LARGEST:
                    raise StoreError(f"The file has {file.size:,} bytes; at most {LARGEST:,}.")
                with TemporaryDirectory() as folder:
                    place = Path(folder) / "runs.csv"
                    place.write_bytes(file.getvalue())
                    count = store.import_runs(scene.study, place)
                st.success(f"{count} runs are kept; pick them above after a reload.")
            except TaskPGMError as error:
                st.error(escape(str(error)))
