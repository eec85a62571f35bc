"""What the runs of several studies say together: hypotheses in their order, and the dose curve."""

from collections.abc import Iterator

from taskpgm_core import store
from taskpgm_core.errors import TaskPGMError
from taskpgm_core.evidence.judgement import (
    HypothesisTest,
    Judgement,
    dose_points,
    hypotheses_in_order,
    judgement,
)
from taskpgm_core.evidence.protocol import load_protocol
from taskpgm_core.evidence.rows_saved import DosePoint
from taskpgm_core.records import Study

DOSE = "skills-dose"


def judgements(study: Study, stage: str) -> Iterator[Judgement]:
    """Those of a study's evidence folders of a ``stage`` that are judged by skill."""
    for card, runs in store.evidence(study):
        if card["stage"] == stage and (found := judgement(study, card, runs)):
            yield found


def tested_in_order(judged: Judgement) -> tuple[HypothesisTest, ...]:
    """The hypotheses of the confirmation that ``judged`` is a part of, each with its verdict.

    Other studies hold its other parts: a committed protocol's are committed too, and no two parts
    have a hypothesis of one order. Empty for a screening.
    """
    if judged.stage != "confirmation" or not judged.hypotheses:
        return ()
    parts, orders = [judged], {t.order for t in judged.hypotheses}
    if orders != set(range(1, len(orders) + 1)):  # others are somewhere else
        for one in _elsewhere(judged.study, judged.stage):
            named = {t.order for t in one.hypotheses}
            if bool(one.committed) == bool(judged.committed) and not named & orders:
                parts.append(one)
                orders |= named
    return hypotheses_in_order(parts)


def dose_curve() -> tuple[DosePoint, ...]:
    """The gain over uniform by the part of its budget that goes into copies: one point for each
    study that the committed protocol of doses ran on."""
    dose = load_protocol(DOSE)
    ran = [
        study
        for study in store.list_studies()[0]
        if store.reference_losses(study, dose.digest(study.digest)) is not None
    ]
    found = [one for study in ran for one in judgements(study, dose.stage)]
    return dose_points([one for one in found if one.committed == DOSE])


def _elsewhere(slug: str, stage: str) -> Iterator[Judgement]:
    """Of all studies but one; a study's own page complains of runs that cannot be read."""
    for study in store.list_studies()[0]:
        if study.slug != slug:
            try:
                yield from judgements(study, stage)
            except TaskPGMError:
                continue
