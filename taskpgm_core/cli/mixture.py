"""Verbs on mixtures: solve, path."""

from math import isfinite
from typing import Any

import click
import numpy as np

from taskpgm_core.cli.answers import solution_answer
from taskpgm_core.cli.options import ask, question_options
from taskpgm_core.cli.output import as_json, print_json, study_argument, table, warn
from taskpgm_core.errors import MixtureError
from taskpgm_core.findings.skills import covered_finding, skills_finding
from taskpgm_core.mixture.repetition import NAME, OPTION
from taskpgm_core.similarity_measures import measure_words


@click.command("solve")
@study_argument
@question_options
@as_json
def solve_(study: str, as_json: bool, **options: Any) -> None:
    """The exact mixture that STUDY recommends, with its certificate."""
    known, posed = ask(study, **options)
    found = posed.solution()
    result = solution_answer(known, posed, found)
    if as_json:
        print_json(result)
        return
    if found.status != "optimal":
        raise MixtureError(f"No mixture meets these constraints: {found.message}")
    click.echo(
        f"{known.slug}, {measure_words(posed.similarity.measure)}, balance {found.balance:g} (beta "
        f"{found.beta:.4g}, lambda {found.lam:g}), anchor {found.anchor_name}"
    )
    click.echo(f"{skills_finding(posed.kernel)}. {covered_finding(posed.kernel, found.p)}".rstrip())
    header = ["task", "weight", "uniform", "proportional"]
    columns = [found.p, result["uniform"], result["proportional"]]
    between = result.get("bounds")
    if between:
        header[1:2] = ["lower end", "upper end"]
        columns.insert(1, between["upper"])
    rows = [
        [name, *("-" if c is None else f"{c[i]:.4f}" for c in columns)]
        for i, name in enumerate(found.tasks)
    ]
    if result["counts"] is not None:
        header += [posed.question.unit, "epochs"]
        for i, row in enumerate(rows):
            epochs = result["epochs"][i] if result["epochs"] is not None else None
            row += [str(result["counts"][i]), "-" if epochs is None else f"{epochs:.2f}"]
    click.echo(table(header, rows))
    click.echo(
        f"Energy {found.energy:.6g} (unary {found.unary_energy:.6g}, pairwise "
        f"{found.pairwise_energy:.6g}); certified gap {found.gap:.2g}; {len(found.support)} tasks, "
        f"effective number of tasks {found.effective_tasks:.1f}."
    )
    if between:
        click.echo(f"Divergences within {between['width']:.2g} nats. {between['sentence']}")
    elif "bounds" in result and not isfinite(found.balance):
        click.echo("Divergences are bounded; what that leaves open needs a finite balance.")
    for alarm in result["alarms"]:
        say = warn if alarm["level"] == "warning" else click.echo
        say(f"{alarm['sentence']} {OPTION}" if alarm["name"] == NAME else alarm["sentence"])


@click.command()
@study_argument
@question_options
@as_json
def path(study: str, as_json: bool, **options: Any) -> None:
    """Every mixture of STUDY from pure diversity (balance 0) to its last task, exactly."""
    _, posed = ask(study, **options)
    traced = posed.path
    if as_json:
        print_json(traced.to_json())
        return
    rows = [
        [
            f"{point['balance']:.6g}",
            str(sum(w > 0 for w in point["p"].values())),
            _largest(point["p"]),
        ]
        for point in traced.to_json()["breakpoints"]
    ]
    click.echo(table(["balance", "tasks", "largest weights"], rows))


def _largest(weights: dict[str, float]) -> str:
    names = sorted(weights, key=weights.__getitem__, reverse=True)[:3]
    return ", ".join(f"{name} {np.round(weights[name], 3)}" for name in names)
