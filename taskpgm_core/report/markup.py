"""HTML that cannot be forged: every string is text unless this file made it an element."""

import html
from collections.abc import Sequence
from typing import Any

VOID = ("meta", "br", "hr")


class Markup(str):
    """Finished HTML. Only ``element`` and ``trusted`` make it."""

    __slots__ = ()


def trusted(source: str) -> Markup:
    """HTML that our own code drew, such as a figure; never anything that a person wrote."""
    return Markup(source)


def _inner(child: Any) -> str:
    if isinstance(child, Markup):
        return child
    if isinstance(child, list | tuple):
        return "".join(_inner(c) for c in child)
    return html.escape(str(child))


def element(tag: str, *children: Any, **attributes: Any) -> Markup:
    """``<tag attributes>children</tag>``; strings are escaped, lists are laid end to end.

    ``class_`` writes ``class``, underscores write hyphens, None leaves an attribute out.
    """
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in VOID:
        return Markup(f"<{tag}{written}>")
    return Markup(f"<{tag}{written}>{_inner(children)}</{tag}>")


def wide(name: str, child: Markup) -> Markup:
    """What may scroll sideways on a phone, by keyboard too."""
    return element("div", child, class_="wide", role="group", aria_label=name, tabindex="0")


def table(
    caption: str, head: Sequence[str], rows: Sequence[Markup], words: Sequence[str]
) -> Markup:
    """A table that says how to read it; the columns in ``words`` hold text, not numbers."""
    columns = [element("th", h, class_="word" if h in words else None, scope="col") for h in head]
    return element(
        "table",
        element("caption", caption),
        element("thead", element("tr", columns)),
        element("tbody", rows),
    )
