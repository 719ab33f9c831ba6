"""Small images on a page of SVG: numbers as colours, each image with its place, a name to point at, and labels."""

from __future__ import annotations

import base64
import io
from html import escape

import numpy as np

__all__ = ["RISING", "SIGNED", "Page", "painted"]

SIGNED = ("#6d2600", "#d9703a", "#f8f4ec", "#4a93c2", "#06395c")
"""From −1 over 0 to 1: rust, paper, blue."""

RISING = ("#0e0b1c", "#3d2a78", "#a8367f", "#ee8a3a", "#fbeab4")
"""From 0 to 1: night, violet, rose, amber, pale."""

_STYLE = """
.tiles { font-family: Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif; }
.tiles .page { fill: #fbfaf7; } .tiles text { fill: #5b606a; font-size: 12px; }
.tiles .title { fill: #1e2126; font-size: 17px; font-weight: 600; }
.tiles .name { fill: #1e2126; font-size: 12.5px; font-weight: 600; }
.tiles image { image-rendering: pixelated; } .tiles .edge { fill: none; stroke: #000; stroke-opacity: .12; }
@media (prefers-color-scheme: dark) {
  .tiles .page { fill: #15171b; } .tiles text { fill: #a1a6b0; } .tiles .title, .tiles .name { fill: #e9e6df; }
  .tiles .edge { stroke: #fff; stroke-opacity: .16; }
}
"""


def painted(values: np.ndarray, colours: tuple[str, ...]) -> np.ndarray:
    """Values from 0 to 1 as (…, 3) bytes, along a line of colours.

    Example:
        >>> painted(np.array([0.0, 1.0]), ("#000000", "#ff0000")).tolist()
        [[0, 0, 0], [255, 0, 0]]
    """
    stops = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colours], np.float64)
    place = np.clip(np.nan_to_num(values), 0.0, 1.0) * (len(colours) - 1)
    left = np.minimum(place.astype(int), len(colours) - 2)
    share = (place - left)[..., None]
    return np.round(stops[left] * (1 - share) + stops[left + 1] * share).astype(np.uint8)


class Page:
    """An SVG under construction; what is put on it widens it as needed.

    Arguments:
        title: the heading.
        note: a line beneath it.
    """

    margin = 28.0

    def __init__(self, title: str, note: str) -> None:
        self._title = title
        self._parts: list[str] = []
        self.width, self.bottom = 480.0, 74.0
        self.text(self.margin, 38.0, title, "title")
        self.text(self.margin, 60.0, note)

    def text(self, x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> None:
        self._parts.append(
            f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
        )
        size = {"title": 9.2, "name": 7.2}.get(kind, 6.3)
        self._reach(x + size * len(words) * (anchor == "start"), y)

    def image(self, x: float, y: float, width: float, height: float, pixels: np.ndarray, name: str) -> None:
        """An image (H, W, 3) of bytes, stretched to this size, its pixels kept sharp."""
        from PIL import Image

        buffer = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "PNG")
        data = base64.b64encode(buffer.getvalue()).decode()
        box = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
        self._parts.append(
            f'<g><title>{escape(name)}</title><image {box} preserveAspectRatio="none" '
            f'href="data:image/png;base64,{data}"/><rect class="edge" {box}/></g>'
        )
        self._reach(x + width, y + height)

    def scale(self, x: float, y: float, colours: tuple[str, ...], ends: tuple[str, str]) -> None:
        """A bar of the colours with what its ends mean."""
        self.image(x, y, 120, 9, painted(np.linspace(0, 1, 120)[None], colours), f"{ends[0]} to {ends[1]}")
        self.text(x, y + 23, ends[0])
        self.text(x + 120, y + 23, ends[1], anchor="end")

    def svg(self) -> str:
        """The document."""
        width, height = self.width + self.margin, self.bottom + self.margin
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="tiles" role="img" aria-label="{escape(self._title)}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" '
            f'style="max-width: 100%; height: auto"><title>{escape(self._title)}</title><style>{_STYLE}</style>'
            f'<rect class="page" width="{width:.0f}" height="{height:.0f}" rx="6"/>'
        )
        return "\n".join([head, *self._parts, "</svg>\n"])

    def _reach(self, x: float, y: float) -> None:
        self.width, self.bottom = max(self.width, x), max(self.bottom, y)
