"""What a build measured, and where."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

CURVES = {"task": str, "replicate": np.int64, "step": np.int64, "loss": float}


@dataclass(frozen=True)
class Measurement:
    """Everything measured, models in task order with the base last; see ``store.arrays``.

    ``divergence``, ``upper``, ``by_task``, ``base``, ``noise``: means over replicates as in
    ``ReplicateMeans``. Where the plan keeps tokens, all but ``upper`` and ``noise`` are lower
    bounds. ``second_tasks``: (R,) the tasks with a second seed, in the order of ``noise`` and of
    ``second_gold`` (R, positions), which is of their second models what ``gold`` (n + 1, positions)
    is of the first ones: log-probabilities of the true tokens. ``targets``: (n + 1 + R,
    positions) the same of all of them on the targets. ``batch_noise``: mean JSD of the
    base model from itself under a second batch plan, nats.
    ``batch``: probe examples a batch as measured, ``rows_at_once``: training rows that shared a
    forward pass (both less than the plan's batches where memory ran out).
    """

    divergence: npt.NDArray[np.float64]
    upper: npt.NDArray[np.float64] | None
    by_task: npt.NDArray[np.float64] | None
    base: npt.NDArray[np.float64]
    noise: npt.NDArray[np.float64]
    second_tasks: npt.NDArray[np.int64]
    batch_noise: float
    gold: npt.NDArray[np.float32]
    second_gold: npt.NDArray[np.float32]
    targets: npt.NDArray[np.float32] | None
    top_ids: npt.NDArray[np.int32]
    top_log_probability: npt.NDArray[np.float32]
    curves: pd.DataFrame
    units: tuple[str, ...]
    batch: int
    rows_at_once: int


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
