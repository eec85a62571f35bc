"""All runs of a protocol, one by one: each trains one mixture with one seed and judges it."""

import itertools
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from taskpgm_core import store
from taskpgm_core.evidence.mixtures import mixture_of
from taskpgm_core.evidence.protocol import Arm, Protocol
from taskpgm_core.evidence.rows import evaluation_rows, mixture_rows, token_rows
from taskpgm_core.plan import Plan
from taskpgm_core.records import Study
from taskpgm_core.tasks import load, split
from taskpgm_core.tasks.overlap import normalised

if TYPE_CHECKING:
    from taskpgm_core.measure import BaseModel, RenderedExample
    from taskpgm_core.pipeline import Placing


@dataclass(frozen=True)
class Run:
    """One arm with one seed; ``mixture``: the weight of every task of the study."""

    arm: Arm
    seed: int
    mixture: Mapping[str, float]


@dataclass(frozen=True)
class Ground:
    """What all runs share: the base model, rows to train on, rows that judge.

    ``template``: the prompts' own, as in a plan; ``suite_tasks``: a folder of further suites.
    """

    base: "BaseModel"
    training: Mapping[str, Mapping[int, "RenderedExample"]]
    judging: Mapping[str, Sequence["RenderedExample"]]
    template: str
    suite_tasks: str | None = None


def ground(protocol: Protocol, plan: Plan, root: Path, suite_tasks: str | None = None) -> Ground:
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
        rows = load(
            entry.source,
            rows=entry.rows,
            seed=plan.seed,
            folders=plan.folders,
            options=entry.options,
        )
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
    return Ground(base, training, judging, plan.template, suite_tasks)


def run(protocol: Protocol, what: Run, on: Ground) -> pd.DataFrame:
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


def campaign(
    protocol: Protocol,
    study: Study,
    plan: Plan,
    *,
    threads: int,
    part: tuple[int, int] = (0, 1),
    placing: "Placing | None" = None,
    suite_tasks: str | None = None,
    repeat: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> int:
    """Run what is not finished yet; returns how many runs were made now.

    ``repeat``: in its place, make finished runs again and say how far from the kept ones they come;
    nothing is written.

    ``part`` (k, of): this process takes every ``of``-th run from the k-th, so that several
    processes share a protocol; each finished run is kept at once, by this process whatever
    ``placing`` trains it. ``suite_tasks``: a folder with the YAML files of suites of your own.
    """
    from taskpgm_core import measure

    measure.use_threads(threads)
    digest = protocol.digest(study.digest)
    pairs = [(arm, seed) for seed in protocol.seeds for arm in protocol.arms]
    todo = [
        Run(arm, seed, dict(zip(study.names, mixture_of(arm, study, seed).tolist(), strict=True)))
        for arm, seed in pairs[part[0] :: part[1]]
        if store.has_run(study, digest, arm.name, arm.digest, seed) is repeat
    ]
    if not todo:
        return 0
    root = Path(study.folder).parent
    on = ground(protocol, plan, root, suite_tasks)
    card = {"protocol": protocol.model_dump(mode="json", exclude={"arms", "seeds", "name"})}
    started, done = time.monotonic(), itertools.count(1)

    def keep(what: Run, frame: pd.DataFrame) -> None:
        beside = ""
        if repeat:
            kept = store.kept_run(study, digest, what.arm.name, what.arm.digest, what.seed)
            beside = f", at most {_apart(frame, kept):.2g} nats a token from the kept run"
        else:
            store.keep_run(
                study,
                digest,
                rows=frame,
                arm=what.arm.model_dump(mode="json"),
                definition=what.arm.digest,
                card=card,
            )
        now = next(done)
        left = (time.monotonic() - started) / now * (len(todo) - now)
        inside = frame[frame["task"].isin(study.names)]
        say(
            f"{what.arm.name}, seed {what.seed}: mean loss {inside['loss'].mean():.4f}, exact "
            f"{inside['accuracy'].mean():.1%}{beside}; {now} of {len(todo)} runs, "
            f"{left / 60:.0f} min left"
        )

    if placing is not None and placing.engine == "ray":
        from taskpgm_core.evidence.ray_campaign import run_on_ray

        run_on_ray(
            protocol,
            todo,
            on,
            keep,
            base=plan.base,
            models=root / ".models",
            threads=threads,
            address=placing.address,
            workers=placing.workers,
        )
    else:
        for what in todo:
            keep(what, run(protocol, what, on))
    return len(todo)


def _apart(one: pd.DataFrame, other: pd.DataFrame) -> float:
    """The largest difference of a task's loss between two runs."""
    losses = [frame.set_index("task")["loss"] for frame in (one, other)]
    return float((losses[0] - losses[1]).abs().max())
