"""Public benchmark suites, judged by lm-evaluation-harness on the model as it stands."""

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, cast

import numpy as np

from taskpgm_core.errors import MeasurementError, install_command, nearest
from taskpgm_core.measure.base_model import BaseModel
from taskpgm_core.store.lm_eval_results import METRICS


@cache
def _known(folder: str | None) -> Any:
    """The harness's own tasks and those whose YAML files lie in ``folder``."""
    try:
        from lm_eval.tasks import TaskManager
    except ModuleNotFoundError:
        raise MeasurementError(
            "--suite needs lm-evaluation-harness, which is not installed; run: "
            + install_command("lm_eval")
        ) from None
    return TaskManager(include_path=folder)


def check_suites(names: Sequence[str], folder: str | None = None) -> None:
    """MeasurementError where the harness is missing or knows no suite of a name."""
    for name in names:
        known = _known(folder).all_tasks
        if name not in known:
            raise MeasurementError(
                f"lm-evaluation-harness knows no suite '{name}'{nearest(name, known)}; --suite "
                f"takes its names of tasks and groups, --suite-tasks a folder with yours."
            )


def suite_scores(
    base: BaseModel,
    names: Sequence[str],
    *,
    rows: int | None = None,
    folder: str | None = None,
    chat: bool = False,
) -> dict[str, float]:
    """The score of each suite, between 0 and 1: its own total, or the mean of its tasks.

    ``rows``: at most so many of each task, the first ones; ``folder``: where the YAML files of
    further tasks lie; ``chat``: prompts go through the model's chat template. Prompts, shots and
    metrics are the harness's own.
    """
    if not names:
        return {}
    check_suites(names, folder)
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM

    # their decorators hide from a type checker what they take
    model = cast("Callable[..., Any]", HFLM)
    evaluate = cast("Callable[..., Any]", simple_evaluate)
    harnessed = model(
        pretrained=base.model,
        tokenizer=copy.deepcopy(base.tokenizer),  # the harness gives it a padding token
        batch_size="auto" if base.device.type == "cuda" else 4,
    )
    scores = {}
    for name in names:
        found = evaluate(
            harnessed,
            tasks=[name],
            limit=rows,
            task_manager=_known(folder),
            log_samples=False,
            bootstrap_iters=0,
            apply_chat_template=chat,
            fewshot_as_multiturn=chat,
        )
        results = found["results"]
        total = _metric(results.get(name, {}))
        each = [_metric(results[task]) for task in found["configs"]] if total is None else [total]
        if None in each:
            raise MeasurementError(
                f"Suite '{name}' reports none of {', '.join(METRICS)}, so it has no score here."
            )
        scores[name] = float(np.mean(np.array(each, dtype=np.float64)))
    return scores


def _metric(reported: Mapping[str, Any]) -> float | None:
    """The first of ``METRICS`` in what the harness reports of a task; its keys: metric,filter."""
    for metric in METRICS:
        for key, value in reported.items():
            if key.partition(",")[0] == metric:
                return float(value)
    return None
