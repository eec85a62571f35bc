"""The Compare page: what is kept stands beside the dial's mixture, and the address carries it."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from taskpgm_core.analysis.saved_mixtures import (
    Scenario,
    list_scenarios,
    open_draft,
    save,
    scenarios_folder,
)
from taskpgm_core.mixture import pose, solve
from taskpgm_core.store import similarity
from tests.support.app import open_page
from tests.support.synthetic_study import TASKS, write_study

page = partial(open_page, "compare")


HOSTILE = "<img src=x onerror=alert(1)> **bold** :red[x]"


@pytest.fixture
def study(cache):
    return write_study(cache)


def marks(at: AppTest) -> dict[str, dict[str, float]]:
    """{mixture: {task: percent}} read from the chart."""
    figure = json.loads(at.get("plotly_chart")[0].proto.spec)
    return {
        trace["name"]: {c[0]: c[1] for c in trace["customdata"]}
        for trace in figure["data"]
        if trace["mode"] == "markers"
    }


def kept(card, name="mine", **changes) -> Scenario:
    p = np.array([0.6, 0.3, 0.1])
    made = Scenario(card.slug, card.content, "jsd", card.names, p, name=name)
    return save(replace(made, **changes))


def test_with_nothing_kept_uniform_stands_beside_the_mixture(study):
    at = page(study="synthetic", balance="0.5")
    shown = marks(at)
    exact = solve(pose(similarity(study, "jsd")), 0.5).p
    for task, p in zip(study.names, exact, strict=True):
        assert shown["this mixture"][task] == pytest.approx(p, abs=1e-6)
        assert shown["uniform"][task] == pytest.approx(1 / 3)
    assert any("Nothing is saved here" in m.value for m in at.markdown)


def test_scenarios_in_the_address_stand_beside_it_with_the_baseline_first(study):
    first, second = kept(study, "first"), kept(study, HOSTILE, p=np.array([0.0, 0.5, 0.5]))
    at = page(study="synthetic", scenario=[second.id], baseline=first.id)
    shown = marks(at)
    assert next(iter(shown)) == "first"
    assert len(shown) == 3
    assert "<img" not in "".join(shown)
    table = at.dataframe[0].value
    by_task = {row["task"]: row for row in table.to_dict("records")}
    assert by_task["sums"]["share 2"] == pytest.approx(0)
    assert by_task["sums"]["change 2"] == pytest.approx(-60)
    facts = at.dataframe[1].value
    assert facts["moved"].iloc[0] == 0
    assert facts["moved"].iloc[2] == pytest.approx(100 * (0.6 + 0.2 + 0.4) / 2)


def test_the_baseline_is_uniform_and_what_gained_is_positive(study):
    at = page(study="synthetic", balance="0.5")
    exact = solve(pose(similarity(study, "jsd")), 0.5).p
    assert at.selectbox(key="pick-baseline").value == "uniform"
    table = at.dataframe[0].value.set_index("task")
    for task, p in zip(study.names, exact, strict=True):
        assert table.loc[task, "change 1"] == pytest.approx(100 * (p - 1 / 3), abs=1e-6)
    assert json.loads(at.dataframe[0].proto.columns)["change 1"]["label"] == "gained"


def test_a_mixture_is_never_laid_beside_itself(study):
    here = solve(pose(similarity(study, "jsd")), 0.5).p
    twin, other = kept(study, "twin", p=here), kept(study, "other")
    at = page(study="synthetic", balance="0.5", scenario=[twin.id, other.id])
    assert list(marks(at)) == ["uniform", "this mixture (twin)", "other"]
    at = page(study="synthetic", balance="1")
    assert list(marks(at)) == ["uniform (this mixture)", "size-proportional"]
    at = page(study="synthetic", balance="1", scenario=["uniform"])
    assert not at.get("plotly_chart")
    assert any(
        "only uniform (this mixture) to show" in m.value.replace("\\", "") for m in at.markdown
    )


def test_keeping_a_mixture_keeps_the_view_and_puts_it_in_the_list(study):
    at = page(study="synthetic", balance="0.5")
    at.text_area[0].set_value("because **it** is <b>small</b>").run()
    at.text_input[0].set_value(HOSTILE)
    next(b for b in at.button if b.label == "Save").click().run()
    assert not at.exception
    assert list(marks(at)) == ["uniform", "this mixture"]
    assert at.session_state["view"].beside == ()
    assert any("is saved" in s.value for s in at.success)
    [scenario] = list_scenarios()[0]
    assert scenario.name == HOSTILE
    assert scenario.notes == "because **it** is <b>small</b>"
    assert scenario.controls["balance"] == "0.5"
    exact = solve(pose(similarity(study, "jsd")), 0.5)
    np.testing.assert_array_equal(scenario.p, exact.p)
    assert scenario.certificate["gap"] == exact.gap


def test_notes_are_kept_without_a_name_and_only_under_an_id_of_this_session(study):
    at = page(study="synthetic", balance="0.5")
    at.text_area[0].set_value("half a thought").run()
    [file] = (scenarios_folder() / "drafts").glob("*.json")
    draft = open_draft(file.stem)
    assert draft.notes == "half a thought"
    assert draft.controls["balance"] == "0.5"
    other = page(study="synthetic", balance="0.5", draft=file.stem)
    assert other.text_area[0].value == "half a thought"
    other.text_area[0].set_value("another").run()
    assert open_draft(file.stem).notes == "half a thought"
    assert len(list((scenarios_folder() / "drafts").glob("*.json"))) == 2


def test_a_stale_scenario_says_so_and_one_that_is_gone_is_left_out(study):
    old = kept(study, "old", content="e" * 64)
    at = page(study="synthetic", scenario=[old.id, "a" * 24])
    sentences = [w.value for w in at.warning]
    assert any("content eeeeeeeeeeee" in s for s in sentences)
    assert any("aaaaaaaa is no longer here" in s for s in sentences)


def test_a_scenario_of_another_study_joins_by_exact_task_ids(study):
    other = kept(study, "other", study="else", content="e" * 64, tasks=("sums", "rhymes", "x"))
    at = page(study="synthetic", scenario=[other.id], balance="0.5")
    table = {row["task"]: row for row in at.dataframe[0].value.to_dict("records")}
    assert set(table) == {*TASKS, "rhymes", "x"}
    assert np.isnan(table["rhymes"]["share 0"])
    assert np.isnan(table["dates"]["share 2"])
    assert at.dataframe[1].value["representative"].isna().tolist() == [False, False, True]


def test_a_damaged_scenario_leaves_the_others_usable(study):
    kept(study)
    (scenarios_folder() / f"{'b' * 24}.json").write_text("{")
    at = page(study="synthetic")
    assert any("cannot be shown" in w.value for w in at.warning)
    assert len(at.selectbox(key="pick-kept").options) == 1


def test_deleting_takes_it_from_the_list(study):
    scenario = kept(study)
    at = page(study="synthetic", scenario=[scenario.id])
    at.button(key=f"delete-{scenario.id}").click().run()
    assert not at.exception
    assert not list_scenarios()[0]


def test_what_a_tuning_found_of_a_saved_mixture_is_shown_with_it(study):
    said = ["Four mixtures ran.", "It is *surely* better than <b>uniform</b>."]
    kept(study, "tuned", evidence={"sentences": said, "tuning": "a" * 64})
    at = page(study="synthetic")
    [shown] = [m.value for m in at.markdown if "Four mixtures ran." in m.value]
    assert "surely" in shown
    assert "<b>" not in shown
    assert "*surely*" not in shown.replace("\\*", "")


def test_mixtures_of_one_name_have_a_label_each(study):
    twins = [kept(study, name="v1") for _ in range(2)]
    shadow = kept(study, name="uniform")
    at = page(study="synthetic", scenario=[twins[1].id, shadow.id])
    labels = at.multiselect(key="pick-beside").options
    assert len(set(labels)) == len(labels)
    at.multiselect(key="pick-beside").select(next(o for o in labels if twins[0].id[:8] in o)).run()
    assert at.query_params["scenario"][-1] == twins[0].id
    pages = ("mixture", "tradeoff")
    for name in pages:
        shown = open_page(name, study="synthetic").multiselect(key="pick-overlays").options
        assert "uniform" in shown
        assert any(label.startswith("uniform (") for label in shown)


def test_a_markup_name_is_text_in_every_caption(cache):
    names = ("[b](http://e)", "![i](http://e/x)", ":red[d]")
    write_study(cache, tasks=names)
    for name in ("why", "tradeoff", "selection", "compare", "graph", "similarity"):
        at = open_page(name, study="synthetic", balance="0.4", task=names[0], resolution="auto")
        shown = [e.value for kind in (at.markdown, at.caption) for e in kind]
        shown += [box.label for box in at.selectbox]
        for text in shown:
            for task in names:
                assert task not in text, (name, text)
