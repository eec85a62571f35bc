"""The alarms of a study's mixture: with the study's noise floor and its bootstrap."""

from taskpgm_core.mixture import Problem, Solution
from taskpgm_core.mixture.alarms import Alarm, alarms
from taskpgm_core.mixture.uncertainty import Uncertainty
from taskpgm_core.records import Study
from taskpgm_core.store import noise, upper_bound


def study_alarms(
    study: Study, problem: Problem, solution: Solution, sure: Uncertainty | str
) -> tuple[Alarm, ...]:
    """What to know before acting on an optimal mixture of ``study``.

    ``sure``: its bootstrap, or why there is none. The noise floor is in nats of JSD, so that only
    similarities by ``jsd`` are held against it.
    """
    by_jsd = study.kind == "measured" and problem.similarity.measure == "jsd"
    return alarms(
        problem,
        solution,
        noise_floor=(noise(study).floor or None) if by_jsd else None,
        sure=None if isinstance(sure, str) else sure,
        upper=upper_bound(study, problem.similarity.measure),
    )
