"""The alarms of a study's mixture: with the study's noise floor and its bootstrap."""

from taskpgm_core.analysis.question import Posed
from taskpgm_core.errors import MixtureError
from taskpgm_core.mixture import Solution
from taskpgm_core.mixture.alarms import Alarm, alarms
from taskpgm_core.mixture.counts import Allocation
from taskpgm_core.mixture.repetition import repetition_alarm
from taskpgm_core.mixture.uncertainty import Uncertainty
from taskpgm_core.records import Study
from taskpgm_core.store import noise

CORRECTED = 0.01
"""A change of K's entries by its correction from which on it is said."""


def study_alarms(
    study: Study,
    posed: Posed,
    solution: Solution,
    sure: Uncertainty | str,
    allocation: Allocation | None = None,
) -> tuple[Alarm, ...]:
    """What to know before acting on an optimal mixture of ``study``.

    ``sure``: its bootstrap, or why there is none. ``allocation``: its budget, under which a task
    may be read too often. The noise floor is of the measure itself.
    """
    known = noise(study, posed.similarity.measure) if study.kind != "imported" else None
    same = known is not None and known.measure == posed.similarity.measure
    notes: list[Alarm] = []
    upper = None
    try:
        upper = posed.upper
    except MixtureError as error:
        notes.append(Alarm("bounds-lost", str(error), posed.kernel.change, "note"))
    raised = alarms(
        posed.problem,
        solution,
        measured=posed.similarity,
        noise_floor=(known.floor or None) if known is not None and same else None,
        sure=None if isinstance(sure, str) else sure,
        upper=upper,
    )
    if posed.kernel.message:
        notes.append(Alarm("no-resolution", posed.kernel.message, 0.0, "note"))
    if posed.kernel.change > CORRECTED:
        notes.append(
            Alarm(
                "kernel-corrected",
                "With the noise taken out, distances contradict one another; mending that moved "
                f"how alike two tasks are by up to {posed.kernel.change:.2g} (1 is the same).",
                posed.kernel.change,
                "note",
            )
        )
    repeated = repetition_alarm(posed.problem, solution, allocation, posed.tasks)
    return (*repeated, *raised, *notes)
