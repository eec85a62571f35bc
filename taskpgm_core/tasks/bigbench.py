"""Examples of BIG-bench tasks from a folder of their ``task.json`` files (arXiv 2206.04615)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from taskpgm_core.errors import SourceError, nearest
from taskpgm_core.files.hashing import seed_from
from taskpgm_core.records import Example

FOLDER = Path("cache/.sources/bigbench")
INSIDE = ("", "bigbench/benchmark_tasks", "benchmark_tasks")
OPTIONS = ("prefix", "most_choices")
MOST_CHOICES = 10


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

    The completion is the best-scored choice (the first of equals), else the first target. Up to
    ``most_choices`` (default 10) choices are listed in the prompt in an order shuffled with a seed
    of each example's own, since many files list the right one first. ``prefix: false`` leaves the
    task's own prefix out. Raises SourceError where a task, its examples or a target is missing.
    """
    with_prefix, most = options.get("prefix", True), options.get("most_choices", MOST_CHOICES)
    if not isinstance(with_prefix, bool) or type(most) is not int:
        raise SourceError(
            f"bigbench:{name}: prefix must be true or false and most_choices a whole number."
        )
    root = tasks_folder(folder)
    path = root / name / "task.json"
    if not path.resolve().is_relative_to(root.resolve()) or not path.is_file():
        known = [p.parent.relative_to(root).as_posix() for p in root.glob("**/task.json")]
        raise SourceError(f"There is no BIG-bench task '{name}'{nearest(name, known)} in {root}.")
    try:
        task = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SourceError(f"{path} is not valid JSON: {error}.") from None
    found = task.get("examples") if isinstance(task, dict) else None
    if not isinstance(found, list) or not found:
        raise SourceError(
            f"BIG-bench task '{name}' has no examples of its own; name one of its subtasks, as in "
            f"bigbench:{name}/SUBTASK."
        )
    return _examples(task, path, name, rows=rows, seed=seed, with_prefix=with_prefix, most=most)


def task_of(path: Path) -> dict[str, Any] | None:
    """What a BIG-bench task's file holds, None for any other file.

    The file is one JSON object with a name, a description and keywords, which all of BIG-bench's
    have; its ``examples`` are empty where only its subtasks have some.
    """
    if path.suffix.lower() != ".json" or not path.is_file():
        return None
    with path.open("rb") as file:
        if not file.read(64).lstrip().startswith(b"{"):
            return None
    try:
        task = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return None
    named = isinstance(task, dict) and {"name", "description", "keywords"} <= set(task)
    return task if named else None


def examples_of(
    task: Mapping[str, Any], path: Path, *, rows: int | None, seed: int
) -> list[Example]:
    """The first ``rows`` examples of a task that ``task_of`` found, as ``load`` reads them.

    Choices are shuffled by the task's own name, so the place of the file changes nothing.
    """
    if not isinstance(task.get("examples"), list) or not task["examples"]:
        raise SourceError(f"{path} is a BIG-bench task without examples of its own; leave it out.")
    name = str(task["name"])
    return _examples(task, path, name, rows=rows, seed=seed, with_prefix=True, most=MOST_CHOICES)


def _examples(
    task: Mapping[str, Any],
    path: Path,
    name: str,
    *,
    rows: int | None,
    seed: int,
    with_prefix: bool,
    most: int,
) -> list[Example]:
    prefix = str(task.get("task_prefix") or "") if with_prefix else ""
    return [
        _example(raw, f"{path}, example {index}", prefix, most, seed_from(name, index, seed))
        for index, raw in enumerate(task["examples"][:rows])
    ]


def _example(raw: Any, where: str, prefix: str, most: int, seed: int) -> Example:
    if not isinstance(raw, dict) or not isinstance(raw.get("input"), str):
        raise SourceError(f"{where} has no text as its input; set rows to stop before it.")
    scores, target = raw.get("target_scores") or {}, raw.get("target")
    if not isinstance(scores, dict) or not all(isinstance(x, int | float) for x in scores.values()):
        raise SourceError(f"{where}: target_scores must give every choice a number.")
    if isinstance(target, list):
        target = target[0] if target else None
    if scores and max(scores.values()) > 0:
        target = max(scores, key=scores.__getitem__)
    if not isinstance(target, str) or not target.strip():
        raise SourceError(f"{where} has no target; set rows to stop before it.")
    prompt = prefix + raw["input"].strip()
    if scores and len(scores) <= most:
        order = np.random.default_rng(seed).permutation(sorted(scores))
        prompt += "\nOptions: " + "; ".join(order)
    return Example(prompt, target.strip())
