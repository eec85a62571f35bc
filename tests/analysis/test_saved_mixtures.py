"""Saved mixtures: what is kept comes back, hostile text stays text, and writers don't collide."""

import json
import multiprocessing
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskpgm_core.analysis import saved_mixtures
from taskpgm_core.analysis.provenance import certificate
from taskpgm_core.analysis.saved_mixtures import (
    Scenario,
    delete,
    list_scenarios,
    open_draft,
    open_scenario,
    save,
    save_draft,
    scenarios_folder,
)
from taskpgm_core.errors import MixtureError, ScenarioError
from taskpgm_core.mixture import pose, solve
from taskpgm_core.records import Similarity, Study, Task
from taskpgm_core.store import parse_mixture, read_mixture

TASKS = ("sums", "<b>dates</b>", "logic")
HOSTILE = (
    "<img src=x onerror=alert(1)> [link](javascript:alert(1)) $x$ :red[x] ../../etc\u202e\ud800"
)


def scenario(**changes) -> Scenario:
    made = Scenario(
        "toy",
        "c" * 64,
        "jsd",
        TASKS,
        np.array([0.5, 0.0, 0.5]),
        controls={"study": "toy", "balance": "0.5", "task": ["sums", "logic"]},
        name="first",
    )
    return replace(made, **changes)


def same(a: Scenario, b: Scenario) -> bool:
    plain = [{k: v for k, v in vars(s).items() if k != "p"} for s in (a, b)]
    return plain[0] == plain[1] and np.array_equal(a.p, b.p)


@settings(max_examples=60, deadline=None)
@given(
    name=st.text(min_size=1, max_size=60),
    notes=st.text(max_size=300),
    weights=st.lists(st.floats(0, 1), min_size=3, max_size=3).filter(lambda w: sum(w) > 1e-3),
)
def test_what_is_kept_comes_back(tmp_path_factory, name, notes, weights):
    root = tmp_path_factory.mktemp("cache")
    made = scenario(name="x" + name, notes=notes, p=np.array(weights) / sum(weights))
    kept = save(made, root)
    assert same(open_scenario(kept.id, root), kept)
    assert [s.id for s in list_scenarios(root)[0]] == [kept.id]
    assert kept.name.isprintable()
    draft = save_draft(made, root)
    assert same(open_draft(draft.id, root), draft)
    assert draft.name == ""


def test_a_scenario_carries_the_solvers_certificate(cache):
    S = Similarity(TASKS, -np.array([[0, 0.3, 0.4], [0.3, 0, 0.2], [0.4, 0.2, 0]]), "jsd")
    found = solve(pose(S), 0.5)
    kept = save(scenario(p=found.p, certificate=certificate(found)), cache)
    read = open_scenario(kept.id, cache)
    assert read.certificate["status"] == "optimal"
    assert read.certificate["gap"] == found.gap
    infinite = certificate(solve(pose(S), np.inf))
    save(scenario(certificate=infinite | {"balance": None}), cache)


def test_hostile_names_and_notes_stay_text(cache):
    kept = save(scenario(name=HOSTILE, notes=HOSTILE * 3), cache)
    read = open_scenario(kept.id, cache)
    assert read.name.startswith("<img src=x onerror=alert(1)>")
    assert "\u202e" not in read.name + read.notes
    assert [p.name for p in scenarios_folder(cache).glob("*.json")] == [f"{kept.id}.json"]
    assert not {p.name for p in cache.iterdir()} - {"scenarios"}


@pytest.mark.parametrize(
    "identifier",
    [
        "",
        "..",
        "../" + "a" * 21,
        "A" * 24,
        "a" * 23,
        "a" * 25,
        "a" * 24 + "\n",
        "drafts/" + "a" * 24,
    ],
)
def test_an_id_cannot_leave_its_folder(cache, identifier):
    (cache / "secret.json").write_text("{}")
    for act in (open_scenario, open_draft, delete):
        with pytest.raises(ScenarioError, match="no scenario's id"):
            act(identifier, cache)
    if identifier:
        with pytest.raises(ScenarioError, match="no scenario's id"):
            save(scenario(id=identifier), cache)


@given(identifier=st.text(max_size=40))
def test_no_text_but_an_id_names_a_file(tmp_path_factory, identifier):
    if not saved_mixtures.ID.fullmatch(identifier):
        with pytest.raises(ScenarioError):
            open_scenario(identifier, tmp_path_factory.getbasetemp())


def test_ids_cannot_be_guessed_or_repeated(cache):
    ids = {save(scenario(), cache).id for _ in range(20)}
    assert len(ids) == 20
    assert all(saved_mixtures.ID.fullmatch(i) for i in ids)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "x" * 121}, "at most 120"),
        ({"notes": "x" * 20_001}, "at most 20,000"),
        ({"p": np.array([0.5, 0.1, 0.5])}, "sum to 1"),
        ({"p": np.array([1.5, -0.5, 0.0])}, "at least 0"),
        ({"p": np.array([np.nan, 0.5, 0.5])}, "at least 0"),
        ({"p": np.array([0.5, 0.5])}, "one weight"),
        ({"tasks": ("a", "a", "b")}, "distinct"),
        ({"controls": {"study": 3}}, "texts"),
        ({"controls": {"task": ["a", 3]}}, "texts"),
    ],
)
def test_what_makes_no_scenario_is_refused(changes, sentence):
    with pytest.raises(ScenarioError, match=sentence):
        scenario(**changes)


def test_sizes_and_numbers_are_limited(cache, monkeypatch):
    with pytest.raises(ScenarioError, match="a name"):
        save(scenario(name=" \n "), cache)
    monkeypatch.setattr(saved_mixtures, "LARGEST_FILE", 3000)
    with pytest.raises(ScenarioError, match="bytes"):
        save(scenario(notes="x" * 3000), cache)
    assert not list(scenarios_folder(cache).glob("*.json"))
    monkeypatch.setattr(saved_mixtures, "MOST_NAMED", 2)
    kept = [save(scenario(), cache) for _ in range(2)]
    with pytest.raises(ScenarioError, match="delete one"):
        save(scenario(), cache)
    save(replace(kept[0], notes="still room to edit"), cache)
    monkeypatch.setattr(saved_mixtures, "MOST_DRAFTS", 3)
    drafts = [save_draft(scenario(), cache).id for _ in range(5)]
    assert {p.stem for p in (scenarios_folder(cache) / "drafts").glob("*.json")} == set(drafts[2:])


def test_a_change_by_someone_else_is_not_overwritten(cache):
    mine = save(scenario(notes="mine"), cache)
    theirs = save(replace(open_scenario(mine.id, cache), notes="theirs"), cache)
    with pytest.raises(ScenarioError, match="someone else"):
        save(replace(mine, notes="mine again"), cache)
    assert open_scenario(mine.id, cache).notes == "theirs"
    assert save(replace(theirs, notes="theirs again"), cache).notes == "theirs again"
    delete(mine.id, cache)
    delete(mine.id, cache)
    with pytest.raises(ScenarioError, match="deleted"):
        open_scenario(mine.id, cache)
    with pytest.raises(ScenarioError, match="deleted"):
        save(replace(theirs, notes="too late"), cache)


def _write_many(root, identifier, letter):
    for _ in range(15):
        save_draft(scenario(id=identifier, notes=letter * 5000), root)
        save(scenario(name=letter), root)


def test_writers_at_once_leave_whole_files(cache):
    identifier = save_draft(scenario(notes="x" * 5000), cache).id
    context = multiprocessing.get_context("fork")
    writers = [
        context.Process(target=_write_many, args=(cache, identifier, letter)) for letter in "xyz"
    ]
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        seen.add(open_draft(identifier, cache).notes)
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    seen.add(open_draft(identifier, cache).notes)
    assert seen <= {letter * 5000 for letter in "xyz"}
    found, broken = list_scenarios(cache)
    assert len(found) == 45
    assert not broken
    assert not list(scenarios_folder(cache).rglob(".writing-*"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b'{"version": 2}',
        b"[" * 100_000,
        json.dumps({"version": 1, "weights": {"a": 1}, "tasks": ["a"], "name": ["x"]}).encode(),
    ],
)
def test_a_damaged_file_says_so_and_leaves_the_others(cache, content):
    kept = save(scenario(), cache)
    (scenarios_folder(cache) / f"{'b' * 24}.json").write_bytes(content)
    found, broken = list_scenarios(cache)
    assert [s.id for s in found] == [kept.id]
    assert len(broken) == 1
    assert "delete it" in broken[0][1]


def test_an_unknown_key_is_damage(cache):
    kept = save(scenario(), cache)
    path = scenarios_folder(cache) / f"{kept.id}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "p": 3}))
    assert list_scenarios(cache)[1]


def test_a_scenario_says_when_its_study_changed():
    study = Study("f", "toy", "d", "c" * 64, "imported", ("given",), (Task("sums"),), None, {})
    assert scenario().stale(study) == ""
    assert "content cccccccccccc" in scenario().stale(replace(study, content="e" * 64))
    assert "not other" in scenario().stale(replace(study, slug="other", content="e" * 64))


def test_weights_over_other_tasks_are_joined_by_exact_id():
    over = scenario().over(("logic", "sum", "sums", "<b>dates</b>"))
    np.testing.assert_array_equal(over, [0.5, np.nan, 0.5, 0.0])


def test_a_saved_scenario_is_a_mixture_file(cache):
    kept = save(scenario(), cache)
    file = scenarios_folder(cache) / f"{kept.id}.json"
    np.testing.assert_array_equal(read_mixture(file, TASKS), kept.p)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.json", '{"sums": 1, "logic": 3}'),
        ("m.json", '\ufeff{"weights": {"sums": 0.25, "logic": 0.75}}'),
        ("m.json", '{"tasks": ["logic", "sums"], "p": [0.75, 0.25]}'),
        ("m.csv", "task,weight\nsums,10\nlogic,30\n"),
        ("M.CSV", 'weight,task\n1,"sums"\r\n3,logic'),
    ],
)
def test_mixture_files_are_read_and_normalised(name, text):
    np.testing.assert_allclose(parse_mixture(text.encode(), name, TASKS), [0.25, 0, 0.75])


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("m.json", '{"sum": 1}', "did you mean 'sums'"),
        ("m.json", '{"sums": -1, "logic": 2}', "not negative"),
        ("m.json", '{"sums": 0}', "not all zero"),
        ("m.json", '{"sums": NaN}', "finite"),
        ("m.json", '{"sums": 1e308, "logic": 1e308}', "finite"),
        ("m.json", '{"sums": 1' + "0" * 400 + "}", "cannot be read"),
        ("m.json", "[" * 100_000, "cannot be read"),
        ("m.json", "3", "cannot be read"),
        ("m.json", '{"tasks": ["sums"], "p": [1, 2]}', "cannot be read"),
        ("m.csv", "a,b\n1,2", "cannot be read"),
        ("m.csv", "task,weight\nsums,1\nsums,2", "twice"),
        ("m.csv", "task,weight\nsums", "cannot be read"),
        ("m.csv", "x" * 1_000_001, "larger than"),
    ],
)
def test_what_is_no_mixture_is_refused_in_a_sentence(name, text, sentence):
    with pytest.raises(MixtureError, match=sentence):
        parse_mixture(text.encode(), name, TASKS)


@given(data=st.binary(max_size=300), name=st.sampled_from(["m.json", "m.csv"]))
def test_any_bytes_give_a_mixture_or_a_sentence(data, name):
    try:
        p = parse_mixture(data, name, TASKS)
    except MixtureError:
        return
    assert p.min() >= 0
    assert p.sum() == pytest.approx(1)


def test_a_mixture_that_0_1_saved_means_what_it_meant(cache):
    kept = save(scenario(controls={"study": "s", "measure": "jsd", "balance": "0.5"}), cache)
    path = scenarios_folder(cache) / f"{kept.id}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 1}))
    (found,), broken = list_scenarios(cache)
    assert not broken
    assert found.controls == {"study": "s", "measure": "jsd", "balance": "0.5", "resolution": "inf"}
    np.testing.assert_array_equal(found.p, kept.p)


def test_evidence_is_kept_and_a_mixture_without_any_is_written_as_before(tmp_path):
    said = {"sentences": ["It won."], "tuning": "d" * 64, "confirmed": {"seeds": [1, 2], "p": 0.1}}
    plain, tuned = save(scenario(), tmp_path), save(scenario(evidence=said), tmp_path)
    back = open_scenario(tuned.id, tmp_path)
    assert back.evidence == said
    assert back.trained == ("It won.",)
    assert open_scenario(plain.id, tmp_path).trained == ()
    written = json.loads((scenarios_folder(tmp_path) / f"{plain.id}.json").read_text())
    assert "evidence" not in written
    assert scenario(evidence={"sentences": "It won."}).trained == ()
    path = scenarios_folder(tmp_path) / f"{tuned.id}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"evidence": "it won"}))
    with pytest.raises(ScenarioError, match="is no readable scenario"):
        open_scenario(tuned.id, tmp_path)
