"""The verb that counts skills: skills."""

from typing import Any

import click

from taskpgm_core.cli.options import ask, question_options
from taskpgm_core.cli.output import as_json, print_json, study_argument, table
from taskpgm_core.findings.skills import group_names, groups_finding, skills_finding
from taskpgm_core.mixture.resolution_axis import ResolutionAxis, resolution_axis


@click.command()
@study_argument
@question_options
@as_json
def skills(study: str, as_json: bool, **options: Any) -> None:
    """How many distinct skills the tasks of STUDY hold, and the mixture at every resolution."""
    _, posed = ask(study, **options)
    axis = resolution_axis(posed.problem, posed.kernel, posed.question.balance)
    if as_json:
        print_json({**posed.resolution_facts(), "axis": axis.to_json()})
        return
    click.echo(f"{skills_finding(posed.kernel)}. {groups_finding(posed.kernel)}".rstrip())
    for group in posed.kernel.groups:
        click.echo(f"  one skill: {group_names(group)}")
    rows = _rows(axis)
    if len({largest for _, _, largest in rows}) > 1:
        click.echo(table(["resolution", "skills", "largest weights"], rows))
        return
    click.echo(table(["resolution", "skills"], [row[:2] for row in rows]))
    click.echo(
        f"At balance {axis.balance:g} the largest weights are the same at every resolution: "
        f"{rows[0][2]}."
    )


def _rows(axis: ResolutionAxis) -> list[list[str]]:
    """A row a resolution, thinned to about twenty; the automatic one and the coarsest are named."""
    last = len(axis.resolutions) - 1
    shown = {*range(0, last, max(1, last // 20)), axis.automatic, last}
    rows = []
    for k in sorted(shown):
        p = dict(zip(axis.tasks, axis.weights[k].tolist(), strict=True))
        name = " (auto)" if k == axis.automatic else " (coarsest)" if k == last else ""
        resolution = f"{axis.resolutions[k]:.4g}{name}"
        rows.append([resolution, f"{axis.skills[k]:.1f}", largest_weights(p)])
    return rows


def largest_weights(p: dict[str, float]) -> str:
    """The largest weights as they are written, or how many tasks share the largest of them."""
    order = sorted(p, key=p.__getitem__, reverse=True)
    most = f"{p[order[0]]:.3f}"
    tied = sum(f"{share:.3f}" == most for share in p.values())
    if tied == len(p) > 1:
        return f"all {tied} tasks at {most}"
    if tied > 3:
        return f"{tied} tasks at {most}"
    return ", ".join(f"{task} {p[task]:.3f}" for task in order[:3])
