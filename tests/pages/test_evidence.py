"""The Evidence page says what the kept runs say, and how sure that is."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from taskpgm_core import store
from taskpgm_core.evidence.protocol import load_protocol
from tests.support.app import open_page
from tests.support.synthetic_study import write_study


def page(study: str = "bigbench") -> AppTest:
    return open_page("evidence", study=study)


def means(runs, tasks):
    kept = runs[runs["task"].isin(tasks)]
    return kept.groupby("arm")["loss"].mean()


@pytest.mark.parametrize("held_out", [False, True])
def test_table_and_chart_hold_the_runs_own_means(held_out):
    at = page()
    study = store.open_study("bigbench")
    _, runs = store.evidence(study)[0]
    tasks = set(study.names)
    if held_out:
        tasks = set(runs["task"]) - tasks
        at.session_state["evidence-tasks"] = "tasks in no mixture"
        at.run()
        assert not at.exception
    expected = means(runs, tasks)
    shown = at.dataframe[0].value.set_index("arm")
    assert shown["loss"].to_dict() == pytest.approx(expected.to_dict())
    assert list(shown["loss"]) == sorted(shown["loss"])
    drawn = json.loads(at.get("plotly_chart")[0].proto.spec)
    labels = {y for trace in drawn["data"] for y in trace.get("y", []) if isinstance(y, str)}
    assert labels >= set(expected.index) - {"uniform"}
    told = " ".join(c.value for c in at.caption).replace("\\", "")
    assert all(f"{arm}: " in told for arm in expected.index)


def test_the_heading_and_table_follow_the_metric():
    at = page()
    study = store.open_study("bigbench")
    _, runs = store.evidence(study)[0]
    at.session_state["evidence-metric"] = "exact match"
    at.run()
    assert not at.exception
    expected = runs[runs["task"].isin(study.names)].groupby("arm")["accuracy"].mean()
    shown = at.dataframe[0].value.set_index("arm")["exact"]
    assert shown.to_dict() == pytest.approx((100 * expected).to_dict())
    assert list(shown) == sorted(shown, reverse=True)
    titles = " ".join(m.value for m in at.markdown).replace("\\", "")
    by = (expected["best-single"] - expected["uniform"]).round(2)
    assert f"best-single (−{-by:.2f}) loses to it" in titles


def test_a_study_without_runs_names_a_protocol_that_makes_some(cache):
    study = write_study(cache, slug="starter")
    at = page("starter")
    assert not at.get("plotly_chart")
    name = at.code[0].value.split()[-1]
    assert load_protocol(name).study == study.slug


def test_too_few_seeds_are_said_where_nothing_can_be_sure():
    from types import SimpleNamespace

    from pages.ui.evidence import finding

    bare = SimpleNamespace(tasks=range(8), compared=[SimpleNamespace(p=None)])
    assert "seeds in common are too few" in finding(bare)
