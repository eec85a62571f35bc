"""The heaviest tasks of a mixture as a few lines of HTML: there at once, in the page's own type."""

import html
from collections.abc import Mapping, Sequence

from taskpgm_core.figures.labels import percent, shorten
from taskpgm_core.figures.palette import LIGHT, Palette
from taskpgm_core.records import Array

MARKS = "○◇"


def headline(
    tasks: Sequence[str],
    p: Array,
    references: Mapping[str, Array],
    *,
    limit: int,
    palette: Palette = LIGHT,
) -> str:
    """A bar for each of the ``limit`` heaviest tasks of ``p`` (n,), with ``references`` on it.

    A row's ``data-task`` and ``data-share`` are the full id and the weight; a mark's title says
    whose it is. A last line says what the other tasks hold together.
    """
    order = sorted(range(len(p)), key=lambda i: (-p[i], i))
    shown, rest = order[:limit], order[limit:]
    most = max(float(mixture[i]) for mixture in (p, *references.values()) for i in shown)
    rows = "".join(
        f'<div class="row" role="listitem" data-task="{html.escape(tasks[i])}" '
        f'data-share="{float(p[i]):.9f}"><span class="name">{html.escape(shorten(tasks[i]))}</span>'
        f'<span class="plot"><i style="width:{100 * float(p[i]) / most:.2f}%;'
        f'background:{palette.accent}"></i>'
        + "".join(
            f'<b style="left:{100 * float(mixture[i]) / most:.2f}%" '
            f'title="{html.escape(name)} {percent(float(mixture[i]))}">{mark}</b>'
            for (name, mixture), mark in zip(references.items(), MARKS, strict=False)
        )
        + f"</span><span>{percent(float(p[i]))}</span></div>"
        for i in shown
    )
    others = ""
    if rest:
        others = f"<p>and {len(rest)} more tasks, together {percent(float(p[rest].sum()))}</p>"
    return f'<div class="headline" role="list">{rows}</div>{others}'
