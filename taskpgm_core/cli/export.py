"""Verbs that hand a mixture on: export, materialise, report."""

import datetime
import json
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Any

import click

from taskpgm_core.analysis.replicates import bootstrap
from taskpgm_core.analysis.study_alarms import study_alarms
from taskpgm_core.api.recipes import recipe_of
from taskpgm_core.builds.training_rows import training_rows
from taskpgm_core.cli.options import ask, question_options
from taskpgm_core.cli.output import as_json, print_json, study_argument, warn
from taskpgm_core.errors import ExportError, MixtureError
from taskpgm_core.exports import EXPORTERS, Recipe, export
from taskpgm_core.exports.materialise import materialise
from taskpgm_core.files.atomic import write_atomic
from taskpgm_core.mixture.explanation import explain
from taskpgm_core.records import Study


def recipe_from(study: str, seed: int, options: dict[str, Any]) -> tuple[Study, Recipe]:
    """The study and the recipe of the mixture that a verb's options pose."""
    known, posed = ask(study, **options)
    if posed.question.budget is None:
        raise ExportError("A recipe needs a --budget: how many rows (or --unit tokens) in all.")
    return known, recipe_of(posed, seed=seed)


@click.command("export")
@study_argument
@click.option("--to", required=True, help=f"One of: {', '.join(EXPORTERS)}.")
@click.option("--out", help="A folder for the files (otherwise they are printed).")
@click.option("--strict", is_flag=True, help="Refuse a recipe that is warned about.")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the trainer's draws."
)
@question_options
@as_json
def export_(
    study: str, to: str, out: str | None, strict: bool, seed: int, as_json: bool, **options: Any
) -> None:
    """The mixture of STUDY as the configuration of a trainer, with what it will really yield."""
    known, recipe = recipe_from(study, seed, options)
    rendered = export(recipe, to, strict=strict)
    for sentence in rendered.warnings:
        warn(sentence)
    files = {"mixture.json": recipe.to_json(), **rendered.files}
    if out:
        for name, text in files.items():
            write_atomic(Path(out) / name, text.encode())
    if as_json:
        print_json(
            {
                "to": to,
                "versions": asdict(EXPORTERS[to].versions),
                "meaning": rendered.meaning,
                "asked": {p.task: p.weight for p in recipe.portions},
                "realised": rendered.realised,
                "warnings": rendered.warnings,
                "dropped": recipe.dropped,
                "out": out,
                "files": files,
            }
        )
    elif out:
        click.echo(f"Wrote {', '.join(files)} to {out}: {rendered.meaning}.")
        if known.plan is not None:
            click.echo(
                f"The rows it reads: python -m taskpgm_core materialise {study} --per-task --out "
                f"{Path(out) / 'tasks'} and the same question; they leave out every probe example."
            )
    else:
        for name, text in rendered.files.items():
            click.echo(f"# ---- {name}\n{text}", nl=False)


@click.command("materialise")
@study_argument
@click.option("--out", required=True, help="The folder to write; its manifest.json comes last.")
@click.option("--per-task", is_flag=True, help="Every task's rows once, in a folder each.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "parquet"]),
    default="jsonl",
    show_default=True,
    help="Of the files of rows.",
)
@click.option("--from", "folder", help="The folder with the data of the plan, if not its own.")
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Of the rows and their order.",
)
@question_options
@as_json
def materialise_(
    study: str,
    out: str,
    per_task: bool,
    form: str,
    folder: str | None,
    seed: int,
    as_json: bool,
    **options: Any,
) -> None:
    """The rows of the mixture of STUDY as one shuffled file, the same for a seed."""
    known, recipe = recipe_from(study, seed, options)
    kinds = {str(task["source"]).partition(":")[0] for task in (known.plan or {}).get("tasks", ())}
    rows = training_rows(known, dict.fromkeys(kinds, folder) if folder else None)
    manifest = materialise(
        recipe,
        rows,
        out,
        per_task=per_task,
        format=form,  # type: ignore[arg-type]
    )
    if as_json:
        print_json({"manifest": str(manifest), "tasks": recipe.tasks, "counts": recipe.counts})
        return
    drawn = [t["rows"] for t in json.loads(manifest.read_bytes())["tasks"]]
    tokens = ""
    if recipe.unit == "tokens" and not per_task:
        come = sum(n * (p.mean_tokens or 0.0) for n, p in zip(drawn, recipe.portions, strict=True))
        tokens = f", about {come:,.0f} supervised tokens for {recipe.budget:,}"
    told = f"{sum(drawn):,} rows of {sum(n > 0 for n in drawn)} tasks{tokens}"
    click.echo(f"Wrote {told}: {manifest}")


@click.command()
@study_argument
@click.option("--out", required=True, help="The HTML file to write; it opens without a network.")
@click.option("--record", help="Also write the decision record (JSON) to this file.")
@click.option("--title", default="", help="What the report is called.")
@click.option("--notes", default="", help="Words of yours that stand in it.")
@click.option("--notes-from", help="FILE with the notes.")
@click.option("--present", is_flag=True, help="Open with the story, one step after the other.")
@question_options
@as_json
def report(
    study: str,
    out: str,
    record: str | None,
    title: str,
    notes: str,
    notes_from: str | None,
    present: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """One self-contained HTML file on the mixture of STUDY, with its live balance dial."""
    from taskpgm_core.analysis.graph_layout import task_graph
    from taskpgm_core.evidence.balance_runs import balance_runs
    from taskpgm_core.evidence.outcome import recommend
    from taskpgm_core.findings.story import story
    from taskpgm_core.findings.why import reward_words
    from taskpgm_core.report import decide, report_page

    if record and Path(record).resolve() == Path(out).resolve():
        raise MixtureError("--out and --record name the same file; give each its own.")
    known, posed = ask(study, **options)
    found, path = posed.optimum(), posed.path
    sure = bootstrap(known, posed, found.balance)
    counted = posed.allocation(found.p)
    why = explain(posed.problem, found, path) if isfinite(found.balance) else None
    decision = decide(
        known,
        posed,
        found,
        allocation=counted,
        alarms=study_alarms(known, posed, found, sure, counted),
        explanation=why,
        sure=sure,
        title=title,
        notes=_text(notes_from) if notes_from else notes,
        made=datetime.datetime.now(datetime.UTC).date().isoformat(),
    )
    advice, graph = recommend(known), task_graph(posed.similarity)
    steps = (
        story(
            posed,
            found,
            why,
            graph,
            trained=balance_runs(known, posed.question),
            verdict=advice.sentence,
            allocation=counted,
            trainers=[exporter.title for exporter in EXPORTERS.values()],
            rewarded=reward_words(posed.question),
        )
        if why
        else ()
    )
    page = report_page(
        decision,
        posed,
        path,
        graph,
        trained=advice.trained,
        recommended=advice.said_of(found.p),
        evidence=advice.evidence,
        steps=steps,
        present=present,
    )
    write_atomic(Path(out), page.encode())
    if record:
        write_atomic(Path(record), decision.to_json().encode())
    if as_json:
        click.echo(decision.to_json(), nl=False)
    else:
        click.echo(f"Wrote {out} ({len(page.encode()) / 1e3:,.0f} kB): {decision.title}")


def _text(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MixtureError(f"The notes in {file} cannot be read: {error}.") from None
