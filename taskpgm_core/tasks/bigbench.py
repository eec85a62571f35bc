"""Examples of BIG-bench tasks from a folder of their ``task.json`` files (arXiv 2206.04615)."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from taskpgm_core.errors import SourceError, nearest
from taskpgm_core.records import Example

FOLDER = Path("cache/.sources/bigbench")
INSIDE = ("", "bigbench/benchmark_tasks", "benchmark_tasks")
OPTIONS = ("prefix", "most_choices")


def tasks_folder(folder: str | Path) -> Path:
    """The folder of the tasks within a checkout or unpacked release; SourceError if none."""
    root = Path(folder)
    for inside in INSIDE:
        if next((root / inside).glob("*/task.json"), None):
            return root / inside
    raise SourceError(
        f"There are no BIG-bench tasks in {root}; bring them with: make bigbench, or name their "
        f"folder in the plan under folders: bigbench."
    )


def load(
    name: str, *, rows: int | None, seed: int, folder: str | Path, options: Mapping[str, Any]
) -> list[Example]:
    """The first ``rows`` examples of the task (or ``task/subtask``) called ``name``, in file order.

    The completion is the best-scored choice, else the target. Up to ``most_choices`` (default 10)
    choices are listed in the prompt in an order shuffled with a seed of each example's own, since
    many files list the right one first. ``prefix: false`` leaves the task's own prefix out.
    """
    for key in options:
        if key not in OPTIONS:
            raise SourceError(f"bigbench:{name}: unknown option '{key}'{nearest(key, OPTIONS)}.")
    root = tasks_folder(folder)
    path = root / name / "task.json"
    if ".." in Path(name).parts or not path.is_file():
        known = [p.parent.relative_to(root).as_posix() for p in root.glob("**/task.json")]
        raise SourceError(f"There is no BIG-bench task '{name}'{nearest(name, known)} in {root}.")
    try:
        task = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SourceError(f"{path} is not valid JSON: {error}.") from None
    found = task.get("examples") or []
    if not found:
        raise SourceError(
            f"BIG-bench task '{name}' has no examples of its own; name one of its subtasks, as in "
            f"bigbench:{name}/SUBTASK."
        )
    prefix = str(task.get("task_prefix") or "") if options.get("prefix", True) else ""
    most = int(options.get("most_choices", 10))
    return [
        _example(raw, f"{path}, example {index}", prefix, most, _seed(name, index, seed))
        for index, raw in enumerate(found[:rows])
    ]


def _seed(name: str, index: int, seed: int) -> int:
    return int.from_bytes(hashlib.sha256(f"{name}/{index}/{seed}".encode()).digest()[:8], "big")


def _example(raw: Mapping[str, Any], where: str, prefix: str, most: int, seed: int) -> Example:
    question = raw.get("input")
    scores, target = raw.get("target_scores"), raw.get("target")
    if isinstance(target, list):
        target = target[0] if target else None
    if scores:  # beside them, some tasks keep a long free-text answer as the target
        target = max(scores, key=scores.__getitem__)
    if not isinstance(question, str) or not isinstance(target, str) or not target.strip():
        raise SourceError(f"{where} has no text as input or no target.")
    prompt = prefix + question.strip()
    if scores and len(scores) <= most:
        order = np.random.default_rng(seed).permutation(sorted(scores))
        prompt += "\nOptions: " + "; ".join(order)
    return Example(prompt, target.strip())
