"""The marks of a figure drawn without a browser: bars, lines, areas, points and heat maps."""

import base64
import html
import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from plotly.colors import sample_colorscale, unlabel_rgb

from taskpgm_core.figures.label_placement import GAP, Box, meet
from taskpgm_core.report.static_charts.axes import LETTER, Axis, stacked

Paint = Callable[[Any], str]
SHAPES = {
    "circle": "M-1 0A1 1 0 1 0 1 0A1 1 0 1 0-1 0Z",
    "square": "M-.9-.9H.9V.9H-.9Z",
    "diamond": "M0-1.25L1.25 0L0 1.25L-1.25 0Z",
    "triangle-up": "M0-1.1L1.1.9H-1.1Z",
    "triangle-down": "M0 1.1L1.1-.9H-1.1Z",
    "triangle-right": "M1.1 0L-.9 1.1V-1.1Z",
    "triangle-left": "M-1.1 0L.9 1.1V-1.1Z",
    "cross": "M-.4-1.1H.4V-.4H1.1V.4H.4V1.1H-.4V.4H-1.1V-.4H-.4Z",
    "x": "M-1-.6L-.6-1L0-.4L.6-1L1-.6L.4 0L1 .6L.6 1L0 .4L-.6 1L-1 .6L-.4 0Z",
    "hexagon": "M-1 0L-.5-.87H.5L1 0L.5.87H-.5Z",
    "star": "M0-1.3L.32-.42L1.24-.4L.5.16L.76 1.05L0 .52L-.76 1.05L-.5.16L-1.24-.4L-.32-.42Z",
}


HATCHES = {
    "/": "M0 9L9 0",
    "x": "M0 0L9 9M0 9L9 0",
    ".": "M4.5 4.5h.1",
    "-": "M0 4.5H9",
    "|": "M4.5 0V9",
    "\\": "M0 0L9 9",
    "+": "M4.5 0V9M0 4.5H9",
}


def text_of(markup: Any) -> str:
    """The text of a Plotly label as XML text: its own markup is gone, all else stands as it is."""
    plain = html.unescape(str(markup).replace("<br>", "\n"))
    return html.escape(plain)


def _item(value: Any, k: int) -> Any:
    return value[k] if isinstance(value, list | tuple) else value


def _tooltip(trace: dict[str, Any], k: int) -> str:
    texts = trace.get("hovertext")
    return f"<title>{text_of(texts[k])}</title>" if isinstance(texts, list | tuple) else ""


def marker(symbol: str, x: float, y: float, size: float, fill: str, line: str, width: float) -> str:
    """One point; an ``-open`` symbol is an outline in its fill colour."""
    name = symbol.removesuffix("-open")
    if symbol.endswith("-open"):
        fill, line = "none", fill
    radius = size / 2
    return (
        f'<path d="{SHAPES[name]}" transform="translate({x:.1f} {y:.1f}) scale({radius:.2f})" '
        f'fill="{fill}" stroke="{line}" stroke-width="{width / radius:.3f}"'
    )


def bars(trace: dict[str, Any], x: Axis, y: Axis, paint: Paint) -> str:
    """Horizontal or vertical bars, with their whiskers."""
    flat = trace.get("orientation") == "h"
    along, across = (x, y) if flat else (y, x)
    values, places = (trace["x"], trace["y"]) if flat else (trace["y"], trace["x"])
    step = abs(across.last - across.first) / abs(across.stop - across.start)
    half, parts = 0.35 * step, []
    whiskers = trace.get("error_x") or trace.get("error_y") or {}
    for k, (value, place) in enumerate(zip(values, places, strict=True)):
        low, high = sorted((along.at(0), along.at(value)))
        middle = across.at(place)
        colour = paint(_item(trace.get("marker", {}).get("color"), k))
        corner, size = (low, middle - half), (high - low, 2 * half)
        (left, top), (wide, tall) = (corner, size) if flat else (corner[::-1], size[::-1])
        box = f'x="{left:.1f}" y="{top:.1f}" width="{wide:.1f}" height="{tall:.1f}"'
        parts.append(f'<rect {box} fill="{colour}">{_tooltip(trace, k)}</rect>')
        if whiskers.get("array"):
            parts.append(_whisker(whiskers, k, value, along, middle, flat, paint))
    return "".join(parts)


def _whisker(
    spec: dict[str, Any], k: int, value: float, along: Axis, middle: float, flat: bool, paint: Paint
) -> str:
    """The line between the ends of the k-th interval, at ``middle`` across."""
    up, down = spec["array"][k], (spec.get("arrayminus") or spec["array"])[k]
    a, b = along.at(value - down), along.at(value + up)
    line = f"M{a:.1f} {middle:.1f}H{b:.1f}" if flat else f"M{middle:.1f} {a:.1f}V{b:.1f}"
    return f'<path d="{line}" stroke="{paint(spec.get("color"))}" fill="none"/>'


def _polyline(xs: Sequence[Any], ys: Sequence[Any], x: Axis, y: Axis) -> str:
    """Path data; gaps at None, and points closer than half a pixel to the last are left out."""
    data, last = "", None
    for k, (a, b) in enumerate(zip(xs, ys, strict=True)):
        if a is None or b is None:
            last = None
            continue
        px, py = x.at(a), y.at(b)
        near = last is not None and abs(px - last[0]) < 0.5 and abs(py - last[1]) < 0.5
        if near and k < len(xs) - 1:
            continue
        data += f"{'L' if last else 'M'}{px:.1f} {py:.1f}"
        last = (px, py)
    return data


def _free_baseline(x: float, radius: float, y: float, label: str, taken: list[Box]) -> float:
    """The baseline of a point's label: above the point, or below where above is taken."""
    half = LETTER * len(label) / 2
    spots = (y - radius - 4, y + radius + 14)
    boxes = [(x - half, spot - 12, x + half, spot) for spot in spots]
    clear = [not any(meet(box, other) for other in taken) for box in boxes]
    k = clear.index(True) if any(clear) else 0
    taken.append(boxes[k])
    return spots[k]


def _label_position(place: str, x: float, y: float, radius: float) -> tuple[float, float, str]:
    """Where a label begins, has its middle or ends, its baseline, and which of the three it is."""
    row, column = place.split()
    off = radius + GAP
    across = {"center": 0.0, "right": off, "left": -off}[column]
    down = {"top": -off - 3, "middle": 5.0, "bottom": off + 12}[row]
    anchor = {"center": "middle", "right": "start", "left": "end"}[column]
    return x + across, y + down, anchor


def lines_and_points(
    trace: dict[str, Any], x: Axis, y: Axis, paint: Paint, taken: list[Box]
) -> tuple[str, str]:
    """A scatter trace without a stack: its line and markers, and its labels, which lie over all
    markers and are added to what is ``taken`` already."""
    mode, parts, words = trace.get("mode") or "lines", [], []
    spec, line = trace.get("marker") or {}, trace.get("line") or {}
    fade = f' opacity="{trace["opacity"]}"' if trace.get("opacity") is not None else ""
    if "lines" in mode:
        dash = {"dot": "2 4", "dash": "7 5"}.get(str(line.get("dash")), "")
        parts.append(
            f'<path d="{_polyline(trace["x"], trace["y"], x, y)}" fill="none" '
            f'stroke="{paint(line.get("color"))}" stroke-width="{line.get("width", 2)}"'
            + (f' stroke-dasharray="{dash}"' if dash else "")
            + f' stroke-linejoin="round"{fade}/>'
        )
    edge = spec.get("line") or {}
    for k, (a, b) in enumerate(zip(trace["x"], trace["y"], strict=True)):
        if a is None or b is None:
            continue
        size = float(_item(spec.get("size"), k) or 8)
        if (trace.get("error_x") or {}).get("array"):
            parts.append(_whisker(trace["error_x"], k, a, x, y.at(b), True, paint))
        if "markers" in mode and (spec.get("opacity") is None or spec["opacity"] > 0.01):
            parts.append(
                marker(
                    str(_item(spec.get("symbol"), k) or "circle"),
                    x.at(a),
                    y.at(b),
                    size,
                    paint(_item(spec.get("color"), k)),
                    paint(_item(edge.get("color"), k)),
                    float(_item(edge.get("width"), k) or 0),
                )
                + f"{fade}>{_tooltip(trace, k)}</path>"
            )
        label = _item(trace.get("text"), k) if "text" in mode else ""
        if label:
            places, anchor = trace.get("textposition"), "middle"
            if isinstance(places, list | tuple):
                px, at, anchor = _label_position(places[k], x.at(a), y.at(b), size / 2)
            else:
                px, at = x.at(a), _free_baseline(x.at(a), size / 2, y.at(b), label, taken)
            words.append(
                f'<text x="{px:.1f}" y="{at:.1f}" text-anchor="{anchor}" '
                f'class="halo" font-size="13">{text_of(label)}</text>'
            )
    return "".join(parts), "".join(words)


def area_fill(trace: dict[str, Any], paint: Paint) -> tuple[str, str]:
    """The fill of an area, and the definition of its pattern, empty where it has none."""
    spec, plain = trace.get("fillpattern") or {}, trace.get("fillcolor")
    if not spec.get("shape"):
        return paint(plain), ""
    name = f"hatch-{list(HATCHES).index(spec['shape'])}-{str(plain).strip('#')}"
    defined = (
        f'<pattern id="{name}" width="9" height="9" patternUnits="userSpaceOnUse">'
        f'<rect width="9" height="9" fill="{paint(plain)}"/>'
        f'<path d="{HATCHES[spec["shape"]]}" stroke="{paint(spec.get("fgcolor"))}" '
        f'stroke-width="2" stroke-linecap="round"/></pattern>'
    )
    return f"url(#{name})", defined


def areas(traces: Sequence[dict[str, Any]], x: Axis, y: Axis, paint: Paint) -> str:
    """One stack of areas."""
    parts, patterns = [], {}
    for trace, (below, above) in zip(traces, stacked(traces), strict=True):
        there = _polyline(trace["x"], above, x, y)
        back = _polyline(list(reversed(trace["x"])), list(reversed(below)), x, y)
        line = trace.get("line") or {}
        label = trace.get("meta", trace.get("name", ""))
        fill, defined = area_fill(trace, paint)
        patterns[fill] = defined
        parts.append(
            f'<path d="{there}L{back[1:]}Z" fill="{fill}" '
            f'stroke="{paint(line.get("color"))}" stroke-width="{line.get("width", 0)}">'
            f"<title>{text_of(label)}</title></path>"
        )
    return "".join([*patterns.values(), *parts])


def heat_map(trace: dict[str, Any], x: Axis, y: Axis) -> tuple[str, tuple[float, float, list[str]]]:
    """The cells as one image, and (least, greatest, colours in between) of its scale."""
    z = np.array(trace["z"], dtype=float)
    low, high = float(np.nanmin(z)), float(np.nanmax(z))
    scale = [list(pair) for pair in trace["colorscale"]]
    if trace.get("reversescale"):
        scale = [[1 - at, colour] for at, colour in reversed(scale)]
    ramp = [str(colour) for colour in sample_colorscale(scale, np.linspace(0, 1, 255).tolist())]
    table = np.zeros((256, 4), dtype=np.uint8)
    table[1:, :3] = [[round(v) for v in unlabel_rgb(colour)] for colour in ramp]
    table[1:, 3] = 255
    unit = (np.nan_to_num(z, nan=low) - low) / ((high - low) or 1.0)
    cells = np.where(np.isnan(z), 0, 1 + np.rint(254 * unit)).astype(np.uint8)
    rows, columns = z.shape
    left, right = sorted((x.at(-0.5), x.at(columns - 0.5)))
    top, bottom = sorted((y.at(-0.5), y.at(rows - 0.5)))
    if y.at(0) > y.at(rows - 1):
        cells = cells[::-1]
    image = (
        f'<image x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
        f'height="{bottom - top:.1f}" preserveAspectRatio="none" '
        f'style="image-rendering:pixelated" href="{_png_uri(cells, table)}"/>'
    )
    return image, (low, high, ramp[:: len(ramp) // 8])


def _png_uri(cells: npt.NDArray[np.uint8], colours: npt.NDArray[np.uint8]) -> str:
    """A PNG as a data URI. ``cells``: (rows, columns) indices into ``colours``, (256, 4) RGBA."""
    image = Image.fromarray(cells)
    image.putpalette(colours.tobytes(), "RGBA")
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
