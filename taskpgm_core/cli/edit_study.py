"""Verbs that make a new study of another one: add-task, add-target, remove-task."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import click

from taskpgm_core import store
from taskpgm_core.cli.build import (
    build_by_words,
    only_with_models,
    print_built,
    print_cost,
    threads_option,
)
from taskpgm_core.cli.output import as_json, print_json, study_argument, warn
from taskpgm_core.cli.studies import card
from taskpgm_core.errors import PlanError, StoreError
from taskpgm_core.plans.plan import Plan, plan_of
from taskpgm_core.plans.plan_edits import grown, shrunk, with_target
from taskpgm_core.plans.slug import checked_slug, slug_of
from taskpgm_core.records import Study

GROWTH = ("dry_run", "yes", "progress_file", "threads", "as_json")


def source_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What names a source and its rows, as ``entry_of`` reads it."""
    for option in (
        click.option("--folder", help="Where this kind of source lies on this machine."),
        click.option(
            "--option", "options", multiple=True, help="KEY=VALUE, an option of the source."
        ),
        click.option("--rows", type=click.IntRange(1), help="At most this many rows."),
        click.option("--family", default="", help="The family it belongs to."),
        click.option("--id", "name", help="What to call it (its source's name by default)."),
    ):
        command = option(command)
    return command


def growth_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """How a study is grown (``GROWTH``), as ``measure_grown`` takes it."""
    for option in (
        as_json,
        threads_option,
        click.option(
            "--json-progress", "progress_file", help="FILE to keep up to date with the progress."
        ),
        click.option("--yes", is_flag=True, help="Do not ask after the cost was shown."),
        click.option("--dry-run", is_flag=True, help="Only say what it would cost."),
    ):
        command = option(command)
    return command


def entry_of(source: str, *, name: str | None, options: Sequence[str], **rest: Any) -> Any:
    """A task or a target as plans write it."""
    return {"source": source, "id": name or "", "options": dict(map(option_pair, options)), **rest}


@click.command("add-task")
@study_argument
@click.argument("source")
@source_options
@click.option("--adapter", help="A LoRA adapter (folder or hub id) instead of training one.")
@click.option("--checkpoint", help="A full model (folder or hub id) instead of training one.")
@click.option("--slug", help="The new study's slug (STUDY's, then -plus-, then the id).")
@growth_options
def add_task(study: str, source: str, slug: str | None, folder: str | None, **given: Any) -> None:
    """A new study: STUDY with one more task from SOURCE; what is measured already is reused."""
    growth = {name: given.pop(name) for name in GROWTH}
    old = store.open_study(study)
    if old.plan is None:
        raise StoreError(
            f"{old.slug} {old.without_models}; add the task to its file and import it again."
        )
    task = entry_of(source, **given)
    plan = grown(plan_of(old), task, slug=slug, folder=folder)
    if old.kind == "text":
        only_with_models(
            dry_run=growth["dry_run"],
            json_progress=growth["progress_file"],
            threads=growth["threads"],
        )
        build_by_words(plan, growth["as_json"])
        return
    measure_grown(old, plan, **growth)


@click.command("add-target")
@study_argument
@click.argument("source")
@source_options
@click.option("--slug", help="The new study's slug (STUDY's, then -for-, then the id).")
@growth_options
def add_target(study: str, source: str, slug: str | None, folder: str | None, **given: Any) -> None:
    """A new study: STUDY with a target from SOURCE, which --judge-by may name.

    Every model of STUDY is scored on the target, and none is trained on it. The target changes no
    similarity, and what is measured already is reused.
    """
    growth = {name: given.pop(name) for name in GROWTH}
    old = store.open_study(study)
    if old.kind != "measured":
        raise StoreError(
            f"{old.slug} {old.without_models}, so nothing can be scored on a target; build a "
            f"study of models."
        )
    target = entry_of(source, **given)
    plan = with_target(plan_of(old), target, slug=slug, folder=folder)
    measure_grown(old, plan, **growth)


def measure_grown(
    old: Study,
    plan: Plan,
    *,
    dry_run: bool,
    yes: bool,
    progress_file: str | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Say what ``plan``, grown from the study ``old``, would cost, ask, and measure it."""
    from taskpgm_core.builds import dry_run as preview
    from taskpgm_core.builds import pipeline
    from taskpgm_core.cli.progress_bar import Watch

    cost = preview.preview(plan, threads=threads)
    if "rebuild" in old.absent:
        warn(
            f"The rebuild parts of {old.slug} are not all here, so what they held is measured "
            f"again: {cost.left['train']} of {cost.units['train']} trainings, "
            f"{cost.left['score']} of {cost.units['score']} scores and {cost.left['compare']} of "
            f"{cost.units['compare']} comparisons are to be made; the cost below counts it."
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


def option_pair(text: str) -> tuple[str, Any]:
    """KEY=VALUE as an option of a source has it; VALUE is JSON where it can be."""
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
@click.option(
    "--lean", is_flag=True, help="Leave out what models would have said next, the largest part."
)
@as_json
def remove_task(
    study: str, tasks: tuple[str, ...], slug: str | None, lean: bool, as_json: bool
) -> None:
    """A new study: STUDY without some tasks, made from what it stores; nothing is measured.

    STUDY stays as it is, and its evidence is not taken along. The new divergences are means over
    the remaining tasks' probe examples. The noise is still that over the probe examples of all
    tasks, and `show` says so. A study by words alone is made from its plan's rows instead. The
    verb refuses a study whose divergences are kept as bounds, or whose divergences are not kept by
    example (more than 64 tasks). Targets stay.
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
    made = store.without(old, tasks, slug=slug, plan=plan, lean=lean)
    if as_json:
        print_json(card(made))
    else:
        click.echo(f"{made.slug} holds the other {len(made.tasks)} tasks: {made.folder}")
