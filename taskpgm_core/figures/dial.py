"""The balance dial: what its script is given, and the script and style themselves."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from taskpgm_core.records import Array

SCRIPT = Path(__file__).with_name("dial.js")
STYLE = Path(__file__).with_name("dial.css")


def dial_data(
    key: str,
    tasks: Sequence[str],
    families: Sequence[str],
    breakpoints: Sequence[tuple[float, Mapping[str, float]]],
    *,
    balance: float,
    lam: float,
    anchor: Array,
    anchor_name: str,
    size: Array | None,
    no_middle: str = "",
    intervals: tuple[Array, Array] | None = None,
) -> dict[str, Any]:
    """JSON for the dial. Equal ``key`` promises equal tasks, path and anchor.

    ``breakpoints``: (balance, {task: weight}) ascending, the exact path between which the mixture
    is linear; ``no_middle``: why balance 1 is not the anchor, empty where it is;
    ``intervals``: (low, high), each (n,), of the mixture at ``balance``.
    """
    index = {task: i for i, task in enumerate(tasks)}
    return {
        "key": key,
        "names": list(tasks),
        "families": list(families),
        "balances": [float(r) for r, _ in breakpoints],
        "weights": [
            [x for task, w in p.items() if w > 0 for x in (index[task], float(f"{w:.9g}"))]
            for _, p in breakpoints
        ],
        "anchor": np.round(anchor, 9).tolist(),
        "anchorName": anchor_name,
        "middle": not no_middle,
        "noMiddle": no_middle,
        "size": None if size is None else np.round(size, 9).tolist(),
        "intervals": None
        if intervals is None
        else [balance, *(np.round(x, 6).tolist() for x in intervals)],
        "balance": balance,
        "lambda": lam,
    }
