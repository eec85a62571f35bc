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
    families: Sequence[str],
    path: Mapping[str, Any],
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

    ``path``: the exact path in its sparse form: ``tasks``, ``balances`` ascending, and at each the
    ``places`` and ``weights`` of the tasks above zero, linear in between.
    ``no_middle``: why balance 1 is not the anchor, empty where it is;
    ``intervals``: (low, high), each (n,), of the mixture at ``balance``.
    """
    return {
        "key": key,
        "names": list(path["tasks"]),
        "families": list(families),
        "balances": path["balances"],
        "places": path["places"],
        "weights": path["weights"],
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
