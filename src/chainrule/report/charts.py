"""Charts as plain SVG: paths stretched to the page's width, labels as text beside them, values for the pointer to read.

The SVG's coordinates run from 0 to 1000 both ways and are stretched; lines keep their width by `vector-effect`, and all
text is HTML placed in per cent. So a chart reflows from a desk to a phone without a script, and a script only adds the
reading of values.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from chainrule.report import words
from chainrule.report.scales import Scale, span

# More points than a line has pixels only make the page heavy.
MOST_POINTS = 600
MOST_DOTS = 2000
MOST_COLUMNS = 60
MOST_ROWS = 64


@dataclass(frozen=True)
class Series:
    """One line: its name, a CSS class that gives its colour and dash, and its values (None where there is none)."""

    name: str
    style: str
    values: Sequence[float | None]


@dataclass(frozen=True)
class Chart:
    """What the template draws. Places are per cent from the left and from the top."""

    title: str
    kind: str
    paths: list[tuple[str, str]]
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    x_label: str
    legend: list[tuple[str, str]] = field(default_factory=list)
    marks: list[tuple[float, str]] = field(default_factory=list)
    note: str = ""
    shades: tuple[str, str] | None = None
    values: str = "{}"
    summary: str = ""


def lines(
    title: str,
    x: Sequence[float],
    series: Sequence[Series],
    *,
    x_label: str = "epoch",
    log: bool | None = False,
    share: bool = False,
    mark: tuple[float, str] | None = None,
    note: str = "",
    band: tuple[float, float] | None = None,
    slim: bool = False,
) -> Chart:
    """A line chart over a shared x (a step or epoch number).

    Arguments:
        title: what is shown.
        x: increasing numbers.
        series: the lines; each as long as `x`.
        x_label: what x is.
        log: a logarithmic y axis; None chooses.
        share: y is a share of one, in per cent.
        mark: an x to mark and its label, such as the best epoch.
        note: a sentence beneath.
        band: a range of y that is drawn as a soft background.
        slim: a low chart as wide as the page, for what accompanies the others.
    """
    keep = _thinned(x, series, mark)
    x = [x[i] for i in keep]
    series = [Series(s.name, s.style, [s.values[i] for i in keep]) for s in series]
    everything = [v for s in series for v in s.values if v is not None]
    y_scale = span([*everything, *(band or ())], log=log, share=share)
    x_scale = Scale(x[0], x[-1]) if x[-1] > x[0] else Scale(x[0] - 1, x[0] + 1)
    paths: list[tuple[str, str]] = []
    if band:
        top, bottom = (1000 * (1 - y_scale.place(v)) for v in (band[1], band[0]))
        paths.append(("band", f"M0 {top:.0f}H1000V{bottom:.0f}H0Z"))
    paths += [(f"line {line.style}", _line(x, line.values, x_scale, y_scale)) for line in series]
    marks = []
    if mark is not None:
        place = x_scale.place(mark[0])
        marks.append((round(100 * place, 2), mark[1]))
        paths.append(("mark", f"M{1000 * place:.1f} 0V1000"))
        if mark[0] in x:
            at = x.index(mark[0])
            for line in series:
                value = line.values[at]
                if value is not None:
                    dot = f"M{1000 * place:.1f} {1000 * (1 - y_scale.place(value)):.1f}h0"
                    paths.append((f"ring {line.style}", dot))
                    paths.append((f"dot {line.style}", dot))
    values = {
        "kind": "lines",
        "label": x_label,
        "x": [_short(v) for v in x],
        "series": [{"name": s.name, "style": s.style, "y": [_short(v) for v in s.values]} for s in series],
        "domain": [x_scale.low, x_scale.high, y_scale.low, y_scale.high],
        "log": y_scale.log,
        "share": share,
    }
    return Chart(
        title=title,
        kind="lines slim" if slim else "lines",
        paths=paths,
        x_ticks=_x_ticks(x_scale, whole=all(float(v).is_integer() for v in x)),
        y_ticks=[(round(100 * (1 - y_scale.place(v)), 2), label) for v, label in y_scale.ticks(4 if slim else 5)],
        x_label=x_label,
        legend=[(s.name, s.style) for s in series],
        marks=marks,
        note=note,
        values=_json(values),
        summary=_spoken(title, x_label, x, series, share),
    )


def scatter(title: str, x: Sequence[float], y: Sequence[float], *, x_label: str, y_label: str, note: str = "") -> Chart:
    """Dots of predicted against true values on equal axes, with the line where both agree."""
    if len(x) > MOST_DOTS:
        stride = -(-len(x) // MOST_DOTS)
        x, y = x[::stride], y[::stride]
    scale = span([*x, *y])
    places = [f"M{1000 * scale.place(a):.0f} {1000 * (1 - scale.place(b)):.0f}h0" for a, b in zip(x, y, strict=True)]
    # in one path overlapping dots would not darken; a few interleaved ones let density show
    parts = [("points", "".join(places[k::8])) for k in range(8) if places[k::8]]
    ticks = scale.ticks(5)
    values = {
        "kind": "dots",
        "label": x_label,
        "other": y_label,
        "x": [_short(v) for v in x],
        "y": [_short(v) for v in y],
        "domain": [scale.low, scale.high, scale.low, scale.high],
    }
    return Chart(
        title=title,
        kind="square",
        paths=[("guide", "M0 1000L1000 0"), *parts],
        x_ticks=[(round(100 * scale.place(v), 2), label) for v, label in ticks],
        y_ticks=[(round(100 * (1 - scale.place(v)), 2), label) for v, label in ticks],
        x_label=x_label,
        note=note,
        values=_json(values),
        summary=f"{title}: {words.count(len(x), 'example')}; on the diagonal the two agree.",
    )


def histogram(title: str, data: Sequence[float], *, x_label: str, note: str = "", center: float | None = None) -> Chart:
    """How often values occur, in bins whose borders include `center` when it is given."""
    low, high = min(data), max(data)
    if high == low:
        around = max(0.5, abs(low) * 1e-6)  # half of one is nothing to a number that is large enough
        low, high = low - around, high + around
    bins = min(max(round(len(data) ** 0.5), 8), 36)
    width = (high - low) / bins
    if center is not None:
        # a border on the centre keeps "too high" and "too low" apart
        low = center - width * -(-(center - low) // width)
        bins = int((high - low) // width) + 1
    counts = [0] * bins
    for value in data:
        counts[min(int((value - low) // width), bins - 1)] += 1
    x_scale, y_scale = Scale(low, low + width * bins), Scale(0, max(counts) * 1.06)
    bars = []
    for index, n in enumerate(counts):
        left, right = 1000 * index / bins, 1000 * (index + 1) / bins
        if n:
            bars.append(f"M{left + 1:.1f} 1000V{1000 * (1 - y_scale.place(n)):.1f}H{right - 1:.1f}V1000Z")
    paths = [("bars", "".join(bars))]
    if center is not None and x_scale.low <= center <= x_scale.high:
        paths.append(("mark", f"M{1000 * x_scale.place(center):.1f} 0V1000"))
    edges = [low + width * k for k in range(bins + 1)]
    values = {
        "kind": "bars",
        "label": x_label,
        "x": [_short(v) for v in edges],
        "y": counts,
        "domain": [x_scale.low, x_scale.high, 0, y_scale.high],
    }
    return Chart(
        title=title,
        kind="square",
        paths=paths,
        x_ticks=[(round(100 * x_scale.place(v), 2), label) for v, label in x_scale.ticks(5)],
        y_ticks=[
            (round(100 * (1 - y_scale.place(v)), 2), f"{v:,.0f}") for v, _ in y_scale.ticks(4) if float(v).is_integer()
        ],
        x_label=x_label,
        note=note,
        values=_json(values),
        summary=f"{title}: {words.count(len(data), 'value')}, {words.number(min(data))} to {words.number(max(data))}.",
    )


def grid(
    title: str,
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Sequence[Sequence[float | None]],
    *,
    x_label: str,
    row_label: str = "",
    log: bool = True,
    share: bool = False,
    note: str = "",
) -> Chart:
    """A grid of cells whose shade is the value: for more layers, or classes, than lines could keep apart."""
    picked_rows, picked_columns = _spread(len(rows), MOST_ROWS), _spread(len(columns), MOST_COLUMNS)
    rows, columns = [rows[i] for i in picked_rows], [columns[i] for i in picked_columns]
    cells = [[cells[i][j] for j in picked_columns] for i in picked_rows]
    present = [v for row in cells for v in row if v is not None and (v > 0 or not log)]
    scale = span(present, log=log, share=share)
    shades: dict[int, list[str]] = {}
    for i, row in enumerate(cells):
        top, bottom = 1000 * i / len(rows), 1000 * (i + 1) / len(rows)
        for j, value in enumerate(row):
            if value is not None and not (value == 0 and not log):
                left, right = 1000 * j / len(columns), 1000 * (j + 1) / len(columns)
                level = min(int(scale.place(value) * 9), 8)
                shades.setdefault(level, []).append(f"M{left:.1f} {top:.1f}H{right:.1f}V{bottom:.1f}H{left:.1f}Z")
    x_every, y_every = max(1, -(-len(columns) // 6)), max(1, -(-len(rows) // 24))
    values = {
        "kind": "grid",
        "label": x_label,
        "other": row_label,
        "x": list(columns),
        "rows": list(rows),
        "cells": [[_short(v) for v in row] for row in cells],
        "share": share,
    }
    return Chart(
        title=title,
        kind="grid",
        paths=[(f"shade s{level}", "".join(parts)) for level, parts in sorted(shades.items())],
        x_ticks=[(round(100 * (j + 0.5) / len(columns), 2), columns[j]) for j in range(0, len(columns), x_every)],
        y_ticks=[(round(100 * (i + 0.5) / len(rows), 2), rows[i]) for i in range(0, len(rows), y_every)],
        x_label=x_label,
        note=note,
        shades=_ends(present, share) if present else None,
        values=_json(values),
        summary=f"{title}: {len(rows)} rows by {len(columns)} columns; the stronger a shade, the larger its value.",
    )


def _line(x: Sequence[float], values: Sequence[float | None], x_scale: Scale, y_scale: Scale) -> str:
    parts: list[str] = []
    pen_down = False
    for index, (at, value) in enumerate(zip(x, values, strict=True)):
        if value is None:
            pen_down = False
            continue
        place = f"{1000 * x_scale.place(at):.1f} {1000 * (1 - y_scale.place(value)):.1f}"
        alone = not pen_down and (index + 1 == len(x) or values[index + 1] is None)
        parts.append(("L" if pen_down else "M") + place + ("h0" if alone else ""))
        pen_down = True
    return "".join(parts)


def _thinned(x: Sequence[float], series: Sequence[Series], mark: tuple[float, str] | None) -> list[int]:
    """Indices to draw: all, or per stretch of x the lowest and the highest point, so that spikes stay."""
    if len(x) <= MOST_POINTS:
        return list(range(len(x)))
    kept = {0, len(x) - 1}
    size = len(x) / (MOST_POINTS / 2 / max(len(series), 1))
    for line in series:
        start = 0.0
        while start < len(x):
            bucket = [i for i in range(int(start), min(int(start + size), len(x))) if line.values[i] is not None]
            if bucket:
                kept.add(min(bucket, key=lambda i: line.values[i] or 0.0))
                kept.add(max(bucket, key=lambda i: line.values[i] or 0.0))
            start += size
    if mark is not None and mark[0] in x:
        kept.add(list(x).index(mark[0]))
    return sorted(kept)


def _spread(n: int, most: int) -> list[int]:
    return list(range(n)) if n <= most else sorted({round(k * (n - 1) / (most - 1)) for k in range(most)})


def _x_ticks(scale: Scale, *, whole: bool) -> list[tuple[float, str]]:
    ticks = [(v, f"{v:,.0f}" if whole else label) for v, label in scale.ticks(6) if not whole or float(v).is_integer()]
    return [(round(100 * scale.place(v), 2), label) for v, label in ticks]


def _spoken(title: str, x_label: str, x: Sequence[float], series: Sequence[Series], share: bool) -> str:
    ends: list[str] = []
    for line in series:
        present = [v for v in line.values if v is not None]
        if present:
            show = words.percent if share else words.number
            ends.append(f"{line.name} from {show(present[0])} to {show(present[-1])}")
    return f"{title} over {x_label} {words.number(x[0])} to {words.number(x[-1])}: {'; '.join(ends) or 'no values'}."


def _ends(values: Sequence[float], share: bool) -> tuple[str, str]:
    low, high = min(values), max(values)
    return (words.percent(low), words.percent(high)) if share else (words.number(low, 2), words.number(high, 2))


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")


def _json(values: dict[str, Any]) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(values, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
