"""The house's rules, read from the source: who imports whom, and how large things may get."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = ROOT / "taskpgm_core"
MODULES = sorted(CORE.rglob("*.py"))
PAGES = [ROOT / "app.py", *sorted((ROOT / "pages").rglob("*.py"))]
TORCH = {"torch", "triton", "transformers", "peft", "accelerate", "gguf"}

# A room may import from the rooms named here (and from itself).
RECORDS = {"records", "errors", "digest"}
ROOMS = {
    "records": {"errors"},
    "errors": set(),
    "digest": set(),
    "plan": {"errors"},
    "tasks": RECORDS,
    "measure": RECORDS | {"plan", "store"},
    "store": RECORDS | {"plan"},
    "mixture": RECORDS,
    "exports": RECORDS | {"mixture", "store", "figures"},
    "figures": RECORDS | {"mixture"},
    "report": RECORDS | {"mixture", "figures"},
    "scenarios": RECORDS | {"mixture", "store"},
}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def room_of(path: Path) -> str:
    return path.relative_to(CORE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Every module named by an import statement of a file, at any depth."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def top_level(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(path)}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_room_imports_only_the_rooms_before_it(path):
    assert "streamlit" not in top_level(path)
    assert "pages" not in top_level(path)
    room = room_of(path)
    if room != "measure":
        assert not top_level(path) & TORCH
    if room not in ROOMS:
        return
    rooms = {
        parts[1]
        for parts in (name.split(".") for name in imported(path))
        if parts[0] == "taskpgm_core" and len(parts) > 1
    }
    assert rooms <= ROOMS[room] | {room}, f"{name_of(path)} reaches into {rooms - ROOMS[room]}"


@pytest.mark.parametrize("path", [p for p in MODULES if room_of(p) == "mixture"], ids=name_of)
def test_the_mixture_room_needs_numpy_and_scipy_only(path):
    beyond = top_level(path) - set(sys.stdlib_module_names) - {"numpy", "scipy", "taskpgm_core"}
    assert not beyond


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_pages_never_import_what_measures(path):
    assert not top_level(path) & TORCH
    assert not {m for m in imported(path) if re.match(r"taskpgm_core\.(measure|pipeline)\b", m)}
    thin = path.parent.name == "pages" or path.name == "app.py"
    assert not thin or len(path.read_text().splitlines()) <= 60


def test_no_file_both_computes_and_draws():
    solvers = re.compile(r"taskpgm_core\.mixture(\.\w+)?\.(solve|trace|select|explain|bootstrap)\b")
    for path in MODULES:
        if "plotly.graph_objects" in imported(path):
            assert room_of(path) in ("api", "figures", "exports"), name_of(path)
            assert not {m for m in imported(path) if solvers.match(m)}, name_of(path)


def test_files_have_names_of_their_own_and_stay_small():
    for path in [*MODULES, *PAGES]:
        assert path.stem not in {"utils", "util", "common", "helpers", "base", "misc"}, path
        assert len(path.read_text().splitlines()) <= 400, path


def test_only_the_store_opens_study_files():
    readers = re.compile(r"np\.load\(|read_parquet\(|safetensors\.numpy import load\b")
    for path in [*MODULES, *PAGES]:
        if room_of(path) != "store" if path.is_relative_to(CORE) else True:
            # sources and adapters are no study files
            if name_of(path).startswith(("taskpgm_core/tasks/", "taskpgm_core/measure/adapters")):
                continue
            assert not readers.search(path.read_text()), name_of(path)


def test_mixture_and_store_load_neither_torch_nor_streamlit_nor_plotly():
    code = (
        "import sys, taskpgm_core.mixture, taskpgm_core.store\n"
        "import taskpgm_core.analysis.saved_mixtures\n"
        "heavy = {'torch', 'transformers', 'streamlit', 'plotly'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    if not (CORE / "scenarios.py").is_file():
        code = code.replace(", taskpgm_core.analysis.saved_mixtures", "")
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
