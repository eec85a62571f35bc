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
from taskpgm_core.evidence.protocol import Arm, Protocol
from taskpgm_core.evidence.sampling import evaluation_rows, mixture_rows, token_rows
from taskpgm_core.plans.plan import Plan
from taskpgm_core.tasks import load_task, split
from taskpgm_core.tasks.overlap import normalised

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
    texts: dict[str, dict[int, bytes]] = {}
    judged: set[bytes] = set()
    training: dict[str, dict[int, RenderedExample]] = {}
    judging: dict[str, list[RenderedExample]] = {}
    for entry in (*plan.tasks, *protocol.held_out):
        rows = load_task(entry, plan)
        parts = split(rows, probe=plan.probe.examples_per_task, seed=plan.seed, name=entry.id)
        rendered = measure.render(
            [rows[k] for k in parts.train_indices], base.tokenizer, plan.template
        )
        most = min(protocol.training.max_tokens, base.context)
        kept = [k for k, e in enumerate(rendered) if e.length <= most]
        judges = [kept[k] for k in evaluation_rows(entry.id, len(kept), protocol.evaluation_rows)]
        judging[entry.id] = [rendered[k] for k in judges]
        texts[entry.id] = {k: normalised(rows[parts.train_indices[k]]) for k in kept}
        judged |= {texts[entry.id][k] for k in judges}
        if entry not in protocol.held_out:
            training[entry.id] = {k: rendered[k] for k in kept}
    for task, examples in training.items():
        training[task] = {k: e for k, e in examples.items() if texts[task][k] not in judged}
    return RunContext(base, training, judging, plan.template, suite_tasks)


def run(protocol: Protocol, what: Run, on: RunContext) -> pd.DataFrame:
    """Train one mixture with one seed and judge it on every task: the run's rows."""
    from taskpgm_core import measure

    p = np.array(list(what.mixture.values()))
    tokens = {t: {k: len(e.completion) for k, e in on.training[t].items()} for t in what.mixture}
    batch = protocol.training.batch
    if protocol.budget_tokens is None:
        available = {t: list(rows) for t, rows in tokens.items()}
        drawn = mixture_rows(p, available, protocol.budget, what.seed)
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
