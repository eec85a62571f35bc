"""The conductor: a plan goes in, a measured study comes out (tasks, measure, store)."""

import importlib.metadata
import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from taskpgm_core.builds.adaptive_probes import Round, in_rounds, rounds_facts
from taskpgm_core.builds.material import Material, check_probes, check_words, gather, text_matrices
from taskpgm_core.builds.targets import scored_files, target_cards, target_tokens
from taskpgm_core.errors import MeasurementError, SourceError, StoreError
from taskpgm_core.files.hashing import digest_of
from taskpgm_core.plans.plan import Plan, SourceEntry, plan_of
from taskpgm_core.records import Example, Study, Task
from taskpgm_core.store import (
    Units,
    assemble,
    bring_text,
    brought_target_text,
    cache_root,
    example_checksums,
    finished,
    folder_name,
    locked,
    measured_files,
    probe_pool,
    recover,
    target_scores,
)
from taskpgm_core.tasks import load_task, shared_examples
from taskpgm_core.tasks.text_distance import TEXT_CODE

if TYPE_CHECKING:
    from taskpgm_core.measure import Engine, Measurement, ProbeTokens, Progress, RenderedExample

LIBRARIES = ("torch", "transformers", "peft", "numpy", "tokenizers", "safetensors")


@dataclass(frozen=True)
class Prepared:
    """All that determines a study, ready to be measured; ``digest`` names it.

    ``warnings``: sentences on brought models, to be kept with the study.
    """

    plan: Plan
    material: Material
    training: Mapping[str, Sequence["RenderedExample"]]
    pool: "ProbeTokens"
    tasks: tuple[Task, ...]
    base: Any
    digest: str
    targets: "ProbeTokens | None" = None
    warnings: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """The name of the study's folder, and of its lock."""
        return folder_name(self.plan.slug, self.digest)


def prepare(plan: Plan, root: Path, *, threads: int | None = None) -> Prepared:
    """Gather the examples, load the base model, tokenise, and name the study.

    Models brought along are looked at here, so that one that cannot be measured stops a build
    (or its dry run) before anything is trained.

    ``threads``: CPU threads from here on (the plan's by default). Training rows over
    ``training.max_tokens`` are dropped and counted in ``Task.rows_dropped``.
    """

    from taskpgm_core import measure

    check_probes(plan)
    measure.use_threads(threads or plan.threads)
    material = gather(plan)
    with locked(root, "models", wait=True):  # two builders must not unpack the same weights
        base = measure.load_base(
            measure.find_weights(plan.base), dtype=plan.dtype, models=root / ".models"
        )
    brought = measure.look_at(plan, base)
    training, held_out, tasks = {}, [], []
    for entry in plan.tasks:
        rendered = measure.render(material.training(entry.id), base.tokenizer, plan.template)
        kept = [e for e in rendered if e.length <= min(plan.training.max_tokens, base.context)]
        if not kept:
            raise SourceError(
                f"Every training row of task '{entry.id}' is longer than training.max_tokens = "
                f"{plan.training.max_tokens}; raise it or shorten the rows."
            )
        training[entry.id] = kept
        held_out.append(measure.render(material.probe(entry.id), base.tokenizer, plan.template))
        tasks.append(
            Task(
                id=entry.id,
                family=entry.family,
                source=entry.source,
                rows=len(kept),
                mean_tokens=float(np.mean([len(e.completion) for e in kept])),
                rows_dropped=len(rendered) - len(kept),
                rows_incomplete=material.rows[entry.id].incomplete,
                chat=material.rows[entry.id].traits,
            )
        )
    pool = measure.probe_tokens(
        [t.id for t in tasks],
        held_out,
        [material.splits[t.id].probe_indices for t in tasks],
        most=plan.probe.max_completion_tokens,
        context=base.context,
    )
    targets = target_tokens(plan, material.targets, base)
    read = (*training.values(), pool.examples, targets.examples if targets else ())
    covered = base.digests_cover(plan.template)
    digest = digest_of(
        {
            "plan": plan.normalised(),
            "examples": material.digest,
            "base": base.digest,
            "tokenizer": base.tokenizer_digest,
            "models": brought.digests,
            "code": measure.CODE,
            "text": TEXT_CODE,
            **({} if covered else {"tokens": [digest_of([e.value for e in r]) for r in read]}),
        }
    )
    return Prepared(
        plan, material, training, pool, tuple(tasks), base, digest, targets, brought.warnings
    )


@dataclass(frozen=True)
class Placing:
    """Where units run: in this process, in ``workers`` processes of this machine, or on the actors
    of a Ray cluster."""

    engine: Literal["local", "ray"] = "local"
    address: str | None = None
    workers: int | None = None

    def threads_of(self, plan: Plan) -> int:
        """CPU threads of each process: the plan's, which processes of this machine share."""
        shared = self.workers if self.engine == "local" else None
        return max(plan.threads // (shared or 1), 1)


def engine_for(
    prepared: Prepared,
    root: Path,
    progress: "Progress",
    *,
    fresh: bool = False,
    placing: Placing | None = None,
) -> "Engine":
    """The engine for a prepared plan; ``fresh``: as if nothing had been measured before."""
    from taskpgm_core import measure

    placing = placing or Placing()
    kind: type[Engine] = measure.OnProcesses if placing.workers else measure.InProcess
    if placing.engine == "ray":
        kind = measure.OnRay
    engine = kind(
        prepared.plan,
        prepared.base,
        training=prepared.training,
        pool=prepared.pool,
        targets=prepared.targets,
        units=Units(root, fresh=prepared.folder if fresh else ""),
        progress=progress,
    )
    if isinstance(engine, measure.OnRay):
        engine.address, engine.workers = placing.address, placing.workers
    elif isinstance(engine, measure.OnProcesses) and placing.workers:
        engine.workers = placing.workers
    return engine


def build(
    plan: Plan,
    *,
    progress: "Progress",
    root: Path | None = None,
    rebuild: bool = False,
    threads: int | None = None,
    placing: Placing | None = None,
) -> tuple[Study, bool]:
    """Measure a study, or find it finished; returns it and whether it was measured now.

    Killed at any moment, the same call goes on where it stopped and repeats at most one unit.
    ``rebuild`` replaces a finished study once its new measurement is complete; killed, it too goes
    on where it stopped. StoreError where another process builds the same study.
    """
    check_words()
    root = root or cache_root()
    started = time.monotonic()
    threads = threads or (placing or Placing()).threads_of(plan)
    prepared = prepare(plan, root, threads=threads)
    for sentence in prepared.material.said:
        progress.say(sentence)
    for task in prepared.tasks:
        if task.rows_dropped:
            progress.say(
                f"{task.id}: {task.rows_dropped} rows are longer than "
                f"{plan.training.max_tokens} tokens and were left out."
            )
    for sentence in prepared.warnings:
        progress.say(sentence)
    with locked(root, prepared.folder):
        recover(root, plan.slug, prepared.digest)
        done = finished(root, plan.slug, prepared.digest)
        if done and not rebuild:
            return done, False
        prepared, result, rounds = measured(
            prepared, root, progress, fresh=rebuild, placing=placing
        )
        if not rounds_facts(plan, rounds).get("target_reached", True):
            progress.say(
                f"All held-out examples are measured, and the mixture's half-width is still "
                f"{rounds[-1].half_width:.3g}; raise probe.examples_per_task to go on."
            )
        study = _store(prepared, result, root, facts(prepared, result, started, rounds))
        if rebuild:
            Units(root, fresh=prepared.folder).done()
        return study, True


def measured(
    prepared: Prepared,
    root: Path,
    progress: "Progress",
    *,
    fresh: bool = False,
    placing: Placing | None = None,
) -> tuple[Prepared, "Measurement", tuple[Round, ...]]:
    """All that is not finished of a prepared plan, with the pool that its rounds came to."""

    def engine_of(pool: "ProbeTokens") -> "Engine":
        some = replace(prepared, pool=pool)
        return engine_for(some, root, progress, fresh=fresh, placing=placing)

    pool, result, rounds = in_rounds(prepared.plan, prepared.pool, engine_of)
    return replace(prepared, pool=pool), result, rounds


def facts(
    prepared: Prepared, result: "Measurement", started: float, rounds: Sequence[Round] = ()
) -> dict[str, Any]:
    """What a manifest says of where and how a study was measured; not part of its digest."""
    from taskpgm_core import measure

    bounded: dict[str, Any] = {}
    if result.upper is not None:
        width = (result.upper - result.divergence) @ prepared.pool.weights
        bounded = {
            "kept_tokens": prepared.plan.probe.kept,
            "widest_interval": float(width.max()),
        }
    return {
        **measure.device_facts(prepared.base.device),
        "dtype": prepared.plan.dtype,
        "machine": platform.machine(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "libraries": {name: importlib.metadata.version(name) for name in LIBRARIES},
        "seconds": round(time.monotonic() - started, 1),
        "probe_batch": result.batch,
        "training_rows_at_once": result.rows_at_once,
        "shared_examples": [list(s) for s in shared_examples(prepared.material.examples)],
        **({"warnings": list(prepared.warnings)} if prepared.warnings else {}),
        **bounded,
        **rounds_facts(prepared.plan, rounds),
    }


def study_files(prepared: Prepared, result: "Measurement") -> dict[str, bytes]:
    """Every file of the study, from what was measured; the same measurement, the same bytes."""
    from taskpgm_core import measure

    plan, pool, n = prepared.plan, prepared.pool, len(prepared.tasks)
    weights = pool.weights
    per_sequence, per_token = (
        measure.seed_means(of_first, of_second, result.second_tasks)
        for of_first, of_second in zip(
            measure.loss_tables(result.gold, pool),
            measure.loss_tables(result.second_gold, pool),
            strict=True,
        )
    )
    examples = [prepared.material.examples[task.id] for task in prepared.tasks]
    text = [examples[t][row] for t, row in zip(pool.task, pool.row, strict=True)]
    matrices = {
        "jsd": measure.symmetric(result.divergence @ weights, n),
        "pmi": measure.pmi(per_sequence[:n]),
        "pmi-token": measure.pmi(per_token[:n]),
        "base": result.base @ weights,
        "noise": result.noise @ weights,
        "noise_tasks": result.second_tasks,
        "batch_noise": np.array(result.batch_noise),
        **text_matrices(prepared.material, plan.seed),
    }
    if result.upper is not None:
        matrices["jsd-upper"] = measure.symmetric(result.upper @ weights, n)
    if not all(np.isfinite(m).all() for m in matrices.values()):
        raise MeasurementError("A measured matrix holds values that are not finite; none is kept.")
    files = measured_files(
        matrices=matrices,
        per_sequence=per_sequence,
        per_token=per_token,
        pool={
            "task": pool.task,
            "row": pool.row,
            "first": pool.first,
            "tokens": pool.tokens,
            "spans": np.array([s for e in pool.examples for s in e.spans], dtype=np.int64),
            "checksum": example_checksums(text),
        },
        per_example=measure.example_means(result.divergence, pool),
        per_position=result.divergence,
        by_task=result.by_task,
        gold=result.gold,
        second_gold=result.second_gold,
        second_tasks=result.second_tasks,
        top_ids=result.top_ids,
        top_log_probability=result.top_log_probability,
        vocabulary=measure.token_strings(prepared.base.tokenizer, result.top_ids),
        curves=result.curves,
        text=text if plan.publish_text else None,
    )
    if prepared.targets is not None:
        files |= scored_files(plan, prepared.material.targets, prepared.targets, result)
    return files


def _store(
    prepared: Prepared, result: "Measurement", root: Path, facts: Mapping[str, Any]
) -> Study:
    plan, files = prepared.plan, study_files(prepared, result)
    return assemble(
        root,
        slug=plan.slug,
        digest=prepared.digest,
        kind="measured",
        measures=("jsd", "pmi", "pmi-token", "text"),
        tasks=prepared.tasks,
        files=files,
        plan=plan.model_dump(mode="json"),
        facts=facts,
        units=result.units,
        targets=target_cards(plan),
    )


def text_of(study: Study, folder: Path) -> Study:
    """Bring the text of a study that has none from the data in ``folder``, checksum-matched."""
    if study.kind != "measured":
        raise StoreError(f"{study.slug} {study.without_models}; no text can be brought for it.")
    if not folder.is_dir():
        raise StoreError(f"There is no folder {folder}; --from wants the data of the plan.")
    plan = plan_of(study)
    pool = probe_pool(study)
    entries = (*plan.tasks, *plan.targets)
    places = {entry.source.partition(":")[0]: str(folder) for entry in entries}

    def chosen(entry: SourceEntry, wanted: Sequence[int]) -> list[Example]:
        rows = load_task(entry, plan, places)
        if max(wanted) >= len(rows):
            raise StoreError(f"'{entry.id}' has only {len(rows)} rows in {folder}.")
        return [rows[k] for k in wanted]

    examples = [
        e
        for index, entry in enumerate(plan.tasks)
        for e in chosen(entry, pool.row[pool.task == index].tolist())
    ]
    if not study.targets:
        return bring_text(study, examples)
    scores = target_scores(study)
    texts = [
        e
        for index, entry in enumerate(plan.targets)
        for e in chosen(entry, scores.row[scores.target == index].tolist())
    ]
    return bring_text(study, examples, brought_target_text(study, texts))


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
