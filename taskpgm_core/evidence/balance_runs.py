"""The finished runs whose mixtures stand on the balance of a measure and an anchor."""

from taskpgm_core import store
from taskpgm_core.errors import MixtureError
from taskpgm_core.evidence.arms import arm_titles
from taskpgm_core.evidence.outcome import REFERENCE
from taskpgm_core.evidence.protocol import Arm
from taskpgm_core.evidence.statistics import compare, judged_by
from taskpgm_core.figures.numbers import counted
from taskpgm_core.findings.trained_mixtures import TrainedMixture, TrainedMixtures
from taskpgm_core.records import Study


def balance_runs(study: Study, measure: str, anchor: str) -> TrainedMixtures | None:
    """The trained mixtures of this measure and anchor that have a balance, against uniform.

    Of several evidence folders the first that has any, confirmations first; judged by the loss on
    held-out rows of the study's tasks. None where there is nothing. StoreError where finished runs
    are damaged.
    """
    for card, runs in store.evidence(study):
        placed = _placed(card["arms"], set(runs["arm"]), measure, anchor)
        tasks = judged_by(runs, study.names, "loss")
        if not placed or not tasks or REFERENCE not in set(runs["arm"]):
            continue
        try:
            compared = compare(runs, tasks, reference=REFERENCE)
        except MixtureError:  # a run lacks a task, so these runs compare nothing
            continue
        titles = arm_titles(card["arms"], sorted(set(runs["arm"])))
        found = [
            TrainedMixture(titles[c.arm], placed[c.arm], c.difference, c.low, c.high, c.sure)
            for c in compared
            if c.arm in placed and c.difference is not None
        ]
        if found:
            seeds = counted(runs["seed"].nunique(), "seed")
            about = f"loss against {REFERENCE}, {seeds}, {counted(len(tasks), 'task')}"
            by_balance = sorted(found, key=lambda one: (one.balance, one.title))
            return TrainedMixtures(f"{about} ({card['stage']})", REFERENCE, tuple(by_balance))
    return None


def _placed(
    definitions: dict[str, dict[str, object]], arms: set[str], measure: str, anchor: str
) -> dict[str, float]:
    """{arm: balance} of the arms that have one on this measure's and this anchor's axis."""
    placed: dict[str, float] = {}
    for key, value in definitions.items():
        if "imported" in value:
            continue
        arm = Arm.model_validate(value)
        balance = arm.balance
        if arm.baseline == anchor:
            balance = 1.0
        elif (arm.measure, arm.anchor) != (measure, anchor) or arm.unary == "gain":
            continue
        if balance is not None:
            placed |= dict.fromkeys({arm.name, key} & arms, balance)
    return placed
