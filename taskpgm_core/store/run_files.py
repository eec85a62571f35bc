"""Scores and losses of trainings that were made elsewhere, read from the files that hold them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from taskpgm_core.errors import StoreError, look_alikes
from taskpgm_core.files.hashing import sha256
from taskpgm_core.files.json_text import parsed, parsed_lines, reason
from taskpgm_core.files.packed import unpacked
from taskpgm_core.plans.slug import arm_of
from taskpgm_core.records import Study
from taskpgm_core.store.delimited_text import (
    HOLES,
    broken,
    decoded,
    grouped,
    likely_separator,
    lines_of,
    number_of,
)
from taskpgm_core.store.lm_eval_results import runs_in
from taskpgm_core.store.runs import COLUMNS, SUITE, keep_runs

ALIASES = {
    "arm": ("mixture", "model", "model_name", "run", "method", "name"),
    "task": ("benchmark", "dataset", "eval", "suite", "task_name"),
    "accuracy": ("acc", "score", "exact_match", "exact", "em"),
    "loss": ("eval_loss", "val_loss", "test_loss", "nll"),
    "stderr": ("acc_stderr", "score_stderr", "std_err", "se"),
    "n_rows": ("rows",),
    "n_tokens": ("tokens",),
}
AVERAGES = {"avg", "average", "mean", "overall", "total"}
"""Columns beside benchmarks that only sum them up."""
YES, NO = ("true", "1", "1.0", "yes"), ("false", "0", "0.0", "no", "")
LEAST_STDERR = 0.05
"""In percent; a standard error below it needs a million examples at a score of 50%."""
LARGEST = 10**15
"""A budget, a seed or a count above this is a slip, and no float holds it exactly for long."""
NUMBERS = ("seed", "budget", "n_rows", "n_tokens", "steps", "loss", "accuracy", "stderr")


@dataclass(frozen=True)
class BroughtRuns:
    """``rows``: columns as in ``store.evidence``, NaN where nothing is known, and ``stderr`` where
    it was given; ``digest``: of the files' bytes; ``files``: their names; ``said``: what was
    understood rather than read, in sentences."""

    rows: pd.DataFrame
    digest: str
    files: tuple[str, ...]
    said: tuple[str, ...] = ()


def read_runs(files: str | Path | Sequence[str | Path], tasks: Sequence[str] = ()) -> BroughtRuns:
    """The finished runs in tables, in result files of lm-evaluation-harness, or in its folders.

    A table has an arm, a task, and a loss or a score (a share of 1, or percent) a row; other
    columns of ``COLUMNS`` may be there. A benchmark that is none of ``tasks``, the study's, and has
    scores only is a public suite. StoreError names what is missing, no number, or there twice.
    """
    given = [files] if isinstance(files, (str, Path)) else list(files)
    paths = [path for file in given for path in _expanded(Path(file))]
    frames, digests, said = [], [], []
    for path in paths:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise StoreError(f"The runs in {path} cannot be read: {error.strerror}.") from None
        rows, told = _rows(data, path.name)
        rows, more = _shares(rows, path.name)
        frames.append(rows)
        digests.append(sha256(data))
        said += told + more
    rows = pd.concat(frames, ignore_index=True)
    where = paths[0].name if len(paths) == 1 else f"{len(paths)} files"
    for what, names in (("arms", rows["arm"]), ("tasks", [*tasks, *rows["task"]])):
        if twins := look_alikes(names):
            raise StoreError(
                f"{where}: the {what} {twins[0]!a} and {twins[1]!a} look alike to a reader; write "
                f"one name."
            )
    kept: dict[str, str] = {}
    for arm in rows["arm"]:
        if kept.setdefault(arm_of(arm), arm) != arm:
            raise StoreError(
                f"{where}: the arms '{kept[arm_of(arm)]}' and '{arm}' would both be kept as "
                f"'{arm_of(arm)}'; rename one."
            )
    rows, more = _suites(rows, tasks)
    twice = rows.duplicated(["arm", "seed", "task"])
    if twice.any():
        arm, seed, task = rows.loc[twice, ["arm", "seed", "task"]].iloc[0]
        raise StoreError(
            f"{where}: arm '{arm}' with seed {int(seed)} has task '{task}' twice; give every run "
            f"of an arm its own seed."
        )
    digest = digests[0] if len(digests) == 1 else sha256("".join(sorted(digests)).encode())
    return BroughtRuns(rows, digest, tuple(p.name for p in paths), (*said, *more))


def import_runs(study: Study, brought: BroughtRuns) -> int:
    """Keep ``brought`` runs under ``study``; how many runs there were."""
    names = brought.files
    from_files = names[0] if len(names) == 1 else f"{len(names)} files"
    return keep_runs(study, brought.rows, brought.digest, from_files)


def _expanded(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(path.rglob("results*.json"))
    if not found:
        raise StoreError(f"The folder {path} holds no results*.json of lm-evaluation-harness.")
    return found


def _rows(data: bytes, name: str) -> tuple[pd.DataFrame, list[str]]:
    """What a file holds, by its name: a table, JSON rows of one, or result files."""
    data, plain = unpacked(data, name)
    text, suffix = decoded(data, name), Path(plain).suffix.lower()
    if suffix not in (".json", ".jsonl", ".ndjson"):
        return _table(_cells(text, plain, name), name)
    try:
        value = parsed(text) if suffix == ".json" else parsed_lines(text)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{name} cannot be read: {reason(error)}.") from None
    rows: list[Any] = value if isinstance(value, list) and value else [None]
    if all(isinstance(row, dict) and "results" not in row for row in rows):
        keys = list(dict.fromkeys(key for row in rows for key in row))
        cells = [["" if row.get(k) is None else str(row[k]) for k in keys] for row in rows]
        places = pd.Index([f"{name}, row {n}" for n in range(1, len(rows) + 1)])
        return _table(pd.DataFrame(cells, places, pd.Index(keys), dtype=str), name)
    return _results(value, name)


def _results(value: Any, name: str) -> tuple[pd.DataFrame, list[str]]:
    rows, said = runs_in(value, name)
    frame = pd.DataFrame(rows).assign(in_mixture=False, loss=np.nan)
    for word in (*frame["arm"], *frame["task"]):
        _readable(word, name)
    frame["task"] = [f"{SUITE}{task}" for task in frame["task"]]
    return _complete(frame), said


def _cells(text: str, plain: str, name: str) -> pd.DataFrame:
    """The cells of a table, as text; its index says where each row stands."""
    lines = lines_of(text, likely_separator(text, plain), name)
    if not lines:
        raise StoreError(f"{name} is empty; it needs {', '.join(COLUMNS)}.")
    (_, first), *body = lines
    places = [f"{name}, line {number}" for number, _ in body]
    for place, (_, row) in zip(places, body, strict=True):
        if len(row) > len(first):
            raise StoreError(f"{place}: it has more cells than the first line has columns.")
    filled = [row + [""] * (len(first) - len(row)) for _, row in body]
    return pd.DataFrame(filled, pd.Index(places), pd.Index(first), dtype=str)


def _table(frame: pd.DataFrame, name: str) -> tuple[pd.DataFrame, list[str]]:
    """A table's rows: every cell is text until its column is known.

    Its index says where each row stands.
    """
    columns = _named([str(c) for c in frame.columns], name)
    twice = next((c for c in columns if c and columns.count(c) > 1), None)
    if twice:
        raise StoreError(f"{name}: two columns are called '{twice}'; rename one.")
    frame = _of_metric(frame.set_axis(columns, axis=1), name)
    said: list[str] = []
    if "task" not in frame and "arm" in frame and not {"loss", "accuracy"} & set(frame):
        frame, said = _long(frame, name)
    missing = [column for column in ("arm", "task") if column not in frame]
    if missing or frame.empty or not {"loss", "accuracy"} & set(frame):
        lacking = f"the column '{missing[0]}'" if missing else "a column loss or accuracy"
        what = "holds no run" if frame.empty else f"lacks {lacking}"
        raise StoreError(f"{name} {what}; it needs {', '.join(COLUMNS)}.")
    unread = [c for c in map(str, frame) if c.strip() and c not in (*COLUMNS, "stderr")]
    if unread:
        said.append(f"{name}: what stands under {', '.join(unread)} is not read.")
    frame["arm"], frame["task"] = frame["arm"].str.strip(), frame["task"].str.strip()
    if (frame["arm"] == "").any() or (frame["task"] == "").any():
        raise StoreError(f"{name} has a row without an arm or a task.")
    for word in (*frame["arm"], *frame["task"]):
        _readable(word, name)
    percents = frame["accuracy"].str.contains("%") if "accuracy" in frame else None
    for column in NUMBERS:
        if column in frame:
            frame[column] = _numeric(frame[column], column)
    if percents is not None and percents.any():
        if not (percents | frame["accuracy"].isna()).all():
            place = frame.index[~percents & frame["accuracy"].notna()][0]
            raise StoreError(f"{place}: this score has no % sign, but others have.")
        frame["accuracy"] /= 100
    if "seed" not in frame:
        frame["seed"] = 0.0
        said.append(f"{name} has no column seed, so all its runs are taken for one seed.")
    return _checked(_complete(frame)).reset_index(drop=True), said


def _named(columns: Sequence[str], name: str) -> list[str]:
    """Column names as in ``COLUMNS``, whatever their case, where they are known under another."""
    plain = [_plain(c) for c in columns]
    found = list(plain)
    for column, others in ALIASES.items():
        known = [k for k, word in enumerate(plain) if word in others]
        if column not in plain and len(known) > 1 and column in ("accuracy", "loss"):
            raise StoreError(
                f"{name}: both '{columns[known[0]]}' and '{columns[known[1]]}' may be the "
                f"{column}; keep one, as '{column}'."
            )
        if column not in plain and known:
            found[known[0]] = column
    # the names of benchmarks keep their case
    return [
        new if new in (*COLUMNS, "stderr") else old for old, new in zip(columns, found, strict=True)
    ]


def _of_metric(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """A table whose column ``metric`` says what its one column of numbers is, so called."""
    column = next((c for c in map(str, frame) if _plain(c) == "metric"), None)
    if column is None:
        return frame
    numbers = [c for c in map(str, frame) if _plain(c) in ("value", "loss", "accuracy")]
    metrics = {_plain(cell) for cell in frame[column]}
    known = [m for m in ("loss", "accuracy") if metrics <= {m, *ALIASES[m]}]
    if len(metrics) != 1 or len(known) != 1 or len(numbers) != 1:
        raise StoreError(
            f"{name}: a column metric must say loss or accuracy, the same in every row, of one "
            f"column of numbers; give each metric a column of its own."
        )
    return frame.drop(columns=column).rename(columns={numbers[0]: known[0]})


def _plain(word: str) -> str:
    return word.strip().lower().replace(" ", "_").replace("-", "_")


def _long(frame: pd.DataFrame, name: str) -> tuple[pd.DataFrame, list[str]]:
    """A row a run and a column a benchmark, as a row for both."""
    kept = [c for c in frame.columns if c in (*COLUMNS, "stderr")]
    scores = [c for c in frame.columns if c not in kept and c.strip()]
    sums = [c for c in scores if c.strip().lower() in AVERAGES] if len(scores) > 2 else []
    scores = [c for c in scores if c not in sums]
    if not scores:
        return frame, []
    melted = frame.melt(kept, scores, "task", "accuracy", ignore_index=False)
    melted = melted[melted["accuracy"].str.strip() != ""]
    left = f"; {', '.join(sums)} only sums them up and was left out" if sums else ""
    return melted, [
        f"{name}: {', '.join(scores)} are read as benchmarks, their numbers as scores{left}."
    ]


def _readable(word: str, name: str) -> None:
    """StoreError where a name would break the lines and tables that it stands in."""
    if broken(word):
        raise StoreError(f"{name}: the name {word!a} holds a control character; rename it.")


def _numeric(cells: pd.Series, column: str) -> pd.Series:
    """Numbers of text; empty cells are unknown."""
    values = []
    for place, cell in cells.items():
        text = cell.strip().removesuffix("%").strip() if column == "accuracy" else cell.strip()
        value = float("nan") if text.lower() in HOLES else number_of(text)
        if column not in ("loss", "accuracy", "stderr") and grouped(text):
            raise StoreError(f"{place}: {column} is {text}; write whole numbers without a comma.")
        if value is None or np.isinf(value):
            raise StoreError(f"{place}: {column} is not a finite number.")
        if abs(value) > LARGEST:
            raise StoreError(f"{place}: {column} is {value:.3g}, which is too large.")
        values.append(value)
    return pd.Series(values, cells.index, dtype=np.float64)


def _complete(frame: pd.DataFrame) -> pd.DataFrame:
    """All ``COLUMNS``, in order, unknown ones NaN."""
    if "in_mixture" in frame:
        words = frame["in_mixture"].astype(str).str.strip().str.lower()
        strange = words[~words.isin([*YES, *NO])]
        if len(strange):
            raise StoreError(
                f"{strange.index[0]}: in_mixture is '{strange.iloc[0]}'; write true or false."
            )
        frame["in_mixture"] = words.isin(YES)
    else:
        frame["in_mixture"] = frame["n_rows"].gt(0) if "n_rows" in frame else False
    for column in COLUMNS:
        if column not in frame:
            frame[column] = np.nan
    more = ["stderr"] if "stderr" in frame and frame["stderr"].notna().any() else []
    return frame[[*COLUMNS, *more]]


def _checked(frame: pd.DataFrame) -> pd.DataFrame:
    wrong = {
        "budget must be at least 1 row": frame["budget"] < 1,
        "seed must be a whole number": frame["seed"] != frame["seed"].round(),
        "it has neither a loss nor a score": frame["loss"].isna() & frame["accuracy"].isna(),
        "a number of rows, tokens or steps is below 0": (
            frame[["n_rows", "n_tokens", "steps"]].lt(0).any(axis=1)
        ),
    }
    for sentence, rows in wrong.items():
        if rows.any():
            raise StoreError(f"{frame.index[rows][0]}: {sentence}.")
    whole = [c for c in ("seed", "budget", "n_rows", "n_tokens", "steps") if frame[c].notna().all()]
    return frame.astype({c: np.int64 for c in whole if (frame[c] == frame[c].round()).all()})


def _shares(frame: pd.DataFrame, name: str) -> tuple[pd.DataFrame, list[str]]:
    """Scores as shares of 1; where they exceed 1, percent is said, or asked about."""
    scores = frame["accuracy"]
    if not (scores.lt(0) | scores.gt(1)).any():
        return frame, []
    k = int(scores.abs().argmax())
    if scores.lt(0).any() or scores.gt(100).any():
        k = int(scores.argmin() if scores.lt(0).any() else scores.argmax())
    task, score = frame["task"].iloc[k], scores.iloc[k]
    if not 0 <= score <= 100:
        raise StoreError(
            f"{name}: the score {score:g} of '{task}' is no share between 0 and 1 and no "
            f"percentage."
        )
    small = scores[scores.gt(0) & scores.le(1)]
    if len(small):
        other = frame["task"][small.index[0]]
        raise StoreError(
            f"{name}: are the scores shares or percent? '{task}' has {score:g}, but '{other}' "
            f"has {small.iloc[0]:g}; write all one way, or with a % sign."
        )
    errors = frame["stderr"].dropna() if "stderr" in frame else pd.Series(dtype=np.float64)
    if 0 < errors.max() < LEAST_STDERR:
        raise StoreError(
            f"{name}: are the standard errors in percent, as the scores are? The largest is "
            f"{errors.max():g}; write both one way."
        )
    percent = {c: frame[c] / 100 for c in ("accuracy", "stderr") if c in frame}
    return frame.assign(**percent), [f"The scores of {name} are above 1 and were read as percent."]


def _suites(rows: pd.DataFrame, tasks: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """Benchmarks outside the study that have scores only, marked as public suites."""
    known = set(tasks)
    losses = rows["loss"].notna().groupby(rows["task"]).any()
    public = [
        str(task)
        for task, lost in losses.items()
        if tasks and not lost and task not in known and not str(task).startswith(SUITE)
    ]
    if not public:
        return rows, []
    renamed = rows["task"].map(lambda task: f"{SUITE}{task}" if task in public else task)
    more = f" and {len(public) - 3} more" if len(public) > 3 else ""
    return rows.assign(task=renamed), [
        f"{', '.join(public[:3])}{more}: no task of the study, with scores only, so they are kept "
        f"as public suites."
    ]
