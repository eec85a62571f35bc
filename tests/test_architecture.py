"""The house's rules, read from the source: who imports whom, and how large things may get.

Who may import whom is what the contracts in ``.importlinter`` say; here are the rules that a
contract cannot say.
"""

import ast
import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parents[1]
CORE = ROOT / "taskpgm_core"
MODULES = sorted(CORE.rglob("*.py"))
PAGES = [ROOT / "app.py", *sorted((ROOT / "pages").rglob("*.py"))]
TORCH = {"torch", "triton", "transformers", "peft", "accelerate", "gguf"}
# Rooms and files that may know Plotly's graph objects.
DRAWING = (
    "taskpgm_core/api/",
    "taskpgm_core/figures/",
    "taskpgm_core/report/charts.py",
    "taskpgm_core/report/static_charts/",
    "pages/ui/chart.py",
)
SOLVING = re.compile(
    r"taskpgm_core\.(mixture(\.\w+)*|analysis\.replicates)"
    r"\.(solve|solutions|trace|select|explain|uncertainty|bootstrap|near_optimal|baseline)$"
)
# Where bytes become arrays and tables: the store, and the one file of formats that it calls.
OPENING = ("taskpgm_core/store/", "taskpgm_core/files/encoding.py")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(tree: ast.AST) -> set[str]:
    """Every module named by an import statement of a file, at any depth."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def top_level(tree: ast.AST) -> set[str]:
    return {name.partition(".")[0] for name in imported(tree)}


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def contracts() -> configparser.ConfigParser:
    found = configparser.ConfigParser()
    found.read(ROOT / ".importlinter", encoding="utf-8")
    return found


def test_every_import_keeps_the_contracts(capsys):
    kept = lint_imports(str(ROOT / ".importlinter"), no_cache=True)
    assert kept == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_no_room_is_left_out_of_the_contracts(contracts):
    order = contracts["importlinter:contract:order"]
    layers = set(re.findall(r"\w+", order["layers"]))
    ignored = order["exhaustive_ignores"].split()
    rooms = {path.relative_to(CORE).parts[0].removesuffix(".py") for path in MODULES}
    assert rooms - {"__init__"} == layers | set(ignored)
    assert not layers & set(ignored)
    assert ignored == ["__main__"]
    assert order.getboolean("exhaustive")
    assert "ignore_imports" not in order
    torch = contracts["importlinter:contract:torch"]
    assert {name.rpartition(".")[2] for name in torch["source_modules"].split()} == {
        "pages",
        *(rooms - {"__init__", "measure"}),
    }
    assert set(torch["forbidden_modules"].split()) == TORCH


@pytest.mark.parametrize("path", sorted((CORE / "mixture").rglob("*.py")), ids=name_of)
def test_the_mixture_room_needs_numpy_and_scipy_only(path):
    beyond = top_level(parsed(path)) - set(sys.stdlib_module_names)
    assert not beyond - {"numpy", "scipy", "taskpgm_core"}


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_pages_are_thin_and_never_measure(path):
    """Here, too, since ``app.py`` is in no package that a contract could name."""
    tree = parsed(path)
    assert not top_level(tree) & TORCH
    measuring = re.compile(r"taskpgm_core\.(measure|builds\.pipeline)\b")
    assert not {m for m in imported(tree) if measuring.match(m)}
    thin = path.parent.name == "pages" or path.name == "app.py"
    assert not thin or len(path.read_text().splitlines()) <= 60


@pytest.mark.parametrize("path", [*MODULES, *PAGES], ids=name_of)
def test_no_file_both_computes_and_draws(path):
    names = imported(parsed(path))
    if any(name.startswith("plotly.graph_objects") for name in names):
        assert name_of(path).startswith(DRAWING)
        assert not {name for name in names if SOLVING.match(name)}


def test_files_have_names_of_their_own_and_stay_small():
    for path in [*MODULES, *PAGES]:
        assert path.stem not in {"utils", "util", "common", "helpers", "base", "misc"}, path
        assert len(path.read_text().splitlines()) <= 400, path


def test_only_the_store_opens_study_files():
    readers = re.compile(
        r"np\.load\(|read_parquet\(|safetensors\.numpy import load\b|\b(npz_arrays|parquet_frame)\b"
    )
    for path in [*MODULES, *PAGES]:
        if not name_of(path).startswith(OPENING):
            assert not readers.search(path.read_text()), name_of(path)


def test_mixture_and_store_load_neither_torch_nor_streamlit_nor_plotly():
    code = (
        "import sys, taskpgm_core.mixture, taskpgm_core.store\n"
        "import taskpgm_core.analysis.saved_mixtures\n"
        "heavy = {'torch', 'transformers', 'streamlit', 'plotly'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


def requirements() -> dict[str, list[str]]:
    return {
        path.name: [
            line
            for line in (raw.split("#")[0].strip() for raw in path.read_text().splitlines())
            if line and not line.startswith("-")
        ]
        for path in sorted(ROOT.glob("requirements*.txt"))
    }


def test_every_requirement_is_pinned_and_earns_its_place():
    pages = (ROOT / "docs" / "decisions").glob("*.md")
    decisions = "".join(page.read_text() for page in pages).lower()
    for file, lines in requirements().items():
        for line in lines:
            name, pinned, _ = line.partition("==")
            assert pinned, f"{file}: {line} is not pinned"
            assert name.lower() in decisions, f"{name} has no entry in docs/decisions"


def test_the_dashboard_installs_without_torch():
    assert not {
        line.partition("==")[0] for line in requirements()["requirements-dashboard.txt"]
    } & {
        *TORCH,
        "datasets",
        "ray",
    }


@pytest.mark.slow
def test_the_first_page_waits_for_no_library_that_only_others_need():
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, pages.ui.study_card; print(*sys.modules)"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert "pages.ui.cached" in loaded
    assert not {"networkx", "pydantic", "scipy.cluster", "scipy.optimize", "torch"} & set(loaded)


CONTROLS = {
    "checkbox",
    "file_uploader",
    "multiselect",
    "number_input",
    "segmented_control",
    "selectbox",
    "slider",
    "text_area",
    "text_input",
    "toggle",
}


def test_every_control_says_what_it_is_for():
    for path in [ROOT / "app.py", *sorted((ROOT / "pages").rglob("*.py"))]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                helped = any(k.arg == "help" for k in node.keywords)
                assert helped or node.func.attr not in CONTROLS, f"{path.name}:{node.lineno}"
