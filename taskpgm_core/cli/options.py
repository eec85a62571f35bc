"""From the options of a verb to a posed problem: measure, balance, anchor, constraints."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from taskpgm_core import store
from taskpgm_core.analysis.mixture_reference import file_reference, is_reference
from taskpgm_core.analysis.question import Posed, pose_question
from taskpgm_core.analysis.question_words import from_words
from taskpgm_core.errors import MixtureError
from taskpgm_core.records import Study

_OPTIONS = (
    click.option(
        "--measure", help="jsd, pmi, pmi-token, gold, text or given (the study's first by default)."
    ),
    click.option("--balance", type=float, help="r = n*beta/lambda; 1 returns the anchor."),
    click.option(
        "--resolution",
        help="How alike counts as the same, in the measure's unit; auto (the default), or inf for "
        "the paper's S as measured.",
    ),
    click.option("--beta", type=float, help="The paper's unary weight; needs --lambda."),
    click.option(
        "--lambda", "lambda", type=float, help="The paper's pairwise weight; needs --beta."
    ),
    click.option("--budget", type=int, help="How many rows or tokens in all."),
    click.option("--unit", type=click.Choice(["rows", "tokens"]), help="Of the budget (rows)."),
    click.option(
        "--anchor",
        help="uniform, proportional (to rows, whatever the unit) or another baseline, "
        "task:ID,ID,... to represent, a saved mixture's id, or a FILE with a mixture.",
    ),
    click.option(
        "--unary", help="representativeness, or gain over the base (at --resolution inf only)."
    ),
    click.option(
        "--judge-by",
        help="task:ID,ID,... of tasks or targets that you will be judged by, to reward what helps "
        "there.",
    ),
    click.option("--floor", multiple=True, help="X for all tasks, or TASK=X."),
    click.option("--cap", multiple=True, help="X for all tasks, or TASK=X."),
    click.option("--max-epochs", type=float, help="At most this often each row (needs --budget)."),
    click.option("--group", multiple=True, help="FAMILY:LO:HI, bounds on a family."),
    click.option("--pin", multiple=True, help="TASK=X, or TASK to keep its anchor."),
    click.option("--pull-to", help="The mixture in production: a FILE, or as --anchor."),
    click.option(
        "--rho",
        type=float,
        help="How hard it pulls, in units of the matrix solved: K, or S at inf.",
    ),
    click.option(
        "--margin",
        type=float,
        help="If the energy is not convex, how much more than needed is added, as a fraction.",
    ),
)


def question_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """All options that pose a problem, on one verb."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def ask(study_name: str, **options: Any) -> tuple[Study, Posed]:
    """A study and the question of a verb's options, posed; MixtureError for what makes no sense."""
    study = store.open_study(study_name)
    return study, pose_question(study, from_words(_words(study, options), study))


def _words(study: Study, options: Mapping[str, Any]) -> dict[str, list[str]]:
    """The options as the words that addresses use, beta made a balance and files read."""
    words: dict[str, list[str]] = {}
    for name, value in options.items():
        if value is not None and value != ():
            each = value if isinstance(value, tuple) else (value,)
            words[name.replace("_", "-")] = [x if isinstance(x, str) else repr(x) for x in each]
    words |= _balance(
        len(study.tasks), *(words.pop(k, None) for k in ("balance", "beta", "lambda"))
    )
    for word in ("anchor", "pull-to"):
        text = words.get(word, ["uniform"])[-1]
        if not is_reference(text) and words.get("rho", word == "anchor"):
            words[word] = [file_reference(text, study.names, study.tasks)]
            if word == "anchor":
                words["anchor-name"] = [Path(text).name]
    return words


def _balance(
    n: int, balance: list[str] | None, beta: list[str] | None, lam: list[str] | None
) -> dict[str, list[str]]:
    """Balance and lambda from --balance, or from --beta with --lambda as the paper writes them."""
    if balance and beta:
        raise MixtureError("Give --balance, or --beta with --lambda, not both.")
    if beta is None and (lam is None or balance):
        return {k: v for k, v in (("balance", balance), ("lambda", lam)) if v}
    if beta is None or lam is None:
        raise MixtureError("--beta and --lambda go together (balance = n*beta/lambda).")
    unary, pairwise = float(beta[-1]), float(lam[-1])
    for name, value in (("--beta", unary), ("--lambda", pairwise)):
        if not (math.isfinite(value) and value >= 0):
            raise MixtureError(f"{name} must be a finite number of at least 0, not {value}.")
    if unary == pairwise == 0:
        raise MixtureError("--beta and --lambda cannot both be 0: nothing would be asked.")
    return {"balance": [repr(n * unary / pairwise if pairwise else math.inf)], "lambda": lam}
