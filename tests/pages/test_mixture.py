"""Home and the Mixture page: what they show is what the solver says."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from taskpgm_core.analysis.question import Question, pose_question
from taskpgm_core.analysis.saved_mixtures import Scenario, save
from taskpgm_core.evidence.forecast import adviser
from taskpgm_core.figures.mixture import headline
from taskpgm_core.mixture import Group, pose, solve
from taskpgm_core.mixture.counts import allocate
from taskpgm_core.store import import_matrix, open_study, similarity
from tests.support.app import open_page as page
from tests.support.synthetic_study import TASKS, write_study

COMMITTED = Path(__file__).parents[2] / "cache"


def figure(at: AppTest, key: str) -> dict:
    """The figure of a chart, by its key."""
    found = [c.proto.spec for c in at.get("plotly_chart") if f"-{key}" in c.proto.id]
    assert len(found) == 1, [c.proto.id for c in at.get("plotly_chart")]
    return json.loads(found[0])


def shares(at: AppTest) -> dict[str, float]:
    """{task: percent} in the table of counts."""
    table = next(d.value for d in at.dataframe if "epochs" in d.value)
    return dict(zip(table["task"], table["share"], strict=True))


@pytest.fixture
def study(cache):
    return write_study(cache)


def committed(cache, *slugs):
    for folder in COMMITTED.iterdir():
        if folder.name.rpartition("-")[0] in slugs:
            shutil.copytree(folder, cache / folder.name)


def test_a_forecast_stands_below_the_balance_where_forecasts_rank(cache):
    committed(cache, "starter")
    known = open_study("starter")
    p = pose_question(known, Question(balance=0)).solution().p
    said = adviser(known).advice(p)
    diverse = page("mixture", study="starter", balance="0", resolution="auto").caption
    assert "this mixture keeps" in said
    assert said in [c.value.replace("\\", "") for c in diverse]
    at_uniform = page("mixture", study="starter", balance="1").caption
    assert not any("Forecast from the study" in c.value for c in at_uniform)


def test_home_shows_every_study_with_its_headline_mixture(cache, study):
    at = page()
    assert [h.value for h in at.header] == ["synthetic", "Bring your own"]
    p = solve(pose(similarity(study)), 0.5).p
    drawn = " ".join(h.proto.body for h in at.get("html"))
    bars = re.findall(r'data-task="([^"]+)" data-share="([^"]+)"', drawn)
    assert {task: float(share) for task, share in bars} == pytest.approx(
        dict(zip(TASKS, p, strict=True)), abs=1e-8
    )
    widths = [float(w) for w in re.findall(r'<i style="width:([\d.]+)%', drawn)]
    shares = sorted(p, reverse=True)
    assert widths == pytest.approx([100 * w / shares[0] for w in shares], abs=0.01)


def test_a_headline_of_many_tasks_says_what_the_others_hold_and_shows_names_as_text():
    p = np.array([0.1, 0.4, 0.3, 0.2])
    references = {"uniform": np.full(4, 0.25)}
    text = headline(["<b>", "b", "c", "d"], p, references, limit=2)
    assert re.findall(r'data-task="(.)"', text) == ["b", "c"]
    assert "and 2 more tasks, together 30.0%" in text
    assert re.findall(r'<b style="left:([\d.]+)%" title="uniform 25.0%">', text) == ["62.50"] * 2
    everything = headline(["<b>", "b", "c", "d"], p, references, limit=4)
    assert "&lt;b&gt;" in everything
    assert "<b>" not in everything
    assert "more tasks" not in everything


@pytest.mark.parametrize("name", ["", "mixture", "graph", "similarity", "tradeoff"])
def test_an_empty_cache_shows_the_two_commands(cache, name):
    at = page(name)
    assert at.title[0].value == "No study yet"
    assert "make study" in at.code[0].value
    assert "import" in at.code[0].value


@pytest.mark.parametrize("name", ["", "mixture", "graph", "similarity", "tradeoff"])
def test_a_broken_study_says_its_sentence_and_leaves_the_others_usable(cache, study, name):
    broken = write_study(cache, slug="broken", digest="f" * 64)
    (Path(broken.folder) / "manifest.json").write_text("{")
    at = page(name, study="broken")
    assert any("broken" in e.value and "cannot be shown" in e.value for e in at.error)
    headlines = [h for h in at.get("html") if "data-share" in h.proto.body]
    assert headlines if name == "" else at.get("plotly_chart")


@pytest.mark.parametrize("name", ["mixture", "graph", "similarity", "tradeoff"])
def test_damaged_arrays_are_a_sentence_on_their_page(cache, study, name):
    st.cache_resource.clear()
    (Path(study.folder) / "matrices.npz").write_bytes(b"not an archive")
    at = page(name)
    assert len(at.error) == 1
    assert "matrices.npz" in at.error[0].value.replace("\\", "")


def test_where_nothing_differs_no_empty_chart_is_shown(study):
    at = page("mixture", study=study.slug, balance="1")
    assert any("This is the uniform mixture itself" in m.value for m in at.markdown)
    assert not [c for c in at.get("plotly_chart") if "-against" in c.proto.id]
    assert figure(page("mixture", study=study.slug, balance="0.5"), "against")


@pytest.mark.parametrize("slug", ["starter", "bigbench"])
def test_the_committed_studies_show_the_solvers_mixture(cache, slug):
    committed(cache, slug)
    card = open_study(slug)
    at = page("mixture", study=slug, balance="0.5", resolution="auto")
    exact = pose_question(card, Question(balance=0.5)).optimum()
    shown = shares(at)
    for task, p in zip(card.names, exact.p, strict=True):
        assert shown[task] == pytest.approx(100 * p, abs=1e-5)
    difference = figure(at, "against")["data"][0]
    assert difference["customdata"]
    for (task, p, w), x in zip(difference["customdata"], difference["x"], strict=True):
        assert p == pytest.approx(exact.p[card.names.index(task)], abs=1e-8)
        assert x == pytest.approx(100 * (p - w), abs=1e-5)
    energy = figure(at, "energy")["data"][0]
    assert energy["x"] == pytest.approx(
        [exact.unary_energy, exact.pairwise_energy, exact.energy], abs=1e-8
    )


@pytest.mark.parametrize(
    ("query", "posed"),
    [
        ({"anchor": "proportional"}, {"anchor": np.array([100, 101, 102]) / 303}),
        ({"anchor": "tasks", "target": ["dates"]}, {"anchor": {"dates": 1.0}}),
        ({"floor": ["0.1", "sums=0.3"]}, {"floors": {"sums": 0.3, "dates": 0.1, "logic": 0.1}}),
        ({"cap": ["0.4"]}, {"caps": 0.4}),
        ({"pin": ["logic=0.2"]}, {"pin": {"logic": 0.2}}),
        ({"max-epochs": "40"}, {"caps": dict(zip(TASKS, (0.4, 0.404, 0.408), strict=True))}),
        ({"group": "family:0:1"}, {"groups": [Group("family", TASKS)]}),
        ({"pull": "proportional", "rho": "0.3"}, {"pull_to": [100 / 303, 1 / 3, 102 / 303]}),
    ],
)
def test_every_control_in_the_address_reaches_the_solver(study, query, posed):
    at = page("mixture", balance="0.4", **query)
    rho = {"rho": 0.3} if "pull_to" in posed else {}
    exact = solve(pose(similarity(study), **posed, **rho), 0.4)
    assert shares(at) == pytest.approx(dict(zip(TASKS, 100 * exact.p, strict=True)), abs=1e-5)


@pytest.mark.parametrize("asked", ["auto", "0.1", "inf"])
def test_the_resolution_in_the_address_reaches_the_solver_and_is_told(cache, asked):
    committed(cache, "starter")
    card = open_study("starter")
    at = page("mixture", study="starter", balance="0.5", resolution=asked)
    resolution = asked if asked == "auto" else float(asked)
    posed = pose_question(card, Question(balance=0.5, resolution=resolution))
    exact = dict(zip(card.names, 100 * posed.optimum().p, strict=True))
    assert shares(at) == pytest.approx(exact, abs=1e-5)
    said = "tells no skills apart" if asked == "inf" else f"{posed.kernel.skills:.1f} distinct"
    assert any(said in caption.value for caption in at.caption)


@pytest.mark.parametrize("resolution", ["auto", "inf"])
def test_where_the_measure_has_no_resolution_a_sentence_says_why(cache, resolution):
    committed(cache, "starter")
    at = page("mixture", study="starter", measure="pmi", resolution=resolution)
    assert any("no squared distances here" in caption.value for caption in at.caption)


def test_counts_are_the_budgets_and_add_up(study):
    at = page("mixture", balance="0.4", budget="777", unit="tokens")
    table = next(d.value for d in at.dataframe if "epochs" in d.value)
    p = solve(pose(similarity(study)), 0.4).p
    expected = allocate(p, TASKS, 777, unit="tokens", rows=[100, 101, 102], mean_tokens=[2.5] * 3)
    assert dict(zip(table["task"], table["tokens"], strict=True)) == dict(
        zip(TASKS, expected.counts, strict=True)
    )
    assert table["tokens"].sum() == 777


@pytest.mark.parametrize(
    ("limits", "word"),
    [({"floor": ["0.6"]}, "floors"), ({"pin": ["logic=0.5"], "cap": ["logic=0.1"]}, "pinned")],
)
def test_limits_that_clash_are_a_sentence_and_can_be_dropped(study, limits, word):
    at = page("mixture", **limits)
    assert len(at.error) == 1
    assert word in at.error[0].value
    at.button(key="drop-limits").click().run()
    assert not at.exception
    assert not at.error


def test_an_anchor_that_the_limits_rule_out_leaves_no_middle(study):
    from pages.ui.anchor import no_middle
    from pages.ui.url_state import BUDGET, View

    free = View("synthetic", Question("jsd", budget=BUDGET))
    assert no_middle(study, free) == ""
    capped = free.moved(caps=(("sums", 0.1),))
    assert "limits rule the anchor out" in no_middle(study, capped)
    pulled = free.moved(pull="proportional", rho=0.5)
    assert "pull" in no_middle(study, pulled)


def test_a_kept_mixture_anchors_the_page(study):
    p = np.array([0.5, 0.25, 0.25])
    kept = save(Scenario(study.slug, study.content, "jsd", study.names, p, name="<b>ours</b>"))
    at = page("mixture", anchor=kept.id)
    assert shares(at) == pytest.approx(dict(zip(TASKS, 100 * p, strict=True)), abs=1e-5)


def test_every_trainer_gets_its_recipe_or_a_sentence(study):
    at = page("mixture", balance="0.5")
    trainers = at.selectbox(key="pick-trainer")
    from taskpgm_core.exports import EXPORTERS

    assert len(trainers.options) == len(EXPORTERS)
    for name in EXPORTERS:
        at.selectbox(key="pick-trainer").set_value(name).run()
        assert not at.exception
        table = next(d.value for d in at.dataframe if "will get" in d.value)
        assert table["asked"].sum() == pytest.approx(100)
        files = [e.label.removeprefix("Read ") for e in at.expander if e.label.startswith("Read ")]
        assert files
        assert not at.code
        for file in files:
            at.session_state[f"read-{name}-{file}"] = True
        at.run()
        assert len(at.code) == len(files)


def test_notices_and_names_with_markup_are_text(cache):
    hostile = "<img src=x onerror=alert(1)>"
    write_study(cache, tasks=(hostile, "**b**", ":red[c]"))
    for name in ("mixture", "graph", "similarity", "tradeoff"):
        at = page(name, task=["<script>x</script>", hostile])
        assert any("\\<script\\>" in w.value for w in at.warning)
        for chart in at.get("plotly_chart"):
            drawn = json.loads(chart.proto.spec)
            text = json.dumps(
                [t.get(k) for t in drawn["data"] for k in ("text", "hovertext", "name")]
            )
            assert "<img" not in text
            assert "<img" not in json.dumps(drawn["layout"].get("yaxis", {}).get("ticktext", []))


def test_an_imported_matrix_of_many_tasks_works_without_rows_or_examples(cache, tmp_path):
    n = 120
    x = np.random.default_rng(0).normal(size=(n, 6))
    names = [f"task-{k:03}" for k in range(n)]
    file = tmp_path / "many.csv"
    rows = [",".join(["", *names])]
    rows += [
        ",".join([name, *map(repr, row)])
        for name, row in zip(names, (x @ x.T).tolist(), strict=True)
    ]
    file.write_text("\n".join(rows))
    import_matrix(file, kind="similarity", name="many")
    at = page("mixture", balance="0.5")
    assert any("imported" in c.value for c in at.caption)
    for name in ("graph", "similarity", "tradeoff"):
        at = page(name, task=["task-007"])
        assert at.get("plotly_chart")
        assert sum(len(c.proto.spec) for c in at.get("plotly_chart")) < 2_000_000
