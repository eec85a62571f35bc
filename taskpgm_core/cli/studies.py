"""Verbs on studies: imports, list, show, verify, text, repair, pack, unpack, delete."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np

from taskpgm_core import store
from taskpgm_core.analysis.question import DEFAULT, study_kernel
from taskpgm_core.analysis.saved_mixtures import Scenario, list_scenarios
from taskpgm_core.cli.output import as_json, print_json, study_argument, table, warn
from taskpgm_core.errors import StoreError
from taskpgm_core.findings.rows_left_out import incomplete_rows
from taskpgm_core.findings.skills import groups_finding, skills_finding
from taskpgm_core.records import NEVER_TRAINED, Study
from taskpgm_core.similarity_measures import MEASURES, measure_words


def card(study: Study) -> dict[str, Any]:
    """What ``show --json`` prints of a study."""
    return {
        "slug": study.slug,
        "digest": study.digest,
        "content": study.content,
        "folder": study.folder,
        "kind": study.kind,
        "measures": list(study.measures),
        "tasks": [{"split": "", **task.card} for task in study.tasks],
        "targets": [asdict(target) for target in study.targets],
        "absent": list(study.absent),
        "text": study.has_text,
        "facts": study.facts,
    }


def measured_card(study: Study) -> dict[str, Any]:
    """How far the measurement can be trusted: losses against the base, noise, near neighbours."""
    losses, noise = store.losses(study), store.noise(study)
    D = store.similarity(study).divergence
    off = D[np.triu_indices(len(D), 1)]
    home = np.diagonal(losses.per_token)
    kept = ("kept_tokens", "widest_interval")
    return {
        "beats_base": int(losses.beats_base.sum()),
        "loss_home": dict(zip(study.names, home.tolist(), strict=True)),
        "loss_base": dict(zip(study.names, losses.per_token[-1].tolist(), strict=True)),
        "noise": dict(zip(noise.tasks, noise.divergence.tolist(), strict=True)),
        "noise_batch": noise.batch,
        "noise_floor": noise.floor if noise.tasks else None,
        "divergence": {"min": off.min(), "median": float(np.median(off)), "max": off.max()},
        **{name: study.facts[name] for name in kept if name in study.facts},
        **({"targets": target_card(study)} if study.targets else {}),
        "nearest": {
            name: [study.names[j] for j in np.argsort(row, kind="stable") if j != i][:3]
            for i, (name, row) in enumerate(zip(study.names, D, strict=True))
        },
    }


def target_card(study: Study) -> dict[str, Any]:
    """Of each target the base model's loss a token, and the least with the task it is of."""
    losses = store.target_losses(study).per_token
    best = losses[:-1].argmin(axis=0)
    return {
        name: {
            "base": float(losses[-1, t]),
            "best": float(losses[best[t], t]),
            "model": study.names[best[t]],
        }
        for t, name in enumerate(study.target_names)
    }


@click.command("import")
@click.argument("file")
@click.option("--kind", required=True, help="similarity (high = alike) or divergence (0 = same).")
@click.option(
    "--tasks",
    help="CSV with task[,rows,family,mean_tokens,source,split], in the matrix's order.",
)
@click.option("--name", help="The study's slug (the file's name by default).")
@click.option("--symmetrise", is_flag=True, help="Take the mean of both ways where they differ.")
@click.option("--keep-kind", is_flag=True, help="Take a similarity whose diagonal is its least.")
@as_json
def import_(
    file: str,
    kind: str,
    tasks: str | None,
    name: str | None,
    symmetrise: bool,
    keep_kind: bool,
    as_json: bool,
) -> None:
    """Make a study from a square matrix in FILE (CSV, TSV, NPY, NPZ, JSON or Parquet).

    docs/input-files.md says which layouts are read, and what is cleaned, asked about or refused.
    """
    study = store.import_matrix(
        file, kind=kind, symmetrise=symmetrise, keep_kind=keep_kind, tasks=tasks, name=name
    )
    for sentence in study.facts["warnings"]:
        warn(sentence)
    if as_json:
        print_json(card(study))
    else:
        click.echo(f"Imported {len(study.tasks)} tasks as {study.slug}: {study.folder}")


@click.command("import-logprobs")
@click.argument("file")
@click.option(
    "--tasks", help="CSV with task[,rows,family,mean_tokens,source,split] that says more of them."
)
@click.option("--name", help="The study's slug (the file's name by default).")
@as_json
def import_logprobs(file: str, tasks: str | None, name: str | None, as_json: bool) -> None:
    """Make a study of measure gold from log-probabilities in FILE (Parquet or JSON Lines).

    FILE has a row for each model and token of an answer: model (a task, or base), task, example,
    position and logprob; replicate and text may be there, too. docs/served-models.md says how to
    get them from models that are only served.
    """
    study = store.import_logprobs(file, tasks=tasks, name=name)
    for sentence in study.facts["warnings"]:
        warn(sentence)
    if as_json:
        print_json(card(study))
    else:
        click.echo(
            f"Imported {len(study.tasks)} models and the base as {study.slug}: {study.folder}"
        )


@click.command("list")
@as_json
def list_(as_json: bool) -> None:
    """The studies in the cache, and which folder that is.

    The cache is $TASKPGM_CACHE, else ./cache where there is one, else the user's data folder. A
    study that came with an installed package is listed too. What is added to it, text or runs,
    goes to a copy of it in the cache.
    """
    studies, broken = store.list_studies()
    root = store.cache_root()
    for name, sentence in broken:
        warn(f"{name}: {sentence}")
    if as_json:
        print_json(
            {
                "studies": [
                    {
                        "slug": s.slug,
                        "digest": s.digest,
                        "kind": s.kind,
                        "tasks": len(s.tasks),
                        "measures": list(s.measures),
                        "folder": s.folder,
                    }
                    for s in studies
                ],
                "broken": [{"folder": name, "error": text} for name, text in broken],
                "cache": str(root),
            }
        )
        return
    click.echo(f"Cache: {root}")
    if studies:
        rows = [
            [
                s.slug,
                s.digest[:12],
                s.kind,
                str(len(s.tasks)),
                ", ".join(map(measure_words, s.measures)),
            ]
            for s in studies
        ]
        click.echo(table(["study", "digest", "kind", "tasks", "measures"], rows))
        for s in studies:
            if store.is_bundled(s.folder):
                click.echo(f"{s.slug} came with the package.")
    else:
        click.echo(
            "The cache is empty; fill it with: python -m taskpgm_core build starter, or with your "
            "own matrix: python -m taskpgm_core import FILE --kind similarity"
        )


@click.command()
@study_argument
@as_json
def show(study: str, as_json: bool) -> None:
    """What STUDY is made of, and how far its measurement can be trusted."""
    found = store.open_study(study)
    answer = card(found)
    if found.scored:
        answer["measured"] = measured_card(found)
    saved = [s for s in list_scenarios()[0] if s.study == found.slug]
    if saved:
        answer["saved_mixtures"] = [
            {"id": s.id, "name": s.name, "stale": s.stale(found), "evidence": s.evidence}
            for s in saved
        ]
    if as_json:
        print_json(answer)
        return
    click.echo(f"{found.slug} ({found.digest[:12]}), {found.kind}, {len(found.tasks)} tasks")
    seen = study_kernel(found, store.similarity(found), DEFAULT[1])
    click.echo(f"{skills_finding(seen)}. {groups_finding(seen)}".rstrip())
    if found.origin:
        click.echo(f"Made from {found.origin}.")
    for sentence in found.facts.get("warnings", ()):
        warn(sentence)
    if left := incomplete_rows(found.tasks):
        click.echo(left)
    if found.kind == "text":
        click.echo(MEASURES["text"].meaning)
    if not found.scored:
        rows = [[t.id, t.family, str(t.rows or "-")] for t in found.tasks]
        click.echo(table(["task", "family", "rows"], rows))
        _print_saved(saved, found)
        return
    _print_measured(found, answer["measured"])
    _print_saved(saved, found)


def _print_saved(saved: Sequence[Scenario], found: Study) -> None:
    """The saved mixtures of a study, and what training on them gave where that is known."""
    for one in saved:
        said = " ".join(filter(None, (*one.trained, one.stale(found))))
        click.echo(f"Saved mixture “{one.name}” ({one.id}){f': {said}' if said else '.'}")


def _print_measured(found: Study, m: Mapping[str, Any]) -> None:
    """``measured_card`` for a person."""
    rows = [
        [
            t.id,
            str(t.rows or "-"),
            "-" if t.mean_tokens is None else f"{t.mean_tokens:.1f}",
            f"{m['loss_base'][t.id]:.3f}",
            f"{m['loss_home'][t.id]:.3f}",
            ", ".join(m["nearest"][t.id]),
        ]
        for t in found.tasks
    ]
    click.echo(table(["task", "rows", "tokens", "base loss", "own loss", "nearest by D"], rows))
    d, unit = m["divergence"], MEASURES[found.measures[0]].unit
    click.echo(
        f"{m['beats_base']} of {len(found.tasks)} models beat the base at home. D between tasks: "
        f"{d['min']:.4f} to {d['max']:.4f}, median {d['median']:.4f} {unit}".rstrip()
        + "."
    )
    rounds = found.facts.get("rounds")
    if rounds:
        last = rounds[-1]
        reached = "reached" if found.facts["target_reached"] else "not reached"
        click.echo(
            f"{len(rounds)} rounds chose {min(last['examples'])} to {max(last['examples'])} probe "
            f"examples a task, in {last['forward_passes']:,} forward passes; the mixture's L1 "
            f"half-width over other examples is {last['half_width']:.3g}, the target was {reached}."
        )
    if "kept_tokens" in m:
        click.echo(
            f"These are lower bounds, from the {m['kept_tokens']} likeliest tokens a context; the "
            f"upper ones lie at most {m['widest_interval']:.2g} nats above."
        )
    if found.targets:
        rows = [
            [name, f"{s['base']:.3f}", f"{s['best']:.3f}", s["model"]]
            for name, s in m["targets"].items()
        ]
        click.echo(f"Each of these targets {NEVER_TRAINED}; --judge-by may name it.")
        click.echo(table(["target", "base loss", "best loss", "by the model of"], rows))
    if m["noise"]:
        values = ", ".join(f"{k} {v:.4f}" for k, v in m["noise"].items())
        click.echo(f"Training noise (D to a second seed): {values}.")
    if m["noise_batch"] is not None:
        click.echo(f"Batch noise (D to itself under another batch plan): {m['noise_batch']:.2g}.")


@click.command()
@study_argument
@as_json
def verify(study: str, as_json: bool) -> None:
    """Check every file of STUDY against its checksum."""
    found = store.open_study(study)
    result = store.verify(found.folder)
    if as_json:
        print_json({"study": found.slug, **asdict(result)})
    else:
        absent = f"; absent, which is fine: {', '.join(result.absent)}" if result.absent else ""
        click.echo(f"{found.slug}: {result.files} files, {result.size} bytes, all whole{absent}.")


@click.command()
@study_argument
@click.option("--from", "folder", required=True, help="The folder with the data of the plan.")
@as_json
def text(study: str, folder: str, as_json: bool) -> None:
    """Bring the example text of a STUDY that was shared without it, checksum-matched."""
    from taskpgm_core.builds import pipeline

    found = pipeline.text_of(store.open_study(study), Path(folder))
    if as_json:
        print_json(card(found))
    else:
        click.echo(f"{found.slug} has its text now, in {found.folder}/text.")


@click.command()
@study_argument
@as_json
def repair(study: str, as_json: bool) -> None:
    """Bring back the damaged files of STUDY, and only those."""
    from taskpgm_core.builds import repair as mending
    from taskpgm_core.cli.progress_bar import Watch

    with Watch() as watch:
        mended = mending.repair(study, progress=watch)
    found = store.open_study(study)
    store.verify(found.folder)
    if as_json:
        print_json({"study": found.slug, "repaired": mended})
        return
    for sentence in mended:
        click.echo(sentence)
    click.echo(f"{found.slug} is whole{'' if mended else '; there was nothing to repair'}.")


@click.command()
@study_argument
@click.option("--out", help="FILE to write (STUDY-DIGEST.tar.gz here by default).")
@as_json
def pack(study: str, out: str | None, as_json: bool) -> None:
    """Write STUDY, with its text and evidence, into one file to carry elsewhere."""
    found = store.open_study(study)
    file = store.pack(found, Path(out or f"{store.folder_name(found.slug, found.digest)}.tar.gz"))
    if as_json:
        print_json({"study": found.slug, "file": str(file), "size": file.stat().st_size})
    else:
        click.echo(f"Packed {found.slug} into {file} ({file.stat().st_size} bytes).")


@click.command()
@click.argument("file")
@as_json
def unpack(file: str, as_json: bool) -> None:
    """Put the study in FILE (written by pack) into the cache, every checksum checked."""
    found = store.unpack(Path(file))
    if as_json:
        print_json(card(found))
    else:
        click.echo(f"Unpacked {found.slug}: {found.folder}")


@click.command()
@study_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def delete(study: str, yes: bool, as_json: bool) -> None:
    """Remove STUDY, its text and its evidence from the cache; finished units stay."""
    found = store.open_study(study)
    if not yes and (as_json or not _agreed(f"Delete {found.folder}?")):
        raise StoreError(f"{found.slug} was not deleted; say --yes to delete it unasked.")
    store.delete(found)
    if as_json:
        print_json({"deleted": found.slug, "folder": found.folder})
    else:
        click.echo(f"Deleted {found.folder}.")


def _agreed(question: str) -> bool:
    try:
        return click.confirm(question, err=True)
    except click.Abort:  # nobody is there to answer
        click.echo(err=True)
        return False
