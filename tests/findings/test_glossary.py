"""docs/glossary.md says what help texts say."""

from taskpgm_core.findings.glossary import GLOSSARY, page
from tools.glossary import FILE


def test_the_page_is_written_from_the_words():
    assert FILE.read_text(encoding="utf-8") == page(), "run python -m tools.glossary"
    assert all(meaning.endswith(".") for meaning in GLOSSARY.values())
