"""Verbs that measure: build, bench."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import click
import numpy as np

from taskpgm_core import store
from taskpgm_core.builds.cost_model import Estimate
from taskpgm_core.cli.output import as_json, print_json, table, warn
from taskpgm_core.cli.studies import card
from taskpgm_core.errors import PlanError, StoreError
from taskpgm_core.findings.rows_left_out import incomplete_rows
from taskpgm_core.plans.plan import Plan, load_plan, plan_of, renamed
from taskpgm_core.plans.plan_edits import with_models
from taskpgm_core.plans.slug import slug_of
from taskpgm_core.records import Study

if TYPE_CHECKING:
    from taskpgm_core.builds.pipeline import Placing

threads_option = click.option(
    "--threads", type=click.IntRange(1), help="CPU threads (the plan's by default)."
)


def engine_options(
    workers: str = "Ray workers (one a device).",
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """--engine, --address and --workers, as ``placing_of`` reads them."""

    def added(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in (
            click.option("--workers", type=click.IntRange(1), help=workers),
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

    return added


def placing_of(
    engine: Literal["local", "ray"],
    address: str | None,
    workers: int | None,
    *,
    alone: bool = True,
) -> "Placing":
    """Where to run; PlanError where a cluster is described that is not asked for.

    ``alone``: without Ray this process works by itself.
    """
    from taskpgm_core.builds.pipeline import Placing

    if engine == "local" and address:
        raise PlanError("--address goes with --engine ray.")
    if engine == "local" and workers and alone:
        raise PlanError(
            "--workers goes with --engine ray. Without Ray, start the same command several times: "
            "the processes share the runs."
        )
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
@engine_options(
    "Processes that share units and threads; --threads are of each (with Ray: one a device)."
)
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

    PLAN may also be a study by words alone, as sketch makes it: its tasks are then measured with
    models, as a study of that name and -measured.

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

    chosen = plan_named(plan)
    if slug:
        chosen = renamed(chosen, slug)
    if dry_run:
        cost = preview.preview(chosen, threads=threads, say=lambda said: click.echo(said, err=True))
        print_json(preview.card(cost)) if as_json else print_cost(cost)
        return
    placing = placing_of(engine, address, workers, alone=False)
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
        print_distance(compare, answer["distance"])


def plan_named(name: str) -> Plan:
    """The plan in a file, a committed one, or that by which a study by words alone is measured."""
    try:
        return load_plan(name)
    except PlanError:
        try:
            study = store.open_study(name)
        except StoreError:
            study = None
        if study is None or study.kind != "text":
            raise
        return with_models(plan_of(study))


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


def print_distance(of: str, d: Mapping[str, float]) -> None:
    """``divergence_distance`` from the study ``of``, for a person."""
    click.echo(
        f"D differs from {of}'s by at most {d['max']:.3g} nats (mean {d['mean']:.3g}; "
        f"largest D {d['scale']:.3g}; training-noise floor {d['noise_floor']:.3g})."
    )


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
