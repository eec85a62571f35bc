"""The Evidence page says what the kept runs say, and how sure that is."""

import json
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from pages.ui.evidence_runs import named_runs
from taskpgm_core import store
from taskpgm_core.evidence.arms import arm_title, arm_titles
from taskpgm_core.evidence.outcome import outcome_finding, training_outcome
from taskpgm_core.evidence.protocol import Arm, load_protocol
from taskpgm_core.evidence.statistics import compare
from tests.support.app import open_page
from tests.support.kept_runs import committed_copy, keep_runs, keep_skill_runs
from tests.support.synthetic_study import write_study


def page(study: str = "bigbench") -> AppTest:
    return open_page("evidence", study=study)


@pytest.fixture(scope="module")
def made_up(tmp_path_factory):
    """A cache with the committed studies and made-up confirmations; read it, never write to it."""
    root = tmp_path_factory.mktemp("made-up")
    for slug in ("starter", "bigbench"):
        keep_runs(committed_copy(root, slug), f"confirmation-{slug}")
    return root


@pytest.fixture
def trained(made_up, monkeypatch):
    monkeypatch.setenv("TASKPGM_CACHE", str(made_up))


def means(runs, tasks):
    kept = runs[runs["task"].isin(tasks)]
    return kept.groupby("arm")["loss"].mean()


@pytest.mark.parametrize("held_out", [False, True])
def test_table_and_chart_hold_the_runs_own_means(trained, held_out):
    at = page()
    study = store.open_study("bigbench")
    _, runs = store.evidence(study)[0]
    tasks = set(study.names)
    if held_out:
        tasks = set(runs["task"]) - tasks
        at.session_state["evidence-tasks"] = "tasks in no mixture"
        at.run()
        assert not at.exception
    card, _ = store.evidence(study)[0]
    titles = arm_titles(card["arms"], set(runs["arm"]))
    expected = means(runs, tasks).rename(titles)
    shown = at.dataframe[0].value.set_index("mixture")
    assert shown["loss"].to_dict() == pytest.approx(expected.to_dict())
    assert list(shown["loss"]) == sorted(shown["loss"])
    drawn = json.loads(at.get("plotly_chart")[0].proto.spec)
    labels = {y for trace in drawn["data"] for y in trace.get("y", []) if isinstance(y, str)}
    assert labels >= set(expected.index) - {"uniform"}
    told = " ".join(c.value for c in at.caption).replace("\\", "")
    assert all(f"{title}: " in told for title in titles.values())


def test_the_heading_and_table_follow_the_metric(trained):
    at = page()
    study = store.open_study("bigbench")
    _, runs = store.evidence(study)[0]
    at.session_state["evidence-metric"] = "exact match"
    at.run()
    assert not at.exception
    expected = runs[runs["task"].isin(study.names)].groupby("arm")["accuracy"].mean()
    shown = at.dataframe[0].value.set_index("mixture")["exact"]
    titles = arm_titles(store.evidence(study)[0][0]["arms"], expected.index)
    assert shown.to_dict() == pytest.approx((100 * expected.rename(titles)).to_dict())
    assert list(shown) == sorted(shown, reverse=True)
    titles = " ".join(m.value for m in at.markdown).replace("\\", "")
    by = 100 * (expected["uniform"] - expected["best-single"])
    assert f"best single task (−{by:.1f} points) loses to it" in titles


def test_a_study_without_runs_names_a_protocol_that_makes_some(cache):
    study = write_study(cache, slug="starter")
    at = page("starter")
    assert not at.get("plotly_chart")
    name = at.code[0].value.split()[-1]
    assert load_protocol(name).study == study.slug


def test_an_import_is_told_to_bring_its_own_runs(cache, tmp_path):
    (tmp_path / "two.csv").write_text("0,0.3\n0.3,0\n")
    store.import_matrix(tmp_path / "two.csv", kind="divergence", name="two")
    at = page("two")
    assert not at.code
    assert any("import the runs below" in m.value for m in at.markdown)


def test_too_few_seeds_are_said_where_nothing_can_be_sure():
    bare = [SimpleNamespace(p=None)]
    assert "seeds in common are too few" in outcome_finding(bare, 8, reference="uniform")
    assert "5 tasks are too few" in outcome_finding(bare, 5, reference="uniform")


def test_the_table_is_narrow_and_the_protocol_folded(trained):
    at = page()
    assert list(at.dataframe[0].value) == ["mixture", "loss", "exact", "p"]
    folded = {e.label: e for e in at.expander}
    assert "worst task" in folded["Worst tasks, tokens and epochs"].dataframe[0].value
    assert "Holm" in folded["How it was measured, and what each mixture is"].caption[0].value
    assert [at.selectbox(key="evidence-reference").options[k] for k in (0, 1)] == [
        "paper's formula at 0.5",
        "best single task",
    ]


@pytest.mark.parametrize(
    ("arm", "title"),
    [
        ({"baseline": "authors", "balance": 0.5}, "paper's formula at 0.5"),
        ({"baseline": "smart-graph-cut"}, "SMART, graph cut"),
        ({"balance": 0.3, "floor": 0.01, "cap": 0.1}, "S = −D at 0.3, 1% to 10%"),
        ({"balance": 0.3, "cap": 0.1}, "S = −D at 0.3, at most 10%"),
        (
            {"balance": 0, "measure": "pmi", "anchor": "proportional", "resolution": "auto"},
            "TaskPGM by PMI around proportional at the automatic resolution",
        ),
        ({"balance": 1, "unary": "gain", "floor": 0.01}, "S = −D for gain at 1, at least 1%"),
        ({"balance": 0, "resolution": "auto"}, "TaskPGM at the automatic resolution"),
        ({"balance": 0.5, "resolution": 0.03}, "TaskPGM at resolution 0.03, balance 0.5"),
        ({"balance": 0, "resolution": "auto", "measure": "text"}, "TaskPGM by words alone"),
        ({"baseline": "parent-even"}, "even over parents (told the parents)"),
    ],
)
def test_arms_are_named_in_words(arm, title):
    assert arm_title(Arm(name="x", **arm)) == title


def test_arms_alike_in_words_keep_their_names_and_imported_ones_have_no_other():
    twins = {n: Arm(name=n, baseline="uniform").model_dump() for n in ("a", "b")}
    known = {**twins, "c": {"name": "c", "imported": "runs.csv"}}
    titles = arm_titles(known, ["a", "b", "c"])
    assert titles == {"a": "uniform (a)", "b": "uniform (b)", "c": "c"}


@pytest.mark.parametrize("slug", ["starter", "bigbench"])
def test_the_outcome_of_training_is_the_confirmations_own(trained, slug):
    study = store.open_study(slug)
    card, runs = store.evidence(study)[0]
    what, finding, best = training_outcome(study)
    assert f"with {runs['seed'].nunique()} seeds" in what
    assert f"({card['stage']})" in what
    compared = compare(runs, study.names)
    first = next(c for c in compared if c.arm != "uniform")
    assert f"{first.difference:+.3f} nats".replace("-", "−") in best
    sure = [c.arm for c in compared if c.sure]
    titles = arm_titles(card["arms"], set(runs["arm"]))
    assert all(titles[arm] in finding for arm in sure)


def test_a_study_without_runs_has_no_outcome(cache):
    assert training_outcome(write_study(cache)) == ()


def test_runs_judged_by_skill_are_shown_by_the_share_kept_first(cache):
    study = committed_copy(cache, "bigbench")
    keep_skill_runs(study, "skills-confirmation-bigbench", {"taskpgm": 0.04})
    at = page()
    assert at.selectbox(key="evidence-count").value == "kept"
    every, order, table = (at.dataframe[k].value for k in range(3))
    assert list(every["count"])[:4] == ["share kept", "worst skill", "loss", "exact match"]
    assert list(order["verdict"]) == ["holds", "not decided yet", "not decided yet"]
    first = table.iloc[0]
    assert first["mixture"] == "TaskPGM at the automatic resolution"
    assert first["share kept"] == pytest.approx(94, abs=0.5)
    assert not any("exact at" in name for name in table["mixture"])
    shown = " ".join(m.value for m in at.markdown)
    assert "times the rows" in shown
    assert "points at 1,536 rows" in shown
    assert len(at.get("plotly_chart")) >= 4
    at.session_state["evidence-count"] = "loss"
    at.run()
    assert not at.exception
    assert "By loss, TaskPGM at the automatic resolution comes first" in " ".join(
        m.value for m in at.markdown
    )


def test_a_digest_is_said_only_where_two_protocols_read_the_same(cache):
    study = committed_copy(cache, "bigbench")
    keep_skill_runs(study, "skills-confirmation-bigbench", {"taskpgm": 0.04})
    [(card, runs), *_] = store.evidence(study)
    picker = page().selectbox(key="evidence-folder")
    assert not any(card["folder"] in option for option in picker.options)
    assert len(picker.value) < 50  # what a screen of 1280 pixels has room for
    known = [
        (card, runs),
        (card | {"folder": "other"}, runs),
        (card, runs[runs["seed"] == runs["seed"].iloc[0]]),
    ]
    alike, other, alone = named_runs(known)
    assert [alike.endswith(f"({card['folder']})"), other.endswith("(other)")] == [True, True]
    assert alone.endswith(", 1 seed")


def test_what_has_no_runs_is_not_drawn(cache):
    study = committed_copy(cache, "starter")
    keep_skill_runs(study, "skills-confirmation-starter", {"taskpgm": 0.04}, runs=3)
    at = page("starter")
    shown = " ".join(m.value for m in at.markdown)
    assert "3 of 20 runs so far" in shown
    assert "times the rows" not in shown
    assert "1,536" not in shown
