"""Verbs that question a mixture: select, explain, uncertainty, baselines."""

from typing import Any

import click
import numpy as np

from taskpgm_core.analysis.replicates import drawn_again, replicates
from taskpgm_core.api.mixtures import baseline_mixtures
from taskpgm_core.cli.answers import (
    baselines_answer,
    explanation_answer,
    selection_answer,
    uncertainty_answer,
)
from taskpgm_core.cli.options import ask, question_options
from taskpgm_core.cli.output import as_json, print_json, study_argument, table, warn
from taskpgm_core.errors import MixtureError
from taskpgm_core.findings.why import reward_words
from taskpgm_core.mixture.alarms import instability
from taskpgm_core.mixture.baselines import BASELINES
from taskpgm_core.mixture.explanation import explain
from taskpgm_core.mixture.near_optimal import near_optimal
from taskpgm_core.mixture.selection.greedy import select
from taskpgm_core.mixture.uncertainty import uncertainty


@click.command("select")
@study_argument
@click.option("--k", "k_max", type=int, help="How many tasks at most (all by default).")
@click.option(
    "--exact-up-to",
    type=click.IntRange(0),
    default=25,
    show_default=True,
    help="Studies of at most so many tasks also get the best choice of all, by branch and bound.",
)
@question_options
@as_json
def select_(study: str, k_max: int | None, exact_up_to: int, as_json: bool, **options: Any) -> None:
    """The best k tasks of STUDY for every k, with what the greedy choice guarantees."""
    _, posed = ask(study, **options)
    found = select(posed.problem, posed.question.balance, k_max=k_max, exact_up_to=exact_up_to)
    if as_json:
        print_json(selection_answer(posed, found))
        return
    rows = [
        [
            str(step.k),
            f"{step.value:.6f}",
            f"{step.guarantee:.6f}",
            f"{step.upper_bound:.6f}",
            "-" if step.exact is None else f"{step.exact:.6f}",
            step.added,
        ]
        for step in found.steps
    ]
    click.echo(table(["k", "value", "guarantee", "upper bound", "exact", "added"], rows))


@click.command("explain")
@study_argument
@click.option("--task", "only", multiple=True, help="Show this task only.")
@question_options
@as_json
def explain_(study: str, only: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Why each task of STUDY has its weight, and what it would take to move a zero."""
    known, posed = ask(study, **options)
    for name in only:
        known.place(name)
    found = posed.optimum()
    explanation = explain(posed.problem, found, posed.path)
    if as_json:
        print_json(explanation_answer(posed, found, explanation, only))
        return
    rows = [
        [
            r.task,
            f"{r.weight:.4f}",
            f"{r.anchor:+.4f}",
            f"{r.diversity:+.4f}",
            "-" if r.reduced_cost is None else f"{r.reduced_cost:.4g}",
            "-" if r.enters_at is None else f"{r.enters_at:.4g}",
        ]
        for r in explanation.reasons
        if not only or r.task in only
    ]
    asks = reward_words(posed.question).removeprefix("the ")
    header = ["task", "weight", f"{asks} asks", "diversity asks", "reduced cost", "enters at"]
    click.echo(table(header, rows))


@click.command("uncertainty")
@study_argument
@click.option(
    "--draws",
    type=click.IntRange(1, 100_000),
    default=200,
    show_default=True,
    help="How many times the probe examples, and the training seeds, are drawn again.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the draws.")
@click.option("--level", type=float, default=0.9, show_default=True, help="Of the intervals.")
@click.option(
    "--slack",
    type=float,
    default=0.001,
    show_default=True,
    help="Near-optimal: E/lambda within this fraction of max|S - mean S| of its minimum.",
)
@question_options
@as_json
def uncertainty_(
    study: str,
    draws: int,
    seed: int,
    level: float,
    slack: float,
    as_json: bool,
    **options: Any,
) -> None:
    """How sure the mixture of STUDY is: bootstrap intervals and near-optimal ranges."""
    if not (np.isfinite(slack) and slack >= 0):
        raise MixtureError(f"--slack must be a finite number of at least 0, not {slack}.")
    known, posed = ask(study, **options)
    found = posed.optimum()
    sure = uncertainty(
        posed.problem,
        posed.question.balance,
        posed.kernel.replicates(
            replicates(known, posed.similarity.measure, draws=draws, seed=seed, level=level)
        ),
        level=level,
    )
    ranges = near_optimal(posed.problem, found, slack * posed.problem.convexity.scale)
    if as_json:
        print_json(uncertainty_answer(posed, sure, ranges, level=level, slack=slack))
        return
    rows = [
        [
            name,
            f"{sure.weight[i]:.4f}",
            f"{sure.low[i]:.4f} to {sure.high[i]:.4f}",
            f"{sure.inclusion[i]:.0%}",
            f"{ranges[i, 0]:.4f} to {ranges[i, 1]:.4f}",
        ]
        for i, name in enumerate(sure.tasks)
    ]
    header = ["task", "weight", f"{level:.0%} interval", "in the mixture", "near-optimal"]
    click.echo(table(header, rows))
    click.echo(
        f"Intervals cover where a weight falls {drawn_again(known)}. "
        f"{sure.draws} draws: {sure.stability:.1%} of the budget stays where it is on average; "
        f"L1 within {sure.half_width_l1:.3f} at {level:.0%}."
    )
    for alarm in instability(sure, anchored=posed.problem.utility is None):
        warn(alarm.sentence)


@click.command()
@study_argument
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of dirichlet.")
@click.option(
    "--temperature",
    type=float,
    default=5.0,
    show_default=True,
    help="Of sampling by size: 1 is proportional, more is nearer to uniform.",
)
@click.option("--strength", type=float, default=0.4, show_default=True, help="Of the graph cut.")
@question_options
@as_json
def baselines(
    study: str, seed: int, temperature: float, strength: float, as_json: bool, **options: Any
) -> None:
    """The mixtures that others would choose for STUDY, beside the exact one."""
    _, posed = ask(study, **options)
    found = posed.optimum()
    mixtures = baseline_mixtures(posed, seed=seed, temperature=temperature, strength=strength)
    counts: dict[str, tuple[int, ...] | None] = {}
    for name, p in mixtures.items():
        try:
            counted = posed.allocation(p)
            counts[name] = counted.counts if counted else None
        except MixtureError as error:  # a mixture that the budget cannot hold is an answer, too
            counts[name] = None
            warn(f"{BASELINES[name].title}: {error}")
    if as_json:
        print_json(baselines_answer(posed, found, mixtures, counts))
        return
    if exact := posed.allocation(found.p):
        columns = [exact.counts, *counts.values()]
        rows = [
            [task, *("-" if c is None else str(c[i]) for c in columns)]
            for i, task in enumerate(found.tasks)
        ]
    else:
        rows = [
            [task, f"{found.p[i]:.4f}", *(f"{p[i]:.4f}" for p in mixtures.values())]
            for i, task in enumerate(found.tasks)
        ]
    click.echo(table(["task", "exact", *mixtures], rows))
