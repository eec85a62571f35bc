"""The verb that adds a task to a finished study: add-task."""

import json
from typing import Any

import click

from taskpgm_core import store
from taskpgm_core.commands.building import print_built, print_cost, threads_option
from taskpgm_core.commands.output import as_json, print_json, study_argument, warn
from taskpgm_core.commands.studies import card
from taskpgm_core.errors import PlanError, StoreError
from taskpgm_core.plan import grown, parse_plan


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
    from taskpgm_core import pipeline, preview
    from taskpgm_core.commands.watching import Watch

    old = store.open_study(study)
    if old.plan is None:
        raise StoreError(
            f"{old.slug} was imported as a matrix; add the task to the matrix and import it again."
        )
    options = dict(_pair(text) for text in entry.pop("options"))
    folder, name = entry.pop("folder"), entry.pop("name") or ""
    task = {"source": source, "id": name, "options": options, **entry}
    plan = grown(parse_plan(json.dumps(old.plan), old.slug), task, slug=slug, folder=folder)
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
