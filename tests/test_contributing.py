"""What CONTRIBUTING.md and docs/ say of the code is so: paths exist, the order is the contract."""

import configparser
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PAGES = [ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]*|\.?[\w-]+\.(?:py|md|toml)|\.importlinter)`")
ANYWHERE = (
    ROOT,
    ROOT / "taskpgm_core",
    ROOT / "taskpgm_core/mixture",
    ROOT / "taskpgm_core/report",
)


def paths(text):
    return {path for path in PATH.findall(text) if "X" not in Path(path).stem}


def test_every_path_in_contributing_exists():
    named = paths(CONTRIBUTING)
    assert len(named) > 40
    assert not {path for path in named if not (ROOT / path).exists()}


@pytest.mark.parametrize("page", ["architecture.md", "protocols.md", "decisions/architecture.md"])
def test_every_path_in_the_documentation_exists(page):
    named = paths((DOCS / page).read_text(encoding="utf-8"))
    assert named
    assert not {path for path in named if not any((root / path).exists() for root in ANYWHERE)}


@pytest.mark.parametrize(
    "sought",
    [
        "whole-number counts",
        "the bootstrap",
        "what the Why page says",
        "the LoRA training loop",
        "a matrix import",
        "the axolotl recipe",
        "the balance dial",
        "the address of a page",
        "the cost of a build",
        "near-copies",
        "a question",
        "the kernel, skills",
        "the resolution axis",
        "the report's template",
        "who may import whom",
    ],
)
def test_contributing_says_where_it_is(sought):
    row = re.search(rf"^\| {re.escape(sought)}[^|]*\|([^|]*)\|$", CONTRIBUTING, re.M)
    assert row
    assert paths(row[1])


def test_the_order_of_rooms_is_the_contract():
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    layers = contracts["importlinter:contract:order"]["layers"].split("\n")
    contract = [sorted(re.split(r"[ |]+", layer.strip())) for layer in layers if layer.strip()]
    told = re.findall(r"^    ([a-z_, ]+)$", CONTRIBUTING.split("## The order of rooms")[1], re.M)
    assert [sorted(row.split(", ")) for row in told] == contract[::-1]
    table = re.findall(r"^\| (`.*?) \|", (DOCS / "architecture.md").read_text(), re.M)
    assert [sorted(re.findall(r"`(\w+)`", row)) for row in table[:-1]] == contract[::-1]


def test_the_table_of_contents_names_every_page():
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    listed = {(DOCS / target).resolve() for target in re.findall(r"\]\(([^)]+)\)", index)}
    pages = {page for page in DOCS.rglob("*.md") if page.name != "index.md"}
    assert not pages - listed, "docs/index.md lacks a line for these pages"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_files(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists(), target
