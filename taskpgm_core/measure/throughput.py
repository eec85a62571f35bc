"""How fast this machine runs a base model: tokens a second, forward and in training."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from taskpgm_core.measure.finetuning import train
from taskpgm_core.measure.probe_pool import Batch
from taskpgm_core.measure.scoring import score
from taskpgm_core.measure.work_plan import Agenda


@dataclass(frozen=True)
class Speed:
    """Forward tokens a second when scoring; training tokens a second, backward passes included."""

    score: float
    train: float | None = None


def scoring_speed(agenda: Agenda, batches: Sequence[Batch], seconds: float = 1.0) -> float:
    """Tokens a second over passes of ``batches`` for at least ``seconds``, after one unmeasured."""
    score(agenda.base, batches[0], agenda.plan.probe.top)
    tokens, began = 0, time.monotonic()
    while time.monotonic() - began < seconds or not tokens:
        for batch in batches:
            score(agenda.base, batch, agenda.plan.probe.top)
            tokens += batch.ids.size
    return tokens / (time.monotonic() - began)


def training_speed(agenda: Agenda, steps: int = 3) -> float:
    """Tokens a second of ``steps`` training steps of the first task that is trained here."""
    spec = next(s for s in agenda.models if agenda.is_trained(s))
    examples, heard = agenda.training[spec.task or ""], [0]
    short = agenda.plan.training.model_copy(update={"steps": steps})
    began = time.monotonic()
    name = spec.task or ""
    train(agenda.base, examples, short, seed=0, name=name, on_step=heard.append, packed=True)
    return sum(heard) / (time.monotonic() - began)


def speed(agenda: Agenda, seconds: float = 5.0) -> Speed:
    """Both speeds, the forward one over batches of every length."""
    trains = any(agenda.is_trained(spec) for spec in agenda.models)
    return Speed(
        scoring_speed(agenda, agenda.batches[:: max(len(agenda.batches) // 4, 1)], seconds),
        training_speed(agenda) if trains else None,
    )
