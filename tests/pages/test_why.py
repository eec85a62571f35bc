"""The Why page: its parts add up to the solver's weight, and zeros say how they would enter."""

import json

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from taskpgm_core.analysis.kept_gain import kept_gain
from taskpgm_core.figures.numbers import shorten
from taskpgm_core.mixture import kernel, pose, solve, trace
from taskpgm_core.records import Similarity
from taskpgm_core.store import import_matrix, losses, noise, open_study, similarity
from tests.support.app import open_page
from tests.support.kept_runs import committed_copy

RESOLUTIONS = pytest.mark.parametrize("resolution", ["inf", "auto"])


def page(resolution="inf", **query) -> AppTest:
    return open_page("why", resolution=resolution, **query)


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


def posed(study, resolution):
    seen = kernel(similarity(study, "given"), "auto" if resolution == "auto" else np.inf)
    return pose(seen.similarity)


def exact(study, balance, resolution="inf"):
    return solve(posed(study, resolution), balance)


@RESOLUTIONS
def test_the_waterfall_ends_in_the_solvers_weight(study, resolution):
    found = exact(study, 0.4, resolution)
    top = int(found.p.argmax())
    at = page(resolution, study="toy", balance="0.4")
    assert at.selectbox(key="pick-task").value == NAMES[top]
    waterfalls = [f["data"][0] for f in charts(at) if "base" in f["data"][0]]
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


@RESOLUTIONS
def test_without_a_task_the_others_are_solved_anew(study, resolution):
    found = exact(study, 0.4, resolution)
    top = int(found.p.argmax())
    S = posed(study, resolution).similarity
    n_anchor = np.full(N, 1 / N)
    expected = solve(pose(S, anchor=n_anchor, caps={NAMES[top]: 0.0}), 0.4).p
    scaled = np.where(np.arange(N) == top, 0, found.p) / (1 - found.p[top])
    at = page(resolution, study="toy", balance="0.4")
    bars = next(f["data"][0] for f in charts(at) if "scaled up" in json.dumps(f))
    for task, weight, other in bars["customdata"]:
        i = NAMES.index(task)
        assert weight == pytest.approx(expected[i], abs=1e-7)
        assert other == pytest.approx(scaled[i], abs=1e-7)


@RESOLUTIONS
def test_what_if_makes_the_changed_matrix_anew_and_solves_it_exactly(study, resolution):
    S = similarity(study, "given")
    found = exact(study, 0.4, resolution)
    top = int(found.p.argmax())
    at = page(resolution, study="toy", balance="0.4")
    assert "more alike" in headings(at)
    slider = at.slider[0]
    j = at.selectbox[-1].value
    slider.set_value(slider.max).run()
    assert not at.exception
    changed = S.matrix.copy()
    changed[top, j] = changed[j, top] = -slider.max  # it came as a divergence, and is read as one
    other = Similarity(S.tasks, changed)
    if resolution == "auto":  # at the same sigma, not at the one that the change would find
        other = kernel(S).of(other).similarity
        assert any("K of the pair goes from" in c.value for c in at.caption)
    expected = solve(pose(other), 0.4).p
    bars = next(f["data"][0] for f in charts(at) if "as measured" in json.dumps(f))
    for task, weight, before in bars["customdata"]:
        i = NAMES.index(task)
        assert weight == pytest.approx(expected[i], abs=1e-7)
        assert before == pytest.approx(found.p[i], abs=1e-7)


@RESOLUTIONS
def test_the_table_holds_every_task(study, resolution):
    at = page(resolution, study="toy", balance="0.2")
    table = next(d.value for d in at.dataframe if "enters" in d.value).set_index("task")
    found = exact(study, 0.2, resolution)
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


def said(at: AppTest) -> str:
    """Every sentence of the page as a person reads it."""
    return "\n".join(m.value.replace("\\", "") for m in (*at.markdown, *at.caption))


def test_a_low_weight_names_who_shares_its_skill_and_what_is_kept(cache):
    study = committed_copy(cache, "starter")
    kept, names = kept_gain(losses(study)), study.names
    i, j = names.index("sort-foods"), names.index("sort-animals")
    at = page("auto", study="starter", balance="0", task="sort-foods")
    assert "sort-foods shares its skill with sort-animals" in headings(at)
    ways = f"keep {100 * kept[i, j]:.0f}% and {100 * kept[j, i]:.0f}% of each other's gain"
    assert ways in said(at)
    table = next(d.value for d in at.dataframe if "K" in d.value).set_index("task")
    seen = kernel(similarity(study), noise=noise(study))
    assert table.loc["sort-animals", "K"] == pytest.approx(seen.matrix[i, j])
    alone = page("auto", study="starter", balance="0", task="past-tense")
    assert "shares its skill" not in said(alone)
    assert "nats" not in next(m for m in said(alone).splitlines() if "energy changes" in m.lower())


@pytest.mark.parametrize("measure", ["jsd", "gold", "pmi"])
def test_at_inf_a_zero_says_nothing_of_redundancy_and_its_price_has_the_measures_unit(
    cache, measure
):
    study = committed_copy(cache, "starter")
    found = solve(pose(similarity(study, measure)), 0.2)
    zero = study.names[int(np.flatnonzero(found.p == 0)[0])]
    text = said(page("inf", study="starter", measure=measure, balance="0.2", task=zero))
    assert f"{zero} gets nothing" in text
    assert "not asked at resolution inf" in text
    for words in ("already", "shares its skill with", "Near-copies", "the same"):
        assert words not in text
    price = next(m for m in text.splitlines() if "would have to rise" in m)
    assert ("nats" in price) == (measure == "jsd")
    assert ("units of S" in price) == (measure != "jsd")


def test_two_tasks_within_their_noise_are_not_told_apart(cache):
    committed_copy(cache, "bigbench")
    one, other = (f"arithmetic-{k}-digit-addition" for k in (2, 3))
    text = said(page("auto", study="bigbench", balance="0", task=one))
    pair = f"{shorten(other)} and {shorten(one)}"
    assert f"{pair} are not told apart by this measurement" in text
    assert "the same" not in text


def test_a_task_that_the_limits_rule_out_is_not_said_to_be_dear(study):
    text = said(page("auto", study="toy", balance="0.4", task=NAMES[3], cap=f"{NAMES[3]}=0"))
    assert "The limits set here allow it nothing." in text
    assert "would have to rise" not in text


def test_the_nearest_task_is_the_one_that_other_pages_name(cache, tmp_path):
    """By S itself, also where its diagonal differs from task to task and entries are negative."""
    S = np.array([[5.0, -1, 0.2, 0.1], [-1, 1, 0.5, -2], [0.2, 0.5, 9, 0.4], [0.1, -2, 0.4, 2]])
    file = tmp_path / "s.json"
    file.write_text(json.dumps({"tasks": list("abcd"), "matrix": S.tolist()}))
    import_matrix(file, kind="similarity")
    for task, near in zip("abcd", "ccbc", strict=True):
        assert f"The task most like {task} is {near}" in said(page("inf", study="s", task=task))
        shown = open_page("graph", study="s", task=task)
        assert f"The task most like {task} is {near}:" in said(shown)
