"""Help texts say what words mean as the glossary does, and keep symbols behind "Formula"."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskpgm_core.findings.glossary import GLOSSARY

ROOT = Path(__file__).parents[2]
GREEK = re.compile(r"[\u0370-\u03ff]")
PAGES = [ROOT / "app.py", *sorted((ROOT / "pages").rglob("*.py"))]


def helps(file: Path) -> Iterator[str]:
    """The help texts of a file, what they take from elsewhere left out."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.keyword) and node.arg == "help":
            parts = ast.walk(node.value)
            yield "".join(str(p.value) for p in parts if isinstance(p, ast.Constant))


def words(file: Path) -> Iterator[str]:
    """The words of the glossary that a file asks for."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        found: ast.expr | None = None
        if isinstance(node, ast.keyword) and node.arg == "word":
            found = node.value.body if isinstance(node.value, ast.IfExp) else node.value
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "GLOSSARY":
            found = node.slice
        if isinstance(found, ast.Constant):
            yield str(found.value)


def test_pages_use_every_word_of_the_glossary_and_no_other() -> None:
    assert {word for file in PAGES for word in words(file)} == set(GLOSSARY)


@pytest.mark.parametrize("text", [*GLOSSARY.values(), *(t for f in PAGES for t in helps(f))])
def test_symbols_stand_behind_the_word_formula(text: str) -> None:
    assert not GREEK.search(text.partition("Formula:")[0])
