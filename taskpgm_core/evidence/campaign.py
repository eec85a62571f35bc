"""All runs of a protocol, one by one, each kept as soon as it is finished."""

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from taskpgm_core import store
from taskpgm_core.errors import PlanError
from taskpgm_core.evidence.arms import mixture_of
from taskpgm_core.evidence.protocol import Protocol, protocol_card
from taskpgm_core.evidence.ray_campaign import run_on_ray
from taskpgm_core.evidence.reference_losses import reference_losses
from taskpgm_core.evidence.run import Run, RunContext, prepare_context, run
from taskpgm_core.plans.plan import Plan
from taskpgm_core.records import Study

if TYPE_CHECKING:
    from taskpgm_core.builds.pipeline import Placing


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
    processes share a protocol. Processes that name no part share it too: each takes what no other
    has begun. Each finished run is kept at once, by this process whatever
    ``placing`` trains it. ``suite_tasks``: a folder with the YAML files of suites of your own.
    """
    from taskpgm_core import measure

    measure.use_threads(threads)
    digest = protocol.digest(study.digest)
    todo, card = _runs(protocol, study, part, kept=repeat), protocol_card(protocol, study)
    judged = protocol.skills is None or store.reference_losses(study, digest) is not None
    if not todo and judged:
        if not repeat:
            store.plan_runs(study, digest, card)
        return 0
    if store.is_bundled(study.folder):
        study = store.own_copy(study)
        say(f"{study.slug} came with the package; its copy keeps the runs: {study.folder}")
    root = Path(study.folder).parent
    on = prepare_context(protocol, plan, root, suite_tasks)
    if protocol.skills is not None:
        _reference(protocol, study, plan, on, card, threads=threads, repeat=repeat, say=say)
    started, done = time.monotonic(), itertools.count(1)

    @contextmanager
    def claimed(what: Run) -> Iterator[bool]:
        here = (what.arm.name, what.arm.digest, what.seed)
        with store.claim_run(study, digest, "-".join(map(str, here))) as mine:
            yield mine and store.has_run(study, digest, *here) is repeat

    def keep(what: Run, frame: pd.DataFrame) -> None:
        beside = ""
        if repeat:
            kept = store.kept_run(study, digest, what.arm.name, what.arm.digest, what.seed)
            beside = f", at most {_apart(frame, kept):.2g} nats a token from the kept run"
        else:
            arm = what.arm.model_dump(mode="json")
            store.keep_run(
                study, digest, rows=frame, arm=arm, definition=what.arm.digest, card=card
            )
        now = next(done)
        left = (time.monotonic() - started) / now * (len(todo) - now)
        say(
            f"{_result(what, frame, study)}{beside}; {now} of {len(todo)} runs, "
            f"{left / 60:.0f} min left"
        )

    if placing is not None and placing.engine == "ray":
        run_on_ray(
            protocol,
            todo,
            on,
            claimed,
            keep,
            base=plan.base,
            models=root / ".models",
            threads=threads,
            address=placing.address,
            workers=placing.workers,
        )
    else:
        for what in todo:
            with claimed(what) as mine:
                if mine:
                    keep(what, run(protocol, what, on))
    return next(done) - 1


def _runs(protocol: Protocol, study: Study, part: tuple[int, int], *, kept: bool) -> list[Run]:
    """The runs of this process's ``part`` that are kept, or that are not."""
    digest = protocol.digest(study.digest)
    pairs = [(arm, seed) for seed in protocol.seeds for arm in protocol.arms]
    return [
        Run(arm, seed, dict(zip(study.names, mixture_of(arm, study, seed).tolist(), strict=True)))
        for arm, seed in pairs[part[0] :: part[1]]
        if store.has_run(study, digest, arm.name, arm.digest, seed) is kept
    ]


def _reference(
    protocol: Protocol,
    study: Study,
    plan: Plan,
    on: RunContext,
    card: Mapping[str, Any],
    *,
    threads: int,
    repeat: bool,
    say: Callable[[str], None],
) -> None:
    """Measure what shares of the gain are counted between, unless that is kept or under way."""
    if protocol.dtype not in (None, plan.dtype):
        raise PlanError(
            f"{protocol.name} trains in {protocol.dtype}, but {study.slug} was measured in "
            f"{plan.dtype}; shares of its gain are only comparable in one, so leave dtype out."
        )
    digest, root = protocol.digest(study.digest), Path(study.folder).parent
    with store.claim_run(study, digest, "reference") as mine:
        kept = store.reference_losses(study, digest)
        if not mine or (kept is None) is repeat:
            return
        rows = reference_losses(plan, on, root, threads)
        if kept is None:
            store.keep_reference(study, digest, rows=rows, card=card)
            say(f"The base and {len(rows) - len(on.judging)} single-task models were judged.")
        else:
            keys = ["task", "replicate"]
            apart = rows.set_index(keys)["loss"] - kept.set_index(keys)["loss"]
            say(f"Reference losses: at most {apart.abs().max():.2g} nats a token from the kept.")


def _result(what: Run, frame: pd.DataFrame, study: Study) -> str:
    inside = frame[frame["task"].isin(study.names)]
    return (
        f"{what.arm.name}, seed {what.seed}: mean loss {inside['loss'].mean():.4f}, exact "
        f"{inside['accuracy'].mean():.1%}"
    )


def _apart(one: pd.DataFrame, other: pd.DataFrame) -> float:
    """The largest difference of a task's loss between two runs."""
    losses = [frame.set_index("task")["loss"] for frame in (one, other)]
    return float((losses[0] - losses[1]).abs().max())
