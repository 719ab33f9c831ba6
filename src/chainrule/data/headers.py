"""Whether the first line of a table holds names, and what its columns are called."""

from __future__ import annotations

import re
from collections.abc import Sequence

from chainrule.data.missing import MISSING
from chainrule.errors import DataError

__all__ = ["column_names", "is_value", "looks_like_header"]

_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T]\d{1,2}:\d{2}.*)?")


def is_value(cell: str) -> bool:
    """Whether a cell is a number or a date, which names hardly ever are."""
    text = cell.strip()
    if _DATE.fullmatch(text):
        return True
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def looks_like_header(first: Sequence[str], rows: Sequence[Sequence[str]], expected: Sequence[str] = ()) -> bool:
    """Whether the first line names the columns.

    It does where at least half of its cells are names that were expected. It does not where a cell is a number, a
    date or a sign for a missing value. Otherwise it does where some column below it is all numbers, or where no cell
    occurs again below it.

    Example:
        >>> looks_like_header(["age", "job"], [["39", "clerk"], ["50", "?"]])
        True
        >>> looks_like_header(["39", "clerk"], [["50", "?"]])
        False
    """
    cells = [cell.strip() for cell in first]
    if expected and 2 * len(set(cells) & set(expected)) >= len(cells):
        return True
    if any(is_value(cell) or (cell in MISSING and cell != "") for cell in cells):
        return False
    below = [[row[i].strip() for row in rows if row[i].strip() not in MISSING] for i in range(len(cells))]
    if any(column and all(is_value(cell) for cell in column) for column in below):
        return True
    return len(set(cells)) == len(cells) and not any(cell in column for cell, column in zip(cells, below, strict=True))


def column_names(first: Sequence[str], header: bool, name: str, *, found: bool) -> tuple[list[str], list[str]]:
    """The names of the columns, and what to say about them.

    Raises:
        DataError: a name occurs twice.
    """
    if not header:
        names = [f"column_{i + 1}" for i in range(len(first))]
        why = "its first line holds values" if found else "header=False"
        shown = names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}"
        return names, [f"{name}: no header line ({why}), so the columns are called {shown}; header=True if it is one"]
    messages: list[str] = []
    names = []
    for i, cell in enumerate(first):
        text = cell.strip()
        if not text:
            text = f"column_{i + 1}"
            messages.append(f"{name}: column {i + 1} has no name in the header and is called {text}")
        names.append(text)
    twice = sorted({n for n in names if names.count(n) > 1}) if len(set(names)) < len(names) else []
    if twice:
        places = ", ".join(str(i + 1) for i, n in enumerate(names) if n == twice[0])
        raise DataError(
            f"{name} has more than one column called {twice[0]!r} (columns {places})",
            where=f"{name}, line 1",
            fix="give each column its own name; header=False if the first line is a row of values",
        )
    return names, messages
