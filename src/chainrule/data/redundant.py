"""Columns that say what another already says: copies, and the answer under another name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from chainrule.data.columns import ColumnType

if TYPE_CHECKING:
    import polars as pl

__all__ = ["without_redundant"]

_ENOUGH = 20  # in fewer rows two columns agree by chance


def without_redundant(frame: pl.DataFrame, found: Sequence[ColumnType], target: str | None) -> list[ColumnType]:
    """The same types, where columns that repeat another one to one are left out.

    A column whose values and the classes of the target stand for each other one to one is the answer, which no later
    table will have; a category column that stands one to one for an earlier one adds nothing. Columns whose type was
    given are kept, and the last one too.

    Arguments:
        frame: the cleaned table.
        found: its columns' types.
        target: the target column where it has classes, or None.
    """
    result = list(found)
    if frame.height < _ENOUGH:
        return result
    if target is not None:
        classes = frame[target].n_unique()
        left = sum(column.used for column in result)
        for i, column in enumerate(result):
            possible = column.used and not column.given and column.distinct == classes and not column.missing
            if possible and left > 1 and _one_to_one(frame, column.name, target, classes):
                note = f"says the same as the target {target!r} in every row, so it is the answer and not a question"
                result[i] = replace(column, kind="answer", note=note)
                left -= 1
    kept: list[ColumnType] = []
    for i, column in enumerate(result):
        if column.kind != "category" or column.given:
            if column.kind == "category":
                kept.append(column)
            continue
        twin = next(
            (
                k
                for k in kept
                if (k.distinct, k.missing) == (column.distinct, column.missing)
                and _one_to_one(frame, k.name, column.name, k.distinct + (k.missing > 0))
            ),
            None,
        )
        if twin is None:
            kept.append(column)
        else:
            result[i] = replace(column, kind="same", note=f"says the same as column {twin.name!r} in every row")
    return result


def _one_to_one(frame: pl.DataFrame, left: str, right: str, groups: int) -> bool:
    return frame.select(left, right).unique().height == groups
