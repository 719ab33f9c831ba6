"""Pictures of the guides: one look for all of them, light and dark, as SVG that stands in the page itself."""

from __future__ import annotations

import io
import re
import zlib
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.figure import Figure

COLORS = ("#4c6ef5", "#e8590c", "#2b8a3e", "#ae3ec9", "#f08c00", "#0c8599", "#c2255c", "#868e96")
"""For lines and points, in this order; readable on white and on dark."""

MAP = "viridis"
"""For heights of a surface; `DIVERGING` for values around 0."""
DIVERGING = "RdBu_r"

_INK = "#123456"  # becomes the colour of the page's text
_STYLE: dict[str, Any] = {
    "svg.fonttype": "path",
    "svg.hashsalt": "chainrule",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=COLORS),
    "axes.titlesize": 11,
    "font.size": 10,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "image.cmap": MAP,
    "figure.constrained_layout.use": True,
}


mpl.rcParams.update(_STYLE)  # of the process that builds the pages, and nothing else


def subplots(rows: int = 1, columns: int = 1, *, width: float = 9.0, height: float = 3.0, **options: Any) -> Any:
    """Axes to draw on: one, or an array of them.

    Arguments:
        rows, columns: of axes.
        width, height: of the whole picture, in inches; the page scales it to its column.
        options: of `Figure.subplots`.
    """
    return Figure(figsize=(width, height)).subplots(rows, columns, **options)


def svg(axes: Any) -> str:
    """The picture that these axes belong to, to be printed into the page."""
    first = axes.flat[0] if hasattr(axes, "flat") else axes
    buffer = io.StringIO()
    first.figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    narrowest = round(60 * first.figure.get_figwidth())  # pixels; a phone scrolls rather than show letters too small
    size = f'style="width:100%;min-width:{narrowest}px;height:auto"'
    text = re.sub(r'width="[^"]*pt" height="[^"]*pt"', size, text, count=1)
    # ids are unique in a page, also where it has several pictures
    prefix = f"p{zlib.crc32(text.encode()):08x}"
    text = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{prefix}", text)
    return f'<div class="picture" style="overflow-x:auto">{text}</div>'
