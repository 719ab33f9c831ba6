"""What the readers hand over: a table, arrays, sequences or a text of one file, with the name to use in messages and
the lines its rows came from.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    import polars as pl

    from chainrule.data.sequence_tables import SequenceTable

__all__ = ["ArrayPart", "SequencePart", "TablePart", "TextPart"]


@dataclass
class TablePart:
    """A table as read, before anything was decided about its columns.

    Arguments:
        frame: the columns, text where a reader could not tell numbers.
        name: the file's name, or "the table".
        header: whether the names came from the data, rather than column_1, column_2, …
        lines: the line in the file of each row; None where there are no lines to point at.
        messages: what the reader has to say.
    """

    frame: pl.DataFrame
    name: str
    header: bool = True
    lines: np.ndarray | None = None
    messages: list[str] = field(default_factory=list)

    def place(self, row: int, column: str | None = None) -> str:
        """Where a row is, in words a person can follow: `adult.csv, line 18, column 'age'`."""
        where = f"row {row} (counting from 0)" if self.lines is None else f"line {self.lines[row]}"
        return f"{self.name}, {where}" + (f", column {column!r}" if column is not None else "")

    def rows_in_words(self, rows: np.ndarray, limit: int = 5) -> str:
        """Some row numbers as a person would write them: `lines 18, 40 and 3 more`."""
        shown = rows[:limit] if self.lines is None else self.lines[rows[:limit]]
        unit = "row" if self.lines is None else "line"
        text = ", ".join(str(int(row)) for row in shown)
        more = f" and {len(rows) - len(shown)} more" if len(rows) > len(shown) else ""
        return f"{unit}{'s' if len(rows) > 1 else ''} {text}{more}"

    def take(self, rows: np.ndarray) -> TablePart:
        """The chosen rows, which still know their lines."""
        lines = None if self.lines is None else self.lines[rows]
        return TablePart(self.frame[rows], self.name, self.header, lines, list(self.messages))


@dataclass
class ArrayPart:
    """Inputs of one kind as one array, with labels where there are any.

    Arguments:
        inputs: (N, …) numbers; images are (N, H, W, C).
        labels: (N,) of any type, or None.
        name: the file's or folder's name, or "the arrays".
        classes: what the labels 0 … C − 1 stand for, where the source says so.
        task: what the target asks for, where the source says so.
        messages: what the reader has to say.
    """

    inputs: np.ndarray
    labels: np.ndarray | None
    name: str
    classes: list[str] | None = None
    task: str | None = None
    messages: list[str] = field(default_factory=list)

    def take(self, rows: np.ndarray) -> Self:
        """The chosen examples."""
        return replace(self, inputs=self.inputs[rows], labels=None if self.labels is None else self.labels[rows])


@dataclass(kw_only=True)
class SequencePart(ArrayPart):
    """Sequences of several lengths, with 0 behind the end of each.

    Arguments:
        inputs: (N, T, C) numbers, T steps in the longest.
        lengths: (N,) int32, from 1 to T.
        table: how they were gathered from a table, or None.
        keys: what each is called in that table.
        targets: the target column of that table, with one row for each sequence.
    """

    lengths: np.ndarray
    table: SequenceTable | None = None
    keys: list[str] | None = None
    targets: TablePart | None = None

    @property
    def steps(self) -> np.ndarray:
        """(N, T): True where a step is one of its sequence rather than padding."""
        return np.arange(self.inputs.shape[1]) < self.lengths[:, None]

    def name_of(self, row: int) -> str:
        """What to call a sequence in a message."""
        return f"sequence {row} (counting from 0)" if self.keys is None else f"sequence {self.keys[row]!r}"

    def take(self, rows: np.ndarray) -> Self:
        """The chosen sequences."""
        return replace(
            super().take(rows),
            lengths=self.lengths[rows],
            keys=None if self.keys is None else [self.keys[row] for row in rows],
            targets=None if self.targets is None else self.targets.take(rows),
        )


@dataclass
class TextPart:
    """A text to read from beginning to end.

    Arguments:
        text: all of it.
        name: the file's name, or "the text".
        messages: what the reader has to say.
    """

    text: str
    name: str
    messages: list[str] = field(default_factory=list)
