"""Selection, Why and Compare on every study they may meet: measured, without rows, none, broken."""

import json
import shutil
from pathlib import Path

import pytest

from taskpgm_core.builds.text_study import build_text
from taskpgm_core.plans.plan import load_plan, renamed
from taskpgm_core.store import import_logprobs, import_matrix, open_study
from tests.support.app import open_page as page
from tests.support.logprobs import table_of, write
from tests.support.synthetic_study import write_study

PAGES = ("selection", "why", "compare")
WRONG = ("imported", "training seed", "seed noise", "nats", "two models")
"""Words that are not true of a study by words alone."""
COMMITTED = Path(__file__).parents[2] / "cache"


@pytest.fixture(scope="module")
def committed(tmp_path_factory):
    root = tmp_path_factory.mktemp("committed") / "cache"
    shutil.copytree(COMMITTED, root, ignore=shutil.ignore_patterns(".*", "scenarios"))
    return root


@pytest.mark.parametrize(
    ("study", "measure"),
    [(s, m) for s in ("starter", "bigbench") for m in ("jsd", "pmi")] + [("starter", "text")],
)
@pytest.mark.parametrize("name", PAGES)
def test_committed_studies_are_shown(committed, monkeypatch, name, study, measure):
    monkeypatch.setenv("TASKPGM_CACHE", str(committed))
    at = page(name, study=study, measure=measure, balance="0.7", anchor="proportional")
    assert at.get("plotly_chart")
    assert not at.error


def _parts(spec):
    """All objects of a chart's JSON."""
    if isinstance(spec, dict):
        yield spec
    if isinstance(spec, dict | list):
        for part in spec.values() if isinstance(spec, dict) else spec:
            yield from _parts(part)


@pytest.mark.parametrize(
    "name",
    [*PAGES, "mixture", "graph", "similarity", "tradeoff", "evidence"],
)
def test_a_chart_that_plotly_is_given_twice_is_drawn_once(committed, monkeypatch, name):
    """Plotly takes a template, and an array in bytes of one dimension, for changed each time."""
    monkeypatch.setenv("TASKPGM_CACHE", str(committed))
    charts = page(name, study="starter", balance="0.5", anchor="proportional").get("plotly_chart")
    revisions = set()
    for chart in charts:
        drawn = json.loads(chart.proto.spec)
        layout = drawn["layout"]
        assert "template" not in layout
        assert [p for p in _parts(drawn) if "bdata" in p and "shape" not in p] == []
        revisions.add(layout["datarevision"])
        if chart.proto.selection_mode:
            assert (layout["clickmode"], layout["hovermode"]) == ("event+select", "closest")
        for axis in (layout[k] for k in layout if k.startswith(("xaxis", "yaxis"))):
            assert axis["title"]["font"]["size"] == 15
    assert len(revisions) == len(charts) > 0


@pytest.mark.parametrize("balance", ["0", "1", "1000000000"])
@pytest.mark.parametrize("name", PAGES)
def test_a_study_of_two_tasks_without_rows_is_shown_at_any_balance(cache, tmp_path, name, balance):
    file = tmp_path / "two.csv"
    file.write_text("0,0.3\n0.3,0\n")
    import_matrix(file, kind="divergence")
    at = page(name, study="two", balance=balance)
    if name == "compare":  # of two tasks every mixture is uniform: there is nothing to lay beside
        assert any("uniform" in m.value for m in at.markdown)
    else:
        assert at.get("plotly_chart")
    assert not at.error


def test_of_two_tasks_nothing_is_said_or_drawn_of_several_others(cache, tmp_path):
    file = tmp_path / "two.csv"
    file.write_text(",a,b\na,0,0.3\nb,0.3,0\n")
    import_matrix(file, kind="divergence")
    why = page("why", study="two", resolution="auto")
    said = " ".join(m.value for m in [*why.markdown, *why.caption])
    assert "Without a everything goes to b" in said
    assert "The only other task, 0.300 away." in said
    assert not any(c.proto.id.endswith("-without") for c in why.get("plotly_chart"))
    graph = page("graph", study="two")
    assert "### 1 community" in [m.value for m in graph.markdown]


def test_studies_of_one_matrix_do_not_share_what_was_computed(cache, tmp_path):
    matrix, tasks = tmp_path / "m.csv", tmp_path / "tasks.csv"
    matrix.write_text("0,0.3,0.2\n0.3,0,0.4\n0.2,0.4,0\n")
    tasks.write_text("task,rows\nfirst,10\nsecond,5000\nthird,5000\n")
    first = import_matrix(matrix, kind="divergence", name="bare")
    second = import_matrix(matrix, kind="divergence", name="named", tasks=tasks)
    assert first.content == second.content
    for study in (first, second):
        assert page("why", study=study.slug).selectbox(key="pick-task").value in study.names
    tasks.write_text("task,rows\nfirst,10\nsecond,2000\nthird,5000\n")
    import_matrix(matrix, kind="divergence", name="fewer", tasks=tasks)
    for slug in ("named", "fewer"):
        at = page("mixture", study=slug, budget="5000", **{"max-epochs": "1"})
        table = next(d.value for d in at.dataframe if "epochs" in d.value).set_index("task")
        assert (table["epochs"] <= 1.001).all()
        assert (table["rows"]["second"] > 2000) == (slug == "named")


def test_compare_calls_a_measure_what_its_picker_calls_it(cache, tmp_path):
    file = tmp_path / "two.csv"
    file.write_text("0,0.3\n0.3,0\n")
    import_matrix(file, kind="divergence")
    at = page("compare", study="two")
    assert set(at.dataframe[0].value["measure"]) == {"as imported"}
    assert "as imported" in at.selectbox(key="pick-measure").options


@pytest.mark.parametrize("name", PAGES)
def test_an_empty_cache_shows_how_to_begin(cache, name):
    at = page(name)
    assert at.title[0].value == "No study yet"
    assert not at.get("plotly_chart")


@pytest.mark.parametrize("name", PAGES)
def test_a_broken_study_says_so_and_leaves_the_others_usable(cache, name):
    write_study(cache)
    broken = write_study(cache, slug="broken", digest="ab" * 32, seed=7)
    (Path(broken.folder) / "matrices.npz").write_bytes(b"no archive")
    at = page(name, study="broken")
    assert at.error
    assert not at.get("plotly_chart")
    assert page(name, study="synthetic").get("plotly_chart")


@pytest.mark.parametrize("name", PAGES)
def test_limits_that_clash_stop_the_page_with_their_sentence(cache, name):
    write_study(cache)
    at = page(name, study="synthetic", floor="0.5")
    assert at.error
    assert not at.get("plotly_chart")


@pytest.mark.parametrize("name", ["", "mixture", "similarity", "graph", *PAGES])
def test_a_study_by_words_alone_is_shown_and_says_what_it_is(cache, name):
    build_text(renamed(load_plan("starter"), "starter-text"))
    selected = {"task": "add-2-digit"} if name in ("graph", "similarity") else {}
    at = page(name, study="starter-text", resolution="auto", balance="0.5", **selected)
    assert at.get("plotly_chart") or not name
    assert not at.error
    told = [element.proto.body for element in at.get("html")]
    said = " ".join([*told, *(e.value for e in (*at.markdown, *at.caption, *at.info))])
    if name:
        assert at.selectbox(key="pick-measure").options == ["by words alone"]
    else:
        assert "compared by words alone, without models" in said
    assert ("split-half noise" in said) >= bool(selected)
    assert not [word for word in WRONG if word in said.lower()]


@pytest.mark.parametrize(
    "name",
    ["", "mixture", "similarity", "graph", "tradeoff", "evidence", "report", *PAGES],
)
def test_a_study_of_served_models_is_shown_as_what_it_is(committed, cache, tmp_path, name):
    known = open_study("starter", committed)
    import_logprobs(write(table_of(known), tmp_path / "served.parquet"))
    selected = {"task": "add-2-digit"} if name in ("graph", "similarity") else {}
    at = page(name, study="served", resolution="auto", balance="0.5", **selected)
    assert not at.error
    told = [element.proto.body for element in at.get("html")]
    said = " ".join([*told, *(e.value for e in (*at.markdown, *at.caption, *at.info))])
    assert "words alone" not in said
    if not name:
        assert "log-probabilities from " in said
    if name == "similarity":
        assert "How likely each model found it" in said
        assert "likeliest" not in said
    if name == "mixture":
        assert [s.label for s in at.multiselect].count("Judged by") == 1
