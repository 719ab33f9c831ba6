"""What the page says about the data: its sizes, columns and classes, and what was done to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chainrule.report import words
from chainrule.report.reading import Run, mapping, number, sequence, whole
from chainrule.report.settings import plain

MOST_COLUMNS = 120
MOST_CLASSES = 60
_COLUMN_ORDER = (
    "name",
    "role",
    "type",
    "kind",
    "dtype",
    "missing",
    "unique",
    "distinct",
    "values",
    "used",
    "done",
    "note",
)
_HEADINGS = {
    "name": "column",
    "done": "what was done",
    "kind": "type",
    "dtype": "stored as",
    "unique": "different values",
    "distinct": "different values",
    "form": "written as",
    "note": "remark",
}


@dataclass(frozen=True)
class Data:
    """The data section: facts, size bar, column table, classes, and sentences on what preprocessing did."""

    facts: list[tuple[str, str]] = field(default_factory=list)
    sizes: list[tuple[str, int, float]] = field(default_factory=list)
    headings: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    more: str = ""
    classes: list[tuple[str, str, float | None]] = field(default_factory=list)
    done: list[str] = field(default_factory=list)


def describe(run: Run) -> Data:
    """Read the data summary that the data floor wrote; parts that are not there stay empty."""
    summary = mapping(run.summary.get("data")) or mapping(run.preprocessing.get("summary"))
    used: set[str] = set()

    def take(*names: str) -> Any:
        used.update(names)
        return next((summary[n] for n in names if summary.get(n) not in (None, [], {})), None)

    sizes = _sizes(take("sizes", "rows", "parts", "examples"), summary, used)
    headings, rows, more = _columns(take("columns", "schema"))
    classes = _classes(take("classes"), take("class_counts"))
    done = [str(line) for line in sequence(take("messages", "done", "preprocessing", "steps"))]
    facts = [(k.replace("_", " "), plain(v)) for k, v in summary.items() if k not in used and v not in (None, [], {})]
    return Data(facts, sizes, headings, rows, more, classes, done)


def _sizes(found: object, summary: dict[str, Any], used: set[str]) -> list[tuple[str, int, float]]:
    table = mapping(found) or {k: summary.get(k) for k in ("train", "validation", "test")}
    known = [(name, n) for name, raw in table.items() if (n := whole(raw)) is not None and n >= 0]
    used.update(name for name, _ in known)
    total = sum(n for _, n in known)
    return [(name, n, n / total) for name, n in known] if total else []


def _columns(found: object) -> tuple[list[str], list[list[str]], str]:
    if isinstance(found, dict):
        found = [{"name": k, **v} if isinstance(v, dict) else {"name": k, "type": v} for k, v in found.items()]
    records = [{"name": c} if isinstance(c, str) else mapping(c) for c in sequence(found)]
    records = [r for r in records if r]
    keys = [k for k in _COLUMN_ORDER if any(k in r for r in records)]
    keys += [k for r in records for k in r if k not in keys and not keys.append(k)]
    keys = [k for k in keys if any(r.get(k) not in (None, "", [], {}) for r in records)]
    rows = [["" if r.get(k) is None else plain(r[k]) for k in keys] for r in records[:MOST_COLUMNS]]
    left = len(records) - MOST_COLUMNS
    more = f"{words.count(left, 'more column')} not shown." if left > 0 else ""
    return [_HEADINGS.get(k, k.replace("_", " ")) for k in keys], rows, more


def _classes(found: object, counts: object) -> list[tuple[str, str, float | None]]:
    """(name, shown count, share of the largest class)."""
    sizes = mapping(counts) or (mapping(found) if isinstance(found, dict) else {})
    names = [str(c) for c in sequence(found)] or list(sizes)
    listed = sequence(counts)
    amounts = [number(listed[k]) if len(listed) == len(names) else number(sizes.get(n)) for k, n in enumerate(names)]
    largest = max((a for a in amounts if a is not None), default=0.0)
    shown = [
        (n, f"{a:,.0f}" if a is not None else "", a / largest if a is not None and largest > 0 else None)
        for n, a in zip(names, amounts, strict=True)
    ]
    if len(shown) > MOST_CLASSES:
        return [*shown[:MOST_CLASSES], (f"and {len(shown) - MOST_CLASSES} more", "", None)]
    return shown
