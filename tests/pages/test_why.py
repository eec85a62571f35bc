"""The Why page: its parts add up to the solver's weight, and zeros say how they would enter."""

import json
from functools import partial

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from taskpgm_core.mixture import pose, solve, trace
from taskpgm_core.records import Similarity
from taskpgm_core.store import import_matrix, open_study, similarity
from tests.support.app import open_page

page = partial(open_page, "why")


N = 12
NAMES = [f"<u>task {k}</u>" for k in range(N)]


@pytest.fixture
def study(cache, tmp_path):
    X = np.random.default_rng(1).dirichlet(np.full(5, 0.5), N)
    D = 0.4 * np.abs(X[:, None] - X[None]).sum(-1)
    file = tmp_path / "toy.json"
    file.write_text(json.dumps({"tasks": NAMES, "matrix": D.tolist()}))
    import_matrix(file, kind="divergence")
    return open_study("toy")


def charts(at: AppTest) -> list[dict]:
    return [json.loads(c.proto.spec) for c in at.get("plotly_chart")]


def headings(at: AppTest) -> str:
    return "\n".join(m.value.replace("\\", "") for m in at.markdown if m.value.startswith("###"))


def exact(study, balance):
    return solve(pose(similarity(study, "given")), balance)


def test_the_waterfall_ends_in_the_solvers_weight(study):
    found = exact(study, 0.4)
    top = int(found.p.argmax())
    at = page(study="toy", balance="0.4")
    assert at.selectbox(key="pick-task").value == NAMES[top]
    waterfalls = [f["data"][0] for f in charts(at) if f["data"][0]["type"] == "waterfall"]
    assert len(waterfalls) == 2  # the two-part split, and by neighbours
    for bars in waterfalls:
        assert sum(bars["customdata"][:-1]) == pytest.approx(found.p[top], abs=1e-7)
        assert bars["customdata"][-1] == pytest.approx(found.p[top], abs=1e-7)
    assert NAMES[top][:8] in headings(at)


def test_a_zero_says_at_which_balance_it_enters(study):
    found = exact(study, 0.2)
    zero = next(i for i in range(N) if found.p[i] == 0)
    at = page(study="toy", balance="0.2", task=NAMES[zero])
    assert "gets nothing" in headings(at)
    assert f"Without {NAMES[zero]} nothing changes" in headings(at)
    text = next(m.value for m in at.markdown if "balance" in m.value)
    path = trace(pose(similarity(study, "given")))
    said = float(text.split(" to ")[1].split(",")[0])
    enters = next(b for b, p in zip(path.balances, path.weights, strict=True) if p[zero] > 1e-9)
    before = path.balances[path.balances < enters].max()
    assert before * 0.99 <= said <= enters * 1.01


def test_choosing_a_task_selects_it_in_the_address(study):
    at = page(study="toy", balance="0.4")
    at.selectbox(key="pick-task").set_value(NAMES[3]).run()
    assert not at.exception
    assert at.query_params["task"] == NAMES[3]
    assert at.selectbox(key="pick-task").value == NAMES[3]


def test_without_a_task_the_others_are_solved_anew(study):
    found = exact(study, 0.4)
    top = int(found.p.argmax())
    S = similarity(study, "given")
    n_anchor = np.full(N, 1 / N)
    expected = solve(pose(S, anchor=n_anchor, caps={NAMES[top]: 0.0}), 0.4).p
    scaled = np.where(np.arange(N) == top, 0, found.p) / (1 - found.p[top])
    at = page(study="toy", balance="0.4")
    bars = next(f["data"][0] for f in charts(at) if "scaled up" in json.dumps(f))
    for task, weight, other in bars["customdata"]:
        i = NAMES.index(task)
        assert weight == pytest.approx(expected[i], abs=1e-7)
        assert other == pytest.approx(scaled[i], abs=1e-7)


def test_what_if_solves_the_changed_matrix_exactly(study):
    S = similarity(study, "given")
    found = exact(study, 0.4)
    top = int(found.p.argmax())
    at = page(study="toy", balance="0.4")
    assert "more alike" in headings(at)
    slider = at.slider[0]
    j = at.selectbox[-1].value
    slider.set_value(slider.max).run()
    assert not at.exception
    changed = S.matrix.copy()
    changed[top, j] = changed[j, top] = slider.max
    expected = solve(pose(Similarity(S.tasks, changed)), 0.4).p
    bars = next(f["data"][0] for f in charts(at) if "as measured" in json.dumps(f))
    for task, weight, before in bars["customdata"]:
        i = NAMES.index(task)
        assert weight == pytest.approx(expected[i], abs=1e-7)
        assert before == pytest.approx(found.p[i], abs=1e-7)


def test_the_table_holds_every_task(study):
    at = page(study="toy", balance="0.2")
    table = next(d.value for d in at.dataframe if "enters" in d.value).set_index("task")
    found = exact(study, 0.2)
    np.testing.assert_allclose(table.loc[NAMES, "weight"], 100 * found.p, atol=1e-7)
    np.testing.assert_allclose(table["anchor"] + table["diversity"], table["weight"], atol=1e-7)
    assert table["cost"].isna().sum() == (found.p > 0).sum()


def test_markup_in_task_names_is_text(study):
    at = page(study="toy", balance="0.4")
    assert "<u>" not in "".join(m.value for m in at.markdown).replace("\\<u\\>", "")
    for figure in charts(at):
        assert "<u>" not in json.dumps(figure["layout"]["yaxis"].get("ticktext", []))
        for drawn in figure["data"]:
            assert "<u>" not in json.dumps([drawn.get("hovertext"), drawn.get("hovertemplate")])
