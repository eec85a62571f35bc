"""Plans made of another one: with one more task or target, or without some tasks."""

from collections.abc import Collection
from typing import Any

from pydantic import ValidationError

from taskpgm_core.errors import PlanError
from taskpgm_core.plans.plan import (
    Plan,
    Probe,
    SourceEntry,
    TargetEntry,
    TaskEntry,
    checked_plan,
    fault_sentence,
)
from taskpgm_core.plans.slug import slug_of

MEASURED = "-measured"
"""How the name of a study by words alone goes on where its plan is measured with models."""


def grown(
    plan: Plan, task: dict[str, Any], *, slug: str | None = None, folder: str | None = None
) -> Plan:
    """The plan with one more task, which joins the others' frozen batches with its own.

    ``folder``: where the task's kind of source lies on this machine. PlanError where the pool was
    measured in rounds: it was chosen for the mixture of the tasks that there were.
    """
    if plan.probe.adaptive:
        raise PlanError(
            f"{plan.slug} chose its probe examples for the tasks it has, so no task can join it; "
            f"add the task to its plan and build that: finished units are reused where they fit."
        )
    try:
        joined = 1 + max(other.joined for other in plan.tasks)
        entry = TaskEntry.model_validate({**task, "joined": joined})
    except ValidationError as error:
        raise PlanError(fault_sentence(error.errors()[0], "the new task")) from None
    return _with(plan, "tasks", entry, slug or slug_of(f"{plan.slug}-plus-{entry.id}"), folder)


def with_target(
    plan: Plan, target: dict[str, Any], *, slug: str | None = None, folder: str | None = None
) -> Plan:
    """The plan with one more target, as if it had been there from the start.

    ``folder``: where the target's kind of source lies on this machine.
    """
    try:
        entry = TargetEntry.model_validate(target)
    except ValidationError as error:
        raise PlanError(fault_sentence(error.errors()[0], "the new target")) from None
    return _with(plan, "targets", entry, slug or slug_of(f"{plan.slug}-for-{entry.id}"), folder)


def _with(plan: Plan, kind: str, entry: SourceEntry, slug: str, folder: str | None) -> Plan:
    value = plan.model_dump(mode="json")
    value[kind].append(entry.model_dump(mode="json"))
    value |= {"expect": None, "slug": slug}
    if folder:
        value["folders"] = {**plan.folders, entry.source.partition(":")[0]: folder}
    return checked_plan(value, "the grown plan")


def shrunk(plan: Plan, removed: Collection[str], *, slug: str) -> Plan:
    """The plan without some tasks, under another slug; its note told of all of them, so it goes."""
    value = plan.model_dump(mode="json")
    value["tasks"] = [task for task in value["tasks"] if task["id"] not in removed]
    training = value["training"]
    if training["second_seed"] != "all":
        training["second_seed"] = [name for name in training["second_seed"] if name not in removed]
    return checked_plan({**value, "slug": slug, "about": ""}, "the shrunk plan")


def with_models(plan: Plan) -> Plan:
    """The plan of a study by words alone as one of models, with probe examples held out."""
    update: dict[str, Any] = {"slug": f"{slug_of(plan.slug, 48 - len(MEASURED))}{MEASURED}"}
    if not plan.probe.examples_per_task:
        update["probe"] = Probe()
    return plan.model_copy(update=update)
