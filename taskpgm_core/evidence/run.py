"""One run: one mixture trained with one seed, and judged on every task."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from taskpgm_core import store
from taskpgm_core.evidence.judging_rows import task_rows
from taskpgm_core.evidence.protocol import Arm, Protocol
from taskpgm_core.evidence.sampling import mixture_rows, token_rows
from taskpgm_core.plans.plan import Plan

if TYPE_CHECKING:
    from taskpgm_core.measure import BaseModel, RenderedExample


@dataclass(frozen=True)
class Run:
    """One arm with one seed; ``mixture``: the weight of every task of the study."""

    arm: Arm
    seed: int
    mixture: Mapping[str, float]


@dataclass(frozen=True)
class RunContext:
    """What all runs share: the base model, rows to train on, rows that judge.

    ``template``: the prompts' own, as in a plan; ``suite_tasks``: a folder of further suites.
    """

    base: "BaseModel"
    training: Mapping[str, Mapping[int, "RenderedExample"]]
    judging: Mapping[str, Sequence["RenderedExample"]]
    template: str
    suite_tasks: str | None = None


def prepare_context(
    protocol: Protocol, plan: Plan, root: Path, suite_tasks: str | None = None
) -> RunContext:
    """Load the base model and every task; no text is in two of probe pool, training, judging."""
    from taskpgm_core import measure

    measure.check_suites(protocol.suites, suite_tasks)
    base = measure.load_base(
        measure.find_weights(plan.base),
        dtype=protocol.dtype or plan.dtype,
        models=root / ".models",
    )
    most = min(protocol.training.max_tokens, base.context)
    wanted = judging_counts(protocol, plan)
    found = {
        entry.id: task_rows(
            entry,
            plan,
            base,
            wanted=wanted[entry.id],
            most=most,
            unseen=protocol.skills is not None,
        )
        for entry in (*plan.tasks, *protocol.held_out)
    }
    judged = {text for rows in found.values() for text in rows.judging_text}
    training = {}
    for name in (task.id for task in plan.tasks):
        rows = found[name]
        training[name] = {
            k: e for k, e in rows.training.items() if rows.training_text[k] not in judged
        }
    judging = {name: rows.judging for name, rows in found.items()}
    return RunContext(base, training, judging, plan.template, suite_tasks)


def judging_counts(protocol: Protocol, plan: Plan) -> dict[str, int]:
    """{task: rows that judge it}: ``evaluation_rows``, or more where its skill has few files."""
    entries = (*plan.tasks, *protocol.held_out)
    skill = protocol.skill_of(entries)
    files = Counter(skill[entry.id] for entry in entries)
    most = protocol.skill_rows or 0
    return {e.id: max(protocol.evaluation_rows, -(-most // files[skill[e.id]])) for e in entries}


def run(protocol: Protocol, what: Run, on: RunContext) -> pd.DataFrame:
    """Train one mixture with one seed and judge it on every task: the run's rows."""
    from taskpgm_core import measure

    p = np.array(list(what.mixture.values()))
    tokens = {t: {k: len(e.completion) for k, e in on.training[t].items()} for t in what.mixture}
    batch = protocol.training.batch
    if protocol.budget_tokens is None:
        available = {t: list(rows) for t, rows in tokens.items()}
        drawn = mixture_rows(p, available, what.arm.budget or protocol.budget, what.seed)
    else:
        drawn = token_rows(p, tokens, protocol.budget_tokens, batch, what.seed)
    examples = [on.training[task][row] for task, row in drawn]
    schedule = protocol.training.model_copy(update={"steps": len(drawn) // batch})
    made = measure.train(
        on.base,
        examples,
        schedule,
        seed=measure.task_seed(what.seed, "mixture", 0),
        name=what.arm.name,
        packed=True,
    )
    judged = []
    with measure.applied(on.base, made.adapter, what.arm.name):
        for task, rows in on.judging.items():
            loss, exact = measure.evaluate(on.base, rows)
            judged.append((task, float(loss.mean()), float(exact.mean())))
        scores = measure.suite_scores(
            on.base,
            protocol.suites,
            rows=protocol.suite_rows,
            folder=on.suite_tasks,
            chat=on.template == "chat",
        )
    judged += [(store.SUITE + name, math.nan, score) for name, score in scores.items()]
    n_rows, n_tokens = Counter[str](), Counter[str]()
    for task, row in drawn:
        n_rows[task] += 1
        n_tokens[task] += tokens[task][row]
    return pd.DataFrame(
        [
            {
                "arm": what.arm.name,
                "seed": what.seed,
                "budget": len(drawn),
                "task": task,
                "in_mixture": n_rows[task] > 0,
                "n_rows": n_rows[task],
                "n_tokens": n_tokens[task],
                "steps": schedule.steps,
                "loss": loss,
                "accuracy": exact,
            }
            for task, loss, exact in judged
        ]
    )
