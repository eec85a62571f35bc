"""What the base model and a study's single-task models score on the rows that judge the runs."""

from pathlib import Path

import pandas as pd

from taskpgm_core.builds.pipeline import engine_for, prepare
from taskpgm_core.errors import MeasurementError
from taskpgm_core.evidence.kept_share import BASE
from taskpgm_core.evidence.run import RunContext
from taskpgm_core.plans.plan import Plan


def reference_losses(plan: Plan, on: RunContext, root: Path, threads: int) -> pd.DataFrame:
    """One row a task and model: ``task``, ``replicate`` (-1 for the base model), ``loss`` (nats a
    token, mean over the task's judging rows), ``accuracy`` (exact match) and ``n_rows``.

    The base model is judged on every task, a single-task model on its own. Models that the cache
    still has are not trained again. A task without second seed has one replicate.
    """
    from taskpgm_core import measure

    engine = engine_for(prepare(plan, root, threads=threads), root, measure.Silence())
    if not isinstance(engine, measure.InProcess):
        raise MeasurementError("Reference losses are measured in this process.")
    found = []
    for spec, model in engine.models():
        for task in on.judging if spec.task is None else (spec.task,):
            loss, exact = measure.evaluate(model, on.judging[task])
            found.append(
                {
                    "task": task,
                    "replicate": BASE if spec.task is None else spec.replicate,
                    "loss": float(loss.mean()),
                    "accuracy": float(exact.mean()),
                    "n_rows": len(on.judging[task]),
                }
            )
    return pd.DataFrame(found)
