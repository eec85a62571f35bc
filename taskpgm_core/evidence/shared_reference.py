"""Reference losses that other runs of a study were judged by already, on the very same rows.

Measuring them judges every single-task model, and trains again those that the cache no longer has.
"""

import pandas as pd

from taskpgm_core import store
from taskpgm_core.evidence.judgement import protocol_of
from taskpgm_core.evidence.protocol import Protocol, protocol_card
from taskpgm_core.evidence.run import judging_counts
from taskpgm_core.plans.plan import Plan
from taskpgm_core.records import Study


def reference_at_hand(study: Study, plan: Plan, protocol: Protocol) -> pd.DataFrame | None:
    """The rows of ``store.reference_losses`` that ``protocol`` would measure of the plan's tasks,
    from an evidence folder whose runs are judged on the same rows; None where there is none, or
    where ``protocol`` judges by others too."""
    if protocol.skills is None or protocol.held_out:
        return None
    names = [task.id for task in plan.tasks]
    for card, _ in store.evidence(study):
        stated = card.get("protocol")
        if not stated or not stated.get("skills"):
            continue
        other = protocol_of(card)
        made_now = other.digest(study.digest).startswith(card["folder"])
        if made_now and _rows_of(other, plan, names) == _rows_of(protocol, plan, names):
            found = store.reference_losses(study, card["folder"])
            if found is not None:
                return found[found["task"].isin(names)].reset_index(drop=True)
    return None


def _rows_of(protocol: Protocol, plan: Plan, names: list[str]) -> tuple[object, ...]:
    """All that decides which rows of these tasks judge, and in which precision."""
    counts = judging_counts(protocol, plan)
    dtype = protocol.dtype or plan.dtype
    return tuple(counts[name] for name in names), protocol.training.max_tokens, dtype


def share_reference(study: Study, plan: Plan, protocol: Protocol) -> bool:
    """Keep ``reference_at_hand`` with the protocol's runs, unless they have theirs; whether it did.

    ``study``: a copy that may be written to.
    """
    digest = protocol.digest(study.digest)
    if protocol.skills is None or store.reference_losses(study, digest) is not None:
        return False
    rows = reference_at_hand(study, plan, protocol)
    if rows is None:
        return False
    store.keep_reference(study, digest, rows=rows, card=protocol_card(protocol, study))
    return True
