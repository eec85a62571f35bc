"""What a build measured, and the checks that it must pass before anything is stored."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from taskpgm_core.errors import MeasurementError
from taskpgm_core.measure.jsd import LN2
from taskpgm_core.measure.work_plan import Agenda

SAME = 1e-12  # nats; the rounding of a JSD between two equal distributions is below it
CURVES = {"task": str, "replicate": np.int64, "step": np.int64, "loss": float}


@dataclass(frozen=True)
class Measurement:
    """Everything measured, models in task order with the base last; see ``store.arrays``.

    ``divergence``: (pairs, positions) of the n(n-1)/2 task pairs; ``base``: (n, positions) of each
    model from the base model; ``noise``: (second seeds, positions). All JSD in nats. Where the
    plan keeps tokens, ``divergence`` and ``base`` are lower bounds, ``upper`` the upper ones of
    ``divergence``, and ``noise`` upper bounds, so that the noise floor is not understated.
    ``batch_noise``: mean JSD of the base model from itself under a second batch plan, nats.
    ``batch``: probe examples a batch as measured, ``rows_at_once``: training rows that shared a
    forward pass (both less than the plan's batches where memory ran out).
    """

    divergence: npt.NDArray[np.float64]
    upper: npt.NDArray[np.float64] | None
    base: npt.NDArray[np.float64]
    noise: npt.NDArray[np.float64]
    noise_tasks: npt.NDArray[np.int64]
    batch_noise: float
    gold: npt.NDArray[np.float32]
    top_ids: npt.NDArray[np.int32]
    top_log_probability: npt.NDArray[np.float32]
    curves: pd.DataFrame
    units: tuple[str, ...]
    batch: int
    rows_at_once: int


def check(D: npt.NDArray[np.float64], agenda: Agenda) -> None:
    """MeasurementError where a divergence (pairs, positions) cannot be, or a model is the base."""
    n = len(agenda.names)
    if not np.isfinite(D).all() or D.max() > LN2 + 1e-6:
        worst = np.where(np.isfinite(D), D, np.inf).max(axis=1)
        row = int(worst.argmax())
        i, j = (agenda.models[k] for k in agenda.pairs[row])
        raise MeasurementError(
            f"The divergence of {i} and {j} is {worst[row]:.6g}, outside [0, ln 2]; nothing was "
            f"stored."
        )
    moved = D[n * (n - 1) // 2 : n * (n - 1) // 2 + n].max(axis=1)
    for name, most in zip(agenda.names, moved, strict=True):
        if most <= SAME:
            raise MeasurementError(
                f"The model of task '{name}' answers exactly like the base model: its adapter "
                f"changes nothing; check that it was trained and saved."
            )


def no_curves() -> pd.DataFrame:
    """The training curves of a study whose models were all brought along."""
    columns = {**CURVES, "learning_rate": float}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns.items()})


def token_strings(tokenizer: Any, ids: npt.NDArray[np.int32]) -> dict[int, str]:
    """The text of every token id in ``ids``, as the tokenizer decodes it alone."""
    return {int(i): tokenizer.decode([int(i)]) for i in np.unique(ids)}


def device_facts(device: torch.device) -> dict[str, Any]:
    """What a manifest says of where it ran."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return {"device": name, "threads": torch.get_num_threads(), "torch": torch.__version__}
