"""What is said about the columns of a table: which there are, which are left out and why, and no more than is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from chainrule.data.columns import ColumnType

__all__ = ["left_out", "overview", "shortened"]


def shortened(messages: list[str], limit: int = 6) -> list[str]:
    """The messages, with only the first few of those that say the same of many columns."""
    seen: Counter[str] = Counter()
    kept: list[str] = []
    for message in messages:
        kind = _kind_of(message)
        seen[kind] += 1
        if seen[kind] <= limit:
            kept.append(message)
    kept += [f"… and {count - limit:,} more columns likewise: {kind}" for kind, count in seen.items() if count > limit]
    return kept


def _kind_of(message: str) -> str:
    """What a message says, whatever column and numbers it says it of."""
    if message.startswith("column ") and " is left out (" in message:
        return "left out (" + message.split(" is left out (", 1)[1].split(")", 1)[0] + ")"
    rest = message.split(": ", 1)[-1] if message.startswith("column ") else message
    for kind in (
        "missing",
        "heavy-tailed",
        "occur less",
        "unknown from training",
        "outside the training range",
        "taken as time",
    ):
        if message.startswith("column ") and kind in rest:
            return kind
    return message


def overview(found: Sequence[ColumnType]) -> list[str]:
    """One remark: how many columns there are of each kind, with their names."""
    kinds = {
        "number": ("number", "numbers"),
        "boolean": ("yes/no", "yes/no"),
        "date": ("date", "dates"),
        "category": ("category", "categories"),
    }
    words = []
    for kind, (one, many) in kinds.items():
        names = [
            column.name + (f" ({column.distinct:,})" if kind == "category" else "")
            for column in found
            if column.kind == kind
        ]
        if names:
            shown = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
            words.append(f"{len(names)} {one if len(names) == 1 else many}: {shown}")
    return [f"columns: {'; '.join(words)}"] if words else []


def left_out(found: Sequence[ColumnType]) -> list[str]:
    """A remark for each column that is left out, with the reason and how to keep it."""
    return shortened(
        [
            f"column {column.name!r} is left out ({column.kind}): {column.note}"
            + (
                ""
                if column.given or column.kind in ("constant", "nested")
                else f"; types={{{column.name!r}: '{column.keep}'}} keeps it"
            )
            for column in found
            if not column.used
        ],
        limit=10,
    )
