"""The verb that hands a decision over: report."""

import datetime
from math import isfinite
from pathlib import Path
from typing import Any

import click

from taskpgm_core.bootstrap import bootstrap
from taskpgm_core.commands.answers import solved
from taskpgm_core.commands.mixtures import allocation
from taskpgm_core.commands.output import as_json, study_argument
from taskpgm_core.commands.posing import pose_from, posing
from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture import trace
from taskpgm_core.mixture.explanation import explain
from taskpgm_core.store.files import write_atomic
from taskpgm_core.study_alarms import study_alarms


@click.command()
@study_argument
@click.option("--out", required=True, help="The HTML file to write; it opens without a network.")
@click.option("--record", help="Also write the decision record (JSON) to this file.")
@click.option("--title", default="", help="What the report is called.")
@click.option("--notes", default="", help="Words of yours that stand in it.")
@click.option("--notes-from", help="FILE with the notes.")
@posing
@as_json
def report(
    study: str,
    out: str,
    record: str | None,
    title: str,
    notes: str,
    notes_from: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """One self-contained HTML file on the mixture of STUDY, with its live balance dial."""
    from taskpgm_core.report import decide, report_page

    if record and Path(record).resolve() == Path(out).resolve():
        raise MixtureError("--out and --record name the same file; give each its own.")
    posed = pose_from(study, **options)
    found, path = solved(posed), trace(posed.problem)
    sure = bootstrap(posed.study, posed.problem, found.balance)
    decision = decide(
        posed.study,
        posed.problem,
        found,
        allocation=allocation(posed, found.p),
        alarms=study_alarms(posed.study, posed.problem, found, sure),
        explanation=explain(posed.problem, found, path) if isfinite(found.balance) else None,
        sure=sure,
        title=title,
        notes=_text(notes_from) if notes_from else notes,
        made=datetime.datetime.now(datetime.UTC).date().isoformat(),
    )
    page = report_page(decision, posed.problem, path)
    write_atomic(Path(out), page.encode())
    if record:
        write_atomic(Path(record), decision.to_json().encode())
    if as_json:
        click.echo(decision.to_json(), nl=False)
    else:
        click.echo(f"Wrote {out} ({len(page.encode()) / 1e3:,.0f} kB): {decision.title}")


def _text(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MixtureError(f"The notes in {file} cannot be read: {error}.") from None
