"""Materialise: the rows of a recipe as one shuffled file that every trainer reads."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from taskpgm_core.errors import ExportError
from taskpgm_core.exports.recipe import Recipe, file_name, rows_to_draw
from taskpgm_core.files.atomic import write_atomic
from taskpgm_core.files.encoding import json_bytes, parquet_bytes
from taskpgm_core.files.hashing import sha256
from taskpgm_core.records import Example

FORMAT = "taskpgm-materialised"
VERSION = 1
MANIFEST = "manifest.json"

# Line ends that JSON leaves as they are, but at which some readers split.
LINE_ENDS = {ord(c): f"\\u{ord(c):04x}" for c in "\x85\u2028\u2029"}

Load = Callable[[str], Sequence[Example]]
Row = dict[str, Any]


def materialise(
    recipe: Recipe,
    load: Load,
    out: str | Path,
    *,
    seed: int | None = None,
    per_task: bool = False,
    format: Literal["jsonl", "parquet"] = "jsonl",
) -> Path:
    """Write the recipe's rows into the folder ``out``; the path of its manifest, written last.

    ``load(task)`` gives every row available of a task. Without ``per_task``: one file
    ``train.jsonl`` (or ``.parquet``) of the whole mixture, shuffled; a task asked for more rows
    than it has gets whole passes and a random remainder. With ``per_task``: every task's rows once,
    shuffled, each in a folder of its own, for trainers that mix by themselves.

    A row holds ``task``, ``prompt``, ``completion`` and the same two as chat ``messages``. Where
    any of the recipe's tasks are chats, every row holds ``task`` and its ``messages`` alone, and
    ``tools`` (JSON text) where any row has them. The same
    recipe, rows and ``seed`` (the recipe's by default) give the same bytes; what a larger budget
    draws of a task contains what a smaller one draws. Files that an earlier call left in the folder
    go. Raises ExportError where a task's rows are
    not those that the recipe was made for.
    """
    if format not in ("jsonl", "parquet"):
        raise ExportError(f"The format is '{format}'; give jsonl or parquet.")
    seed = recipe.seed if seed is None else seed
    folder = Path(out)
    pools = {portion.task: _pool(load, portion.task, portion.rows) for portion in recipe.portions}
    as_row = _chat_row if recipe.chat or any(e.chat for p in pools.values() for e in p) else _row
    files: dict[str, list[Row]] = {}
    drawn: dict[str, int] = {}
    if per_task:
        for task, pool in pools.items():
            order = _passes(seed, task, len(pool), len(pool))
            rows = [as_row(task, pool[i]) for _, i in sorted(order)]
            files[f"{file_name(task)}/train.{format}"] = rows
            drawn[task] = len(pool)
    else:
        keyed = []
        for task, n in zip(recipe.tasks, rows_to_draw(recipe), strict=True):
            pool = pools[task]
            keyed += [(key, task, i) for key, i in _passes(seed, task, len(pool), n)]
            drawn[task] = n
        files[f"train.{format}"] = [as_row(task, pools[task][i]) for _, task, i in sorted(keyed)]
    listed = _write(folder, files, format)
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "seed": seed,
        "per_task": per_task,
        "files": listed,
        "tasks": [
            {"task": task, "available": len(pool), "rows": drawn[task]}
            for task, pool in pools.items()
        ],
        "recipe": json.loads(recipe.to_json()),
    }
    write_atomic(folder / MANIFEST, json_bytes(manifest))
    return folder / MANIFEST


def _write(folder: Path, files: Mapping[str, list[Row]], format: str) -> dict[str, Row]:
    """Put ``files`` in the place of those written before; digest, bytes and rows of each."""
    listed = {}
    try:
        before = _written(folder)
        (folder / MANIFEST).unlink(missing_ok=True)  # from here to the end it is unfinished
        for name in before - set(files):
            (folder / name).unlink(missing_ok=True)
        for name, rows in files.items():
            data = _jsonl(rows) if format == "jsonl" else parquet_bytes(pd.DataFrame(rows))
            write_atomic(folder / name, data)
            listed[name] = {"sha256": sha256(data), "bytes": len(data), "rows": len(rows)}
    except OSError as error:
        raise ExportError(f"{folder} cannot be written: {error.strerror}.") from None
    return listed


def _written(folder: Path) -> set[str]:
    """The files that the folder's manifest says were written here, by their digests."""
    root = folder.resolve()
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        files = manifest["files"] if manifest["format"] == FORMAT else {}
        inside = {n: f for n, f in files.items() if (folder / n).resolve().is_relative_to(root)}
        return {n for n, f in inside.items() if sha256((folder / n).read_bytes()) == f["sha256"]}
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return set()


def _pool(load: Load, task: str, expected: int | None) -> Sequence[Example]:
    pool = load(task)
    if not pool or (expected is not None and len(pool) != expected):
        raise ExportError(
            f"Task '{task}' has {len(pool):,} rows, but the recipe was made for "
            f"{'at least 1' if expected is None else f'{expected:,}'}; bring the text it was made "
            f"from, or export the mixture again."
        )
    for number, example in enumerate(pool, start=1):
        if not _encodable(json.dumps(example.value, ensure_ascii=False)):
            raise ExportError(
                f"Row {number} of task '{task}' holds half a character (a lone surrogate), which "
                f"no file can hold; mend it at its source."
            )
    return pool


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _passes(seed: int, task: str, available: int, wanted: int) -> list[tuple[bytes, int]]:
    """``wanted`` (key, row) of whole passes over a task's rows, and of a part of the last one.

    Sorting by key shuffles. Keys come from digests, which no library's version can change: one half
    chooses the part of the last pass, the other half orders, so that the two are independent.
    """
    head = hashlib.sha256(json.dumps([seed, task]).encode())
    chosen: list[tuple[bytes, int]] = []
    for turn in range(-(-wanted // available)):
        lots = []
        for i in range(available):
            digest = head.copy()
            digest.update(b"%d/%d" % (turn, i))
            lots.append((digest.digest(), i))
        chosen += [(lot[16:], i) for lot, i in sorted(lots)[: wanted - len(chosen)]]
    return chosen


def _row(task: str, example: Example) -> Row:
    return {
        "task": task,
        "prompt": example.prompt,
        "completion": example.completion,
        "messages": _messages(example),
    }


def _messages(example: Example) -> list[dict[str, Any]]:
    if example.chat:
        return example.chat.messages
    return [
        {"role": "user", "content": example.prompt},
        {"role": "assistant", "content": example.completion},
    ]


def _chat_row(task: str, example: Example) -> Row:
    tools = {"tools": example.chat.tools} if example.chat and example.chat.tools else {}
    return {"task": task, "messages": _messages(example), **tools}


def _jsonl(rows: Sequence[Row]) -> bytes:
    lines = (json.dumps(row, ensure_ascii=False).translate(LINE_ENDS) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()
