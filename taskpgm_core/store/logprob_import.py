"""Log-probabilities that served models gave the true tokens, made into a study of measure ``gold``.

Nothing but them is needed: a serving engine or an interface that tells how likely a given text was
is enough, with no access to weights, hidden states or the vocabulary.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from taskpgm_core.errors import StoreError
from taskpgm_core.files.encoding import npz_bytes
from taskpgm_core.files.hashing import digest_of, sha256
from taskpgm_core.files.locking import locked
from taskpgm_core.records import Array, Example, Study
from taskpgm_core.store.logprob_table import BASE, Scores, read_scores
from taskpgm_core.store.matrix_import import described_tasks, name_of
from taskpgm_core.store.probe_text import CHECKSUM_BYTES, example_checksums, text_bytes
from taskpgm_core.store.reader import ProbePool
from taskpgm_core.store.studies import TEXT, cache_root, folder_name
from taskpgm_core.store.writer import assemble, losses_bytes, recover


def import_logprobs(
    file: str | Path,
    *,
    tasks: str | Path | None = None,
    name: str | None = None,
    root: Path | None = None,
) -> Study:
    """A study of measure ``gold`` from the log-probabilities of the true tokens in ``file``.

    ``file``: Parquet or JSON Lines, a row for each model and token, as ``read_scores`` has it.
    ``tasks``: a CSV that says more of the tasks, as in ``import_matrix``. The study has what the
    gold tokens of a measured one give: the measure with its noise (of tasks with two models), the
    loss table, the examples that drive a similarity, and intervals. The order of the file's rows
    changes nothing but the order of the tasks. StoreError with one sentence for anything else.
    """
    path = Path(file)
    slug = name_of(path, name)
    scores = read_scores(path)
    described = described_tasks(path, scores.tasks, len(scores.tasks), tasks)
    _check_models(scores, path)
    files = _files(scores)
    digest = digest_of(
        {
            "tasks": [task.card for task in described],
            "files": {n: sha256(data) for n, data in files.items()},
        }
    )
    root = root or cache_root()
    with locked(root, folder_name(slug, digest)):
        recover(root, slug, digest)
        return assemble(
            root,
            slug=slug,
            digest=digest,
            kind="served",
            measures=(),
            tasks=described,
            files=files,
            facts={"file": path.name, "warnings": list(scores.said)},
        )


def _check_models(scores: Scores, path: Path) -> None:
    """StoreError where a model is the base under another name: its adapter was not applied."""
    for k, task in enumerate(scores.tasks):
        if np.array_equal(scores.first[k], scores.first[-1]):
            raise StoreError(
                f"{path}: the model '{task}' gives every token exactly what {BASE} gives it, so "
                f"its adapter was not applied; ask the server for that adapter by its name."
            )
    for k, again in zip(scores.second_tasks.tolist(), scores.second, strict=True):
        if np.array_equal(scores.first[k], again):
            raise StoreError(
                f"{path}: both replicates of '{scores.tasks[k]}' give the very same numbers, so "
                f"they are one model; leave one of them out."
            )


def _files(scores: Scores) -> dict[str, bytes]:
    """The files of the study; they hold what those of a measured one do."""
    text = _text(scores)
    count = len(scores.row)
    pool: dict[str, npt.NDArray[Any]] = {
        "task": scores.task,
        "row": scores.row,
        "first": scores.offsets,
        "tokens": scores.tokens,
        "spans": _spans(scores),
        "checksum": example_checksums(text)
        if text
        else np.zeros((count, CHECKSUM_BYTES), dtype=np.uint8),
    }
    likelihoods: dict[str, npt.NDArray[Any]] = {"log_probability": scores.first}
    if len(scores.second_tasks):
        likelihoods |= {"second": scores.second, "second_tasks": scores.second_tasks}
    files = {
        "probe.npz": npz_bytes(pool),
        "gold.npz": npz_bytes(likelihoods),
        "losses.parquet": losses_bytes(*_losses(scores, ProbePool(scores.tasks, **pool))),
    }
    return files | ({TEXT: text_bytes(text)} if text else {})


def _losses(scores: Scores, pool: ProbePool) -> tuple[Array, Array]:
    """(n + 1, n) mean loss of each model on each task's examples, nats a sequence and a token; a
    task's is the mean of its two models where it has two."""
    n = len(scores.tasks)
    share = np.zeros((len(pool.task), n))
    share[np.arange(len(pool.task)), pool.task] = 1.0
    share /= share.sum(axis=0)
    both: list[Array] = []
    for length in (np.ones(len(pool.tokens)), pool.tokens):
        first, second = (
            (-np.add.reduceat(part.astype(np.float64), pool.first, axis=1) / length) @ share
            for part in (scores.first, scores.second)
        )
        first[scores.second_tasks] = (first[scores.second_tasks] + second) / 2
        both.append(first)
    return both[0], both[1]


def _text(scores: Scores) -> list[Example]:
    """What the examples' tokens write; nothing where the file holds no text."""
    if scores.text is None:
        return []
    ends = scores.offsets + scores.tokens
    return [
        Example("", "".join(scores.text[first:end]))
        for first, end in zip(scores.offsets.tolist(), ends.tolist(), strict=True)
    ]


def _spans(scores: Scores) -> npt.NDArray[np.int64]:
    """(positions, 2) the characters of its example's text that each token writes."""
    if scores.text is None:
        return np.zeros((scores.first.shape[1], 2), dtype=np.int64)
    ends = np.cumsum([len(text) for text in scores.text])
    before = np.repeat(np.concatenate([[0], ends])[scores.offsets], scores.tokens)
    starts = np.concatenate([[0], ends[:-1]])
    return np.stack([starts - before, ends - before], axis=1).astype(np.int64)
