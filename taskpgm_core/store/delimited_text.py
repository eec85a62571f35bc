"""Tables as people save them: text in UTF-8 or UTF-16, cells between separators."""

import csv
import io
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from taskpgm_core.errors import StoreError

SEPARATORS = (",", ";", "\t", "|", " ")
HOLES = {"", "nan", "na", "n/a", "null", "none", "-", "."}
"""Words (in lower case) that say that a cell holds no number."""
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?", re.IGNORECASE)
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_RULE = re.compile(r"[\s|:+=-]*-[\s|:+=-]*")  # the line below the header of a Markdown table

_LINE_END = re.compile(r"\r\n|\r|\n")

Lines = list[tuple[int, list[str]]]
"""(line number, stripped cells) of every line that is not blank."""


def decoded(data: bytes, name: str) -> str:
    """The text of ``data`` without its byte order mark; StoreError where it is no Unicode text."""
    wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        return data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise StoreError(
            f"{name} is not text in UTF-8 or UTF-16 (byte {error.start + 1}); save it as CSV UTF-8."
        ) from None


def lines_of(text: str, separator: str, name: str) -> Lines:
    """The cells of ``text`` between ``separator`` (" ": any run of white space)."""
    if separator == "|":
        lines = _LINE_END.split(text)
        text = "\n".join("" if _RULE.fullmatch(line) else _piped(line) for line in lines)
    spaced = separator == " "
    reader = csv.reader(
        io.StringIO(text.replace("\t", " ") if spaced else text, newline=""),
        delimiter=separator,
        skipinitialspace=spaced,
    )
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise StoreError(f"{name}, line {reader.line_num}: {error}.") from None
    if spaced:
        rows = [(line, row[:-1] if row and not row[-1] else row) for line, row in rows]
    return [(line, row) for line, row in rows if any(row)]


def _piped(line: str) -> str:
    """A line of a Markdown table without the bars at its ends."""
    line = line.strip()
    return line[1:-1] if line.startswith("|") and line.endswith("|") and len(line) > 1 else line


def separators(text: str, name: str) -> Iterator[str]:
    """The separators that ``text`` may have, the one that its file's ``name`` promises first."""
    usual = "\t" if Path(name).suffix.lower() in (".tsv", ".tab") else ","
    yield usual
    yield from (s for s in SEPARATORS if s != usual and (s in text or s == " "))


def likely_separator(text: str, name: str) -> str:
    """The separator that cuts most lines of ``text`` into as many cells, more than one.

    A comma gives way to another that does as well and leaves numbers with decimal commas.
    """
    best, most = next(separators(text, name)), 0
    for separator in separators(text, name):
        try:
            rows = [row for _, row in lines_of(text, separator, name)]
        except StoreError:
            continue
        widths = [len(row) for row in rows]
        wide = [w for w in widths if w > 1]
        alike = max((wide.count(w) for w in set(wide)), default=0)
        decimal = best == "," and all(number_of(row[-1]) is not None for row in rows)
        better = alike > most or (decimal and alike == most > 0)
        if better and (separator != " " or alike == len(widths)):
            best, most = separator, alike
    return best


def broken(name: str) -> bool:
    """Whether a name would break the lines it stands in: a control character, a line's end, half
    a character."""
    return any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in name)


def number_of(text: str) -> float | None:
    """The number that ``text`` is (a decimal comma is one too), or None."""
    text = text.replace("\u2212", "-")  # the minus sign of typesetters
    if "_" in text:
        return None  # Python reads 0_5 as 5
    try:
        return float(text)
    except ValueError:
        pass
    return float(text.replace(",", ".")) if _DECIMAL_COMMA.fullmatch(text) else None


def grouped(text: str) -> bool:
    """Whether ``text`` is a number whose comma may group thousands: 12,000, but not 0,500."""
    return _GROUPED.fullmatch(text) is not None


def unclear_comma(cells: list[str]) -> str | None:
    """A number of ``cells`` of which none can tell whether its comma is a decimal one, or None.

    Where all numbers have such a comma, both readings are in the same proportion.
    """
    commas = [cell for cell in cells if _DECIMAL_COMMA.fullmatch(cell)]
    if not commas or not all(map(grouped, commas)):
        return None
    others = [cell for cell in cells if cell not in commas and number_of(cell)]
    return commas[0] if others else None


def mixed_decimals(cells: list[str]) -> tuple[str, str] | None:
    """One number of ``cells`` with a decimal comma and one with a point, where there are both."""
    commas = [cell for cell in cells if _DECIMAL_COMMA.fullmatch(cell)]
    points = [cell for cell in cells if "." in cell and number_of(cell) is not None]
    return (commas[0], points[0]) if commas and points else None
