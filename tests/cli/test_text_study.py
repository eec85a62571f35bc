"""``build --measure text``: a study by words alone, through every verb; and what it cannot say."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from taskpgm_core import store
from taskpgm_core.analysis.drill_down import drill_down
from taskpgm_core.builds.material import gather
from taskpgm_core.builds.text_study import text_matrices
from taskpgm_core.cli.main import main
from taskpgm_core.errors import StoreError
from taskpgm_core.evidence.forecast import foresight
from taskpgm_core.plans.plan import load_plan
from tests.support.protocols import made_up, protocol

ALONE = "starter-text was built by words alone, without models"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A cache with the committed plan ``starter`` by words alone; read it, never write to it."""
    root = tmp_path_factory.mktemp("text") / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TASKPGM_CACHE", str(root))
        assert main(["build", "starter", "--measure", "text", "--json"]) == 0
    return root


@pytest.fixture
def study(built, cache):
    """A copy of it in the test's own cache."""
    shutil.copytree(built, cache, dirs_exist_ok=True)
    return store.open_study("starter-text")


@pytest.fixture
def ask(capsys):
    """Runs a verb with --json; its answer, or its one sentence of error."""

    def run(*words):
        status = main([*map(str, words), "--json"])
        out, err = capsys.readouterr()
        if status:
            assert (status, out, err.count("\n")) == (2, "", 1)
            return err
        return json.loads(out)

    return run


def small(folder, **changes):
    """A plan of generated tasks whose base model is nowhere."""
    names = ("add-2-digit", "add-3-digit", "sort-foods")
    tasks = [{"source": f"generated:{name}", "rows": 60} for name in names]
    plan = {"slug": "small", "base": "no/such-model", "tasks": tasks, **changes}
    file = folder / "small.yaml"
    file.write_text(yaml.safe_dump(plan))
    return file


@pytest.mark.slow
def test_the_study_holds_the_words_of_the_plans_training_rows(study):
    plan = load_plan("starter")
    expected = text_matrices(gather(plan), plan.seed)
    similarity, noise = store.similarity(study), store.noise(study)
    assert (study.kind, study.measures) == ("text", ("text",))
    assert similarity.measure == noise.measure == "text"
    assert (similarity.divergence == expected["text"]).all()
    assert (noise.divergence == expected["text-noise"]).all()
    assert noise.tasks == study.names
    assert [t.rows for t in study.tasks] == [
        t.rows for t in store.open_study("starter", Path(__file__).parents[2] / "cache").tasks
    ]  # none of its rows is too long
    near = dict(zip(study.names, similarity.matrix[study.place("add-2-digit")], strict=True))
    near.pop("add-2-digit")
    assert max(near, key=near.get) == "add-3-digit"


@pytest.mark.slow
def test_no_model_is_looked_for_and_torch_stays_away(tmp_path):
    words = ["build", str(small(tmp_path)), "--measure", "text"]
    code = (
        "import sys; from taskpgm_core.cli.main import main; "
        f"status = main({words!r}); assert 'torch' not in sys.modules; sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"TASKPGM_CACHE": str(tmp_path / "cache"), "PATH": ""},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Compared 3 tasks by words alone: ")


def test_a_plan_built_twice_is_found_finished_and_rebuilt_to_the_same_bytes(cache, tmp_path, ask):
    words = ("build", small(tmp_path), "--measure", "text")
    first, second = ask(*words), ask(*words)
    again = ask(*words, "--rebuild")
    assert (first["built_now"], second["built_now"], again["built_now"]) == (True, False, True)
    assert first["slug"] == "small-text"
    assert first["content"] == second["content"] == again["content"]
    other = ask("build", small(tmp_path, seed=1), "--measure", "text", "--slug", "mine")
    assert other["slug"] == "mine"
    assert other["digest"] != first["digest"]
    long = ask("build", small(tmp_path, slug="x" * 48), "--measure", "text")
    assert long["slug"] == "x" * 43 + "-text"


def test_skills_and_solve_use_its_noise(study, ask, capsys):
    found = ask("skills", "starter-text")
    nu = np.median(store.noise(study).divergence)
    assert found["resolution_source"] == "noise"
    assert found["resolution"] == pytest.approx(2 * nu)
    solved = ask("solve", "starter-text", "--balance", "0", "--resolution", "0.3")
    assert solved["measure"] == "text"
    assert sum(solved["p"]) == pytest.approx(1)
    assert solved["alarms"] == []
    p = dict(zip(solved["tasks"], solved["p"], strict=True))
    assert p["add-2-digit"] + p["add-3-digit"] < 2 / 26  # near-copies in words share
    assert main(["solve", "starter-text"]) == 0
    assert "starter-text, text (by words alone), balance 1" in (said := capsys.readouterr().out)
    assert "twice the split-half noise" in said


@pytest.mark.parametrize(
    "words",
    [
        "path",
        "select --k 3",
        "explain",
        "baselines",
        "evidence",
        "show",
        "verify",
        "export --to axolotl --budget 100",
        "pack --out {tmp}/packed.tar.gz",
        "report --out {tmp}/report.html",
        "materialise --budget 60 --out {tmp}/rows",
    ],
)
def test_verbs_that_need_no_models_answer(study, ask, tmp_path, words):
    verb, *rest = words.format(tmp=tmp_path).split()
    found = ask(verb, "starter-text", *rest)
    if verb == "evidence":
        assert found.startswith("Error: starter-text")
        assert "validate" in found or "evidence" in found
    else:
        assert isinstance(found, dict), found
    if verb == "report":
        page = (tmp_path / "report.html").read_text()
        assert "measure text (by words alone)" in page
        assert "SmolLM2" not in page


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("uncertainty starter-text", ALONE),
        ("text starter-text --from .", ALONE),
        ("solve starter-text --unary gain --resolution inf", "--unary gain needs losses"),
        ("solve starter-text --judge-by add-2-digit", "--judge-by needs losses"),
        ("solve starter-text --measure jsd", "'jsd' is none that starter-text has"),
        ("solve starter-text --budget 10 --unit tokens", "--unit tokens needs lengths"),
        ("build starter --measure text --dry-run", "by words alone trains no models"),
        ("build starter --measure text --compare starter", "--compare does not go with it"),
        ("build starter --measure text --engine ray", "--engine does not go with it"),
        ("build starter --measure text --threads 2", "--threads does not go with it"),
        ("build starter --measure words", "--measure"),
        (
            "add-task starter-text generated:navigate --id new --dry-run",
            "--dry-run does not go with it",
        ),
        ("remove-task starter-text nothing", "no task 'nothing'"),
    ],
)
def test_what_needs_models_is_refused_in_a_true_sentence(study, ask, words, sentence):
    said = ask(*words.split())
    assert isinstance(said, str), said
    assert sentence in said
    assert "imported" not in said


def test_nothing_is_looked_into_or_forecast_without_models(study, tmp_path, ask):
    with pytest.raises(StoreError, match=ALONE):
        drill_down(study, "text", 0, 1)
    runs = made_up({"other": 0.1}, tasks=len(study.tasks))
    runs["task"] = [study.names[k % len(study.names)] for k in range(len(runs))]
    assert foresight(study, {"folder": ""}, runs.assign(budget=16, n_rows=2)) is None
    file = tmp_path / "protocol.yaml"
    arms = [{"name": "uniform", "baseline": "uniform", "measure": "text"}]
    asked = protocol(study="starter-text", arms=arms).model_dump(mode="json")
    file.write_text(yaml.safe_dump(asked))
    assert "without models; validate trains" in ask("validate", file)


@pytest.mark.slow
def test_a_damaged_study_is_repaired_from_its_plan(study, ask):
    file = Path(study.folder) / "matrices.npz"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    found = ask("repair", "starter-text")
    assert found["repaired"] == ["starter-text/matrices.npz was computed again."]
    assert file.read_bytes() == whole


def test_tasks_are_added_and_removed_by_building_the_changed_plan(cache, tmp_path, ask):
    old = ask("build", small(tmp_path), "--measure", "text")
    grown = ask("add-task", "small-text", "generated:navigate", "--rows", "60")
    assert [t["id"] for t in grown["tasks"]] == [*(t["id"] for t in old["tasks"]), "navigate"]
    less = ask("remove-task", grown["slug"], "navigate", "--slug", "back")
    assert (less["kind"], less["measures"]) == ("text", ["text"])
    D, again = (store.similarity(store.open_study(s)).matrix for s in ("small-text", "back"))
    assert (again == D).all()
