"""The verb that compares tasks in files by words alone, without a plan: sketch."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from taskpgm_core.analysis.question import Posed, Question, pose_question
from taskpgm_core.cli.edit_study import option_pair
from taskpgm_core.cli.output import as_json, print_json, table, warn
from taskpgm_core.cli.studies import card
from taskpgm_core.errors import SourceError
from taskpgm_core.figures.numbers import count, counted, percent, shorten
from taskpgm_core.findings.rows_left_out import incomplete_rows
from taskpgm_core.findings.sketch import cost_finding, hindrance_findings, open_finding
from taskpgm_core.findings.skills import group_names, groups_finding, skills_finding
from taskpgm_core.records import Array

if TYPE_CHECKING:
    from taskpgm_core.builds.sketch import Sketch

SHOWN, FILES, GROUPS = 12, 6, 8
"""Tasks of the table, files and groups that are named, so that all fits on one screen."""
WIDEST = 40
"""Characters of a task's name."""


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option("--name", help="The study's slug (sketch-, then the files' folder, by default).")
@click.option(
    "--option",
    "options",
    multiple=True,
    help="KEY=VALUE, an option of every file: columns, incomplete or supervise.",
)
@click.option("--skip", is_flag=True, help="Leave out files that cannot be read, and say which.")
@as_json
def sketch(
    files: tuple[str, ...], name: str | None, options: tuple[str, ...], skip: bool, as_json: bool
) -> None:
    """A study of the tasks in FILES by words alone, in seconds: no plan, no models, no torch.

    FILES are files of rows, one a task, or folders of them: JSON Lines, JSON, CSV, TSV or Parquet
    with pairs or chats, or BIG-bench's task.json. docs/input-files.md says which rows are read. It
    prints the skills that the tasks hold and the mixture that is as even over them as can be.
    Tasks can read alike and need different skills, so it ends with what measuring them would cost.
    """
    from taskpgm_core.builds import sketch as making

    started = time.monotonic()
    try:
        made = making.sketch(files, name=name, options=dict(map(option_pair, options)), skip=skip)
    except making.FilesError as error:
        if "\n" not in str(error):
            raise
        raise SourceError(f"{error}\nMend them, or leave them out with --skip.") from None
    posed = pose_question(made.study, Question(balance=0.0))
    p = posed.optimum().p
    if as_json:
        print_json(_answer(made, posed, p))
        return
    for line in made.left_out:
        warn(f"Left out: {line}")
    for line in _read(made):
        click.echo(line)
    done = f"Compared {len(made.study.tasks)} tasks by words alone"
    took = f"{done} in {time.monotonic() - started:.1f} s"
    click.echo(f"{took if made.made else f'{done} before'}: {made.study.folder}")
    for line in (*_skills(posed), _weights(posed, p), *_open(made)):
        click.echo(line)


def _read(made: "Sketch") -> Iterator[str]:
    """What the files were recognised as, as far as there is room."""
    yield from made.said[:FILES]
    if len(made.said) > FILES:
        yield f"And {counted(len(made.said) - FILES, 'more file')} of rows; --json lists all."
    if made.passed:
        other = "other file in folders was" if made.passed == 1 else "other files in folders were"
        yield f"{count(made.passed)} {other} passed by."
    if left := incomplete_rows(made.study.tasks):
        yield left


def _skills(posed: Posed) -> Iterator[str]:
    """The skills, and the groups of tasks that share one."""
    groups = posed.kernel.groups
    yield f"{skills_finding(posed.kernel)}. {groups_finding(posed.kernel)}".rstrip()
    yield from (f"  one skill: {group_names(group, WIDEST)}" for group in groups[:GROUPS])
    if len(groups) > GROUPS:
        yield f"  and {counted(len(groups) - GROUPS, 'more group')}; taskpgm skills lists all."


def _weights(posed: Posed, p: Array) -> str:
    """The heaviest tasks of the mixture, and what the others get together."""
    order = np.argsort(-p, kind="stable")
    shown = order[: SHOWN if len(p) > SHOWN + 1 else None]
    header = ["the mixture at balance 0", "weight", "uniform", "rows"]
    rows = [
        [shorten(t.id, WIDEST), percent(p[i]), percent(1 / len(p)), count(t.rows or 0)]
        for i, t in ((int(i), posed.tasks[int(i)]) for i in shown)
    ]
    if rest := order[len(shown) :].tolist():
        held = sum(posed.tasks[i].rows or 0 for i in rest)
        name = f"and {count(len(rest))} more together"
        rows.append([name, percent(float(p[rest].sum())), percent(len(rest) / len(p)), count(held)])
    return table(header, rows)


def _open(made: "Sketch") -> list[str]:
    """What it leaves open, and what measuring it would take."""
    return [
        open_finding(made.study.slug),
        cost_finding(**_measuring(made)),
        *hindrance_findings(made.cost.held_out, made.cost.short, made.cost.shared),
    ]


def _measuring(made: "Sketch") -> dict[str, Any]:
    cost = made.cost
    base = str((made.study.plan or {})["base"]).rpartition("/")[2].partition(".")[0]
    return {
        "models": cost.on_gpu.units["train"],
        "passes": cost.on_gpu.forward_passes,
        "minutes": cost.seconds / 60,
        "gpu_minutes": (cost.on_gpu.total_seconds or 0.0) / 60,
        "base": base,
        "device": cost.on_gpu.device,
    }


def _answer(made: "Sketch", posed: Posed, p: Array) -> dict[str, Any]:
    return {
        **card(made.study),
        "built_now": made.made,
        "read": made.said,
        "left_out": made.left_out,
        "balance": 0.0,
        "p": p,
        **posed.resolution_facts(p),
        "measuring": {
            "command": f"taskpgm build {made.study.slug}",
            **_measuring(made),
            "too_few_rows": made.cost.short,
            "shared_rows": made.cost.shared,
        },
    }
