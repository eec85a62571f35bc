"""From the options of a verb to a posed problem: measure, balance, anchor, constraints."""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from taskpgm_core import store
from taskpgm_core.errors import MixtureError, nearest
from taskpgm_core.mixture import Group, Problem, pose
from taskpgm_core.records import Array, Similarity, Study

DEFAULT_BALANCE = 1.0
UNARY = ("representativeness", "gain")

_OPTIONS = (
    click.option("--measure", help="jsd, pmi, pmi-token or given (the study's first by default)."),
    click.option("--balance", type=float, help="r = n*beta/lambda; 1 returns the anchor."),
    click.option("--beta", type=float, help="The paper's unary weight; needs --lambda."),
    click.option("--lambda", "lam", type=float, help="The paper's pairwise weight; needs --beta."),
    click.option("--budget", type=int, help="How many rows or tokens in all."),
    click.option("--unit", type=click.Choice(["rows", "tokens"]), default="rows"),
    click.option(
        "--anchor",
        default="uniform",
        help="uniform, proportional (to rows, whatever the unit), a JSON or CSV FILE, or "
        "task:ID,ID,... to represent.",
    ),
    click.option("--unary", default=UNARY[0], help="representativeness, or gain over the base."),
    click.option("--floor", "floors", multiple=True, help="X for all tasks, or TASK=X."),
    click.option("--cap", "caps", multiple=True, help="X for all tasks, or TASK=X."),
    click.option("--max-epochs", type=float, help="At most this often each row (needs --budget)."),
    click.option("--group", "groups", multiple=True, help="FAMILY:LO:HI, bounds on a family."),
    click.option("--pin", "pins", multiple=True, help="TASK=X, or TASK to keep its anchor."),
    click.option("--pull-to", help="FILE with the mixture in production."),
    click.option("--rho", type=float, help="How hard it pulls, in units of S."),
    click.option("--margin", type=float, default=0.1, help="Shift above its floor (fraction)."),
)


def question_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """All options that pose a problem, on one verb."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True)
class Posed:
    """A study with one question about it."""

    study: Study
    similarity: Similarity
    problem: Problem
    balance: float
    lam: float
    budget: int | None
    unit: str
    max_epochs: float | None

    @property
    def rows(self) -> list[int | None]:
        return [task.rows for task in self.study.tasks]

    @property
    def mean_tokens(self) -> list[float | None]:
        return [task.mean_tokens for task in self.study.tasks]


def pose_from(study_name: str, **options: Any) -> Posed:
    """The problem that a verb's options describe; MixtureError for what makes no sense."""
    study = store.open_study(study_name)
    similarity = store.similarity(study, options["measure"])
    n = similarity.n
    balance, lam = _balance(n, options["balance"], options["beta"], options["lam"])
    anchor, anchor_name = _anchor(options["anchor"], study)
    utility = None
    if options["unary"] == "gain":
        utility = store.losses(study).gain
    elif options["unary"] != UNARY[0]:
        raise MixtureError(f"--unary must be {' or '.join(UNARY)}, not '{options['unary']}'.")
    if options["budget"] is not None and options["budget"] < 1:
        raise MixtureError(
            f"--budget must be a whole number of at least 1, not {options['budget']}."
        )
    if (options["pull_to"] is None) != (options["rho"] is None):
        raise MixtureError("--pull-to and --rho go together: what pulls, and how hard.")
    pins = _pins(options["pins"], study.names, anchor)
    caps = _with_epochs(_numbers(options["caps"], study.names, "--cap", pins), study, options)
    pull_to = store.read_mixture(options["pull_to"], study.names) if options["pull_to"] else None
    problem = pose(
        similarity,
        anchor=anchor,
        anchor_name=anchor_name,
        utility=utility,
        floors=_numbers(options["floors"], study.names, "--floor", pins),
        caps=caps,
        groups=[_group(text, study) for text in options["groups"]],
        pin=pins or None,
        pull_to=pull_to,
        rho=options["rho"] or 0.0,
        margin=options["margin"],
    )
    return Posed(
        study,
        similarity,
        problem,
        balance,
        lam,
        options["budget"],
        options["unit"],
        options["max_epochs"],
    )


def _balance(
    n: int, balance: float | None, beta: float | None, lam: float | None
) -> tuple[float, float]:
    if balance is not None and (beta is not None or lam is not None):
        raise MixtureError("Give --balance, or --beta with --lambda, not both.")
    if (beta is None) != (lam is None):
        raise MixtureError("--beta and --lambda go together (balance = n*beta/lambda).")
    for name, value in (("--balance", balance), ("--beta", beta), ("--lambda", lam)):
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise MixtureError(f"{name} must be a finite number of at least 0, not {value}.")
    if beta is not None and lam is not None:
        if beta == lam == 0:
            raise MixtureError("--beta and --lambda cannot both be 0: nothing would be asked.")
        return (n * beta / lam if lam else math.inf), lam
    return (DEFAULT_BALANCE if balance is None else balance), 1.0


def _anchor(text: str, study: Study) -> tuple[Array | None, str]:
    n = len(study.names)
    if text == "uniform":
        return None, "uniform"
    if text == "proportional":
        if study.rows is None:
            raise MixtureError(
                f"The anchor 'proportional' needs the rows of every task, which {study.slug} does "
                f"not know; import it with --tasks."
            )
        return study.rows / study.rows.sum(), "proportional"
    if text.startswith("task:"):
        whole = text.removeprefix("task:")
        chosen = [whole] if whole in study.names else [name.strip() for name in whole.split(",")]
        weights = np.zeros(n)
        for name in chosen:
            if name not in study.names:
                raise MixtureError(
                    f"--anchor names '{name}', which is no task of {study.slug}"
                    f"{nearest(name, study.names)}."
                )
            weights[study.names.index(name)] = 1.0
        return weights / weights.sum(), text
    return store.read_mixture(text, study.names), Path(text).name


def _number(text: str, option: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise MixtureError(f"{option}: '{text}' is no number.") from None
    return value


def _numbers(
    given: Sequence[str], tasks: Sequence[str], option: str, pins: Collection[str]
) -> dict[str, float] | None:
    """{task: bound}; a number for all tasks leaves out those that are pinned."""
    if not given:
        return None
    bounds: dict[str, float] = {}
    for text in sorted(given, key=lambda t: "=" in t):
        name, equals, value = text.rpartition("=")
        if not equals:
            bounds = dict.fromkeys((t for t in tasks if t not in pins), _number(text, option))
        elif name not in tasks:
            raise MixtureError(f"{option} names '{name}', which is no task{nearest(name, tasks)}.")
        else:
            bounds[name] = _number(value, option)
    return bounds


def _with_epochs(
    caps: dict[str, float] | None, study: Study, options: dict[str, Any]
) -> dict[str, float] | None:
    epochs, budget = options["max_epochs"], options["budget"]
    if epochs is None:
        return caps
    if budget is None or not epochs > 0:
        raise MixtureError("--max-epochs wants a number above 0, and a --budget to apply it to.")
    caps = dict(caps or {})
    for task in study.tasks:
        tokens = 1.0 if options["unit"] == "rows" else task.mean_tokens
        if task.rows is None or tokens is None:
            raise MixtureError(f"--max-epochs needs the rows of '{task.id}', which are unknown.")
        caps[task.id] = min(caps.get(task.id, 1.0), epochs * task.rows * tokens / budget)
    return caps


def _group(text: str, study: Study) -> Group:
    parts = text.rsplit(":", 2)
    families = {task.family for task in study.tasks if task.family}
    if len(parts) != 3:
        raise MixtureError(f"--group wants FAMILY:LO:HI, not '{text}'.")
    name, lo, hi = parts
    members = tuple(task.id for task in study.tasks if task.family == name)
    if not members:
        raise MixtureError(f"--group names '{name}', which is no family{nearest(name, families)}.")
    return Group(name, members, _number(lo, "--group"), _number(hi, "--group"))


def _pins(given: Sequence[str], tasks: Sequence[str], anchor: Array | None) -> dict[str, float]:
    pins: dict[str, float] = {}
    for text in given:
        name, equals, value = (text, "", "") if text in tasks else text.rpartition("=")
        name = name if equals else text
        if name not in tasks:
            raise MixtureError(f"--pin names '{name}', which is no task{nearest(name, tasks)}.")
        index = list(tasks).index(name)
        kept = 1.0 / len(tasks) if anchor is None else float(anchor[index])
        pins[name] = _number(value, "--pin") if equals else kept
    return pins
