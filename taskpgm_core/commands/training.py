"""Verbs that train on mixtures: validate."""

from typing import Any

import click

from taskpgm_core import store
from taskpgm_core.commands.output import as_json, print_json
from taskpgm_core.errors import StoreError, TaskPGMError
from taskpgm_core.evidence.protocol import load_protocol
from taskpgm_core.plan import parse_plan


def _part(text: str) -> tuple[int, int]:
    k, slash, of = text.partition("/")
    if not (slash and k.isdigit() and of.isdigit() and int(k) < int(of)):
        raise TaskPGMError(f"--part wants K/N with K below N, as in 0/2, not '{text}'.")
    return int(k), int(of)


@click.command()
@click.argument("protocol")
@click.option("--threads", type=click.IntRange(1), default=1, help="CPU threads of this process.")
@click.option("--part", default="0/1", help="K/N: every N-th run from the K-th, to share the runs.")
@as_json
def validate(protocol: str, threads: int, part: str, as_json: bool) -> None:
    """Train the competing mixtures of PROTOCOL (a YAML file or a committed one's name).

    Finished runs are kept one by one; the same command goes on where it stopped.
    """
    import json

    from taskpgm_core.evidence.campaign import campaign

    chosen = load_protocol(protocol)
    study = store.open_study(chosen.study)
    if study.plan is None:
        raise StoreError(f"{study.slug} was imported as a matrix; it has no tasks to train on.")
    plan = parse_plan(json.dumps(study.plan), study.slug)
    made = campaign(
        chosen,
        study,
        plan,
        threads=threads,
        part=_part(part),
        say=lambda line: click.echo(line, err=True),
    )
    answer: dict[str, Any] = {"protocol": chosen.name, "study": study.slug, "runs_made": made}
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{chosen.name}: {made} runs made now, kept under {study.folder}/evidence.")
