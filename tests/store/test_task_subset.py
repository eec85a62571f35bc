"""Removing tasks: the numbers of the rest are those of slow loops over what the study stored."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from taskpgm_core import store
from taskpgm_core.analysis.agreement import agreement
from taskpgm_core.analysis.drill_down import drill_down, positions
from taskpgm_core.builds import dry_run, pipeline
from taskpgm_core.builds.training_rows import training_rows
from taskpgm_core.cli.main import main
from taskpgm_core.errors import StoreError
from taskpgm_core.files.encoding import npz_arrays
from taskpgm_core.measure import Silence
from taskpgm_core.mixture import pose, solve
from taskpgm_core.plans.plan import parse_plan, renamed
from taskpgm_core.store.manifest import MANIFEST, read_manifest
from tests.support.app import open_page as page
from tests.support.synthetic_study import older, synthetic_arrays, two_models, write_study
from tests.support.tiny_model import tiny_plan

COMMITTED = Path(__file__).parents[2] / "cache"
FIVE = ("a", "b", "c", "d", "e")
CURLY = "brackets-curly"
LESS = "starter-minus-brackets-curly"


def uneven(**changes) -> dict:
    """Arrays of five tasks with 3, 1, 2, 2 and 2 probe examples."""
    arrays = synthetic_arrays(3, FIVE)
    arrays["pool"]["task"] = np.array([0, 0, 0, 1, 2, 2, 3, 3, 4, 4])
    arrays["matrices"] |= {
        "noise": np.array([0.1, 0.2, 0.3]),
        "noise_tasks": np.array([0, 2, 4]),
        "batch_noise": np.array(0.004),
        "text": arrays["matrices"]["jsd"] / 2,
        "text-noise": np.array([0.05, 0.06]),
        "text-noise-tasks": np.array([1, 3]),
        **changes,
    }
    return arrays | two_models(5, [0, 2, 4], arrays["gold"].shape[1])


def removed(study, *tasks, slug="less", lean=False):
    return store.without(study, tasks, slug=slug, plan=None, lean=lean)


@pytest.fixture
def starter(cache):
    """The committed study in the test's own cache."""
    [folder] = COMMITTED.glob("starter-????????????")
    shutil.copytree(folder, cache / folder.name)
    return store.open_study("starter")


def mean_by_hand(divergence, task, left) -> float:
    """Over tasks, of the mean over each one's examples."""
    means = []
    for t in left:
        own = [float(divergence[e]) for e in range(len(task)) if task[e] == t]
        means.append(sum(own) / len(own))
    return sum(means) / len(means)


# Numbers


@pytest.mark.parametrize("gone", ["a", "c", "ad", "be"])
@pytest.mark.parametrize("layout", [dict, older])
def test_every_part_is_what_loops_over_the_old_arrays_give(cache, gone, layout):
    arrays = layout(uneven())
    precision = np.float32 if layout is older else np.float16
    new = removed(write_study(cache, tasks=FIVE, **arrays), *gone)
    left = [k for k, name in enumerate(FIVE) if name not in gone]
    models, task = [*left, 5], arrays["pool"]["task"]
    assert new.names == tuple(FIVE[k] for k in left)
    assert [t.rows for t in new.tasks] == [100 + k for k in left]

    examples = [e for e in range(10) if task[e] in left]
    lengths = [int(arrays["pool"]["tokens"][e]) for e in examples]
    places = []
    for e in examples:
        start = sum(arrays["pool"]["tokens"][:e])
        places += range(start, start + arrays["pool"]["tokens"][e])
    rows = {}
    for i in range(5):
        for j in range(i + 1, 5):
            rows[i, j] = len(rows)

    pool = store.probe_pool(new)
    assert pool.task.tolist() == [left.index(task[e]) for e in examples]
    assert pool.row.tolist() == [arrays["pool"]["row"][e] for e in examples]
    assert pool.tokens.tolist() == lengths
    assert pool.first.tolist() == [sum(lengths[:k]) for k in range(len(lengths))]
    assert pool.spans.shape == (sum(lengths), 2)
    np.testing.assert_array_equal(pool.checksum, arrays["pool"]["checksum"][examples])

    pairs, tokens = store.pair_divergences(new), store.token_divergences(new)
    D, at = store.similarity(new).divergence, 0
    for a in range(len(left)):
        for b in range(a + 1, len(left)):
            row = rows[left[a], left[b]]
            old = arrays["per_example"][row].astype(precision)
            assert pairs.of(a, b).tolist() == [old[e] for e in examples]
            assert D[a, b] == pytest.approx(mean_by_hand(old, task, left), rel=1e-14)
            position = arrays["per_position"][row].astype(np.float16)
            assert tokens[at].tolist() == [position[x] for x in places]
            if layout is dict:
                kept = store.replicate_divergences(new)[at]
                given = arrays["by_task"][row][:, left].astype(np.float16)
                np.testing.assert_array_equal(kept, given)
            at += 1
    assert at == len(tokens) == len(pairs.divergence)

    table, likely = store.losses(new), store.likely_tokens(new)
    for a, i in enumerate(models):
        for b, j in enumerate(left):
            assert table.per_token[a, b] == arrays["per_token"][i, j]
            assert table.per_sequence[a, b] == arrays["per_sequence"][i, j]
            for measure in ("pmi", "pmi-token") if i < 5 else ():
                S = store.similarity(new, measure).matrix
                assert S[a, b] == arrays["matrices"][measure][i, j]
        again = [] if layout is older else [k for k in left if k in (0, 2, 4)]
        second = store.second_gold(new)
        assert [left[k] for k in second.tasks] == again
        for values, k in zip(second.log_probability, again, strict=True):
            whole = arrays["second_gold"][[0, 2, 4].index(k)].astype(np.float32)
            assert values.tolist() == [whole[x] for x in places]
        gold = arrays["gold"][i].astype(np.float32)
        assert store.gold_log_probabilities(new)[a].tolist() == [gold[x] for x in places]
        assert likely.ids[a].tolist() == [arrays["top_ids"][i, x].tolist() for x in places]
    assert set(likely.strings) == set(likely.ids.ravel().tolist())
    assert likely.strings.items() <= arrays["vocabulary"].items()
    assert [store.probe_text(new)[k] for k in range(len(examples))] == [
        arrays["text"][e] for e in examples
    ]
    curves, old = store.training_curves(new), arrays["curves"]
    assert curves["loss"].tolist() == [
        loss for t, loss in zip(old["task"], old["loss"], strict=True) if t not in gone
    ]


def test_what_is_only_kept_as_a_mean_is_carried_over_and_said_to_be_so(cache):
    arrays = uneven()
    study = write_study(cache, tasks=FIVE, **arrays)
    new = removed(study, "c")
    assert store.base_divergence(new).tolist() == arrays["matrices"]["base"][[0, 1, 3, 4]].tolist()
    noise = store.noise(new)
    assert (noise.tasks, noise.divergence.tolist(), noise.batch) == (("a", "e"), [0.1, 0.3], 0.004)
    assert new.facts["derived"] == {
        "from": study.digest,
        "study": "synthetic",
        "removed": ["c"],
        "old_pool": ["base", "noise", "batch_noise", "text"],
    }
    assert new.facts["device"] == "cpu"
    assert new.origin.endswith("all tasks, and its words are weighed as in the rows of all tasks")
    text = arrays["matrices"]["text"][np.ix_([0, 1, 3, 4], [0, 1, 3, 4])]
    assert (npz_arrays(Path(new.folder, "matrices.npz").read_bytes())["text"] == text).all()
    words = store.noise(new, "text")
    assert (words.tasks, words.divergence.tolist()) == (("b", "d"), [0.05, 0.06])
    assert removed(study, "a", "c", "e", slug="still").slug == "still"
    assert store.noise(store.open_study("still")).tasks == ()


def test_facts_that_told_of_all_tasks_are_not_taken_along(cache):
    facts = {
        "rounds": [{"examples": [3, 1, 2, 2, 2], "half_width": 0.1, "forward_passes": 9}],
        "target_reached": True,
        "shared_examples": [["a", "b", 4], ["b", "d", 2], ["d", "e", 1]],
    }
    new = removed(write_study(cache, tasks=FIVE, facts=facts, **uneven()), "b")
    assert new.facts.keys() == {"device", "shared_examples", "derived"}
    assert new.facts["shared_examples"] == [["d", "e", 1]]


@pytest.mark.parametrize("layout", [dict, older])
def test_one_after_another_is_the_same_study_as_at_once(cache, layout):
    study = write_study(cache, tasks=FIVE, **layout(uneven()))
    steps = removed(removed(study, "d"), "a", slug="two")
    once = removed(study, "a", "d", slug="once")
    assert steps.digest == once.digest
    assert steps.content == once.content
    assert steps.facts == once.facts
    assert removed(study, "a", slug="one").digest != once.digest


def test_the_old_study_stays_and_its_evidence_is_not_taken_along(cache):
    study = write_study(cache, tasks=FIVE, **uneven())
    (Path(study.folder) / "evidence").mkdir()
    before = store.verify(study.folder)
    new = removed(study, "b")
    assert store.verify(study.folder) == before
    assert not (Path(new.folder) / "evidence").exists()
    assert store.verify(new.folder).files == before.files


def test_text_that_is_not_shared_stays_unshared(cache):
    arrays = uneven()
    text = arrays.pop("text")
    study = store.bring_text(write_study(cache, tasks=FIVE, text=None, **arrays), text)
    new = removed(study, "a")
    assert store.probe_text(new) == tuple(text[3:])
    assert "text.json" not in read_manifest(Path(new.folder))["files"]
    assert (Path(new.folder) / "text" / MANIFEST).is_file()


def test_a_lean_one_holds_all_but_what_models_would_have_said(cache):
    study = write_study(cache, tasks=FIVE, **uneven())
    whole, lean = removed(study, "a", slug="whole"), removed(study, "a", slug="lean", lean=True)
    kept, less = (read_manifest(Path(s.folder))["files"] for s in (whole, lean))
    assert set(kept) - set(less) == {"likely.npz", "vocabulary.json"}
    assert all(kept[name] == entry for name, entry in less.items())
    assert store.verify(lean.folder).absent == ("likely tokens",)
    assert store.likely_tokens(lean) is None
    assert agreement(lean, 0, 1) is None
    found = drill_down(lean, "jsd", 0, 1)
    told, silent = (positions(s, found, 0) for s in (whole, lean))
    assert [replace(p, said={}) for p in told] == list(silent)
    assert removed(lean, "b", slug="fewer").absent == lean.absent


@pytest.mark.parametrize("kind", ["similarity", "divergence"])
def test_what_was_said_of_a_matrix_stays_with_its_rest(cache, tmp_path, kind):
    (tmp_path / "m.csv").write_text("a,a,0\na,b,.9\na,c,.8\na,d,.1\nb,b,0\nb,c,.2\nb,d,.3\nc,c,0\n"
                                    "c,d,.4\nd,d,0\n")  # fmt: skip
    study = store.import_matrix(tmp_path / "m.csv", kind=kind, keep_kind=True, name="mine")
    lists = [said for said in study.facts["warnings"] if "pairs of the list" in said]
    assert len(lists) == 1
    less = removed(study, "d")
    assert less.facts["warnings"] == study.facts["warnings"]
    assert removed(less, "a", slug="rest").facts["warnings"] == lists


@pytest.mark.parametrize("kind", ["similarity", "divergence"])
def test_of_an_imported_matrix_the_rest_stays(cache, tmp_path, kind, capsys):
    D = np.array([[0, 0.5, 0.9, 0.1], [0.5, 0, 0.2, 0.3], [0.9, 0.2, 0, 0.4], [0.1, 0.3, 0.4, 0]])
    np.savetxt(tmp_path / "m.csv", D, delimiter=",")
    study = store.import_matrix(tmp_path / "m.csv", kind=kind, keep_kind=True, name="mine")
    assert main(["remove-task", "mine", "T1"]) == 0
    new = store.open_study("mine-minus-t1")
    S = store.similarity(study).matrix
    np.testing.assert_array_equal(store.similarity(new).matrix, S[1:, 1:])
    assert (new.names, new.plan, new.facts["warnings"]) == (("T2", "T3", "T4"), None, [])
    assert len(study.facts["warnings"]) == (kind == "divergence")
    assert store.verify(new.folder).absent == ()
    capsys.readouterr()
    assert main(["add-task", "mine-minus-t1", "generated:boolean"]) == 2
    assert "imported as a matrix" in capsys.readouterr().err
    assert main(["show", "mine-minus-t1"]) == 0
    assert f"Made from mine ({study.digest[:12]}) without T1.\n" in capsys.readouterr().out


# The committed study


def test_the_starter_study_without_one_task(starter, capsys):
    assert main(["remove-task", "starter", CURLY, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["slug"] == LESS
    new = store.open_study(LESS)
    gone = starter.place(CURLY)
    left = [k for k in range(26) if k != gone]
    old, D = store.pair_divergences(starter), store.similarity(new).divergence
    for a, i in enumerate(left):
        for b in range(a):
            own = mean_by_hand(old.of(i, left[b]), old.task, left)
            assert D[a, b] == pytest.approx(own, rel=1e-13)
    for measure in ("pmi", "pmi-token"):
        S = store.similarity(starter, measure).matrix
        np.testing.assert_array_equal(store.similarity(new, measure).matrix, S[np.ix_(left, left)])
    assert new.facts["shared_examples"] == []
    assert starter.facts["shared_examples"][0][1] == CURLY
    assert main(["verify", LESS]) == main(["show", LESS]) == 0
    said = capsys.readouterr().out
    assert f"Made from starter ({starter.digest[:12]}) without {CURLY}; its noise was" in said
    for measure in new.measures:
        assert main(["solve", LESS, "--measure", measure, "--balance", "0.5", "--json"]) == 0
        answer = json.loads(capsys.readouterr().out)
        assert answer["status"] == "optimal"
        assert answer["gap_relative"] < 1e-9
        assert CURLY not in answer["tasks"]


def test_the_plan_is_that_of_the_rest(starter):
    assert main(["remove-task", "starter", "boolean", CURLY, "--slug", "less"]) == 0
    study = store.open_study("less")
    plan, old = (parse_plan(json.dumps(s.plan)) for s in (study, starter))
    assert plan.slug == "less"
    assert plan.tasks == tuple(t for t in old.tasks if t.id not in ("boolean", CURLY))
    left = tuple(name for name in old.second_seeds if name not in ("boolean", CURLY))
    assert plan.second_seeds == left
    assert store.noise(study).tasks == left


def test_no_torch_is_loaded(cache):
    [folder] = COMMITTED.glob("starter-????????????")
    code = (
        f"import sys\nfrom taskpgm_core.cli.main import main\n"
        f"assert main(['remove-task', {str(folder)!r}, {CURLY!r}]) == 0\n"
        f"sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=COMMITTED.parent, timeout=60)
    assert store.open_study(LESS)


def test_the_pages_and_the_report_show_it_as_any_study(starter, tmp_path):
    assert main(["remove-task", "starter", CURLY]) == 0
    new = store.open_study(LESS)
    p = solve(pose(store.similarity(new)), 0.5).p
    at = page("mixture", study=LESS, balance="0.5")
    table = next(d.value for d in at.dataframe if "epochs" in d.value)
    share = dict(zip(table["task"], table["share"], strict=True))
    assert share == pytest.approx(dict(zip(new.names, 100 * p, strict=True)), abs=0.06)

    pair = ("brackets-square", "boolean")
    at = page("similarity", study=LESS, task=list(pair))
    i, j = map(new.place, pair)
    d = store.similarity(new).divergence[i, j]
    assert drill_down(new, "jsd", i, j).share.sum() == pytest.approx(d, abs=1e-9)
    assert any(f"{d:.3f} nats apart" in m.value.replace("\\", "") for m in at.markdown)
    assert any("true, base model" in d.value for d in at.dataframe)

    at = page("why", study=LESS, task=["brackets-square"], balance="0.5")
    assert any("brackets-square" in m.value.replace("\\", "") for m in at.markdown)
    assert main(["report", LESS, "--out", str(tmp_path / "less.html")]) == 0
    assert f"without {CURLY}; its noise was" in (tmp_path / "less.html").read_text()
    at = page()
    assert any(f"without {CURLY}" in m.value.replace("\\", "") for m in at.markdown)


# ComparedMixtures a study that is built


def test_it_agrees_with_a_study_that_is_built_of_its_plan(tiny_study, cache, capsys):
    gone = tiny_study.names[0]  # the one with a second seed
    assert main(["remove-task", "tiny", gone, "--slug", "less"]) == 0
    less = store.open_study("less")
    assert "rebuild" in less.absent
    plan = renamed(parse_plan(json.dumps(less.plan)), "built")
    assert dry_run.preview(plan).left["train"] == 0
    built, now = pipeline.build(plan, progress=Silence())
    assert now
    assert built.digest != less.digest
    for measure in set(less.measures) - {"text"}:  # which weighs terms by the rows of all tasks
        S, other = (store.similarity(s, measure).matrix for s in (less, built))
        np.testing.assert_allclose(S, other, atol=2e-4 if measure == "jsd" else 1e-6)  # float16
    np.testing.assert_allclose(
        store.pair_divergences(less).divergence,
        store.pair_divergences(built).divergence,
        atol=2.5e-4,
    )
    assert store.probe_text(less) == store.probe_text(built)
    files = [read_manifest(Path(s.folder))["files"] for s in (less, built)]
    for name in ("probe.npz", "text.json", "training.parquet"):
        assert files[0][name] == files[1][name]

    capsys.readouterr()
    assert main(["add-task", "less", "generated:code-trace", "--rows", "24", "--yes"]) == 0
    err = capsys.readouterr().err
    assert "rebuild parts of less are not all here" in err
    grown = store.open_study("less-plus-code-trace")
    assert grown.names == (*less.names, "code-trace")
    assert grown.origin == ""


@pytest.mark.parametrize("lean", [[], ["--lean"]], ids=["whole", "lean"])
def test_a_damaged_one_is_made_again_by_the_command_that_repair_names(starter, capsys, lean):
    assert main(["remove-task", "starter", CURLY, *lean]) == 0
    new = store.open_study(LESS)
    file = Path(new.folder) / "pairs.npz"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    capsys.readouterr()
    assert main(["repair", LESS]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"Error: {LESS}/pairs.npz is damaged; make the study again")
    assert main(said.partition("python -m taskpgm_core ")[2].split()) == 0
    assert file.read_bytes() == whole
    assert ("likely tokens" in store.verify(new.folder).absent) == bool(lean)


# Refusals


def test_the_upper_bounds_of_a_bounded_study_are_not_kept_by_example(cache):
    arrays = uneven(**{"jsd-upper": np.ones((5, 5))})
    study = write_study(cache, tasks=FIVE, **arrays)
    with pytest.raises(StoreError, match=r"upper bounds .* only as means .* build that: finished"):
        removed(study, "a")


def test_without_divergences_by_example_nothing_is_removed(cache):
    many = tuple(f"t{k}" for k in range(65))
    study = write_study(cache, tasks=many)
    with pytest.raises(StoreError, match=r"more than 64 tasks and so keeps no divergence of each"):
        removed(study, "t3")


def test_a_smaller_dose_comes_by_removing_files_of_one_generator(tiny_base, cache):
    shards = [
        {
            "id": f"add-{k}",
            "source": "generated:add-3-digit",
            "rows": 12,
            "options": {"shard": k, "shards": 4},
        }
        for k in range(4)
    ]
    plan = tiny_plan(
        tiny_base,
        tasks=[*shards, {"source": "generated:boolean", "rows": 24}],
        training={**tiny_plan(tiny_base).training.model_dump(), "second_seed": []},
    )
    whole, _ = pipeline.build(plan, progress=Silence())
    assert main(["remove-task", "tiny", "add-1", "add-3", "--slug", "dose-2"]) == 0
    less = store.open_study("dose-2")
    assert less.names == ("add-0", "add-2", "boolean")
    assert store.verify(less.folder)
    kept = [whole.names.index(name) for name in less.names]
    for here, there in enumerate(kept):
        assert less.tasks[here] == whole.tasks[there]
    read, before = training_rows(less), training_rows(whole)
    assert all(read(name) == before(name) for name in less.names)
    assert not {e.prompt for e in read("add-0")} & {e.prompt for e in read("add-2")}
