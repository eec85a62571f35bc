"""The Selection page: its curve, its choice of k and its counts are the selection's own."""

import json

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from taskpgm_core.findings.selection import (
    certainty,
    curve_reading,
    enough,
    epochs_finding,
    one_does,
)
from taskpgm_core.mixture import kernel, pose
from taskpgm_core.mixture.counts import allocate
from taskpgm_core.mixture.selection.greedy import select
from taskpgm_core.records import Noise, Similarity
from taskpgm_core.store import similarity
from tests.support.app import open_page
from tests.support.synthetic_study import synthetic_arrays, write_study

TASKS = ("sums", "dates", "logic", "<b>rhymes</b>", "colours")


@pytest.fixture
def selection(cache):
    study = write_study(cache, tasks=TASKS)
    return select(pose(similarity(study, "jsd")), 0.5, exact_up_to=len(TASKS))


def page(**query) -> AppTest:
    return open_page("selection", **{"study": "synthetic", "balance": "0.5", **query})


def charts(at: AppTest) -> list[dict]:
    return [json.loads(c.proto.spec) for c in at.get("plotly_chart")]


def test_the_curve_is_greedys_with_the_optimum_beside_it(selection):
    drawn = {trace["name"]: trace for trace in charts(page())[0]["data"]}
    wanted = [selection.captured(step.value) for step in selection.steps]
    assert drawn["greedy"]["y"] == pytest.approx(wanted, abs=1e-6)
    best = [selection.captured(step.exact) for step in selection.steps]
    assert drawn["best of any k"]["y"] == pytest.approx(best, abs=1e-6)


def test_k_starts_at_enough_and_lives_in_the_address(selection):
    at = page()
    assert at.slider(key="pick-k").value == enough(selection)
    at.slider(key="pick-k").set_value(2).run()
    assert not at.exception
    assert at.query_params["k"] == "2"
    assert list(at.dataframe[0].value["task"]) == list(selection.steps[1].tasks)


def test_counts_of_the_choice_fill_the_budget(selection):
    at = page(k="3", budget="777")
    table = at.dataframe[0].value
    assert table["rows"].sum() == 777
    shares = dict(zip(TASKS, selection.steps[2].p, strict=True))
    for row in table.to_dict("records"):
        assert row["share"] == pytest.approx(100 * shares[row["task"]])
        assert row["epochs"] == pytest.approx(row["rows"] / (100 + TASKS.index(row["task"])))


def test_the_limit_on_epochs_is_a_line_on_the_chart_and_limits_are_set_aside(selection):
    at = page(k="2", **{"max-epochs": "60"})
    assert charts(at)[2]["layout"]["shapes"][0]["x0"] == 60.0
    assert any("without your limits" in info.value for info in at.info)
    drawn = {trace["name"]: trace for trace in charts(at)[0]["data"]}
    wanted = [selection.captured(step.value) for step in selection.steps]
    assert drawn["greedy"]["y"] == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("k", ["0.5", "-1", "99", "x"])
def test_a_k_that_makes_no_sense_is_ignored_with_a_notice(selection, k):
    at = page(k=k)
    assert any("is no k" in warning.value for warning in at.warning)
    assert at.slider(key="pick-k").value == enough(selection)


def test_at_a_resolution_values_have_no_unit_and_skills_are_counted(cache):
    study = write_study(cache, tasks=TASKS)
    x = np.random.default_rng(3).normal(size=(len(TASKS), 6))
    S = Similarity(study.names, -((x[:, None] - x) ** 2).sum(-1) / 60, "jsd")
    write_study(cache, tasks=TASKS, slug="close", digest="e" * 64, **close(S))
    seen = kernel(S, 0.1, Noise(("dates",), np.array([0.003])))
    chosen = select(pose(seen.similarity), 0.5, exact_up_to=len(TASKS))
    at = page(study="close", resolution="0.1", k="3")
    facts = next(h.proto.body for h in at.get("html") if "distinct skills" in h.proto.body)
    covered = seen.skills_covered(chosen.steps[2].p)
    assert f"<dd>{covered:.1f} of {seen.skills:.1f}</dd>" in facts
    facts = next(h.proto.body for h in at.get("html") if "guaranteed" in h.proto.body)
    assert f"F = {chosen.best:.3g}</dd>" in facts
    assert any("with S = K − 1 at this resolution" in c.value for c in at.caption)
    drawn = {trace["name"]: trace for trace in charts(at)[0]["data"]}
    wanted = [chosen.captured(step.value) for step in chosen.steps]
    assert drawn["greedy"]["y"] == pytest.approx(wanted, abs=1e-6)


def close(S):
    """A synthetic study's matrices with this similarity for its JSD."""
    arrays = synthetic_arrays(0, TASKS)["matrices"]
    return {"matrices": arrays | {"jsd": -S.matrix}}


def test_a_budget_that_cannot_be_met_is_a_sentence(selection):
    at = page(budget="400", k="2", **{"max-epochs": "1"})
    assert any("cannot be met" in error.value for error in at.error)
    assert list(at.dataframe[0].value["task"]) == list(selection.steps[1].tasks)
    assert "epochs" not in at.dataframe[0].value


def test_where_one_task_does_nothing_is_said_to_be_better(cache):
    study = write_study(cache, tasks=TASKS)
    one = select(pose(similarity(study, "jsd")), 1e6)
    assert one_does(one)
    assert certainty(one, 2) == "No other choice does better: one task does as well as all."
    assert curve_reading(one).startswith("All of the line stands at 100%")


def test_a_task_seen_a_little_more_than_once_is_not_seen_once():
    counted = allocate(np.array([0.5, 0.5]), ("a", "b"), 208, rows=np.array([100, 200]))
    assert epochs_finding(counted, None).endswith("a is seen 1.04 times")
