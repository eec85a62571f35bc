"""A study without some of its tasks, made from what it stores: nothing is measured again."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from taskpgm_core.errors import StoreError
from taskpgm_core.files.encoding import npz_arrays, npz_bytes
from taskpgm_core.files.hashing import digest_of
from taskpgm_core.files.locking import locked
from taskpgm_core.records import PAIRS_OF_TASKS, Example, Study
from taskpgm_core.store.manifest import read_checked, read_manifest
from taskpgm_core.store.matrix_import import above_ln2
from taskpgm_core.store.probe_text import bring_text, probe_text
from taskpgm_core.store.reader import (
    gold_log_probabilities,
    likely_tokens,
    losses,
    pair_divergences,
    pair_index,
    probe_pool,
    replicate_divergences,
    second_gold,
    token_divergences,
    training_curves,
    upper_bound,
)
from taskpgm_core.store.studies import TEXT, cache_root, folder_name
from taskpgm_core.store.target_files import targets_without
from taskpgm_core.store.writer import assemble, measured_files, recover

OLD_POOL = ("base", "noise", "batch_noise", "text")
"""Kept as means over the old pool only; ``text`` weighs terms by the rows of all old tasks."""


def remaining(study: Study, removed: Collection[str]) -> list[int]:
    """The indices of the tasks that stay; StoreError says why some cannot be removed."""
    gone = {study.place(name) for name in removed}
    keep = [k for k in range(len(study.tasks)) if k not in gone]
    if len(keep) < 2:
        raise StoreError(
            f"{study.slug} has {len(study.tasks)} tasks, so removing {len(gone)} leaves "
            f"{len(keep)}; a mixture needs at least 2."
        )
    if study.kind == "served":
        raise StoreError(
            f"{study.slug} was imported as log-probabilities; leave the task out of its file and "
            f"import that."
        )
    if study.kind != "measured":
        return keep
    instead = "take the tasks out of its plan and build that: finished units are reused"
    if upper_bound(study) is not None:
        raise StoreError(
            f"{study.slug} keeps the upper bounds of its divergences only as means over all its "
            f"probe examples, so no task can be removed from it; {instead}."
        )
    if "pairs.npz" not in read_manifest(Path(study.folder))["files"]:
        raise StoreError(
            f"{study.slug} has more than {PAIRS_OF_TASKS} tasks and so keeps no divergence of "
            f"each probe example, without which no task can be removed; {instead}."
        )
    return keep


def without(
    study: Study,
    removed: Collection[str],
    *,
    slug: str,
    plan: Mapping[str, Any] | None,
    lean: bool = False,
    root: Path | None = None,
) -> Study:
    """The study of the remaining tasks; the old one stays. ``plan``: theirs, None for an import.
    ``lean``: without what each model would have said next, the largest part.

    D by JSD is the mean over the remaining tasks' probe examples. What was kept only as a mean
    over the old pool (``OLD_POOL``) stays over that, and ``facts["derived"]`` says so. Tasks
    removed one after another give the same digest and files as at once. Errors: ``remaining``.
    """
    keep = remaining(study, removed)
    tasks = [study.tasks[k] for k in keep]
    names = {task.id for task in tasks}
    facts = {k: v for k, v in study.facts.items() if k not in ("rounds", "target_reached")}
    if "shared_examples" in facts:
        facts["shared_examples"] = [s for s in facts["shared_examples"] if names >= set(s[:2])]
    arrays = npz_arrays(read_checked(Path(study.folder), "matrices.npz"))
    before = facts.get("derived", {"from": study.digest, "study": study.slug, "removed": []})
    all_removed = sorted({*before["removed"], *removed})
    old_pool = [name for name in OLD_POOL if name in arrays]
    facts["derived"] = {**before, "removed": all_removed, "old_pool": old_pool}
    brought = None
    if study.kind == "measured":
        files, brought = _measured(study, keep, arrays, lean=lean)
        files |= targets_without(study, keep)
    else:
        given = arrays["given"][np.ix_(keep, keep)]
        files = {"matrices.npz": npz_bytes({"given": given})}
        if facts["kind"] == "divergence":
            stale = above_ln2(-arrays["given"])
            kept = [said for said in facts.get("warnings", ()) if said not in stale]
            facts["warnings"] = kept + above_ln2(-given)
    digest = digest_of({"from": before["from"], "removed": all_removed})
    root = root or cache_root()
    with locked(root, folder_name(slug, digest)):
        recover(root, slug, digest)
        made = assemble(
            root,
            slug=slug,
            digest=digest,
            kind=study.kind,
            measures=read_manifest(Path(study.folder))["measures"],
            tasks=tasks,
            files=files,
            plan=plan,
            facts=facts,
            targets=study.targets,
        )
        return bring_text(made, brought) if brought else made


def _measured(
    study: Study, keep: list[int], arrays: Mapping[str, np.ndarray], *, lean: bool
) -> tuple[dict[str, bytes], list[Example] | None]:
    """The files of the remaining tasks, and their text where it is not to be shared."""
    n, m = len(study.tasks), len(keep)
    models, square = [*keep, n], np.ix_(keep, keep)
    i, j = np.triu_indices(m, 1)
    pairs = [pair_index(n, keep[a], keep[b]) for a, b in zip(i, j, strict=True)]
    pool, table = probe_pool(study), losses(study)
    stays = np.isin(pool.task, keep)
    places = np.repeat(stays, pool.tokens)
    task, tokens = np.searchsorted(keep, pool.task[stays]), pool.tokens[stays]

    per_example = pair_divergences(study).divergence[pairs][:, stays]
    jsd = np.zeros((m, m))
    jsd[i, j] = jsd[j, i] = per_example.astype(np.float64) @ (1 / (m * np.bincount(task)[task]))
    matrices = {**arrays, "jsd": jsd, "base": arrays["base"][keep]}
    for measure in ("pmi", "pmi-token", "text"):
        if measure in arrays:
            matrices[measure] = arrays[measure][square]
    for values, of in (("noise", "noise_tasks"), ("text-noise", "text-noise-tasks")):
        if values in arrays:
            stay = np.isin(arrays[of], keep)
            matrices[values] = arrays[values][stay]
            matrices[of] = np.searchsorted(keep, arrays[of][stay])
    second, by_task = second_gold(study), replicate_divergences(study)
    again = np.isin(second.tasks, keep)

    curves, likely = training_curves(study), None if lean else likely_tokens(study)
    ids = None if likely is None else likely.ids[models][:, places]
    strings = {} if likely is None else likely.strings
    text = probe_text(study)
    kept_text = [text[e] for e in np.flatnonzero(stays)] if text else None
    held = read_manifest(Path(study.folder))["files"]
    shared = TEXT in held
    files = measured_files(
        matrices=matrices,
        per_sequence=table.per_sequence[np.ix_(models, keep)],
        per_token=table.per_token[np.ix_(models, keep)],
        pool={
            "task": task,
            "row": pool.row[stays],
            "first": np.cumsum(tokens) - tokens,
            "tokens": tokens,
            "spans": pool.spans[places],
            "checksum": pool.checksum[stays],
        },
        per_example=per_example,
        per_position=token_divergences(study)[pairs][:, places] if "tokens.npz" in held else None,
        by_task=None if by_task is None else by_task[pairs][:, :, keep],
        gold=gold_log_probabilities(study)[models][:, places],
        second_gold=second.log_probability[again][:, places],
        second_tasks=np.searchsorted(keep, second.tasks[again]),
        top_ids=ids,
        top_log_probability=None if likely is None else likely.log_probability[models][:, places],
        vocabulary={} if ids is None else {t: strings[t] for t in np.unique(ids).tolist()},
        curves=curves[curves["task"].isin([study.names[k] for k in keep])].reset_index(drop=True),
        text=kept_text if shared else None,
    )
    return files, None if shared else kept_text
