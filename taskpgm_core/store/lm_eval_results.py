"""Result files of lm-evaluation-harness (and lighteval), as scores by model and benchmark."""

import re
from collections.abc import Mapping
from typing import Any

from taskpgm_core.errors import StoreError

METRICS = ("acc", "exact_match", "acc_norm", "prompt_level_strict_acc")
"""What a benchmark is scored by: the first of these that it reports, by its first filter."""
LARGEST = 1e15
_SEED = re.compile(r"[-_./]?seed[-_]?(\d+)", re.IGNORECASE)
_STEP = re.compile(r"(checkpoint|step|epoch)[-_]?\d+", re.IGNORECASE)

Row = dict[str, Any]


def runs_in(value: Any, name: str) -> tuple[list[Row], list[str]]:
    """Rows (arm, seed, task, accuracy, stderr) of a result file, and what was left out, in words.

    ``value``: one result object, a list of them, or an object of them by model. A group's own total
    stands for its subtasks. StoreError where there is no score.
    """
    models: list[tuple[str | None, Any]]
    if isinstance(value, Mapping) and isinstance(value.get("results"), Mapping):
        models = [(None, value)]
    elif isinstance(value, Mapping):
        models = [(str(model), one) for model, one in value.items()]
    else:
        models = [(None, one) for one in value] if isinstance(value, list) else []
    if not models or any(
        not isinstance(one, Mapping) or not isinstance(one.get("results"), Mapping)
        for _, one in models
    ):
        raise StoreError(
            f"{name} holds no results of lm-evaluation-harness: an object with the key 'results'."
        )
    rows: list[Row] = []
    said: list[str] = []
    for model, one in models:
        arm, seed = _arm(model or _model(one, name))
        scores, left = _scores(one)
        rows += [{"arm": arm, "seed": seed, **score} for score in scores]
        if left:
            more = f" and {len(left) - 3} more" if len(left) > 3 else ""
            said.append(
                f"{name}: {', '.join(left[:3])}{more} of {arm} have no score between 0 and 1 that "
                f"is known here, and were left out."
            )
    if not rows:
        raise StoreError(f"{name} has no score: it reports none of {', '.join(METRICS)}.")
    return rows, said


def _model(one: Mapping[str, Any], name: str) -> str:
    """What a result file calls its model."""
    for holder in (one, one.get("config_general"), one.get("config")):
        if isinstance(holder, Mapping):
            known = holder.get("model_name") or holder.get("model_name_sanitized")
            if isinstance(known, str) and known:
                return known
    config = one.get("config")
    arguments = config.get("model_args") if isinstance(config, Mapping) else None
    if isinstance(arguments, str):
        pairs = (part.partition("=") for part in arguments.split(","))
        arguments = {key: value for key, _, value in pairs}
    if isinstance(arguments, Mapping):
        for key in ("peft", "pretrained", "model"):
            if arguments.get(key):
                return str(arguments[key])
    raise StoreError(f"{name} does not say which model it judged (model_name).")


def _arm(model: str) -> tuple[str, int]:
    """An arm's name and its seed: a folder's last part, without the ``seedN`` that it may have."""
    parts = [part for part in re.split(r"[/\\]|__", model) if part] or [model]
    last = 2 if _STEP.fullmatch(parts[-1]) and len(parts) > 1 else 1
    local = model.startswith((".", "/", "\\")) or len(parts) > 2
    arm = "/".join(parts[-last:] if local else parts)
    found = _SEED.search(arm)
    bare = _SEED.sub("", arm, count=1).strip("-_./") if found else ""
    return (bare, int(found[1])) if found and bare else (arm, 0)


def _scores(one: Mapping[str, Any]) -> tuple[list[Row], list[str]]:
    results = {**one["results"], **(one.get("groups") or {})}
    inside = {
        str(task)
        for group, tasks in (one.get("group_subtasks") or {}).items()
        if _score(results.get(group)) is not None
        for task in tasks
    }
    rows, left = [], []
    for task, reported in results.items():
        if task in inside or task == "all":
            continue
        score = _score(reported)
        if score is None:
            if not any(str(t) in results for t in (one.get("group_subtasks") or {}).get(task, ())):
                left.append(f"'{task}'")
            continue
        plain = (
            task.split("|")[1] if task.count("|") >= 2 else task
        )  # lighteval: harness|task|shots
        rows.append({"task": plain, "accuracy": score[0], "stderr": score[1]})
    return rows, left


def _score(reported: Any) -> tuple[float, float] | None:
    """(score, its standard error or NaN) in what is reported of a task; keys are metric,filter."""
    if not isinstance(reported, Mapping):
        return None
    numbers = {
        key: float(value)
        for key, value in reported.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
        if abs(value) <= LARGEST  # a NaN is no score either
    }
    bare = [key for key in numbers if "stderr" not in key and key not in ("sample_len", "samples")]
    chosen = next((k for m in METRICS for k in bare if k.partition(",")[0] == m), None)
    alone = {key.partition(",")[0] for key in bare}
    if chosen is None and len(alone) == 1 and 0 <= numbers[bare[0]] <= 1:
        chosen = bare[0]
    if chosen is None:
        return None
    metric, comma, way = chosen.partition(",")
    return numbers[chosen], numbers.get(f"{metric}_stderr{comma}{way}", float("nan"))
