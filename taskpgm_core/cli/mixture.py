"""Verbs on mixtures: solve, path."""

from contextlib import suppress
from dataclasses import asdict
from typing import Any

import click
import numpy as np

from taskpgm_core.analysis.question import Posed
from taskpgm_core.analysis.replicates import bootstrap
from taskpgm_core.analysis.study_alarms import study_alarms
from taskpgm_core.cli.options import ask, question_options
from taskpgm_core.cli.output import as_json, print_json, study_argument, table, warn
from taskpgm_core.errors import MixtureError
from taskpgm_core.findings.skills import covered_finding, skills_finding
from taskpgm_core.mixture import Solution
from taskpgm_core.mixture.baselines import baseline
from taskpgm_core.mixture.divergence_bounds import Bracket, bracket
from taskpgm_core.mixture.repetition import repetition_alarm
from taskpgm_core.records import Study, measure_words
from taskpgm_core.store import upper_bound


def answer(study: Study, posed: Posed, found: Solution) -> dict[str, Any]:
    """The contract's object for ``solve``; unknown is null."""
    optimal = found.status == "optimal"
    counted = posed.allocation(found.p) if optimal else None
    sure = bootstrap(study, posed, found.balance) if optimal else ""
    raised = study_alarms(study, posed, found, sure) if optimal else ()
    raised = (*repetition_alarm(posed.problem, found, counted, posed.tasks), *raised)
    bounded = upper_bound(study, posed.similarity.measure) is not None
    between = None
    if bounded and optimal and np.isfinite(found.balance):
        with suppress(MixtureError):  # a corrected kernel bounds nothing, which an alarm says
            between = bracket(posed.problem, posed.upper, found.balance) if posed.upper else None
    return {
        "study": study.slug,
        "tasks": list(found.tasks),
        "p": found.p,
        "balance": found.balance,
        "beta": found.beta,
        "lambda": found.lam,
        "measure": posed.similarity.measure,
        **posed.resolution_facts(found.p if optimal else None),
        "anchor": found.anchor_name,
        "anchor_distance": found.anchor_distance,
        "energy": found.energy,
        "energy_unary": found.unary_energy,
        "energy_pairwise": found.pairwise_energy,
        "gap": found.gap,
        "gap_relative": found.gap_relative,
        "status": found.status,
        "message": found.message,
        "unique": found.unique,
        "closed_form_valid": found.closed_form_valid,
        "shift": found.shift,
        "shift_floor": found.shift_floor,
        "curvature": found.curvature,
        "jumpiness": found.jumpiness,
        "support": list(found.support),
        "effective_tasks": found.effective_tasks,
        "multipliers": found.multipliers,
        "counts": counted.counts if counted else None,
        "epochs": counted.epochs if counted else None,
        "budget": posed.question.budget,
        "unit": posed.question.unit,
        "uniform": baseline("uniform", posed.similarity),
        "proportional": None
        if study.rows is None
        else baseline("proportional", posed.similarity, rows=study.rows),
        "alarms": [asdict(alarm) for alarm in raised],
        **({"bounds": between and ends(between)} if bounded else {}),
    }


def ends(between: Bracket) -> dict[str, Any]:
    """What ``solve`` says beside ``p``, the lower end's mixture, where divergences are bounded."""
    return {
        "width": between.width,
        "upper": between.upper.p,
        "distance": between.distance,
        "most": between.most,
        "excess": between.excess,
        "ranges": between.ranges,
        "certain": list(between.certain),
        "undecided": list(between.undecided),
        "sentence": between.sentence,
    }


@click.command("solve")
@study_argument
@question_options
@as_json
def solve_(study: str, as_json: bool, **options: Any) -> None:
    """The exact mixture that STUDY recommends, with its certificate."""
    known, posed = ask(study, **options)
    found = posed.solution()
    result = answer(known, posed, found)
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
        f"as varied as {found.effective_tasks:.1f} equal ones."
    )
    if between:
        click.echo(f"Divergences within {between['width']:.2g} nats. {between['sentence']}")
    elif "bounds" in result:
        click.echo("Divergences are bounded; what that leaves open needs a finite balance.")
    for alarm in result["alarms"]:
        say = warn if alarm["level"] == "warning" else click.echo
        say(alarm["sentence"])


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
