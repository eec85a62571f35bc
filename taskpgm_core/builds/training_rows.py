"""The rows a study's models were trained on, brought again from where its plan says they are."""

from collections.abc import Callable, Mapping

from taskpgm_core import store
from taskpgm_core.builds.text_study import texts_of
from taskpgm_core.errors import ExportError
from taskpgm_core.plans.plan import Plan, plan_of
from taskpgm_core.records import Example, Study
from taskpgm_core.tasks import load_task, split


def training_plan(study: Study) -> Plan:
    """The plan that says where a study's rows are; ExportError for an import."""
    if study.plan is None:
        raise ExportError(
            f"{study.slug} {study.without_models}, so there are no rows here to train on; export "
            f"a recipe and read them from your own files."
        )
    return plan_of(study)


def training_rows(
    study: Study, folders: Mapping[str, str] | None = None
) -> Callable[[str], list[Example]]:
    """A reader of every task's training rows: no probe example, none that was too long.

    ``folders``: where each kind of source lies here, before the plan's own. Only a task that had
    over-long rows needs the base model's tokenizer. ExportError where the rows are others than
    the study was made of, which its held-out examples tell, or the digest of one by words alone.
    """
    plan = training_plan(study)
    if study.kind == "text":
        return _texts(
            study, plan.model_copy(update={"folders": {**plan.folders, **(folders or {})}})
        )
    entries = {entry.id: entry for entry in plan.tasks}
    dropped = {task.id: task.rows_dropped for task in study.tasks}

    def read(task: str) -> list[Example]:
        entry = entries[task]
        rows = load_task(entry, plan, folders)
        _check(study, task, rows)
        parts = split(rows, probe=plan.probe.examples_per_task, seed=plan.seed, name=task)
        kept = [rows[k] for k in parts.train_indices]
        return _short(kept, plan) if dropped[task] else kept

    return read


def _check(study: Study, task: str, rows: list[Example]) -> None:
    """ExportError where ``rows`` do not hold the probe examples of ``task`` in their places."""
    pool = store.probe_pool(study)
    own = pool.task == study.place(task)
    places = pool.row[own].tolist()
    there = [rows[k] for k in places if k < len(rows)]
    if len(there) < len(places) or (store.example_checksums(there) != pool.checksum[own]).any():
        raise _others(study, f"The rows of task '{task}'")


def _texts(study: Study, plan: Plan) -> Callable[[str], list[Example]]:
    texts = texts_of(plan)
    if texts.digest != study.digest:
        raise _others(study, "The rows of its tasks")
    return texts.material.training


def _others(study: Study, what: str) -> ExportError:
    return ExportError(
        f"{what} are not those that {study.slug} was made of; bring the data that its plan names, "
        f"or build the plan again."
    )


def _short(rows: list[Example], plan: Plan) -> list[Example]:
    from taskpgm_core import measure

    base = measure.load_base(
        measure.find_weights(plan.base), dtype=plan.dtype, models=store.cache_root() / ".models"
    )
    most = min(plan.training.max_tokens, base.context)
    rendered = measure.render(rows, base.tokenizer, plan.template)
    return [row for row, r in zip(rows, rendered, strict=True) if r.length <= most]
