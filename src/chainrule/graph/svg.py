"""A picture of a computation graph as SVG: readable without colour, in the dark, and by a screen reader."""

from __future__ import annotations

import html
import re

from chainrule.graph.layout import Layout, Place, arrange
from chainrule.graph.picture import Box, Frame, Picture

__all__ = ["to_svg"]

_TITLE, _DETAIL, _SOURCE = 13.0, 11.5, 10.5
_LINE = 15.5

# Light and dark by rule, not by custom properties, which several viewers of SVG files do not know.
_STYLE = """
.graph { font-family: Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif; }
.graph .mono { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; }
.graph .name { font-size: 13px; font-weight: 600; fill: #1e2126; }
.graph .detail { font-size: 11.5px; fill: #3d424b; }
.graph .source { font-size: 10.5px; fill: #6a6f79; }
.graph .label { font-size: 11px; font-weight: 600; fill: #5b606a; letter-spacing: .02em; }
.graph .page { fill: #fbfaf7; }
.graph .frame { fill: #f1eee6; stroke: #ddd7ca; stroke-width: 1; }
.graph .inner { fill: #e9e5da; }
.graph .box { fill: #ffffff; stroke: #b9b4a8; stroke-width: 1; }
.graph .layer .box { stroke: #8f897b; stroke-width: 1.25; }
.graph .earlier .box { stroke-dasharray: 4 3; }
.graph .parameter .box { fill: #fdf0e4; stroke: #d8894a; }
.graph .buffer .box { fill: #fbfaf7; stroke: #d8894a; stroke-dasharray: 3 2.5; }
.graph .input .box { fill: #e6f1f8; stroke: #4a93c2; }
.graph .data .box { fill: #fbfaf7; stroke: #8d9098; stroke-dasharray: 3 2.5; }
.graph .result .box { stroke: #0a6aa6; stroke-width: 2.25; }
.graph .arrow { fill: none; stroke: #7d828c; stroke-width: 1.25; }
.graph .given { stroke: #a9adb5; }
.graph .tip { fill: #7d828c; }
@media (prefers-color-scheme: dark) {
  .graph .name { fill: #e9e6df; }
  .graph .detail { fill: #c6c9cf; }
  .graph .source { fill: #969ba5; }
  .graph .label { fill: #a1a6b0; }
  .graph .page { fill: #15171b; }
  .graph .frame { fill: #1c1f24; stroke: #343941; }
  .graph .inner { fill: #23272d; }
  .graph .box { fill: #2a2e35; stroke: #59606b; }
  .graph .layer .box { stroke: #7b828e; }
  .graph .parameter .box { fill: #3a2b1e; stroke: #c98a52; }
  .graph .buffer .box { fill: #15171b; stroke: #c98a52; }
  .graph .input .box { fill: #1c3242; stroke: #5ba6d6; }
  .graph .data .box { fill: #15171b; stroke: #868c97; }
  .graph .result .box { stroke: #62b5ea; }
  .graph .arrow { stroke: #8b919c; }
  .graph .given { stroke: #636975; }
  .graph .tip { fill: #8b919c; }
}
"""

_NARROW, _WIDE = frozenset("iljtfrI.,:;!|'()[]{} "), frozenset("mwMWQOGDNHUCA@%→≈")


_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def escape(text: str) -> str:
    """The text as it may stand in XML; characters that no XML document can hold become a replacement sign."""
    return html.escape(_NOT_XML.sub("\ufffd", text))


def width_of(text: str, size: float, *, mono: bool = False) -> float:
    """About how wide a text is, on the safe side of the usual fonts."""
    if mono:
        return 0.61 * size * len(text)
    return size * sum(0.34 if c in _NARROW else 0.84 if c in _WIDE else 0.6 for c in text)


def to_svg(picture: Picture, title: str, description: str) -> str:
    """The drawing as an SVG document."""
    sizes = {id(box): _size(box) for box in picture.boxes}
    layout = arrange(picture, sizes)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="graph" role="img" aria-label="{escape(title)}" '
        f'viewBox="0 0 {layout.width:.0f} {layout.height:.0f}" width="{layout.width:.0f}" height="{layout.height:.0f}" '
        'style="max-width: 100%; height: auto">',
        f"<title>{escape(title)}</title>",
        f"<desc>{escape(description)}</desc>",
        f"<style>{_STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto" '
        'markerUnits="userSpaceOnUse"><path class="tip" d="M0.5 0.8 L7.5 4 L0.5 7.2 Z"/></marker></defs>',
        f'<rect class="page" width="{layout.width:.0f}" height="{layout.height:.0f}" rx="6"/>',
        *_frames(picture.root, layout, 0),
        *_arrows(layout),
        *_labels(picture.root, layout),
        *(_box(box, layout.boxes[id(box)]) for box in picture.boxes),
        "</svg>",
    ]
    return "\n".join(parts)


def _lines(box: Box) -> list[tuple[str, float, str]]:
    """Text, font size and class of every line in a box."""
    lines = [(box.title, _TITLE, "name")]
    lines += [(text, _DETAIL, "detail mono") for text in box.details]
    if box.source:
        lines.append((box.source, _SOURCE, "source"))
    return lines


def _size(box: Box) -> tuple[float, float]:
    widest = max(width_of(text, size, mono="mono" in kind) for text, size, kind in _lines(box))
    if box.is_leaf:
        return widest + 28.0, _LINE * len(_lines(box)) + 10.0
    return max(widest + 24.0, 84.0), _LINE * len(_lines(box)) + 15.0


def _box(box: Box, place: Place) -> str:
    height = place.height
    rounded = height / 2 if box.is_leaf else 7.0
    centre = place.x + place.width / 2
    note = "\n".join(box.note or [box.title])
    lines = _lines(box)
    top = place.y + (height - _LINE * len(lines)) / 2
    texts = [
        f'<text class="{kind}" x="{centre:.1f}" y="{top + _LINE * (number + 0.5) + size * 0.35:.1f}" '
        f'text-anchor="middle">{escape(text)}</text>'
        for number, (text, size, kind) in enumerate(lines)
    ]
    return (
        f'<g class="{box.kind}{" result" if box.result else ""}"><title>{escape(note)}</title>'
        f'<rect class="box" x="{place.x:.1f}" y="{place.y:.1f}" width="{place.width:.1f}" height="{height:.1f}" '
        f'rx="{rounded:.1f}"/>{"".join(texts)}</g>'
    )


def _frames(frame: Frame, layout: Layout, level: int) -> list[str]:
    parts: list[str] = []
    for item in frame.items:
        if isinstance(item, Frame):
            place = layout.frames[id(item)]
            name = escape(".".join(item.scope))
            shade = " inner" if level % 2 else ""
            parts.append(
                f'<g><title>layer {name}</title><rect class="frame{shade}" x="{place.x:.1f}" y="{place.y:.1f}" '
                f'width="{place.width:.1f}" height="{place.height:.1f}" rx="10"/></g>'
            )
            parts += _frames(item, layout, level + 1)
    return parts


def _labels(frame: Frame, layout: Layout) -> list[str]:
    """The names of frames, in the upper corner that fewer arrows pass."""
    parts: list[str] = []
    for item in frame.items:
        if isinstance(item, Frame):
            place = layout.frames[id(item)]
            name = item.title
            width = width_of(name, 11.5) + 14.0
            left, right = place.x + 12.0, place.x + place.width - 12.0
            crossed = [
                sum(low <= x <= high for _, points in layout.routes for x, y in points if abs(y - place.y) < 1.0)
                for low, high in ((left - 4.0, left + width), (right - width, right + 4.0))
            ]
            x, anchor = (right, "end") if crossed[1] < crossed[0] else (left, "start")
            parts.append(
                f'<text class="label" x="{x:.1f}" y="{place.y + 16:.1f}" text-anchor="{anchor}">{escape(name)}</text>'
            )
            parts += _labels(item, layout)
    return parts


def _arrows(layout: Layout) -> list[str]:
    parts = []
    for arrow, points in layout.routes:
        (x, y), *rest = points
        path = [f"M{x:.1f} {y:.1f}"]
        for x2, y2 in rest:
            if abs(x2 - x) < 0.5:
                path.append(f"L{x2:.1f} {y2:.1f}")
            else:
                middle = (y + y2) / 2
                path.append(f"C{x:.1f} {middle:.1f} {x2:.1f} {middle:.1f} {x2:.1f} {y2:.1f}")
            x, y = x2, y2
        kind = "arrow given" if arrow.source.is_leaf else "arrow"
        parts.append(f'<path class="{kind}" d="{" ".join(path)}" marker-end="url(#tip)"/>')
    return parts
