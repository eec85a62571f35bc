"""Which rows judge every run, where the single-task models are judged on them too.

A single-task model must not have been trained on a row that judges it: what it has seen it answers
too well, and every mixture would seem to keep less of its gain.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskpgm_core.errors import SourceError
from taskpgm_core.evidence.sampling import evaluation_rows
from taskpgm_core.files.hashing import generator_from
from taskpgm_core.plans.plan import Plan, TaskEntry
from taskpgm_core.tasks import load_task, split
from taskpgm_core.tasks.overlap import normalised

if TYPE_CHECKING:
    from taskpgm_core.measure import BaseModel, RenderedExample

IN_ORDER = ("generated", "bigbench", "jsonl")  # sources whose further rows follow the first ones
REPLICATES = 2


@dataclass(frozen=True)
class TaskRows:
    """The rows of one task: ``training`` by index, and ``judging``, each with its ``text``."""

    training: dict[int, "RenderedExample"]
    judging: list["RenderedExample"]
    training_text: dict[int, bytes]
    judging_text: set[bytes]


def task_rows(
    entry: TaskEntry,
    plan: Plan,
    base: "BaseModel",
    *,
    wanted: int,
    most: int,
    unseen: bool,
) -> TaskRows:
    """A task's rows of at most ``most`` tokens, and ``wanted`` of them to judge by, none of either
    among the probe examples.

    ``unseen``: judge by rows that no single-task model of ``plan`` was trained on: first those
    after the plan's own, then those that its training left out. Else by any, half of them at most.
    SourceError where none is unseen.
    """
    from taskpgm_core import measure

    rows = load_task(entry, plan)
    parts = split(rows, probe=plan.probe.examples_per_task, seed=plan.seed, name=entry.id)
    rendered = measure.render([rows[k] for k in parts.train_indices], base.tokenizer, plan.template)
    kept = [k for k, e in enumerate(rendered) if e.length <= most]
    texts = {k: normalised(rows[parts.train_indices[k]]) for k in kept}
    training = {k: rendered[k] for k in kept}
    if not unseen:
        chosen = [kept[k] for k in evaluation_rows(entry.id, len(kept), wanted)]
        judging = [rendered[k] for k in chosen]
        return TaskRows(training, judging, texts, {texts[k] for k in chosen})
    short = min(plan.training.max_tokens, base.context)
    trained = [k for k, e in enumerate(rendered) if e.length <= short]
    seen = {
        normalised(rows[parts.train_indices[trained[k]]])
        for replicate in range(REPLICATES)
        for k in measure.rows_seen(
            len(trained), plan.training, measure.task_seed(plan.seed, entry.id, replicate)
        )
    }
    taken = seen | {normalised(rows[k]) for k in parts.probe_indices}
    further = _further(entry, plan, base, len(rows), wanted, most)
    order = generator_from("evaluation", entry.id).permutation(len(kept))
    candidates = [
        *((text, e) for text, e in further if text not in texts.values()),
        *((texts[kept[k]], training[kept[k]]) for k in order),
    ]
    judges: dict[bytes, RenderedExample] = {}
    for text, example in candidates:
        if len(judges) < wanted and text not in taken:
            judges.setdefault(text, example)
    if not judges:
        raise SourceError(
            f"Every row of task '{entry.id}' was seen by its single-task models, so none can judge "
            f"them; give the task more rows, or train for fewer steps."
        )
    return TaskRows(training, list(judges.values()), texts, set(judges))


def _further(
    entry: TaskEntry, plan: Plan, base: "BaseModel", had: int, wanted: int, most: int
) -> list[tuple[bytes, "RenderedExample"]]:
    """Up to ``wanted`` rows, with their texts, after the ``had`` that the plan takes of a source
    whose further rows follow the first ones; none where it has no more."""
    from taskpgm_core import measure

    kind = entry.source.partition(":")[0]
    if kind not in IN_ORDER:
        return []
    longer = entry.model_copy(update={"rows": had + wanted})
    try:
        more = load_task(longer, plan)[had:]
    except SourceError:  # no more different prompts, or a row without an answer
        return []
    if not more:
        return []
    rendered = measure.render(more, base.tokenizer, plan.template)
    return [(normalised(r), e) for r, e in zip(more, rendered, strict=True) if e.length <= most]
