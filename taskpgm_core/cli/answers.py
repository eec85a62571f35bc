"""What the verbs on mixtures print as JSON: the contract's objects; unknown is null."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import numpy as np

from taskpgm_core.analysis.question import Posed
from taskpgm_core.analysis.replicates import bootstrap
from taskpgm_core.analysis.study_alarms import study_alarms
from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture import Solution
from taskpgm_core.mixture.baselines import BASELINES, baseline
from taskpgm_core.mixture.divergence_bounds import Bracket, bracket
from taskpgm_core.mixture.explanation import Explanation
from taskpgm_core.mixture.selection.greedy import Selection
from taskpgm_core.mixture.uncertainty import Uncertainty
from taskpgm_core.records import Array, Study
from taskpgm_core.store import upper_bound


def solution_answer(study: Study, posed: Posed, found: Solution) -> dict[str, Any]:
    """The contract's object for ``solve``; unknown is null."""
    optimal = found.status == "optimal"
    counted = posed.allocation(found.p) if optimal else None
    sure = bootstrap(study, posed, found.balance) if optimal else ""
    raised = study_alarms(study, posed, found, sure, counted) if optimal else ()
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
        **({"bounds": between and bounds_answer(between)} if bounded else {}),
    }


def bounds_answer(between: Bracket) -> dict[str, Any]:
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


STEP = "k added tasks p value gamma guarantee upper_bound exact exact_tasks".split()


def selection_answer(posed: Posed, found: Selection) -> dict[str, Any]:
    """The contract's object for ``select``."""
    return {
        "tasks": found.tasks,
        "measure": posed.similarity.measure,
        "balance": found.balance,
        "best": found.best,
        "steps": [{name: getattr(step, name) for name in STEP} for step in found.steps],
    }


def explanation_answer(
    posed: Posed, found: Solution, explanation: Explanation, only: Collection[str]
) -> dict[str, Any]:
    """The contract's object for ``explain``; ``only``: the tasks that it names, none for all."""
    tasks = [
        {
            "task": r.task,
            "weight": r.weight,
            "anchor": r.anchor,
            "diversity": r.diversity,
            "unary": r.unary,
            "pairwise": {
                name: x for name, x in zip(found.tasks, r.pairwise, strict=True) if name != r.task
            },
            "constraints": r.constraints,
            "reduced_cost": r.reduced_cost,
            "enters_at": r.enters_at,
            "contribution": contribution,
        }
        for r, contribution in zip(explanation.reasons, explanation.contributions, strict=True)
        if not only or r.task in only
    ]
    return {
        "measure": posed.similarity.measure,
        "balance": found.balance,
        "offset": explanation.offset,
        "effective_tasks": found.effective_tasks,
        "tasks": tasks,
    }


def uncertainty_answer(
    posed: Posed, sure: Uncertainty, near_optimal: Array, *, level: float, slack: float
) -> dict[str, Any]:
    """The contract's object for ``uncertainty``; ``near_optimal``: (n, 2) ranges of weights."""
    each = zip(
        sure.tasks, sure.weight, sure.low, sure.high, sure.inclusion, near_optimal, strict=True
    )
    names = "task weight low high inclusion near_optimal".split()
    return {
        "measure": posed.similarity.measure,
        "balance": posed.question.balance,
        "draws": sure.draws,
        "level": level,
        "slack": slack,
        "stability": sure.stability,
        "half_width_l1": sure.half_width_l1,
        "tasks": [dict(zip(names, values, strict=True)) for values in each],
    }


def baselines_answer(
    posed: Posed,
    found: Solution,
    mixtures: Mapping[str, Array],
    counts: Mapping[str, Sequence[int] | None],
) -> dict[str, Any]:
    """The contract's object for ``baselines``; ``distance``: L1 to the exact mixture."""
    return {
        "tasks": found.tasks,
        "measure": posed.similarity.measure,
        "balance": posed.question.balance,
        "p": found.p,
        "baselines": {
            name: {
                "title": BASELINES[name].title,
                "p": p,
                "counts": counts[name],
                "distance": np.abs(p - found.p).sum(),
            }
            for name, p in mixtures.items()
        },
    }
