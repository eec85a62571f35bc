"""Which rows judge every run, where the single-task models are judged on them too.

A single-task model must not have been trained on a row that judges it: what it has seen it answers
too well, and every mixture would seem to keep less of its gain.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from taskpgm_core.errors import SourceError
from taskpgm_core.evidence.sampling import evaluation_rows
from taskpgm_core.figures.numbers import counted
from taskpgm_core.files.hashing import generator_from
from taskpgm_core.plans.plan import Plan, TaskEntry
from taskpgm_core.tasks import load_task, split
from taskpgm_core.tasks.overlap import normalised

if TYPE_CHECKING:
    from taskpgm_core.measure import BaseModel, RenderedExample

# Further rows of these sources follow the first ones.
IN_ORDER = ("generated", "bigbench", "jsonl", "file")
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
    after the plan's own, then those that its training left out. A model that was brought along may
    have seen all of the plan's own; a task that ``plan`` lacks has no model, so it is judged by
    others too where these are too few. Not ``unseen``: by any, half of them at most.
    SourceError where none is left.
    """
    from taskpgm_core import measure

    rows = load_task(entry, plan)
    parts = split(rows, probe=plan.probe.examples_per_task, seed=plan.seed, name=entry.id)
    rendered = measure.render([rows[k] for k in parts.train_indices], base.tokenizer, plan.template)
    every = [normalised(rows[k]) for k in parts.train_indices]
    kept = [k for k, e in enumerate(rendered) if e.length <= most]
    texts = {k: every[k] for k in kept}
    training = {k: rendered[k] for k in kept}
    if unseen:
        order = generator_from("evaluation", entry.id).permutation(len(kept))
        known = set(texts.values())
        further = _further(entry, plan, base, len(rows), wanted, most)
        candidates = [
            *((text, e) for text, e in further if text not in known),
            *((texts[kept[k]], training[kept[k]]) for k in order),
        ]
        seen = set(every) if entry.brought else _seen(entry, plan, base, every, rendered)
        taken = {normalised(rows[k]) for k in parts.probe_indices}
        if entry.id in {task.id for task in plan.tasks}:
            taken |= seen
        else:
            candidates.sort(key=lambda one: one[0] in seen)
        judges: dict[bytes, RenderedExample] = {}
        for text, example in candidates:
            if len(judges) < wanted and text not in taken:
                judges.setdefault(text, example)
        judging, judged = list(judges.values()), set(judges)
    else:
        chosen = [kept[k] for k in evaluation_rows(entry.id, len(kept), wanted)]
        judging, judged = [training[k] for k in chosen], {texts[k] for k in chosen}
    if not judging:
        raise SourceError(_none_left(entry, len(kept), most))
    return TaskRows(training, judging, texts, judged)


def _seen(
    entry: TaskEntry,
    plan: Plan,
    base: "BaseModel",
    texts: Sequence[bytes],
    rendered: Sequence["RenderedExample"],
) -> set[bytes]:
    """Of the ``texts`` to train on, those that the task's single-task models are trained on."""
    from taskpgm_core import measure

    short = min(plan.training.max_tokens, base.context)
    trained = [text for text, e in zip(texts, rendered, strict=True) if e.length <= short]
    if not trained:
        return set()
    return {
        trained[k]
        for replicate in range(REPLICATES)
        for k in measure.rows_seen(
            len(trained), plan.training, measure.task_seed(plan.seed, entry.id, replicate)
        )
    }


def _none_left(entry: TaskEntry, short: int, most: int) -> str:
    """Why no row of a task judges, of which ``short`` have at most ``most`` tokens."""
    if short < 2:
        return (
            f"Task '{entry.id}' has {counted(short, 'row')} of at most {most} tokens beside its "
            f"probe examples, too few to judge by; give it more rows, or raise max_tokens."
        )
    if entry.brought:
        return (
            f"The model of task '{entry.id}' was brought along and may have seen every row of the "
            f"plan, so none can judge it; give its source more rows than the plan takes."
        )
    return (
        f"Every row of task '{entry.id}' of at most {most} tokens was seen by its single-task "
        f"models, so none can judge them; give the task more rows, or train for fewer steps."
    )


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
