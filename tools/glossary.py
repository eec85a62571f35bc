"""Write docs/glossary.md from the words that help texts use."""

from pathlib import Path

from taskpgm_core.findings.glossary import page

FILE = Path(__file__).parents[1] / "docs" / "glossary.md"

if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
