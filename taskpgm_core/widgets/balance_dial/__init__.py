"""The balance dial: what its script is given, and the script and style themselves."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from taskpgm_core.records import Array

SCRIPT = Path(__file__).with_name("dial.js")
STYLE = Path(__file__).with_name("dial.css")

OVERLAYS = 4
"""Mixtures that the bars can mark and still be read: as many as there are marks in the style."""


def path_data(key: str, families: Sequence[str], path: Mapping[str, Any]) -> dict[str, Any]:
    """JSON of what stays while the dial moves; may be sent apart, see ``dial.js``.

    ``path``: the exact path in its sparse form: ``tasks``, ``balances`` ascending, and at each the
    ``places`` and ``weights`` of the tasks above zero, linear in between.
    """
    return {
        "key": key,
        "names": list(path["tasks"]),
        "families": list(families),
        "balances": path["balances"],
        "places": path["places"],
        "weights": path["weights"],
    }


def dial_data(
    key: str,
    *,
    balance: float,
    lam: float,
    anchor: Array,
    anchor_name: str,
    overlays: Mapping[str, Array],
    selected: Sequence[str] = (),
    no_middle: str = "",
    intervals: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """JSON for the dial, beside its ``path_data`` of the same ``key``.

    Equal ``key`` promises equal tasks, path and anchor.
    ``overlays``: {name: (n,)} mixtures marked on the bars, the first four of them;
    ``selected``: tasks that stand out; ``no_middle``: why balance 1 is not the anchor, empty where
    it is; ``intervals``: what ``interval_data`` gives.
    """
    return {
        "key": key,
        "anchor": np.round(anchor, 9).tolist(),
        "anchorName": anchor_name,
        "middle": not no_middle,
        "noMiddle": no_middle,
        "overlays": [
            [name, np.round(p, 9).tolist()] for name, p in list(overlays.items())[:OVERLAYS]
        ],
        "selected": list(selected),
        "intervals": None if intervals is None else dict(intervals),
        "balance": balance,
        "lambda": lam,
    }


def interval_data(key: str, name: str, balance: float, low: Array, high: Array) -> dict[str, Any]:
    """JSON for whiskers from ``low`` to ``high``, each (n,), on the dial of that ``key``.

    Shown while the dial stands at ``balance``. ``name``: what the legend calls them.
    """
    ends = {"low": np.round(low, 6).tolist(), "high": np.round(high, 6).tolist()}
    return {"key": key, "name": name, "balance": balance, **ends}
