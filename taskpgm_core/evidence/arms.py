"""The mixture of every arm, from the study alone."""

from collections.abc import Iterable, Mapping
from math import inf
from typing import Any

import numpy as np

from taskpgm_core import store
from taskpgm_core.analysis.question import EVERY, Question, pose_question
from taskpgm_core.errors import MixtureError, nearest
from taskpgm_core.evidence.protocol import Arm
from taskpgm_core.mixture.baselines import BASELINES, baseline
from taskpgm_core.records import Array, Study, read_only

PARENT_EVEN = "parent-even"


def even_over_families(study: Study) -> Array:
    """(n,) weights: families equal, a family's tasks equal; who has none is its own family.

    The reference that is told what a mixture has to find out.
    """
    families = [task.family or task.id for task in study.tasks]
    sizes = np.array([families.count(family) for family in families], dtype=np.float64)
    return read_only(1.0 / (sizes * len(set(families))))


def _brought(arm: Arm, study: Study) -> Array:
    weights = arm.weights or {}
    for name in weights:
        if name not in study.names:
            raise MixtureError(
                f"Arm '{arm.name}' weighs '{name}', which is no task of {study.slug}"
                f"{nearest(name, study.names)}."
            )
    p = np.array([weights.get(name, 0.0) for name in study.names])
    if not np.isfinite(p).all() or (p < 0).any() or p.sum() == 0:
        raise MixtureError(f"Arm '{arm.name}' must have weights of at least 0, not all of them 0.")
    return read_only(p / p.sum())


def mixture_of(arm: Arm, study: Study, seed: int) -> Array:
    """(n,) weights of an arm; only a random baseline uses the seed. MixtureError if infeasible."""
    if arm.weights is not None:
        return _brought(arm, study)
    if arm.baseline == PARENT_EVEN:
        return even_over_families(study)
    similarity = store.similarity(study, arm.measure)
    gain = store.losses(study).gain
    if arm.baseline:
        balance = 1.0 if arm.balance is None else arm.balance
        return baseline(
            arm.baseline,
            similarity,
            rows=study.rows,
            seed=seed,
            utility=gain,
            balance=balance,
            noise=store.noise(study, arm.measure),
        )
    question = Question(
        arm.measure,
        float(arm.balance or 0.0),
        inf if arm.resolution is None else arm.resolution,
        anchor=arm.anchor,
        unary=arm.unary,
        floors=() if arm.floor is None else ((EVERY, arm.floor),),
        caps=() if arm.cap is None else ((EVERY, arm.cap),),
    )
    found = pose_question(study, question, similarity=similarity).solution()
    if found.status != "optimal":
        raise MixtureError(f"Arm '{arm.name}' is infeasible: {found.message}")
    return read_only(np.where(found.p < 1e-12, 0.0, found.p))


def arm_words(arm: Arm) -> str:
    """What an arm is, as in "TaskPGM by JSD at balance 0.3, every task 1% to 10%"."""
    at = "" if arm.balance is None else f" at balance {arm.balance:g}"
    rows = "" if arm.budget is None else f", {arm.budget:,} rows"
    if arm.weights is not None:
        return f"A mixture brought along{rows}"
    if arm.baseline == PARENT_EVEN:
        return f"Even over the parents, which it is told{rows}"
    if arm.baseline:
        return f"{BASELINES[arm.baseline].title}{at}{rows}"
    seen = "" if arm.resolution is None else f" at resolution {arm.resolution}"
    unary = " for measured gain" if arm.unary == "gain" else ""
    anchor = "" if arm.anchor == "uniform" else f" around {arm.anchor}"
    floor, cap = (None if x is None else f"{100 * x:g}%" for x in (arm.floor, arm.cap))
    limits = {
        (True, True): f", every task {floor} to {cap}",
        (True, False): f", every task at least {floor}",
        (False, True): f", every task at most {cap}",
        (False, False): "",
    }[floor is not None, cap is not None]
    measure = "words alone" if arm.measure == "text" else arm.measure.upper()
    return f"TaskPGM by {measure}{unary}{anchor}{at}{seen}{limits}{rows}"


def arm_title(arm: Arm) -> str:
    """What a chart calls an arm, as in "TaskPGM at the automatic resolution", "S = −D at 0.5",
    "TaskPGM by words alone" and "paper's formula at 0.5".

    TaskPGM's balance is 0 where none is said.
    """
    at = "" if arm.balance is None else f" at {arm.balance:g}"
    rows = "" if arm.budget is None else f", {arm.budget:,} rows"
    if arm.weights is not None:
        return f"{arm.name}{rows}"
    if arm.baseline == PARENT_EVEN:
        return f"even over parents (told the parents){rows}"
    if arm.baseline == "authors":
        return f"paper's formula{at}{rows}"
    if arm.baseline:
        title = BASELINES[arm.baseline].title
        return f"{title if title[:2].isupper() else title[:1].lower() + title[1:]}{at}{rows}"
    return f"{_title_of_mixture(arm, at)}{_limits(arm)}{rows}"


def _title_of_mixture(arm: Arm, at: str) -> str:
    words = "words alone" if arm.measure == "text" else arm.measure.upper()
    unary = " for gain" if arm.unary == "gain" else ""
    around = "" if arm.anchor == "uniform" else f" around {arm.anchor}"
    if arm.resolution is None or arm.resolution == inf:
        seen = "S = −D" if arm.measure == "jsd" else f"S by {words}"
        return f"{seen}{unary}{around}{at}"
    balance = f", balance {arm.balance:g}" if arm.balance else ""
    auto = arm.resolution == "auto"
    if arm.measure == "text":
        seen = "" if auto else f", resolution {arm.resolution:g}"
        return f"TaskPGM by words alone{unary}{around}{seen}{balance}"
    by = "" if arm.measure == "jsd" else f" by {words}"
    seen = "the automatic resolution" if auto else f"resolution {arm.resolution:g}"
    return f"TaskPGM{by}{unary}{around} at {seen}{balance}"


def _limits(arm: Arm) -> str:
    floor, cap = (None if x is None else f"{100 * x:g}%" for x in (arm.floor, arm.cap))
    if floor and cap:
        return f", {floor} to {cap}"
    return f", at least {floor}" if floor else f", at most {cap}" if cap else ""


def arm_titles(definitions: Mapping[str, Any], arms: Iterable[str]) -> dict[str, str]:
    """{arm: title} of the arms of finished runs; one whose definition is not known keeps
    its name, and one whose title another has too says both.

    ``definitions``: as a card of ``store.evidence`` has them.
    """
    titles = {name: name for name in arms}
    for name, value in definitions.items():
        if name in titles and "imported" not in value:
            titles[name] = arm_title(Arm.model_validate(value))
    told = list(titles.values())
    return {name: t if told.count(t) == 1 else f"{t} ({name})" for name, t in titles.items()}
