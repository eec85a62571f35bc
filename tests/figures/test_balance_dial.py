"""What the dial's second track is given is the resolution axis itself."""

import json
import math

import numpy as np
import pytest

from taskpgm_core.analysis.graph_layout import task_graph
from taskpgm_core.mixture import kernel, pose, solve
from taskpgm_core.mixture.resolution_axis import resolution_axis
from taskpgm_core.widgets.balance_dial import (
    axis_data,
    dial_data,
    graph_data,
    resolution_data,
    script,
)
from tests.support.planted_skills import planted


def test_the_track_holds_every_point_of_the_axis():
    true = planted(np.random.default_rng(0), [1, 2, 3, 4], 0.01)
    seen = kernel(true.similarity, "auto", true.noise)
    axis = resolution_axis(pose(seen.similarity), seen, 0.4)
    assert axis.plateaus
    levels = [(p.first, p.last, p.skills) for p in axis.plateaus]
    given = axis_data("k", 0.4, axis.resolutions, axis.weights, axis.skills, axis.automatic, levels)
    given = json.loads(json.dumps(given, allow_nan=False))
    assert given["resolutions"] == axis.resolutions.tolist()  # to the last digit
    assert given["resolutions"][given["automatic"]] == seen.resolution
    p = np.zeros_like(axis.weights)
    for k, (places, weights) in enumerate(zip(given["places"], given["weights"], strict=True)):
        p[k, places] = weights
    assert p == pytest.approx(axis.weights, abs=1e-9)
    for first, last, skills in given["plateaus"]:
        between = given["skills"][first : last + 1]
        assert min(between) <= skills <= max(between)
        assert round(skills) == 4
    k = given["automatic"] - 3
    exact = solve(
        pose(kernel(seen.measured, given["resolutions"][k], true.noise).similarity), 0.4
    ).p
    assert p[k] == pytest.approx(exact, abs=1e-6)


@pytest.mark.parametrize(
    ("asked", "value", "at", "stands"),
    [
        ("auto", 0.026438005701, "auto", 0.026438005701),
        (math.inf, math.inf, "inf", None),
        (1 / 3, 1 / 3, 1 / 3, 1 / 3),
    ],
)
def test_the_track_stands_where_the_question_does(asked, value, at, stands):
    given = resolution_data(
        "k", asked, balance=1.0, value=value, words="w", skills=None, unit="nats"
    )
    given = json.loads(json.dumps(given, allow_nan=False))
    assert (given["at"], given["value"]) == (at, stands)


def test_without_a_resolution_the_dial_has_one_track_and_groups_by_name():
    even = np.full(3, 1 / 3)
    rest = {"balance": 1.0, "lam": 1.0, "anchor": even, "anchor_name": "uniform", "overlays": {}}
    given = dial_data("k", groups=(("a", "b"),), **rest)
    assert given["resolution"] is None
    assert given["groups"] == [["a", "b"]]


@pytest.mark.parametrize("mount", ["mount", "presenter"])
def test_the_script_is_one_module(mount):
    assert script(mount).count("export default") == 1


def test_limits_reach_the_bars_and_none_are_made_up():
    even = np.full(2, 0.5)
    rest = {"balance": 1.0, "lam": 1.0, "anchor": even, "anchor_name": "uniform", "overlays": {}}
    given = dial_data("k", limits=(np.array([0.1, 0.0]), np.array([0.6, 1.0])), **rest)
    assert given["limits"] == {"low": [0.1, 0.0], "high": [0.6, 1.0]}
    assert dial_data("k", **rest)["limits"] is None


def test_the_graph_is_given_as_it_was_laid_out():
    graph = task_graph(planted(np.random.default_rng(1), [2, 3], 0.01).similarity)
    given = graph_data("k", graph.position, graph.edges, graph.strength)
    given = json.loads(json.dumps(given, allow_nan=False))
    assert given["position"] == pytest.approx(graph.position, abs=1e-4)
    assert [edge[:2] for edge in given["edges"]] == graph.edges.tolist()
    assert [edge[2] for edge in given["edges"]] == pytest.approx(graph.strength, abs=1e-3)
