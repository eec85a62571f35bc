"""A study appears whole or not at all: made in a hidden folder, sealed, then renamed into place."""

import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from taskpgm_core.errors import StoreError
from taskpgm_core.files.atomic import write_atomic
from taskpgm_core.files.encoding import json_bytes, npz_bytes, parquet_bytes
from taskpgm_core.records import (
    PAIRS_OF_TASKS,
    TOKENS_OF_TASKS,
    Array,
    Example,
    Study,
    Target,
    Task,
)
from taskpgm_core.store.manifest import BUNDLED, MANIFEST, write_manifest
from taskpgm_core.store.probe_text import text_bytes
from taskpgm_core.store.studies import LIKELY, TEXT, study_folder, study_from

LATER = ("text", "evidence")  # sub-folders with manifests of their own, which a rebuild keeps


def finished(root: Path, slug: str, digest: str) -> Study | None:
    """The complete study of this digest, of the cache or bundled, or None."""
    folders = (study_folder(place, slug, digest) for place in (root, BUNDLED))
    return next((study_from(f) for f in folders if (f / MANIFEST).is_file()), None)


def recover(root: Path, slug: str, digest: str) -> None:
    """Clear away what a killed process left of this study; only for who holds its lock."""
    place = study_folder(root, slug, digest)
    for old in root.glob(f".old-{place.name}-*"):
        if not place.exists() and (old / place.name).is_dir():
            (old / place.name).rename(place)
        shutil.rmtree(old)
    for making in root.glob(f".making-{place.name}-*"):
        shutil.rmtree(making)


def assemble(
    root: Path,
    *,
    slug: str,
    digest: str,
    kind: str,
    measures: Sequence[str],
    tasks: Sequence[Task],
    files: Mapping[str, bytes],
    plan: Mapping[str, Any] | None = None,
    facts: Mapping[str, Any] | None = None,
    units: Iterable[str] = (),
    targets: Sequence[Target] = (),
) -> Study:
    """Write a study's files and its manifest, then put it in place, replacing one of that digest.

    ``units``: paths below ``cache/.units`` that hold what only a rebuild needs (hidden states,
    adapters); they may be absent later.
    """
    place = study_folder(root, slug, digest)
    try:
        root.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix=f".making-{place.name}-", dir=root))
    except OSError as error:
        raise StoreError(f"The cache {root} cannot be written: {error.strerror}.") from None
    try:
        making.chmod(0o755)
        for name, data in files.items():
            write_atomic(making / name, data)
        write_manifest(
            making,
            {
                "slug": slug,
                "digest": digest,
                "kind": kind,
                "measures": list(measures),
                "tasks": [task.card for task in tasks],
                **({"targets": [asdict(target) for target in targets]} if targets else {}),
                "plan": plan,
                "facts": dict(facts or {}),
                "units": sorted(units),
            },
        )
        if place.exists():
            for later in LATER:
                if (place / later).is_dir():
                    shutil.copytree(place / later, making / later)
            old = Path(tempfile.mkdtemp(prefix=f".old-{place.name}-", dir=root))
            place.rename(old / place.name)
            making.rename(place)
            shutil.rmtree(old)
        else:
            making.rename(place)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return study_from(place)


def losses_bytes(per_sequence: Array, per_token: Array) -> bytes:
    """The file of the (models, tasks) losses, nats a sequence and a token."""
    models, tasks = per_token.shape
    return parquet_bytes(
        pd.DataFrame(
            {
                "model": np.repeat(np.arange(models), tasks),
                "task": np.tile(np.arange(tasks), models),
                "per_sequence": per_sequence.ravel(),
                "per_token": per_token.ravel(),
            }
        )
    )


def measured_files(
    *,
    matrices: Mapping[str, np.ndarray],
    per_sequence: Array,
    per_token: Array,
    pool: Mapping[str, np.ndarray],
    per_example: np.ndarray,
    per_position: np.ndarray | None,
    by_task: np.ndarray | None,
    gold: np.ndarray,
    second_gold: np.ndarray,
    second_tasks: np.ndarray,
    top_ids: np.ndarray | None,
    top_log_probability: np.ndarray | None,
    vocabulary: Mapping[int, str],
    curves: pd.DataFrame,
    text: Sequence[Example] | None,
) -> dict[str, bytes]:
    """The files of a measured study, each in its format and precision.

    Pairs and positions as in ``store.reader``, ``by_task`` and ``second_gold`` as there in
    ``replicate_divergences`` and ``second_gold``; ``by_task`` is None and ``second_tasks`` empty
    without second seeds, ``top_ids`` None where no likely tokens are kept. Arrays of pairs grow
    with the square of the tasks: per example they are left out above PAIRS_OF_TASKS, per position
    above TOKENS_OF_TASKS.
    """
    tasks = per_token.shape[1]
    likelihoods = {"log_probability": gold.astype(np.float32)}
    if len(second_tasks):
        likelihoods |= {
            "second": second_gold.astype(np.float32),
            "second_tasks": second_tasks.astype(np.int64),
        }
    files = {
        "matrices.npz": npz_bytes(matrices),
        "losses.parquet": losses_bytes(per_sequence, per_token),
        "probe.npz": npz_bytes(pool),
        "gold.npz": npz_bytes(likelihoods),
        "training.parquet": parquet_bytes(curves),
    }
    if top_ids is not None and top_log_probability is not None:
        likely: dict[str, np.ndarray] = {
            "ids": top_ids.astype(np.int32),
            "log_probability": top_log_probability.astype(np.float16),
        }
        files[LIKELY] = npz_bytes(likely)
        files["vocabulary.json"] = json_bytes({str(i): s for i, s in vocabulary.items()})
    if tasks <= PAIRS_OF_TASKS:
        # what is made of a study that holds them in float32 (before 0.2) is not rounded again
        precision = np.float32 if per_example.dtype == np.float32 else np.float16
        files["pairs.npz"] = npz_bytes({"jsd": per_example.astype(precision)})
        if by_task is not None:
            files["replicates.npz"] = npz_bytes({"jsd": by_task.astype(np.float16)})
    if tasks <= TOKENS_OF_TASKS and per_position is not None:
        files["tokens.npz"] = npz_bytes({"jsd": per_position.astype(np.float16)})
    if text is not None:
        files[TEXT] = text_bytes(text)
    return files
