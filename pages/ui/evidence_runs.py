"""The finished runs that the Evidence page judges by: picked, or brought along."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import streamlit as st

from pages.ui.chart import escape, heading
from pages.ui.layout import Scene
from taskpgm_core import store
from taskpgm_core.errors import StoreError, TaskPGMError
from taskpgm_core.evidence.arms import arm_titles
from taskpgm_core.evidence.protocol import committed_protocols
from taskpgm_core.evidence.statistics import Column, Comparison, compare, judged_by, judges
from taskpgm_core.evidence.verdict import SkillRuns, skill_runs
from taskpgm_core.figures.evidence import Side
from taskpgm_core.figures.numbers import counted
from taskpgm_core.findings.evidence import COUNTS
from taskpgm_core.findings.glossary import GLOSSARY

LARGEST = 2_000_000
SKILLS = "skills"
INSIDE, OUTSIDE, PUBLIC = "tasks of the study", "tasks in no mixture", "public suites"
PUBLIC_METRIC: tuple[Column, str] = ("accuracy", "score")
METRICS: dict[str, tuple[Column, str]] = {
    "loss": ("loss", "loss, nats a token"),
    "exact match": ("accuracy", "exact match, share of rows"),
}


@dataclass(frozen=True)
class FinishedRuns:
    """``runs``: rows as in ``store.evidence``; ``tasks``: those that judge, by ``column``, which
    charts call ``what``; ``titles``: what each arm is called; ``skills``: what the runs say where
    skills judge them, by the ``count`` of ``findings.evidence.COUNTS``, and then not compared."""

    card: dict[str, Any]
    runs: pd.DataFrame
    tasks: tuple[str, ...]
    compared: tuple[Comparison, ...]
    reference: str
    column: Column
    what: str
    titles: Mapping[str, str]
    skills: SkillRuns | None = None
    count: str = "kept"

    @property
    def arms(self) -> tuple[str, ...]:
        """Those that are compared, on one budget."""
        return self.skills.full if self.skills else tuple(c.arm for c in self.compared)

    @property
    def metric(self) -> str:
        return self.what.partition(",")[0]

    @property
    def better(self) -> Side:
        return "left" if self.column == "loss" else "right"

    def is_better(self, difference: float) -> bool:
        """Whether an arm with this difference to the reference beats it."""
        return difference < 0 if self.better == "left" else difference > 0


def pick_evidence(scene: Scene) -> FinishedRuns | None:
    """The evidence folder, the tasks that judge and the reference arm; None where there is none."""
    try:
        known = store.evidence(scene.study)
    except StoreError as error:
        st.error(escape(str(error)))
        return None
    if not known:
        heading("No mixture of this study has been trained on yet")
        if scene.study.plan is None:
            st.markdown(
                "What was imported names no rows to train on here. Train on competing mixtures "
                "with your own trainer, under one budget, and import the runs below."
            )
            return None
        st.markdown("Train competing mixtures under one budget, one finished run after another:")
        fitting = [n for n, p in committed_protocols().items() if p.study == scene.study.slug]
        name = fitting[0] if fitting else "PROTOCOL.yaml"
        st.code(f"python -m taskpgm_core validate {name}", language=None)
        return None
    names = named_runs(known)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Protocol",
            list(names),
            key="evidence-folder",
            width=330,
            help=f"{GLOSSARY['protocol']} A screening chose the mixtures of a confirmation.",
        )
        card, runs = names[chosen]
        outside, suites = judges(runs, scene.study.names)
        inside = [t for t in scene.study.names if t in set(runs["task"])]
        skills = skill_runs(scene.study, card, runs)
        kinds = {
            kind: tuple(tasks)
            for kind, tasks in (
                (SKILLS, inside if skills else []),
                (INSIDE, inside),
                (OUTSIDE, outside),
                (PUBLIC, suites),
            )
            if tasks
        }
        kind, count, column, what = _judged_on(runs, kinds, skills)
        arms = sorted(set(runs["arm"]))
        titles = arm_titles(card["arms"], arms)
        if skills and kind == SKILLS:
            arms, titles = sorted(skills.full), dict(skills.titles)
        first = arms.index("uniform") if "uniform" in arms else 0
        reference = st.selectbox(
            "Against",
            arms,
            first,
            format_func=titles.__getitem__,
            key="evidence-reference",
            width=230,
            help="The mixture that all others are compared with, seed by seed and task by task.",
        )
    tasks = tuple(judged_by(runs, kinds[kind], column))
    if kind == SKILLS:
        return FinishedRuns(card, runs, tasks, (), reference, column, what, titles, skills, count)
    try:
        compared = compare(runs, tasks, column=column, reference=reference)
        return FinishedRuns(card, runs, tasks, compared, reference, column, what, titles)
    except TaskPGMError as error:
        st.error(escape(str(error)))
        return None


def _judged_on(
    runs: pd.DataFrame, kinds: Mapping[str, Sequence[str]], skills: SkillRuns | None
) -> tuple[str, str, Column, str]:
    """Which of ``kinds`` {kind: tasks} judges ``runs``, the count where it is skills, by what
    column, and what charts call it."""
    kind = _one_of(
        "Judged on",
        list(kinds),
        "evidence-tasks",
        "Skills, each counted once; or held-out rows of every task trained on, each counted; or "
        "tasks that no mixture held.",
    )
    if kind == PUBLIC:
        return kind, "", *PUBLIC_METRIC
    if kind == SKILLS and skills:
        known = [m for m in COUNTS if skills.judged.table[m].notna().any()]
        count = st.selectbox(
            "By",
            known,
            format_func=lambda m: COUNTS[m].title,
            key="evidence-count",
            width=190,
            help=f"Share kept decides. {GLOSSARY['share kept']} Formula: (base loss - its loss) / "
            "(base loss - their loss).",
        )
        return kind, count, *METRICS["loss"]
    by = _one_of(
        "By",
        [name for name, (column, _) in METRICS.items() if judged_by(runs, kinds[kind], column)],
        "evidence-metric",
        "Mean loss of the completion's tokens, or the share of rows answered exactly.",
    )
    return kind, "", *METRICS[by]


def _one_of(label: str, options: Sequence[str], key: str, purpose: str) -> str:
    return st.segmented_control(
        label, options, default=options[0], required=True, key=key, help=purpose
    )


def named_runs(
    known: Sequence[tuple[dict[str, Any], pd.DataFrame]],
) -> dict[str, tuple[dict[str, Any], pd.DataFrame]]:
    """What each folder of runs is called, with its digest where two would be called the same."""
    said = [_name(card, runs) for card, runs in known]
    return {
        name if said.count(name) == 1 else f"{name} ({card['folder']})": (card, runs)
        for name, (card, runs) in zip(said, known, strict=True)
    }


def _name(card: dict[str, Any], runs: pd.DataFrame) -> str:
    mixtures, seeds = (
        counted(runs["arm"].nunique(), "mixture"),
        counted(runs["seed"].nunique(), "seed"),
    )
    what = f"{budget_words(card, runs)}, {mixtures}, {seeds}"
    source = f"imported from {card['imported']}" if "imported" in card else card["stage"]
    source += " of a tuning" if card["tuning"] else ""
    return f"{source.capitalize()}: {what}"


def budget_words(card: dict[str, Any], runs: pd.DataFrame) -> str:
    """What a run trained on: a number of rows, or of tokens."""
    tokens = card.get("protocol", {}).get("budget_tokens")
    if tokens:
        return f"{tokens:,} tokens"
    budget = runs["budget"].iloc[0]
    return "an unknown budget" if pd.isna(budget) else f"{int(budget):,} rows"


def bring_runs(scene: Scene) -> None:
    """Keep the runs in files that were made elsewhere under this study."""
    with st.expander("Import runs of your own training"):
        st.caption(
            "A table with the columns arm, task, and loss or accuracy (seed, budget, n_rows, "
            "n_tokens, steps where known), or result files of lm-evaluation-harness."
        )
        files = st.file_uploader(
            "Runs",
            type=["csv", "tsv", "json"],
            accept_multiple_files=True,
            key="runs-file",
            max_upload_size=2,
            help="One row a run and task, as in the table that this page gives out.",
        )
        if files and st.button("Save them with this study"):
            try:
                count, said = _kept(scene, [(f.name, f.getvalue()) for f in files])
                for sentence in said:
                    st.warning(escape(sentence))
                st.success(f"{count} runs are saved; pick them above after a reload.")
            except TaskPGMError as error:
                st.error(escape(str(error)))


def _kept(scene: Scene, files: Sequence[tuple[str, bytes]]) -> tuple[int, tuple[str, ...]]:
    """How many runs of uploaded (name, bytes) were kept, and what is to be said of them."""
    with TemporaryDirectory() as folder:
        places = []
        for k, (name, data) in enumerate(files):
            if len(data) > LARGEST:
                raise StoreError(f"{name} has {len(data):,} bytes; at most {LARGEST:,}.")
            places.append(Path(folder) / str(k) / Path(name).name)
            places[-1].parent.mkdir()
            places[-1].write_bytes(data)
        brought = store.read_runs(places, scene.study.names)
        return store.import_runs(scene.study, brought), brought.said
