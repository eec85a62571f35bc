"""The verb that removes tasks from a finished study: remove-task."""

import json

import click

from taskpgm_core import store
from taskpgm_core.commands.output import as_json, print_json, study_argument
from taskpgm_core.commands.studies import card
from taskpgm_core.plan import checked_slug, parse_plan, shrunk, slug_of


@click.command("remove-task")
@study_argument
@click.argument("tasks", metavar="TASK...", nargs=-1, required=True)
@click.option("--slug", help="The new study's slug (STUDY's, then -minus-, then the tasks').")
@as_json
def remove_task(study: str, tasks: tuple[str, ...], slug: str | None, as_json: bool) -> None:
    """A new study: STUDY without some tasks, made from what it stores; nothing is measured."""
    old = store.open_study(study)
    store.remaining(old, tasks)
    slug = checked_slug(slug or slug_of(f"{old.slug}-minus-{'-'.join(tasks)}"))
    plan = None
    if old.plan is not None:
        less = shrunk(parse_plan(json.dumps(old.plan), old.slug), tasks, slug=slug)
        plan = less.model_dump(mode="json")
    made = store.without(old, tasks, slug=slug, plan=plan)
    if as_json:
        print_json(card(made))
    else:
        click.echo(f"{made.slug} holds the other {len(made.tasks)} tasks: {made.folder}")
