"""Task graph, Similarity and Trade-off: what they draw is what was measured and solved."""

import base64
import json
import shutil
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from taskpgm_core.analysis.drill_down import drill_down, positions
from taskpgm_core.analysis.graph_layout import backbone, task_graph
from taskpgm_core.errors import StoreError
from taskpgm_core.figures.tradeoff import path_areas_figure
from taskpgm_core.findings.graph import communities_finding, community_names
from taskpgm_core.mixture import closed_form, kernel, pose, solve, trace
from taskpgm_core.records import Similarity
from taskpgm_core.store import (
    import_matrix,
    noise,
    open_study,
    pair_divergences,
    probe_pool,
    similarity,
)
from tests.support.app import open_page as page
from tests.support.kept_runs import committed_copy
from tests.support.synthetic_study import TASKS, two_models, write_study

COMMITTED = Path(__file__).parents[2] / "cache"


@pytest.fixture
def study(cache):
    random = np.random.default_rng(4)
    pool_task = np.repeat(np.arange(3), 2)
    per_example = random.uniform(0.05, 0.6, (3, 6))
    tokens = np.array([2, 3, 1, 4, 2, 2])
    jsd = np.zeros((3, 3))
    for row, (i, j) in zip(per_example.astype(np.float16), ((0, 1), (0, 2), (1, 2)), strict=True):
        jsd[i, j] = jsd[j, i] = row.astype(float).mean()
    gold = -random.uniform(0, 5, (4, 14)).astype(np.float32)
    second = two_models(3, [1], 14)
    means = gold.astype(float)
    means[1] = (means[1] + second["second_gold"][0]) / 2
    loss = -np.add.reduceat(means, np.cumsum([0, *tokens[:-1]]), axis=1)
    table = np.stack([loss[:3, pool_task == t].mean(axis=1) for t in range(3)], axis=1)
    pmi = -((table - np.diag(table)) + (table - np.diag(table)).T) / 2
    matrices = {"jsd": jsd, "pmi": pmi, "pmi-token": pmi, "base": np.full(3, 0.2)}
    matrices |= {"noise": np.array([0.01]), "noise_tasks": np.array([1], dtype=np.int64)}
    return write_study(cache, matrices=matrices, per_example=per_example, gold=gold, **second)


def figure(at: AppTest, key: str) -> dict:
    [found] = [c.proto.spec for c in at.get("plotly_chart") if c.proto.id.endswith(f"-{key}")]
    return json.loads(found, object_hook=unpacked)


def unpacked(part: dict) -> object:
    """Arrays come as bytes in base64."""
    if "bdata" not in part:
        return part
    values = np.frombuffer(base64.b64decode(part["bdata"]), part["dtype"])
    shape = [int(k) for k in part["shape"].split(",")] if "shape" in part else [-1]
    return values.reshape(shape)


@pytest.mark.parametrize("measure", ["jsd", "pmi"])
def test_the_parts_that_drive_a_pair_add_up_to_what_was_measured(study, measure):
    S = similarity(study, measure).matrix
    for i, j in ((0, 1), (2, 0), (1, 2)):
        found = drill_down(study, measure, i, j)
        assert found.share.sum() == pytest.approx(-S[i, j], abs=1e-6)
        assert found.by_task(3).sum() == pytest.approx(-S[i, j], abs=1e-6)
        assert sorted(found.order) == list(range(6))
        assert (np.diff(found.share[found.order]) <= 0).all()
    own = drill_down(study, "pmi", 0, 1)
    assert not own.share[4:].any()


def test_the_examples_of_a_pair_are_those_that_were_kept(study):
    found = drill_down(study, "jsd", 0, 2)
    np.testing.assert_allclose(found.value, pair_divergences(study).of(0, 2))
    shown = positions(study, found, 3)
    assert len(shown) == probe_pool(study).tokens[3]
    for position in shown:
        assert list(position.said) == ["sums", "logic", "base model"]
        assert all(0 < x <= 1 for said in position.said.values() for _, x in said)


def test_an_imported_matrix_has_nothing_to_drill_into(cache, tmp_path):
    file = tmp_path / "m.csv"
    file.write_text(",a,b\na,1,0.5\nb,0.5,1\n")
    study = import_matrix(file, kind="similarity", name="two")
    with pytest.raises(StoreError, match="imported as a matrix"):
        drill_down(study, "given", 0, 1)
    at = page("similarity", study="two")
    assert any("no models to look into" in i.value for i in at.info)


def test_the_matrix_shows_every_divergence_and_opens_the_pair_in_the_address(study):
    at = page("similarity", task=["logic", "sums"])
    D = similarity(study).divergence
    drawn = figure(at, "matrix")
    cells = next(t for t in drawn["data"] if t["type"] == "scatter")["customdata"]
    assert {frozenset(c) for c in cells} == {frozenset(p) for p in ((0, 1), (0, 2), (1, 2))}
    heat = next(t for t in drawn["data"] if t["type"] == "heatmap")["z"]
    values = {round(v, 5) for v in heat[~np.eye(3, dtype=bool)].tolist()}
    assert values == {round(float(D[i, j]), 5) for i, j in ((0, 1), (0, 2), (1, 2))}
    assert (at.selectbox(key="pair-a").value, at.selectbox(key="pair-b").value) == ("logic", "sums")
    said = [d.value for d in at.dataframe if "true, base model" in d.value]
    assert len(said) == 1
    assert any(f"{D[2, 0]:.3f} nats apart" in m.value.replace("\\", "") for m in at.markdown)


def test_a_study_without_text_says_how_to_bring_it(cache):
    write_study(cache, text=None)
    at = page("similarity")
    assert any("taskpgm_core text synthetic --from DIR" in i.value for i in at.info)


def test_the_graph_sizes_nodes_by_the_solvers_weights_and_clicks_select(study):
    at = page("graph", balance="0.4", resolution="inf")
    p = dict(zip(TASKS, solve(pose(similarity(study)), 0.4).p, strict=True))
    nodes = {
        c[0]: c[1]
        for t in figure(at, "graph")["data"]
        for c in t.get("customdata", [])
        if not isinstance(c[1], str)
    }
    assert nodes == pytest.approx(p, abs=1e-8)
    edges = [
        c
        for t in figure(at, "graph")["data"]
        for c in t.get("customdata", [])
        if isinstance(c[1], str)
    ]
    assert all(set(edge) < set(TASKS) for edge in edges)
    assert not figure(at, "graph")["layout"].get("shapes")
    at = page("graph", task=["dates"])
    table = at.dataframe[0].value
    near = similarity(study).divergence[1]
    assert table["task"].tolist() == sorted(("sums", "logic"), key=lambda t: near[TASKS.index(t)])
    assert table["nats"].tolist() == pytest.approx(sorted(np.delete(near, 1)), abs=1e-4)


def test_the_tradeoff_draws_the_exact_path_and_where_the_closed_form_holds(study):
    at = page("tradeoff", balance="0.4", resolution="inf")
    problem = pose(similarity(study))
    path = trace(problem)
    drawn = [t for t in figure(at, "path")["data"] if t.get("stackgroup")]
    assert sum(t["y"][0] for t in drawn) == pytest.approx(1, abs=1e-5)
    first = {t["meta"]: t["y"][0] for t in drawn}
    weights = dict(zip(TASKS, path.at(0.0), strict=True))
    assert first == pytest.approx({t: weights[t] for t in first}, abs=1e-5)
    table = at.dataframe[0].value.set_index("mixture")
    here = solve(problem, 0.4).p
    S = problem.similarity.matrix
    assert table.loc["this mixture", "diverse"] == pytest.approx(-here @ S @ here)
    assert table.loc["uniform", "effective number of tasks"] == pytest.approx(3)
    corners = at.dataframe[1].value
    assert corners["balance"].tolist() == path.balances.tolist()
    for r, tasks, largest in corners[["balance", "tasks", "largest share"]].itertuples(index=False):
        p = solve(problem, r).p
        assert tasks == (p > 1e-9).sum()
        assert largest == pytest.approx(100 * p.max())
    low = closed_form(problem).interval[0]
    assert any(f"holds from {low:.3g}" in m.value.replace("\\", "") for m in at.markdown)


def test_many_tasks_are_drawn_as_the_sums_of_their_families():
    weights = np.random.default_rng(1).dirichlet(np.ones(50), size=4)
    groups = [f"family {k % 3}" for k in range(50)]
    drawn = path_areas_figure(
        [f"t{k}" for k in range(50)],
        groups,
        np.array([0.0, 0.5, 1.0, 3.0]),
        weights,
        balance=1.0,
        anchor_name="uniform",
    )
    assert [t.meta for t in drawn.data] == ["family 0", "family 1", "family 2"]
    total = np.sum([t.y for t in drawn.data], axis=0)
    np.testing.assert_allclose(total, 1, atol=1e-5)
    assert drawn.data[0].y[0] == pytest.approx(weights[0, ::3].sum(), abs=1e-6)


@pytest.mark.parametrize(("n", "digits"), [(1, 3), (2, 3), (3, 0), (9, 0), (40, 1), (40, 9)])
def test_the_backbone_holds_a_maximum_spanning_tree_and_the_nearest_tasks(n, digits):
    strength = np.random.default_rng(n).uniform(size=(n, n)).round(digits)
    strength = np.triu(strength, 1) + np.triu(strength, 1).T + 1.5 * np.eye(n)
    edges = backbone(strength, 2)
    weigh = lambda pairs: [(i, j, strength[i, j]) for i, j in pairs]  # noqa: E731
    tree = nx.Graph()
    tree.add_nodes_from(range(n))
    tree.add_weighted_edges_from(weigh(edges))
    whole = nx.Graph()
    whole.add_nodes_from(range(n))
    whole.add_weighted_edges_from(weigh(zip(*np.triu_indices(n, 1), strict=True)))
    assert nx.is_connected(tree)
    best = nx.maximum_spanning_tree(whole).size("weight")
    assert nx.maximum_spanning_tree(tree).size("weight") == pytest.approx(best)
    for i in range(n):
        order = sorted((j for j in range(n) if j != i), key=lambda j: (-strength[i, j], j))
        assert {(min(i, j), max(i, j)) for j in order[:2]} <= set(edges)
    assert len(edges) <= 3 * n


def test_communities_are_named_by_their_best_joined_task_at_any_mixture():
    D = np.full((5, 5), 0.6)
    for group in ([0, 1, 2], [3, 4]):
        D[np.ix_(group, group)] = 0.2
    D[1, [0, 2]] = D[[0, 2], 1] = 0.1
    np.fill_diagonal(D, 0)
    graph = task_graph(Similarity(tuple("abcde"), -D, "jsd"), neighbours=1)
    names = community_names(graph)
    assert names == ["b and 2 more"] * 3 + ["d and e"] * 2
    p = np.array([0.1, 0.1, 0.1, 0.3, 0.4, 0.0])
    said = communities_finding(p, [*names, "f"], "community")
    assert said == "3 communities; d and e hold the most weight, 70.0% with 2 of 6 tasks"
    for groups, said in (
        ("aabbc", "3 communities; 2 of them hold the most weight, 40.0% each"),
        ("abcde", "5 communities hold the same weight, 20.0% each"),
    ):
        assert communities_finding(np.full(5, 0.2), list(groups), "community") == said
    for groups, said in (
        ("aabbc", "2 of 3 families hold the most weight, 40.0% each"),
        ("abcde", "All 5 families hold the same weight, 20.0% each"),
        ("aaabb", "The family a holds the most weight, 60.0%; b follows with 40.0%"),
    ):
        assert communities_finding(np.full(5, 0.2), list(groups), "family") == said


def test_a_divergence_that_was_brought_is_shown_as_one(cache, tmp_path):
    file = tmp_path / "m.csv"
    file.write_text(",a,b,c\na,0,0.5,0.2\nb,0.5,0,0.4\nc,0.2,0.4,0\n")
    study = import_matrix(file, kind="divergence", name="mine")
    at = page("similarity", study="mine", task=["a", "b"])
    drawn = figure(at, "matrix")["data"][0]
    assert {round(float(v), 5) for v in drawn["z"].ravel() if not np.isnan(v)} == {0.2, 0.4, 0.5}
    assert drawn["colorbar"]["title"]["text"] == "D"
    assert any("0.500 apart" in m.value for m in at.markdown)
    assert similarity(study).matrix[0, 1] == -0.5
    alike = import_matrix(file, kind="similarity", name="other", keep_kind=True)
    assert not similarity(alike).is_divergence


@pytest.fixture
def starter(cache):
    [folder] = COMMITTED.glob("starter-????????????")
    shutil.copytree(folder, cache / folder.name)
    return open_study("starter")


@pytest.mark.parametrize("resolution", ["auto", "0.2", "inf"])
def test_groups_are_outlined_on_the_matrix_and_hulls_on_the_graph(starter, resolution):
    sigma = resolution if resolution == "auto" else float(resolution)
    groups = kernel(similarity(starter), sigma, noise(starter)).groups
    shapes = figure(page("graph", resolution=resolution), "graph")["layout"].get("shapes", [])
    assert [shape["name"] for shape in shapes] == [", ".join(group) for group in groups]
    at = page("similarity", resolution=resolution)
    outlines = figure(at, "matrix")["layout"]["shapes"][:-2]  # the last two frame the pair
    sizes = [round(s["x1"] - s["x0"]) for s in outlines]
    assert sorted(sizes) == sorted(2 * [len(group) for group in groups])  # two lines an outline
    assert any("An outline holds a group" in c.value for c in at.caption) == bool(groups)


def test_a_pair_says_its_k_and_its_distance_less_the_noise(starter):
    seen = kernel(similarity(starter), noise=noise(starter))
    i, j = starter.names.index("sort-foods"), starter.names.index("sort-animals")
    at = page("similarity", task=["sort-foods", "sort-animals"], resolution="auto")
    facts = next(h.proto.body for h in at.get("html") if "kernel K" in h.proto.body)
    assert f"<dd>{seen.matrix[i, j]:.3f}</dd>" in facts
    assert f"<dd>{seen.distances.corrected[i, j]:.3f} nats</dd>" in facts
    old = page("similarity", task=["sort-foods", "sort-animals"], resolution="inf")
    assert not any("kernel K" in h.proto.body for h in old.get("html"))


def test_the_tradeoff_at_a_resolution_is_of_k_which_has_no_unit(starter):
    at = page("tradeoff", balance="0.4", resolution="auto")
    seen = kernel(similarity(starter), noise=noise(starter))
    here, w = solve(pose(seen.similarity), 0.4).p, np.full(26, 1 / 26)
    row = at.dataframe[0].value.set_index("mixture").loc["this mixture"]
    assert row["representative"] == pytest.approx(here @ seen.matrix @ w)
    assert row["diverse"] == pytest.approx(-here @ seen.matrix @ here)
    assert row["distinct skills"] == pytest.approx(1 / (here @ seen.matrix @ here))
    axes = figure(at, "frontier")["layout"]
    assert axes["xaxis"]["title"]["text"] == "more diverse →"
    assert axes["yaxis"]["title"]["text"] == "more representative →"
    assert any("p′Kw" in m.proto.help for m in at.markdown)
    assert not any("′" in c.value for c in at.caption)


def test_a_utility_has_no_anchor_and_its_own_axis(starter):
    at = page("tradeoff", **{"balance": "0.4", "resolution": "auto", "judge-by": "navigate"})
    assert figure(at, "frontier")["layout"]["yaxis"]["title"]["text"] == "more useful →"
    marks = [a["text"] for a in figure(at, "path")["layout"]["annotations"]]
    assert marks == ["here"]
    assert "useful" in at.dataframe[0].value
    assert not any("representative" in c.value for c in at.caption)


def test_gold_is_drilled_into_without_a_unit(starter):
    at = page("similarity", measure="gold", resolution="auto")
    assert figure(at, "sources")["layout"]["xaxis"]["title"]["text"] == "adds"
    assert not any("nats" in d.value for d in at.dataframe)


def test_a_band_is_a_family_where_there_are_too_many_tasks_and_no_anchor_is_marked_off_it(cache):
    names = tuple(f"t{k}" for k in range(42))
    write_study(cache, slug="many", tasks=names, families=["one", "two"] * 21)
    at = page("tradeoff", study="many", balance="0.5")
    assert any("A band is a family's share." in c.value for c in at.caption)
    at = page("tradeoff", study="many", balance="0.5", cap="t0=0.01")
    marks = json.loads(at.get("plotly_chart")[0].proto.spec)["layout"]["annotations"]
    assert [mark["text"] for mark in marks] == ["here"]


def test_the_heading_has_the_effective_number_of_the_mixture_itself(cache):
    committed_copy(cache, "bigbench")
    at = page("tradeoff", study="bigbench", balance="1.021")
    table = next(d.value for d in at.dataframe if "effective number of tasks" in d.value)
    here = table.set_index("mixture").loc["this mixture", "effective number of tasks"]
    assert any(f"effective number of tasks is {here:.1f}" in m.value for m in at.markdown)
