"""What a tuning will cost before it runs: runs, rows, and about how long."""

from dataclasses import dataclass

from taskpgm_core.builds.cost_model import BACKWARD
from taskpgm_core.builds.dry_run import preview
from taskpgm_core.errors import TaskPGMError, install_command
from taskpgm_core.evidence.protocol import Protocol
from taskpgm_core.evidence.run import judging_counts
from taskpgm_core.evidence.shared_reference import reference_at_hand
from taskpgm_core.evidence.tuning import Tuning, missing_runs, tune
from taskpgm_core.plans.plan import Plan


@dataclass(frozen=True)
class TuningCost:
    """``runs``: at most, ``kept`` of them there already and ``left`` to make; ``rows_trained``: by
    those that are left, None for a budget in tokens; ``rows_judged``: by these; ``models``:
    single-task models to judge first, none where that is done or no share is counted. ``seconds``:
    of the runs that are left, None where nothing tells, and ``basis``: what they rest on."""

    runs: int
    kept: int
    left: int
    rows_trained: int | None
    rows_judged: int
    models: int
    seconds: float | None
    basis: str


class _Incomplete(Exception):  # noqa: N818, it says where a look ends, and is no error
    pass


def tuning_cost(tuning: Tuning, plan: Plan, threads: int) -> TuningCost:
    """Nothing is trained and nothing kept. Time is that of one batch scored now, or from the plan's
    ``expect``; loading models and what an optimizer does are not in it."""
    at_most = sum(len(r.seeds) * (r.candidates + 1) for r in tuning.rounds) + 2 * tuning.confirming
    kept, finished, models = _kept(tuning, plan)
    left = 0 if finished else at_most - kept
    tokens = tuning.protocol.budget_tokens
    budget = tuning.protocol.budget
    judged = sum(judging_counts(tuning.protocol, plan).values())
    seconds, basis = None, "there is nothing left to run"
    if left:
        try:
            cost = preview(plan, threads=threads)
            basis = cost.basis
            if cost.tokens_per_second and cost.forward_passes:
                row = cost.tokens["score"] / cost.forward_passes
                supervised = sum(t.mean_tokens or 0.0 for t in tuning.study.tasks)
                mean = supervised / len(tuning.study.tasks)
                trained = budget if tokens is None else tokens / max(mean, 1.0)
                seconds = left * row * (BACKWARD * trained + judged) / cost.tokens_per_second
        except TaskPGMError as error:
            basis = str(error)
        except ModuleNotFoundError as error:
            package = str(error.name)
            basis = f"{package} is not installed; run: {install_command(package)}"
    return TuningCost(
        kept + left,
        kept,
        left,
        left * budget if tokens is None else None,
        left * judged,
        models,
        seconds,
        basis,
    )


def _kept(tuning: Tuning, plan: Plan) -> tuple[int, bool, int]:
    """How many runs are there, whether all are, and how many single-task models are not judged."""
    kept = models = 0

    def look(protocol: Protocol) -> None:
        nonlocal kept, models
        missing = missing_runs(tuning.study, protocol)
        if "reference" in missing:
            missing.remove("reference")
            if reference_at_hand(tuning.study, plan, protocol) is None:
                models = len(plan.tasks) + len(plan.second_seeds)
        kept += len(protocol.arms) * len(protocol.seeds) - len(missing)
        if missing or models:
            raise _Incomplete

    try:
        tune(tuning, look, lambda line: None)
    except _Incomplete:
        return kept, False, models
    return kept, True, models
