"""A figure as a static picture: the same Plotly figure, drawn as SVG without a browser.

For documents that must open anywhere: a page's figures weigh a few kilobytes here, the library
that draws them in a browser weighs four megabytes. Knows the marks that our figures use and raises
ValueError for any other, so that nothing is left out in silence.
"""

import html
from dataclasses import replace
from typing import Any, cast

import plotly.graph_objects as go

from taskpgm_core.figures.label_placement import Box
from taskpgm_core.figures.numbers import written
from taskpgm_core.figures.theme import LIGHT, Palette
from taskpgm_core.report.static_charts.axes import LETTER, Axis, make_axis
from taskpgm_core.report.static_charts.marks import (
    Paint,
    area_fill,
    areas,
    bars,
    heat_map,
    lines_and_points,
    marker,
    text_of,
)

KNOWN = {"bar", "heatmap", "scatter"}
GAP = 10.0
LINE = 20.0


def css_colours(palette: Palette) -> Paint:
    """From a figure's colours to CSS: the palette's own become variables that a theme may set."""
    variables = {
        getattr(palette, name).lower(): f"var(--{name}, {getattr(palette, name)})"
        for name in ("paper", "ink", "muted", "grid", "accent", "quiet", "gain", "loss")
    }

    def paint(colour: Any) -> str:
        if colour is None:
            return "none"
        return variables.get(str(colour).lower(), html.escape(str(colour)))

    return paint


def svg(figure: go.Figure, *, label: str, width: int = 860, palette: Palette = LIGHT) -> str:
    """The figure as an ``<svg>`` element of ``width`` pixels; ``label`` is what it says in words.

    ``palette`` is the one that the figure was drawn with.
    """
    layout: dict[str, Any] = figure.to_dict()["layout"]
    drawn_from = cast("tuple[Any, ...]", figure.data)  # a figure's class says otherwise of it
    traces = [t for t in (trace.to_plotly_json() for trace in drawn_from) if t.get("visible", 1)]
    traces = [
        {**t, **{k: _listed(t[k]) for k in ("x", "y", "z") if t.get(k) is not None}} for t in traces
    ]
    for unknown in {t["type"] for t in traces} - KNOWN:
        raise ValueError(
            f"No way to draw a {unknown} trace here; add it to report/static_charts/svg.py."
        )
    paint = css_colours(palette)
    keys = _legend(traces, paint, width) if layout.get("showlegend") is not False else []
    top = GAP + LINE * len(keys) + max(0.0, float(layout.get("margin", {}).get("t", 0)) - GAP)
    height = float(layout["height"]) + LINE * len(keys)
    x, y = _axes(layout, traces, width, top, height)
    scale = None
    drawn = _grid(x, y) + _shapes_below(layout, x, y, paint)
    stacks: dict[str, list[dict[str, Any]]] = {}
    taken: list[Box] = []
    named = ""
    for trace in traces:
        kind = trace["type"]
        if kind == "bar":
            drawn += bars(trace, x, y, paint)
        elif kind == "heatmap":
            image, scale = heat_map(trace, x, y)
            drawn += image
        elif kind == "scatter" and trace.get("stackgroup"):
            stacks.setdefault(trace["stackgroup"], []).append(trace)
        else:
            marks, words = lines_and_points(trace, x, y, paint, taken)
            drawn, named = drawn + marks, named + words
    for stack in stacks.values():
        drawn += areas(stack, x, y, paint)
    drawn += named + _lines_and_notes_above(layout, x, y, paint) + _labels(x, y, height)
    if scale:
        drawn += _colour_bar(scale, traces, width, y)
    legend = "".join(
        f'<g transform="translate(0 {GAP + LINE * k:.0f})">{row}</g>' for k, row in enumerate(keys)
    )
    return (
        f'<svg viewBox="0 0 {width} {height:.0f}" role="img" aria-label="{html.escape(label)}" '
        f'font-size="15" fill="currentColor">{legend}{drawn}</svg>'
    )


def _listed(values: Any) -> list[Any]:
    return [_listed(v) if isinstance(v, list | tuple) else v for v in _plain(values)]


def _plain(values: Any) -> list[Any]:
    return values.tolist() if hasattr(values, "tolist") else list(values)


def _axes(
    layout: dict[str, Any], traces: list[dict[str, Any]], width: int, top: float, height: float
) -> tuple[Axis, Axis]:
    xs: list[Any] = []
    ys: list[Any] = []
    points = flat = upright = False
    for t in traces:
        xs += t.get("x") or []
        ys += t.get("y") or []
        points |= t["type"] == "scatter" and "markers" in (t.get("mode") or "")
        flat |= t["type"] == "bar" and t.get("orientation") == "h"
        upright |= t["type"] == "bar" and t.get("orientation") != "h"
        for name, values in (("error_x", xs), ("error_y", ys)):
            ups = (t.get(name) or {}).get("array") or []
            values += [v + up for v, up in zip(t[name[-1]], ups, strict=False)]
            downs = (t.get(name) or {}).get("arrayminus") or []
            values += [v - down for v, down in zip(t[name[-1]], downs, strict=False)]
    mapped = any(t["type"] == "heatmap" for t in traces)
    pad = 0.06 if points else 0.0
    spec_x, spec_y = layout.get("xaxis", {}), layout.get("yaxis", {})
    if mapped and traces[0].get("x"):
        spec_x = {"range": [-0.5, len(traces[0]["x"]) - 0.5], **spec_x}
    y = make_axis(spec_y, ys, first=0, last=1, bars=upright, pad=pad)
    left = GAP + (y.widest + GAP if y.visible else 0) + (LINE if y.title and y.visible else 0)
    right = width - (98.0 if mapped else 3 * GAP)
    x = make_axis(spec_x, xs, first=left, last=right, bars=flat, pad=pad or 0.04 * flat)
    below = LINE + GAP if x.visible and x.ticks else GAP
    bottom = height - below - (LINE if x.title and x.visible else 0)
    return x, replace(y, first=bottom, last=top)


def _grid(x: Axis, y: Axis) -> str:
    lines = ""
    for value, _ in x.ticks if x.visible and x.grid else ():
        lines += f"M{x.at(value):.1f} {y.first:.1f}V{y.last:.1f}"
    for value, _ in y.ticks if y.visible and y.grid else ():
        lines += f"M{x.first:.1f} {y.at(value):.1f}H{x.last:.1f}"
    return f'<path d="{lines}" class="grid"/>' if lines else ""


def _labels(x: Axis, y: Axis, height: float) -> str:
    out = ""
    for value, text in x.ticks if x.visible else ():
        at, below = x.at(value), y.first + 18
        out += f'<text x="{at:.1f}" y="{below:.1f}" text-anchor="middle">{text_of(text)}</text>'
    for value, text in y.ticks if y.visible else ():
        out += (
            f'<text x="{x.first - 6:.1f}" y="{y.at(value) + 5:.1f}" text-anchor="end">'
            f"{text_of(text)}</text>"
        )
    if x.title and x.visible:
        out += (
            f'<text x="{(x.first + x.last) / 2:.1f}" y="{height - 4:.1f}" text-anchor="middle" '
            f'class="quiet">{text_of(x.title)}</text>'
        )
    if y.title and y.visible:
        out += (
            f'<text transform="translate(14 {(y.first + y.last) / 2:.1f}) rotate(-90)" '
            f'text-anchor="middle" class="quiet">{text_of(y.title)}</text>'
        )
    return out


def _pixel(axis: Axis, value: Any, reference: Any) -> float:
    """A pixel from data, or from a share of the plot where the reference says so."""
    if str(reference or "").endswith(("domain", "paper")):
        return axis.first + float(value) * (axis.last - axis.first)
    return axis.at(value)


def _shapes_below(layout: dict[str, Any], x: Axis, y: Axis, paint: Paint) -> str:
    """Filled shapes, which lie under the data."""
    out = ""
    for shape in layout.get("shapes", ()):
        if shape["type"] == "rect" and shape.get("fillcolor"):
            a, b = sorted(_pixel(x, shape[k], shape.get("xref")) for k in ("x0", "x1"))
            c, d = sorted(_pixel(y, shape[k], shape.get("yref")) for k in ("y0", "y1"))
            out += (
                f'<rect x="{a:.1f}" y="{c:.1f}" width="{b - a:.1f}" height="{d - c:.1f}" '
                f'fill="{paint(shape["fillcolor"])}" opacity="{shape.get("opacity", 1)}"/>'
            )
        elif shape["type"] == "path" and shape.get("fillcolor"):
            corners = " ".join(
                f"{_pixel(x, float(a), None):.1f},{_pixel(y, float(b), None):.1f}"
                for a, b in (corner.split(",") for corner in shape["path"].strip("M Z").split(" L"))
            )
            out += (
                f'<polygon points="{corners}" fill="{paint(shape["fillcolor"])}" '
                f'stroke="{paint(shape["line"]["color"])}" opacity="{shape.get("opacity", 1)}"/>'
            )
    return out


def _lines_and_notes_above(layout: dict[str, Any], x: Axis, y: Axis, paint: Paint) -> str:
    """Lines, frames and annotations, which lie over the data."""
    out = ""
    for shape in layout.get("shapes", ()):
        if shape.get("fillcolor"):
            continue
        a, b = (_pixel(x, shape[k], shape.get("xref")) for k in ("x0", "x1"))
        c, d = (_pixel(y, shape[k], shape.get("yref")) for k in ("y0", "y1"))
        line = shape.get("line", {})
        dash = ' stroke-dasharray="2 4"' if line.get("dash") == "dot" else ""
        data = (
            f"M{a:.1f} {c:.1f}L{b:.1f} {d:.1f}"
            if shape["type"] == "line"
            else f"M{a:.1f} {c:.1f}H{b:.1f}V{d:.1f}H{a:.1f}Z"
        )
        out += (
            f'<path d="{data}" fill="none" stroke="{paint(line.get("color"))}" '
            f'stroke-width="{line.get("width", 1)}"{dash}/>'
        )
    for note in layout.get("annotations", ()):
        anchor = {"left": "start", "right": "end"}.get(str(note.get("xanchor")), "middle")
        at = _pixel(x, note["x"], note.get("xref"))
        over = _pixel(y, note["y"], note.get("yref")) - float(note.get("yshift") or 0) - 5
        out += (
            f'<text x="{at:.1f}" y="{over:.1f}" text-anchor="{anchor}" class="halo">'
            f"{text_of(note['text'])}</text>"
        )
    return out


def _legend(traces: list[dict[str, Any]], paint: Paint, width: int) -> list[str]:
    """The legend's rows, none for a single trace."""
    named = [t for t in traces if t.get("name") and t.get("showlegend") is not False]
    if len(named) < 2:
        return []
    rows, at = [""], 0.0
    for t in named:
        text = text_of(t["name"])
        need = 30 + LETTER * len(html.unescape(text))
        if at and at + need > width - 2 * GAP:
            rows.append("")
            at = 0.0
        spec = t.get("marker") or {}
        if t["type"] == "bar" or t.get("stackgroup"):
            fill = area_fill(t, paint)[0] if t.get("stackgroup") else paint(spec.get("color"))
            key = f'<rect x="2" y="1" width="14" height="12" fill="{fill}"/>'
        elif "markers" in (t.get("mode") or ""):
            edge = spec.get("line") or {}
            colour = edge.get("color") if isinstance(edge.get("color"), str) else None
            symbol, fill = str(spec.get("symbol") or "circle"), paint(spec.get("color"))
            key = marker(symbol, 9, 8, 11, fill, paint(colour), 1.5 if colour else 2.5) + "/>"
        else:
            colour = paint((t.get("line") or {}).get("color"))
            key = f'<path d="M0 8H18" stroke="{colour}" stroke-width="3"/>'
        rows[-1] += (
            f'<g transform="translate({GAP + at:.0f} 0)">{key}<text x="24" y="13">{text}</text></g>'
        )
        at += need + 12
    return rows


def _colour_bar(
    scale: tuple[float, float, list[str]], traces: list[dict[str, Any]], width: int, y: Axis
) -> str:
    low, high, ramp = scale
    bar = next(t["colorbar"] for t in traces if t["type"] == "heatmap")
    left, cell = width - 78.0, (y.first - y.last - 20) / len(ramp)
    parts = (
        [
            f'<rect x="{left:.1f}" y="{y.first - (k + 1) * cell:.1f}" width="14" '
            f'height="{cell + 0.5:.1f}" fill="{colour}"/>'
            for k, colour in enumerate(ramp)
        ]
        if y.first > y.last
        else []
    )
    title = text_of((bar.get("title") or {}).get("text") or "")
    return (
        "".join(parts)
        + f'<text x="{left:.1f}" y="{y.last + 8:.1f}">{title}</text>'
        + f'<text x="{left + 18:.1f}" y="{y.first:.1f}">{written(round(low, 3), None)}</text>'
        + f'<text x="{left + 18:.1f}" y="{y.last + 32:.1f}">{written(round(high, 3), None)}</text>'
    )
