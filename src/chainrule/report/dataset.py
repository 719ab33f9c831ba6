"""What the page says about the data: its sizes, columns and classes, and what was done to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chainrule.report import words
from chainrule.report.reading import Run, mapping, number, sequence, whole
from chainrule.report.settings import plain

MOST_COLUMNS = 120
MOST_CLASSES = 60
_COLUMN_ORDER = ("name", "kind", "missing", "distinct", "treatment", "lowest", "median", "highest", "values")
_HEADINGS = {
    "name": "column",
    "kind": "type",
    "distinct": "different values",
    "treatment": "what was done",
    "values": "categories",
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
    # what the headline and the settings say already
    used = {"source", "kind", "task", "seed"} | ({"target"} if summary.get("target") == "target" else set())

    def take(*names: str) -> Any:
        used.update(names)
        return next((summary[n] for n in names if n in summary), None)

    sizes = _sizes(take("rows", "sizes"))
    headings, rows, more = _columns(take("columns"))
    classes = _classes(take("classes"))
    done = [str(line) for line in sequence(take("messages"))]
    network_input = _input(take("input"))
    facts = [("input", network_input)] if network_input else []
    facts += [(k.replace("_", " "), plain(v)) for k, v in summary.items() if k not in used and v not in (None, [], {})]
    return Data(facts, sizes, headings, rows, more, classes, done)


def _input(found: object) -> str:
    """What the network is given: `an image of 8 × 8 × 1`, `7 numbers and 3 categories`."""
    table = mapping(found)
    shape = [n for n in map(whole, sequence(table.get("shape"))) if n is not None]
    if shape and table.get("kind") == "sequence":
        return f"sequences of up to {words.count(shape[0], 'step')}, {words.count(shape[-1], 'number')} each"
    if shape:
        return f"{plain(table.get('kind', 'array'))} of {' × '.join(map(str, shape))}"
    numbers, categories = whole(table.get("numeric")) or 0, len(sequence(table.get("categories")))
    parts = [words.count(numbers, "number")] if numbers else []
    parts += [words.count(categories, "category", "categories")] if categories else []
    return words.listing(parts) or (plain(table) if table else "")


def _sizes(found: object) -> list[tuple[str, int, float]]:
    """(part, rows, share of all rows)."""
    known = [(name, n) for name, raw in mapping(found).items() if (n := whole(raw)) is not None and n > 0]
    total = sum(n for _, n in known)
    return [(name, n, n / total) for name, n in known]


def _columns(found: object) -> tuple[list[str], list[list[str]], str]:
    records = [mapping(c) for c in sequence(found) if isinstance(c, dict) and c]
    keys = [k for k in _COLUMN_ORDER if any(k in r for r in records)]
    keys += [k for r in records for k in r if k not in keys and not keys.append(k)]
    keys = [k for k in keys if any(r.get(k) not in (None, "", [], {}) for r in records)]
    rows = [[_cell(r.get(k)) for k in keys] for r in records[:MOST_COLUMNS]]
    left = len(records) - MOST_COLUMNS
    more = f"{words.count(left, 'more column')} not shown." if left > 0 else ""
    return [_HEADINGS.get(k, k.replace("_", " ")) for k in keys], rows, more


def _cell(value: object) -> str:
    amount = number(value)
    return words.number(amount) if amount is not None else "" if value is None else plain(value)


def _classes(found: object) -> list[tuple[str, str, float | None]]:
    """(name, shown count, share of the largest class); counts of the parts are added up."""
    known: list[tuple[str, float | None]] = []
    for entry in sequence(found):
        counts = [n for key, raw in mapping(entry).items() if key != "name" and (n := number(raw)) is not None]
        name = mapping(entry).get("name", "") if isinstance(entry, dict) else entry
        known.append((plain(name), sum(counts) if counts else None))
    largest = max((n for _, n in known if n is not None), default=0.0)
    shown = [
        (name, "" if n is None else f"{n:,.0f}", n / largest if n is not None and largest > 0 else None)
        for name, n in known
    ]
    left = len(shown) - MOST_CLASSES
    return [*shown[:MOST_CLASSES], (f"and {left} more", "", None)] if left > 0 else shown
