"""The verb that chooses a mixture by short runs: tune."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Literal

import click

from taskpgm_core import store
from taskpgm_core.analysis.question_words import from_words
from taskpgm_core.cli.build import clock, engine_options, placing_of
from taskpgm_core.cli.output import as_json, print_json, study_argument, warn
from taskpgm_core.errors import MixtureError, StoreError
from taskpgm_core.evidence.candidates import BALANCES, RESOLUTIONS, Candidate, among, grid
from taskpgm_core.evidence.halving import BLOCK, MOST_SEEDS
from taskpgm_core.evidence.protocol import Protocol, load_protocol, skills_warning
from taskpgm_core.evidence.shared_reference import share_reference
from taskpgm_core.evidence.tuned_mixture import evidence_card, save_tuned
from taskpgm_core.evidence.tuning import Tuning, complete, tune, tuning_of
from taskpgm_core.evidence.tuning_cost import TuningCost, tuning_cost
from taskpgm_core.figures.numbers import counted
from taskpgm_core.findings.tuning import plan_words, runs_words, tuning_sentences, twin_sentence
from taskpgm_core.plans.plan import Plan, plan_of
from taskpgm_core.records import Study


def _choices(command: Callable[..., Any]) -> Callable[..., Any]:
    """What is chosen among, and by what."""
    for option in (
        click.option("--name", default="", help="What the saved mixture is called."),
        click.option(
            "--seeds",
            type=click.IntRange(2, BLOCK),
            default=5,
            show_default=True,
            help="Fresh seeds that confirm; set it before you see any result.",
        ),
        click.option(
            "--first",
            type=click.IntRange(1, MOST_SEEDS),
            default=2,
            show_default=True,
            help="Seeds of the first round; each further round doubles the seeds.",
        ),
        click.option("--budget", type=click.IntRange(1), help="Rows of a run."),
        click.option(
            "--skills",
            type=click.Choice(["families", "tasks"]),
            help="What counts once: a family (the default), or each task by itself.",
        ),
        click.option(
            "--protocol",
            help="A protocol whose training, rows and skills are taken; its arms and seeds are "
            "not. Without it a run trains as the single-task models were.",
        ),
        click.option(
            "--judge-by",
            help="task:ID,ID,... of tasks or targets whose mean loss judges; the grid then rewards "
            "what helps there.",
        ),
        click.option("--measure", help="The measure of the grid (the study's first by default)."),
        click.option(
            "--among",
            "given",
            multiple=True,
            help="NAME,NAME: saved mixtures by name or id, baselines, or files, in place of a "
            "grid. Given more than once, each is one name, commas and all.",
        ),
        click.option("--resolutions", help=f"R,R of the grid ({','.join(RESOLUTIONS)})."),
        click.option("--balances", help=f"X,X of the grid ({','.join(BALANCES)})."),
    ):
        command = option(command)
    return command


@click.command("tune")
@study_argument
@_choices
@click.option("--dry-run", is_flag=True, help="Say what it would run, and about how long.")
@click.option(
    "--threads",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="CPU threads of this process.",
)
@engine_options()
@as_json
def tune_(
    study: str,
    dry_run: bool,
    threads: int,
    engine: Literal["local", "ray"],
    address: str | None,
    workers: int | None,
    name: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Choose balance and resolution of STUDY, or one of several mixtures, by short training runs.

    Successive halving: all run with few seeds, uniform beside them, and the better half goes on
    with more. The one that is left runs against uniform on fresh seeds, and is saved as a mixture
    with its evidence. Finished runs are kept one by one, and the same command goes on where it
    stopped. Started twice, the two processes share the runs.
    """
    known = store.open_study(study)
    if known.kind != "measured":
        raise StoreError(
            f"{known.slug} {known.without_models}; tune trains on a study of models, which build "
            "makes from a plan."
        )
    plan = plan_of(known)

    def say(line: str) -> None:
        click.echo(line, err=True)

    placing = placing_of(engine, address, workers)
    if not dry_run and store.is_bundled(known.folder):
        known = store.own_copy(known)
        say(f"{known.slug} came with the package; its copy keeps the runs: {known.folder}")
    tuning = _tuning(known, plan, options)
    if unknown := skills_warning(tuning.protocol, known):
        warn(unknown)
    said = _opening(tuning)
    if dry_run:
        cost = tuning_cost(tuning, plan, threads)
        if as_json:
            print_json({**_plan_card(tuning), **asdict(cost)})
            return
        for line in (*said, *_cost_lines(cost, plan)):
            click.echo(line)
        return
    for line in said:
        say(line)

    def make(protocol: Protocol) -> None:
        from taskpgm_core.evidence.campaign import campaign

        if share_reference(known, plan, protocol):
            say("The base and the single-task models were judged on these rows before.")
        complete(
            known,
            protocol,
            lambda p: campaign(p, known, plan, threads=threads, placing=placing, say=say),
            say,
        )

    found = tune(tuning, make, say)
    saved, now = save_tuned(tuning, found, name)
    if as_json:
        card = evidence_card(tuning, found)
        print_json({**_plan_card(tuning), **card, "id": saved.id, "name": saved.name})
        return
    for line in tuning_sentences(found):
        click.echo(line)
    click.echo(f"{'Saved' if now else 'It was saved before'} as “{saved.name}” ({saved.id}).")
    click.echo(
        f"A recipe of it: taskpgm export {known.slug} --anchor {saved.id} --balance 1 --budget "
        f"ROWS --to TRAINER"
    )


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _tuning(study: Study, plan: Plan, options: dict[str, Any]) -> Tuning:
    judge_by = options["judge_by"]
    judges = from_words({"judge-by": [judge_by]}, study).judge_by if judge_by else ()
    if judges and options["skills"]:
        raise MixtureError("--judge-by and --skills are two ways to judge; give one of them.")
    return tuning_of(
        study,
        plan,
        _candidates(study, options),
        like=load_protocol(options["protocol"]) if options["protocol"] else None,
        skills=options["skills"],
        judges=judges,
        budget=options["budget"],
        first=options["first"],
        confirming=options["seeds"],
    )


def _candidates(study: Study, options: dict[str, Any]) -> list[Candidate]:
    given, balances = options["given"], options["balances"]
    resolutions, measure = options["resolutions"], options["measure"]
    if not given:
        judge_by = options["judge_by"]
        usual = [r for r in RESOLUTIONS if r != "inf" or not judge_by]
        return grid(
            study,
            _listed(balances) if balances else BALANCES,
            _listed(resolutions) if resolutions else usual,
            measure=measure,
            judge_by=judge_by,
        )
    if balances or resolutions or measure:
        raise MixtureError(
            "--among names the mixtures, so it goes with no --balances, --resolutions or --measure."
        )
    names = [name for text in given for name in (_listed(text) if len(given) == 1 else [text])]
    return among(study, names)


def _opening(tuning: Tuning) -> list[str]:
    """What will be run, and what is run once."""
    rounds = [(r.candidates, len(r.seeds)) for r in tuning.rounds]
    words = plan_words(rounds, tuning.confirming)
    return [
        *(twin_sentence(one.title, other, tuning.budget) for one, other in tuning.same),
        f"{words[:1].upper()}{words[1:]}; {tuning.budget} a run.",
        f"What judges: {tuning.by.words}.",
    ]


def _plan_card(tuning: Tuning) -> dict[str, Any]:
    return {
        "study": tuning.study.slug,
        "tuning": tuning.digest,
        "candidates": [one.title for one in tuning.candidates],
        "same": [{"title": one.title, "as": other} for one, other in tuning.same],
        "planned": [
            {"mixtures": r.candidates, "seeds": list(r.seeds), "kept": r.kept}
            for r in tuning.rounds
        ],
        "fresh": list(tuning.fresh),
    }


def _cost_lines(cost: TuningCost, plan: Plan) -> list[str]:
    if not cost.left:
        return [f"All of its runs are kept ({counted(cost.kept, 'run')}), so it takes no training."]
    lines = [f"{runs_words(cost.runs, cost.kept, cost.rows_trained)}."]
    if cost.models:
        rows = plan.training.steps * plan.training.batch
        lines.append(
            f"Before them {counted(cost.models, 'single-task model')} are judged; those that the "
            f"cache no longer has are trained again, {rows:,} rows each."
        )
    if cost.seconds is not None:
        lines.append(f"The runs take about {clock(cost.seconds)} ({cost.basis}).")
    else:
        lines.append(f"How long it takes is not known here: {cost.basis}")
    return lines
