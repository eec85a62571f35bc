"""The balance dial with its bars and the living task graph: what its script is given, and the
script and style themselves."""

from collections.abc import Iterable, Mapping, Sequence
from math import inf, isfinite
from pathlib import Path
from typing import Any, Literal

import numpy as np

from taskpgm_core.records import Array

ROOM = Path(__file__).parent
PARTS = (
    "track.js",
    "resolution_track.js",
    "bars.js",
    "hulls.js",
    "labels.js",
    "task_graph.js",
    "evidence_strip.js",
    "task_panel.js",
    "dial.js",
)

OVERLAYS = 4
"""Mixtures that the bars can mark and still be read: as many as there are marks in the style."""


def script(mount: Literal["mount", "presenter"] = "mount", *, story: bool = False) -> str:
    """The dial's script, one module whose default export draws it.

    ``presenter``: the script of a story instead, with the dial as one of its pictures; ``story``:
    whether the class ``Presenter`` of such a story is defined beside the dial.
    """
    told = ("story.js",) if story or mount == "presenter" else ()
    parts = (*PARTS, *told, f"{mount}.js")
    return "".join((ROOM / part).read_text(encoding="utf-8") for part in parts)


def style() -> str:
    """The dial's style."""
    return (ROOM / "dial.css").read_text(encoding="utf-8")


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
    groups: Sequence[Sequence[str]] = (),
    limits: tuple[Array, Array] | None = None,
    graph: str = "",
    no_middle: str = "",
    rewarded: str = "representative",
    intervals: Mapping[str, Any] | None = None,
    resolution: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """JSON for the dial, beside its ``path_data`` of the same ``key``.

    Equal ``key`` promises equal tasks, path, anchor and groups.
    ``overlays``: {name: (n,)} mixtures marked on the bars, the first four of them;
    ``selected``: tasks that stand out; ``groups``: tasks that share a skill, whose bars a bracket
    joins and around which the graph draws outlines; ``limits``: the least and the greatest
    weight, each (n,), None without limits; ``graph``: the key of the ``graph_data``;
    ``no_middle``: why balance 1 is not the anchor, empty where it is; ``rewarded``: what more of
    the balance makes a mixture; ``intervals``: what ``interval_data`` gives; ``resolution``: what
    ``resolution_data`` gives, None without a second track.
    """
    return {
        "key": key,
        "anchor": np.round(anchor, 9).tolist(),
        "anchorName": anchor_name,
        "middle": not no_middle,
        "noMiddle": no_middle,
        "rewarded": rewarded,
        "overlays": [
            [name, np.round(p, 9).tolist()] for name, p in list(overlays.items())[:OVERLAYS]
        ],
        "selected": list(selected),
        "groups": [list(group) for group in groups],
        "limits": None
        if limits is None
        else {
            name: np.round(end, 9).tolist()
            for name, end in zip(("low", "high"), limits, strict=True)
        },
        "graph": graph,
        "intervals": None if intervals is None else dict(intervals),
        "resolution": None if resolution is None else dict(resolution),
        "balance": balance,
        "lambda": lam,
    }


def graph_data(key: str, position: Array, edges: Array, strength: Array) -> dict[str, Any]:
    """JSON of where tasks stand in the graph: ``position`` (n, 2) in [-1, 1], ``edges`` (m, 2) task
    indices, ``strength`` (m,) in [0, 1]. Equal ``key`` promises equal data."""
    joined = zip(edges.tolist(), np.round(strength, 3).tolist(), strict=True)
    return {
        "key": key,
        "position": np.round(position, 4).tolist(),
        "edges": [[i, j, by] for (i, j), by in joined],
    }


def trained_data(
    key: str, about: str, reference: str, runs: Sequence[Mapping[str, Any]], *, more: bool = False
) -> dict[str, Any]:
    """JSON of what training gave, on the dial of that ``key``.

    ``about``: which runs, in words; ``runs``: balance, difference (less is better, or ``more``),
    low and high (None without an interval), sure, and said, the sentence of each.
    """
    told = {"key": key, "about": about, "reference": reference, "more": more}
    return told | {"runs": [dict(r) for r in runs]}


def panel_data(
    key: str,
    task: str,
    *,
    balance: float,
    why: str,
    sharing: Sequence[str],
    example: Mapping[str, Any] | None,
    href: str,
) -> dict[str, Any]:
    """JSON of what is said of the chosen task at a balance, on the dial of that ``key``.

    ``example``: title, prompt, models (two names), tokens [expected, [word, chance] of each];
    ``href``: where the whole answer is.
    """
    return {
        "key": key,
        "task": task,
        "balance": balance,
        "why": why,
        "sharing": [line for line in sharing if line],
        "example": None if example is None else dict(example),
        "href": href,
    }


def presenter_data(
    steps: Sequence[tuple[str, str, str, str | None]], dial: Mapping[str, Any], leave: str
) -> dict[str, Any]:
    """JSON for a story: ``steps`` of (name, title, sentence, SVG or None for the dial itself),
    ``dial``: its ``dial_data``, ``leave``: the address to go back to."""
    told = [dict(zip(("name", "title", "sentence", "svg"), step, strict=True)) for step in steps]
    return {"steps": told, "dial": dict(dial), "leave": leave}


def interval_data(key: str, name: str, balance: float, low: Array, high: Array) -> dict[str, Any]:
    """JSON for whiskers from ``low`` to ``high``, each (n,), on the dial of that ``key``.

    Shown while the dial stands at ``balance``. ``name``: what the legend calls them.
    """
    ends = {"low": np.round(low, 6).tolist(), "high": np.round(high, 6).tolist()}
    return {"key": key, "name": name, "balance": balance, **ends}


def resolution_data(
    key: str,
    asked: float | Literal["auto"],
    *,
    balance: float,
    value: float,
    words: str,
    skills: float | None,
    unit: str,
    on_request: bool = False,
) -> dict[str, Any]:
    """JSON for where the second track stands, beside the ``axis_data`` of that key and balance.

    ``asked``: ``auto``, infinite or a number, and ``value`` what that is; infinite stands nowhere
    on the track. ``words``: how the value is said; ``skills``: how many are told apart there;
    ``on_request``: whether the axis comes only when the hand comes near.
    """
    return {
        "key": key,
        "balance": balance,
        "at": "inf" if asked == inf else asked,
        "value": value if isfinite(value) else None,
        "words": words,
        "skills": skills,
        "unit": unit,
        "onRequest": on_request,
    }


def axis_data(
    key: str,
    balance: float,
    resolutions: Array,
    weights: Array,
    skills: Array,
    automatic: int,
    plateaus: Iterable[tuple[int, int, float]],
) -> dict[str, Any]:
    """JSON of the mixtures at every resolution, which stays while the second track moves.

    ``resolutions`` (points,) ascending, ``weights`` (points, n), ``skills`` (points,);
    ``automatic``: the place of the automatic one; ``plateaus``: (first place, last place, skills).
    """
    places = [np.flatnonzero(p > 0) for p in weights]
    return {
        "key": key,
        "balance": balance,
        "resolutions": resolutions.tolist(),
        "skills": np.round(skills, 6).tolist(),
        "places": [at.tolist() for at in places],
        "weights": [np.round(p[at], 9).tolist() for p, at in zip(weights, places, strict=True)],
        "automatic": automatic,
        "plateaus": [list(plateau) for plateau in plateaus],
    }
