"""The mixture of every arm, from the study alone."""

import numpy as np

from taskpgm_core import store
from taskpgm_core.errors import MixtureError
from taskpgm_core.evidence.protocol import Arm
from taskpgm_core.mixture import pose, solve
from taskpgm_core.mixture.baselines import baseline
from taskpgm_core.records import Array, Study, read_only


def mixture_of(arm: Arm, study: Study, seed: int) -> Array:
    """(n,) weights of an arm; only a random baseline uses the seed. MixtureError if infeasible."""
    similarity = store.similarity(study, arm.measure)
    gain = store.losses(study).gain
    if arm.baseline:
        balance = 1.0 if arm.balance is None else arm.balance
        return baseline(
            arm.baseline, similarity, rows=study.rows, seed=seed, utility=gain, balance=balance
        )
    anchor = None
    if arm.anchor == "proportional":
        assert study.rows is not None
        anchor = study.rows / study.rows.sum()
    problem = pose(
        similarity,
        anchor=anchor,
        anchor_name=arm.anchor,
        utility=gain if arm.unary == "gain" else None,
        floors=arm.floor,
        caps=arm.cap,
    )
    found = solve(problem, float(arm.balance or 0.0))
    if found.status != "optimal":
        raise MixtureError(f"Arm '{arm.name}' is infeasible: {found.message}")
    return read_only(np.where(found.p < 1e-12, 0.0, found.p))
