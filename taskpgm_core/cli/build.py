"""Verbs that measure: build, bench, add-task, remove-task."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import click
import numpy as np

from taskpgm_core import store
from taskpgm_core.builds.cost_model import Estimate
from taskpgm_core.cli.output import as_json, print_json, study_argument, table, warn
from taskpgm_core.cli.studies import card
from taskpgm_core.errors import PlanError, StoreError
from taskpgm_core.findings.rows_left_out import incomplete_rows
from taskpgm_core.plans.plan import Plan, grown, load_plan, plan_of, renamed, shrunk
from taskpgm_core.plans.slug import checked_slug, slug_of
from taskpgm_core.records import Study

if TYPE_CHECKING:
    from taskpgm_core.builds.pipeline import Placing

threads_option = click.option(
    "--threads", type=click.IntRange(1), help="CPU threads (the plan's by default)."
)


def engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--engine, --address and --workers, as ``placing_of`` reads them."""
    for option in (
        click.option("--workers", type=click.IntRange(1), help="Ray workers (one a device)."),
        click.option("--address", help="Of a running Ray cluster (this machine by default)."),
        click.option(
            "--engine",
            type=click.Choice(["local", "ray"]),
            default="local",
            show_default=True,
            help="Where to run.",
        ),
    ):
        command = option(command)
    return command


def placing_of(
    engine: Literal["local", "ray"], address: str | None, workers: int | None
) -> "Placing":
    """Where to run; PlanError where a cluster is described that is not asked for."""
    from taskpgm_core.builds.pipeline import Placing

    if engine == "local" and (address or workers):
        raise PlanError("--address and --workers go with --engine ray.")
    return Placing(engine, address, workers)


def only_with_models(**options: Any) -> None:
    """PlanError where one of these options was given, of a study by words alone."""
    for name, value in options.items():
        if value and value != "local":
            raise PlanError(
                f"A study by words alone trains no models and takes seconds, so "
                f"--{name.replace('_', '-')} does not go with it; leave it out."
            )


@click.command()
@click.argument("plan")
@click.option(
    "--measure",
    type=click.Choice(["text"]),
    help="text: compare the tasks by words alone, without models, in seconds.",
)
@click.option("--slug", help="Name the study otherwise than its plan does.")
@click.option("--rebuild", is_flag=True, help="Measure again and replace a finished study.")
@click.option("--dry-run", is_flag=True, help="Only say what it would cost.")
@click.option("--json-progress", "progress_file", help="FILE to keep up to date with the progress.")
@engine_options
@click.option("--compare", help="Afterwards, print how far D is from this study's.")
@threads_option
@as_json
def build(
    plan: str,
    measure: Literal["text"] | None,
    slug: str | None,
    rebuild: bool,
    dry_run: bool,
    progress_file: str | None,
    engine: Literal["local", "ray"],
    address: str | None,
    workers: int | None,
    compare: str | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Measure the study that PLAN (a YAML file or a committed plan's name) determines.

    With `--measure text` it is a study of PLAN's training rows by words alone, to compare with or
    to have before there are models. It is named like PLAN's, then -text.
    """
    if measure:
        only_with_models(
            dry_run=dry_run,
            json_progress=progress_file,
            engine=engine,
            address=address,
            workers=workers,
            compare=compare,
            threads=threads,
        )
        chosen = load_plan(plan)
        chosen = renamed(chosen, slug or slug_of(chosen.slug, 48 - len("-text")) + "-text")
        build_by_words(chosen, as_json, rebuild=rebuild)
        return
    from taskpgm_core.builds import dry_run as preview
    from taskpgm_core.builds import pipeline
    from taskpgm_core.cli.progress_bar import Watch

    chosen = load_plan(plan)
    if slug:
        chosen = renamed(chosen, slug)
    if dry_run:
        cost = preview.preview(chosen, threads=threads, say=lambda said: click.echo(said, err=True))
        if as_json:
            print_json(preview.card(cost))
        else:
            print_cost(cost)
        return
    placing = placing_of(engine, address, workers)
    with Watch(progress_file) as watch:
        study, now = pipeline.build(
            chosen, progress=watch, rebuild=rebuild, threads=threads, placing=placing
        )
        watch.finished(card(study))
    answer: dict[str, Any] = {**card(study), "built_now": now}
    if compare:
        other = store.open_study(compare)
        answer["distance"] = divergence_distance(study, other)
    if as_json:
        print_json(answer)
        return
    print_built(study, now)
    if compare:
        d = answer["distance"]
        click.echo(
            f"D differs from {compare}'s by at most {d['max']:.3g} nats (mean {d['mean']:.3g}; "
            f"largest D {d['scale']:.3g}; training-noise floor {d['noise_floor']:.3g})."
        )


def build_by_words(plan: Plan, as_json: bool, *, rebuild: bool = False) -> None:
    """Build the study of ``plan`` by words alone, and say so."""
    from taskpgm_core.builds.text_study import build_text

    study, now = build_text(plan, rebuild=rebuild)
    if as_json:
        print_json({**card(study), "built_now": now})
    else:
        print_built(study, now)


def print_built(study: Study, now: bool) -> None:
    if now and study.kind == "text":
        click.echo(f"Compared {len(study.tasks)} tasks by words alone: {study.folder}")
    elif now:
        click.echo(
            f"Built {study.slug} in {study.facts['seconds'] / 60:.1f} minutes: {study.folder}"
        )
    else:
        click.echo(f"{study.slug} is complete already: {study.folder} (--rebuild replaces it).")
    if now and (left := incomplete_rows(study.tasks)):
        click.echo(left)


def print_cost(cost: Estimate) -> None:
    """A dry run for a person."""
    click.echo(
        f"{cost.slug}: {cost.tasks} tasks, {cost.models} models, {cost.forward_passes} forward "
        f"passes of one example each, on {cost.device}"
    )
    rows = [
        [
            stage,
            str(cost.units[stage]),
            str(cost.left[stage]),
            f"{cost.tokens[stage]:,.0f}" if stage in cost.tokens else "-",
            clock(cost.seconds[stage]) if cost.seconds else "-",
        ]
        for stage in cost.units
    ]
    click.echo(table(["stage", "units", "left", "tokens", "time left"], rows))
    total = f"about {clock(cost.total_seconds)}" if cost.total_seconds is not None else "unknown"
    click.echo(
        f"Time {total}, memory about {cost.memory / 1e9:.2f} GB, disk about "
        f"{cost.disk / 1e9:.2f} GB ({cost.basis})."
    )
    for sentence in cost.warnings:
        warn(sentence)
    if cost.complete:
        click.echo("The study is complete already; nothing would be measured.")


def clock(seconds: float) -> str:
    """A duration as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def divergence_distance(study: Study, other: Study) -> dict[str, float]:
    """How far two studies of the same tasks are apart: |D - D'| over all pairs, nats."""
    a, b = (store.similarity(s, "jsd").divergence for s in (study, other))
    apart = np.abs(a - b)[np.triu_indices(len(a), 1)]
    return {
        "max": float(apart.max()),
        "mean": float(apart.mean()),
        "scale": float(b.max()),
        "noise_floor": store.noise(other).floor,
    }


@click.command()
@click.argument("plan")
@threads_option
@as_json
def bench(plan: str, threads: int | None, as_json: bool) -> None:
    """Time this machine on the base model of PLAN: tokens a second, forward and in training."""
    from taskpgm_core.builds import dry_run as preview

    speed = preview.benchmark(load_plan(plan), threads=threads)
    if as_json:
        print_json({"score_tokens_per_second": speed.score, "train_tokens_per_second": speed.train})
        return
    training = "nothing to train" if speed.train is None else f"{speed.train:.0f} in training"
    click.echo(f"Tokens a second: {speed.score:.0f} when scoring, {training}.")


@click.command("add-task")
@study_argument
@click.argument("source")
@click.option("--id", "name", help="The task's id (its source's name by default).")
@click.option("--family", default="", help="The task's family.")
@click.option("--rows", type=click.IntRange(1), help="At most this many rows.")
@click.option("--option", "options", multiple=True, help="KEY=VALUE, an option of the source.")
@click.option("--folder", help="Where this kind of source lies on this machine.")
@click.option("--adapter", help="A LoRA adapter (folder or hub id) instead of training one.")
@click.option("--checkpoint", help="A full model (folder or hub id) instead of training one.")
@click.option("--slug", help="The new study's slug (STUDY's, then -plus-, then the id).")
@click.option("--dry-run", is_flag=True, help="Only say what it would cost.")
@click.option("--yes", is_flag=True, help="Do not ask after the cost was shown.")
@click.option("--json-progress", "progress_file", help="FILE to keep up to date with the progress.")
@threads_option
@as_json
def add_task(
    study: str,
    source: str,
    slug: str | None,
    dry_run: bool,
    yes: bool,
    progress_file: str | None,
    threads: int | None,
    as_json: bool,
    **entry: Any,
) -> None:
    """A new study: STUDY with one more task from SOURCE; what is measured already is reused."""
    from taskpgm_core.builds import dry_run as preview
    from taskpgm_core.builds import pipeline
    from taskpgm_core.cli.progress_bar import Watch

    old = store.open_study(study)
    if old.plan is None:
        raise StoreError(
            f"{old.slug} was imported as a matrix; add the task to the matrix and import it again."
        )
    options = dict(_pair(text) for text in entry.pop("options"))
    folder, name = entry.pop("folder"), entry.pop("name") or ""
    task = {"source": source, "id": name, "options": options, **entry}
    plan = grown(plan_of(old), task, slug=slug, folder=folder)
    if old.kind == "text":
        only_with_models(dry_run=dry_run, json_progress=progress_file, threads=threads)
        build_by_words(plan, as_json)
        return
    cost = preview.preview(plan, threads=threads)
    if "rebuild" in old.absent:
        warn(
            f"The rebuild parts of {old.slug} are not all here, so what they held is measured "
            f"again; the cost below counts it."
        )
    if dry_run and as_json:
        print_json({**preview.card(cost), "rebuild_parts_present": "rebuild" not in old.absent})
        return
    if not as_json:
        print_cost(cost)
    if dry_run:
        return
    if not yes and (as_json or not click.confirm("Measure it now?", err=True)):
        raise StoreError("Nothing was measured; say --yes to start unasked.")
    with Watch(progress_file) as watch:
        made, now = pipeline.build(plan, progress=watch, threads=threads)
        watch.finished(card(made))
    if as_json:
        print_json({**card(made), "built_now": now})
    else:
        print_built(made, now)


def _pair(text: str) -> tuple[str, Any]:
    key, sign, value = text.partition("=")
    if not sign:
        raise PlanError(f"--option wants KEY=VALUE, not '{text}'.")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


@click.command("remove-task")
@study_argument
@click.argument("tasks", metavar="TASK...", nargs=-1, required=True)
@click.option("--slug", help="The new study's slug (STUDY's, then -minus-, then the tasks').")
@as_json
def remove_task(study: str, tasks: tuple[str, ...], slug: str | None, as_json: bool) -> None:
    """A new study: STUDY without some tasks, made from what it stores; nothing is measured.

    STUDY stays as it is, and its evidence is not taken along. The new divergences are means over
    the remaining tasks' probe examples. The noise is still that over the probe examples of all
    tasks, and `show` says so. A study by words alone is made from its plan's rows instead. The
    verb refuses a study whose divergences are kept as bounds, or whose divergences are not kept by
    example (more than 64 tasks).
    """
    old = store.open_study(study)
    store.remaining(old, tasks)
    slug = checked_slug(slug or slug_of(f"{old.slug}-minus-{'-'.join(tasks)}"))
    plan = None
    if old.plan is not None:
        less = shrunk(plan_of(old), tasks, slug=slug)
        plan = less.model_dump(mode="json")
        if old.kind == "text":
            build_by_words(less, as_json)
            return
    made = store.without(old, tasks, slug=slug, plan=plan)
    if as_json:
        print_json(card(made))
    else:
        click.echo(f"{made.slug} holds the other {len(made.tasks)} tasks: {made.folder}")
