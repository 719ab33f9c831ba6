"""A chart as a file of its own: SVG with its text, colours for light and dark, nothing from elsewhere."""

from __future__ import annotations

from html import escape
from pathlib import Path

from chainrule.report.charts import Chart
from chainrule.train.files import write_atomic

_WIDTH, _HEIGHT = 760, 430
_LEFT, _RIGHT, _TOP, _BOTTOM = 66, 28, 84, 62

# By rule, not by custom properties, which several viewers of SVG files do not know.
STYLE = """
.chart { font-family: Inter, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif; }
.chart .page { fill: #fbfaf7; } .chart text { fill: #5b606a; font-size: 12.5px; }
.chart .title { fill: #1e2126; font-size: 16px; font-weight: 600; } .chart .strong { fill: #1e2126; font-weight: 600; }
.chart path { fill: none; vector-effect: non-scaling-stroke; }
.chart .gridline { stroke: #ebe8e0; } .chart .axis { stroke: #5b606a; }
.chart .line { stroke-width: 2.25; stroke-linejoin: round; stroke-linecap: round; stroke: #0a6aa6; }
.chart .raw { stroke: #0a6aa6; stroke-width: 1; stroke-opacity: .38; }
.chart .mark { stroke: #c8500a; stroke-dasharray: 3 4; } .chart .mark-label { fill: #c8500a; font-weight: 600; }
.chart .ring { stroke: #fbfaf7; stroke-width: 12; stroke-linecap: round; }
.chart .dot { stroke: #c8500a; stroke-width: 8; stroke-linecap: round; stroke-opacity: 1; }
.chart .raw.ring, .chart .raw.dot { stroke: none; }
@media (prefers-color-scheme: dark) {
  .chart .page { fill: #15171b; } .chart text { fill: #a1a6b0; } .chart .title, .chart .strong { fill: #e9e6df; }
  .chart .gridline { stroke: #272b31; } .chart .axis { stroke: #a1a6b0; }
  .chart .line, .chart .raw { stroke: #62b5ea; } .chart .mark, .chart .dot { stroke: #f0a14e; }
  .chart .mark-label { fill: #f0a14e; } .chart .ring { stroke: #15171b; }
}
"""


def svg(chart: Chart) -> str:
    """A line chart as an SVG document, 760 × 430."""
    wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    floor = _TOP + high
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" aria-label="{escape(chart.summary)}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" style="max-width: 100%; height: auto">',
        f"<title>{escape(chart.title)}</title><desc>{escape(chart.summary)}</desc><style>{STYLE}</style>",
        f'<rect class="page" width="{_WIDTH}" height="{_HEIGHT}" rx="6"/>',
        f'<text class="title" x="{_LEFT}" y="34">{escape(chart.title)}</text>',
        f'<text x="{_LEFT}" y="55">{escape(chart.note)}</text>',
    ]
    for place, label in chart.y_ticks:
        y = _TOP + high * place / 100
        parts.append(f'<path class="gridline" d="M{_LEFT} {y:.1f}h{wide}"/>')
        parts.append(f'<text x="{_LEFT - 10}" y="{y + 4:.1f}" text-anchor="end">{escape(label)}</text>')
    parts.append(f'<path class="axis" d="M{_LEFT} {floor}h{wide}"/>')
    for place, label in chart.x_ticks:
        x = _LEFT + wide * place / 100
        parts.append(f'<path class="axis" d="M{x:.1f} {floor}v5"/>')
        parts.append(f'<text x="{x:.1f}" y="{floor + 21}" text-anchor="middle">{escape(label)}</text>')
    middle = _LEFT + wide / 2
    parts.append(f'<text x="{middle:.0f}" y="{floor + 46}" text-anchor="middle">{escape(chart.x_label)}</text>')
    parts.append(
        f'<svg x="{_LEFT}" y="{_TOP}" width="{wide}" height="{high}" viewBox="0 0 1000 1000" '
        'preserveAspectRatio="none" overflow="visible">'
    )
    parts += [f'<path class="{escape(kind)}" d="{path}"/>' for kind, path in chart.paths]
    parts.append("</svg>")
    for place, label in chart.marks:
        x = _LEFT + wide * place / 100
        x, anchor = (x - 7, "end") if place > 60 else (x + 7, "start")
        parts.append(
            f'<text class="mark-label" x="{x:.1f}" y="{_TOP + 12}" text-anchor="{anchor}">{escape(label)}</text>'
        )
    return "\n".join([*parts, "</svg>\n"])


def write_svg(path: str | Path, text: str) -> Path:
    """Writes a picture whole or not at all, and returns its path.

    Raises:
        RunError: when it cannot be written.
    """
    path = Path(path)
    write_atomic(path, text.encode())
    return path
