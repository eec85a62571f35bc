"""Verbs that train on mixtures: validate, evidence, train."""

import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import click
import pandas as pd

from taskpgm_core import store
from taskpgm_core.analysis.question import Question, pose_question
from taskpgm_core.builds.training_rows import training_plan
from taskpgm_core.cli.build import engine_options, placing_of
from taskpgm_core.cli.export import recipe_from
from taskpgm_core.cli.judged import judged_card, judged_lines
from taskpgm_core.cli.options import question_options
from taskpgm_core.cli.output import as_json, print_json, study_argument, table, warn
from taskpgm_core.errors import MixtureError, StoreError, TaskPGMError
from taskpgm_core.evidence.forecast import foresight
from taskpgm_core.evidence.outcome import recommend
from taskpgm_core.evidence.protocol import (
    Arm,
    hypotheses_warning,
    load_protocol,
    skills_warning,
    with_arms,
)
from taskpgm_core.evidence.statistics import Column, Comparison, compare, judged_by, judges
from taskpgm_core.evidence.verdict import skill_runs
from taskpgm_core.findings.evidence import COUNTS
from taskpgm_core.findings.recommendation import little_to_gain
from taskpgm_core.plans.plan import plan_of
from taskpgm_core.plans.slug import ARM, arm_of
from taskpgm_core.records import Study


def _part(text: str) -> tuple[int, int]:
    k, slash, of = text.partition("/")
    if not (slash and k.isdecimal() and of.isdecimal() and int(k) < int(of)):
        raise TaskPGMError(f"--part wants K/N with K below N, as in 0/2, not '{text}'.")
    return int(k), int(of)


def suite_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--suite, --suite-rows and --suite-tasks."""
    for option in (
        click.option("--suite-tasks", help="A folder with YAML files of suites of your own."),
        click.option("--suite-rows", type=click.IntRange(1), help="Rows of each task of a suite."),
        click.option("--suite", help="NAME,NAME: suites of lm-evaluation-harness that judge too."),
    ):
        command = option(command)
    return command


def _names(suite: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(s for s in (suite or "").replace(" ", "").split(",") if s))


@click.command()
@click.argument("protocol")
@click.option(
    "--threads",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="CPU threads of this process.",
)
@click.option(
    "--part",
    default="0/1",
    show_default=True,
    help="K/N: every N-th run from the K-th, to share the runs.",
)
@click.option(
    "--repeat", is_flag=True, help="Make kept runs again and say how far from them; keep nothing."
)
@click.option("--study", "other", help="Another study than the protocol names.")
@click.option(
    "--arm", "brought", multiple=True, help="NAME=FILE: an arm more, the mixture in FILE."
)
@engine_options()
@suite_options
@as_json
def validate(
    protocol: str,
    threads: int,
    part: str,
    repeat: bool,
    other: str | None,
    brought: tuple[str, ...],
    engine: Literal["local", "ray"],
    address: str | None,
    workers: int | None,
    suite: str | None,
    suite_rows: int | None,
    suite_tasks: str | None,
    as_json: bool,
) -> None:
    """Train the competing mixtures of PROTOCOL (a YAML file or a committed one's name).

    Finished runs are kept one by one, and the same command goes on where it stopped. Started twice,
    the two processes share the runs. docs/protocols.md says how to write a protocol of your own,
    and docs/input-files.md which files with a mixture --arm reads.
    """
    from taskpgm_core.evidence.campaign import campaign

    chosen, share = load_protocol(protocol), _part(part)
    if suite:
        update = {"suites": _names(suite), "suite_rows": suite_rows or chosen.suite_rows}
        chosen = chosen.model_copy(update=update)
    if other:
        chosen = chosen.model_copy(update={"study": other})
    study = store.open_study(chosen.study)
    if study.kind != "measured":
        raise StoreError(
            f"{study.slug} {study.without_models}; validate trains on a study of models, which "
            "build makes from a plan."
        )
    if brought:
        chosen = with_arms(chosen, [_brought_arm(text, study) for text in brought])
    if little := little_to_gain(len(study.names), pose_question(study, Question()).kernel.skills):
        warn(f"{little[:1].upper()}{little[1:]}.")
    for heard in (skills_warning(chosen, study), hypotheses_warning(chosen, study)):
        if heard:
            warn(heard)
    plan = plan_of(study)
    made = campaign(
        chosen,
        study,
        plan,
        threads=threads,
        part=share,
        placing=placing_of(engine, address, workers),
        suite_tasks=suite_tasks,
        repeat=repeat,
        say=lambda line: click.echo(line, err=True),
    )
    answer: dict[str, Any] = {"protocol": chosen.name, "study": study.slug, "runs_made": made}
    if as_json:
        print_json(answer)
    elif repeat:
        click.echo(f"{chosen.name}: {made} runs made again, nothing written.")
    else:
        folder = store.open_study(chosen.study).folder
        click.echo(f"{chosen.name}: {made} runs made now, kept under {folder}/evidence.")


def _brought_arm(text: str, study: Study) -> Arm:
    name, equals, file = text.partition("=")
    if not (name and equals and file):
        raise TaskPGMError(f"--arm wants NAME=FILE, as in mine=mixture.json, not '{text}'.")
    p = store.read_mixture(file, study.names, study.tasks)
    weights = {task: x for task, x in zip(study.names, p.tolist(), strict=True) if x}
    if not ARM.fullmatch(name):
        raise TaskPGMError(f"--arm {name}: a name is lower-case letters, digits, . and -.")
    return Arm(name=name, weights=weights)


@click.command()
@study_argument
@click.option("--reference", default="uniform", show_default=True, help="The arm to compare with.")
@click.option(
    "--by",
    "column",
    type=click.Choice(["loss", "accuracy"]),
    help="What arms are compared by (loss where there is any); accuracy is exact match.",
)
@click.option("--folder", help="The beginning of an evidence folder's name, where there are more.")
@click.option(
    "--import",
    "files",
    multiple=True,
    help="First keep the runs in this CSV or result file (or folder) of lm-evaluation-harness.",
)
@as_json
def evidence(
    study: str,
    reference: str,
    column: Column | None,
    folder: str | None,
    files: tuple[str, ...],
    as_json: bool,
) -> None:
    """What training on competing mixtures of STUDY has come to so far.

    docs/input-files.md says which files of runs --import reads.
    """
    found = store.open_study(study)
    if files:
        brought = store.read_runs(files, found.names)
        for sentence in brought.said:
            warn(sentence)
        rows = brought.rows.assign(arm=brought.rows["arm"].map(arm_of))  # as they are kept
        _compared(rows, found, column, arm_of(reference))
        if store.is_bundled(found.folder):
            found = store.own_copy(found)
            warn(f"{found.slug} came with the package; its copy keeps the runs: {found.folder}")
        store.import_runs(found, brought)  # only what can be compared: nothing removes it again
        folder = folder or brought.digest[:12]
    card, runs = chosen_evidence(found, folder)
    reference = reference if reference in set(runs["arm"]) else arm_of(reference)
    column, inside, outside, public = _compared(runs, found, column, reference)
    told = foresight(found, card, runs)
    judged = skill_runs(found, card, runs)
    if as_json:
        print_json(
            {
                "study": found.slug,
                "reference": reference,
                "by": column,
                "protocol": card.get("protocol"),
                "tasks": [asdict(c) for c in inside],
                "held_out": [asdict(c) for c in outside],
                "suites": [asdict(c) for c in public],
                "skills": None if judged is None else judged_card(judged),
                "forecast": None if told is None else told.to_json(),
                "recommended": recommend(found).sentence,
            }
        )
        return
    arms, seeds = runs["arm"].nunique(), runs["seed"].nunique()
    finished = len(runs[["arm", "seed"]].drop_duplicates())
    click.echo(f"{card['stage']} {card['folder']}: {finished} runs of {arms} arms, {seeds} seeds.")
    what = "loss in nats a token" if column == "loss" else "exact match"
    for title, compared in (
        (f"Tasks of the study, {what}", inside),
        (f"Tasks in no mixture, {what}", outside),
        ("Public suites, by their own metrics (exact)", public),
    ):
        if compared:
            click.echo(f"{title}; difference to {reference}:")
            click.echo(table(HEADER, [_row(c) for c in compared]))
    if judged is not None:
        for line in judged_lines(judged):
            click.echo(line)
    if told is not None:
        click.echo(f"{told.finding}, by {COUNTS[told.measure].title}.")
    click.echo("Tokens: supervised ones a run trained on. Equal rows do not make them equal.")
    click.echo(recommend(found).sentence)


COLUMNS_TO_JUDGE_BY: tuple[Column, ...] = ("loss", "accuracy")


def _compared(
    runs: pd.DataFrame, study: Study, column: Column | None, reference: str
) -> tuple[Column, tuple[Comparison, ...], tuple[Comparison, ...], tuple[Comparison, ...]]:
    """What compares the arms on tasks, and the arms on the study's tasks, on tasks in no mixture
    and on public suites; each with the tasks that judged them."""
    held_out, suites = judges(runs, study.names)
    told = {c: judged_by(runs, [*study.names, *held_out], c) for c in COLUMNS_TO_JUDGE_BY}
    if column and not told[column] and any(told.values()):
        other = next(c for c in COLUMNS_TO_JUDGE_BY if told[c])
        raise MixtureError(f"These runs have no {column} of any task; compare them --by {other}.")
    by = column
    if by is None:
        by = "loss" if told["loss"] else "accuracy"
    kinds = [study.names, held_out]
    compared = [
        compare(runs, tasks, column=by, reference=reference) if tasks else ()
        for tasks in (judged_by(runs, kind, by) for kind in kinds)
    ]
    public = compare(runs, suites, column="accuracy", reference=reference) if suites else ()
    return by, compared[0], compared[1], public


HEADER = [
    "arm",
    "seeds",
    "tokens",
    "loss",
    "exact",
    "difference",
    "95% interval",
    "p (Holm)",
    "worst task",
]


def _row(c: Comparison) -> list[str]:
    interval = "-" if c.low is None else f"{c.low:+.4f} to {c.high:+.4f}"
    return [
        c.arm,
        str(c.seeds),
        "-" if math.isnan(c.tokens) else f"{c.tokens:,.0f}",
        "-" if math.isnan(c.loss) else f"{c.loss:.4f}",
        "-" if math.isnan(c.accuracy) else f"{c.accuracy:.1%}",
        "-" if c.difference is None else f"{c.difference:+.4f}",
        interval,
        "-" if c.p_holm is None else f"{c.p_holm:.3f}",
        f"{c.worst_task} {c.worst:.3f}",
    ]


def chosen_evidence(study: Study, folder: str | None) -> tuple[dict[str, Any], pd.DataFrame]:
    """The one evidence folder that is meant, a confirmation before all others where none is named,
    and those of tunings after all others.

    StoreError where there is none, or more.
    """
    known = store.evidence(study)
    meant = [one for one in known if one[0]["folder"].startswith(folder or "")]
    if not folder:
        meant = [one for one in meant if not one[0].get("tuning")] or meant
    if not folder and [card["stage"] for card, _ in meant].count("confirmation") == 1:
        meant = meant[:1]
    if len(meant) != 1:
        of = {True: " of a tuning", False: ""}
        listing = ", ".join(
            f"{card['folder']} ({card['stage']}{of[bool(card.get('tuning'))]})" for card, _ in known
        )
        listing = listing or "none"
        raise StoreError(
            f"{study.slug} has {len(meant)} evidence folders of that name (there: {listing}); make "
            f"some with validate, or choose one with --folder."
        )
    return meant[0]


@click.command()
@study_argument
@click.option("--out", required=True, help="The folder for the adapter (peft, safetensors).")
@click.option("--base", help="Another base model than the study's: a hub id, folder or .gguf file.")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of rows and training."
)
@click.option("--batch", type=click.IntRange(1), help="Rows a step (the plan's by default).")
@click.option("--threads", type=click.IntRange(1), help="CPU threads (the plan's by default).")
@suite_options
@question_options
@as_json
def train(
    study: str,
    out: str,
    base: str | None,
    seed: int,
    batch: int | None,
    threads: int | None,
    suite: str | None,
    suite_rows: int | None,
    suite_tasks: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Fine-tune a model on the mixture of STUDY, once over its --budget, and save the adapter."""
    from taskpgm_core.evidence.final_model import train_target

    known, recipe = recipe_from(study, seed, options)
    plan = training_plan(known)
    answer = train_target(
        known,
        plan,
        recipe,
        Path(out),
        base=base or plan.base,
        batch=batch,
        threads=threads,
        suites=_names(suite),
        suite_rows=suite_rows,
        suite_tasks=suite_tasks,
    )
    if as_json:
        print_json(answer)
    else:
        click.echo(
            f"Trained {answer['base']} on {answer['rows']:,} rows in {answer['steps']:,} steps; "
            f"loss {answer['first_loss']:.3f} to {answer['last_loss']:.3f}: {out}"
        )
        for name, score in answer["suites"].items():
            click.echo(f"{name}: {score:.1%}")
