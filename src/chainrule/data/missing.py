"""The signs that stand for a missing value in a text table."""

from __future__ import annotations

__all__ = ["MISSING"]

MISSING = frozenset(
    ["", "?", "NA", "N/A", "n/a", "na", "<NA>", "#N/A", "NaN", "nan", "NAN", "null", "NULL", "Null", "None", "NaT"]
)
